/* SPDX-License-Identifier: MIT */
/* Compares each backend's table of operations with its row in src/backend/list.h. */
#include <tscounter/tscounter.h>

#include "backend/list.h"
#include "counter-internal.h"
#include "support/suite.h"

#define ASSERT_PRESENT(there, operation, ...) \
    ck_assert_msg((ops->operation != NULL) == (there), "%s: %s", backend->name, #operation);

START_TEST(a_backend_has_the_groups_of_its_row)
{
    const struct tsc_backend *backend = tsc_backend_find((tsc_backend_t)_i);
    const struct tsc_backend_ops *ops = backend->ops;

    if (ops == NULL)
        return;
    TSC_REQUIRED_OPERATIONS(ASSERT_PRESENT, true)
    TSC_FETCH_OPERATIONS(ASSERT_PRESENT, (backend->caps & TSC_CAP_FETCH) != 0)
    TSC_UPDATE_OPERATIONS(ASSERT_PRESENT, (backend->caps & TSC_CAP_UPDATE) != 0)
    TSC_PEAK_OPERATIONS(ASSERT_PRESENT, (backend->caps & TSC_CAP_PEAK) != 0)
    TSC_BOUNDS_OPERATIONS(ASSERT_PRESENT, (backend->caps & TSC_CAP_BOUNDS) != 0)
    if ((backend->caps & TSC_CAP_LINEARIZABLE) == 0)
        TSC_INTERVAL_OPERATIONS(ASSERT_PRESENT, true)
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("table");
    TCase *tcase = support_add_case(suite, "table", 10);

    tcase_add_loop_test(tcase, a_backend_has_the_groups_of_its_row, 0, TSC_BACKEND_COUNT);
    return support_run_suite(suite);
}
