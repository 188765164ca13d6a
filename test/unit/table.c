/* SPDX-License-Identifier: MIT */
/* The table of operations of each backend against its row in src/backend/list.h. */
#include <tscounter/tscounter.h>

#include "backend/backend.h"
#include "backend/list.h"
#include "support/suite.h"

#define ASSERT_THERE(there, operation, ...) \
    ck_assert_msg((ops->operation != NULL) == (there), "%s: %s", backend->name, #operation);

START_TEST(groups_are_there_where_the_row_says_so)
{
    const struct tsc_backend *backend = tsc_backend_find((tsc_backend_t)_i);
    const struct tsc_backend_ops *ops = backend->ops;

    if (ops == NULL)
        return;
    TSC_REQUIRED_OPERATIONS(ASSERT_THERE, true)
    TSC_FETCH_OPERATIONS(ASSERT_THERE, (backend->caps & TSC_CAP_FETCH) != 0)
    TSC_UPDATE_OPERATIONS(ASSERT_THERE, (backend->caps & TSC_CAP_UPDATE) != 0)
    TSC_PEAK_OPERATIONS(ASSERT_THERE, (backend->caps & TSC_CAP_PEAK) != 0)
    if ((backend->caps & TSC_CAP_LINEARIZABLE) == 0)
        TSC_INTERVAL_OPERATIONS(ASSERT_THERE, true)
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("table");
    TCase *tcase = support_add_case(suite, "table", 10);

    tcase_add_loop_test(tcase, groups_are_there_where_the_row_says_so, 0, TSC_BACKEND_COUNT);
    return support_run_suite(suite);
}
