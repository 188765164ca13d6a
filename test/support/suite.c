/* SPDX-License-Identifier: MIT */
#include "suite.h"

#include <stdlib.h>

#include "threads.h"

TCase *support_add_case(Suite *suite, const char *name, double timeout_seconds)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, timeout_seconds * (double)support_timeout_scale());
    suite_add_tcase(suite, tcase);
    return tcase;
}

int support_run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner) != 0 || srunner_ntests_run(runner) == 0;
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
