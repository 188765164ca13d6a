/* SPDX-License-Identifier: MIT */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "threads.h"

TCase *support_add_case(Suite *suite, const char *name, double timeout_seconds)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, timeout_seconds * (double)support_timeout_scale());
    suite_add_tcase(suite, tcase);
    return tcase;
}

static bool has_word(const char *words, const char *wanted)
{
    size_t length = strlen(wanted);

    while (*words != '\0') {
        size_t word_length = strcspn(words, " ");

        if (word_length == length && strncmp(words, wanted, length) == 0)
            return true;
        words += word_length;
        words += strspn(words, " ");
    }
    return false;
}

static bool is_any_skipped;

bool support_is_skipped(const char *test)
{
    const char *skipped = getenv("TSC_TEST_SKIP");

    if (skipped == NULL || !has_word(skipped, test))
        return false;
    fprintf(stderr, "Skipped test: %s\n", test);
    is_any_skipped = true;
    return true;
}

bool support_part_is_skipped(const char *test, const char *part)
{
    char test_and_part[128];

    snprintf(test_and_part, sizeof test_and_part, "%s:%s", test, part);
    return support_is_skipped(test) || support_is_skipped(test_and_part);
}

/* TAP shows neither the line of a failure nor the index of a loop test. */
static void print_report(SRunner *runner)
{
    fflush(stdout);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    srunner_print(runner, CK_ENV);
}

int support_run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;
    int run;

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    print_report(runner);
    failed = srunner_ntests_failed(runner);
    run = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed != 0 || (run == 0 && !is_any_skipped) ? EXIT_FAILURE : EXIT_SUCCESS;
}
