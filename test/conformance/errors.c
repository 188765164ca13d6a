/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include "support/suite.h"
#include "support/threads.h"

START_TEST(operations_need_a_counter)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        int64_t outputs[2] = {UNTOUCHED, UNTOUCHED};

        RETURNS(-EINVAL, operations[i].call(NULL, &outputs[0], &outputs[1]));
        ck_assert_int_eq(outputs[0], UNTOUCHED);
        ck_assert_int_eq(outputs[1], UNTOUCHED);
    }
}
END_TEST

START_TEST(peak_needs_a_counter)
{
    int64_t peak = UNTOUCHED;

    RETURNS(-EINVAL, tsc_counter_get_peak(NULL, &peak));
    RETURNS(-EINVAL, tsc_counter_take_peak(NULL, &peak));
    ck_assert_int_eq(peak, UNTOUCHED);
}
END_TEST

START_TEST(bounds_need_a_counter)
{
    int64_t min = UNTOUCHED;
    int64_t max = UNTOUCHED;

    RETURNS(-EINVAL, tsc_counter_get_bounds(NULL, &min, &max));
    RETURNS(-EINVAL, tsc_counter_set_bounds(NULL, 0, 1));
    RETURNS(-EINVAL, tsc_counter_wait_add(NULL, 1, 0));
    RETURNS(-EINVAL, tsc_counter_wait_add(NULL, 0, -1));
    ck_assert_int_eq(min, UNTOUCHED);
    ck_assert_int_eq(max, UNTOUCHED);
}
END_TEST

/* -EINVAL even if the backend does not support the operation, and even if the counter is closed. */
static void check_missing_outputs(tsc_counter_t *counter)
{
    int64_t other = UNTOUCHED;

    RETURNS(-EINVAL, tsc_counter_get(counter, NULL));
    RETURNS(-EINVAL, tsc_counter_get_interval(counter, &other, NULL));
    RETURNS(-EINVAL, tsc_counter_get_interval(counter, NULL, &other));
    RETURNS(-EINVAL, tsc_counter_get_delta(counter, &other, NULL));
    RETURNS(-EINVAL, tsc_counter_get_delta(counter, NULL, &other));
    RETURNS(-EINVAL, tsc_counter_get_peak(counter, NULL));
    RETURNS(-EINVAL, tsc_counter_take_peak(counter, NULL));
    RETURNS(-EINVAL, tsc_counter_get_bounds(counter, NULL, &other));
    RETURNS(-EINVAL, tsc_counter_get_bounds(counter, &other, NULL));
    RETURNS(-EINVAL, tsc_counter_set_bounds(counter, 1, 0));
    RETURNS(-EINVAL, tsc_counter_set_bounds(counter, INT64_MAX, INT64_MIN));
    RETURNS(-EINVAL, tsc_counter_fetch_add(counter, 1, NULL));
    RETURNS(-EINVAL, tsc_counter_exchange(counter, 1, NULL));
    RETURNS(-EINVAL, tsc_counter_compare_exchange(counter, NULL, 1));
    RETURNS(-EINVAL, tsc_counter_update(counter, NULL, &other));
    RETURNS(-EINVAL, tsc_counter_get_backend(counter, NULL));
    RETURNS(-EINVAL, tsc_counter_get_kind(counter, NULL));
    RETURNS(-EINVAL, tsc_counter_get_caps(counter, NULL));
    ck_assert_int_eq(other, UNTOUCHED);
    HOLDS(counter, 4);
}

START_TEST(outputs_are_needed)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 4});

    check_missing_outputs(counter);
    RETURNS(0, tsc_counter_close(counter));
    check_missing_outputs(counter);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(smallest_amount_is_refused)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 4});

    RETURNS(-EINVAL, tsc_counter_sub(NULL, INT64_MIN));
    RETURNS(-EINVAL, tsc_counter_sub(counter, INT64_MIN));
    HOLDS(counter, 4);
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-EINVAL, tsc_counter_sub(counter, INT64_MIN));
    HOLDS(counter, 4);
    tsc_counter_unref(counter);
}
END_TEST

static int subtract_smallest(int64_t *value, void *counter)
{
    (void)value;
    return tsc_counter_sub(counter, INT64_MIN);
}

START_TEST(smallest_amount_comes_before_the_deadlock)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);

    RETURNS(-EINVAL, tsc_counter_update(counter, subtract_smallest, counter));
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

static void check_lacking_operations(tsc_counter_t *counter, uint64_t caps)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        int64_t outputs[2] = {UNTOUCHED, UNTOUCHED};

        if ((caps & operations[i].needs) == operations[i].needs)
            continue;
        RETURNS(-ENOTSUP, operations[i].call(counter, &outputs[0], &outputs[1]));
        ck_assert_int_eq(outputs[0], UNTOUCHED);
        ck_assert_int_eq(outputs[1], UNTOUCHED);
        HOLDS(counter, 4);
    }
}

START_TEST(lacking_operations_are_not_supported)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 4});

    check_lacking_operations(counter, caps_of(&variants[_i]));
    RETURNS(0, tsc_counter_close(counter));
    check_lacking_operations(counter, caps_of(&variants[_i]));
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(untracked_peak_is_not_supported)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    int64_t peak = UNTOUCHED;

    RETURNS(-ENOTSUP, tsc_counter_get_peak(counter, &peak));
    RETURNS(-ENOTSUP, tsc_counter_take_peak(counter, &peak));
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ENOTSUP, tsc_counter_get_peak(counter, &peak));
    RETURNS(-ENOTSUP, tsc_counter_take_peak(counter, &peak));
    ck_assert_int_eq(peak, UNTOUCHED);
    tsc_counter_unref(counter);
}
END_TEST

static void check_missing_bounds(tsc_counter_t *counter)
{
    int64_t min = UNTOUCHED;
    int64_t max = UNTOUCHED;

    RETURNS(-ENOTSUP, tsc_counter_get_bounds(counter, &min, &max));
    RETURNS(-ENOTSUP, tsc_counter_set_bounds(counter, INT64_MIN, INT64_MAX));
    RETURNS(-ENOTSUP, tsc_counter_wait_add(counter, 1, -1));
    RETURNS(-ENOTSUP, tsc_counter_wait_add(counter, 0, 0));
    RETURNS(-ENOTSUP, tsc_counter_wait_add(counter, INT64_MIN, SUPPORT_SECOND_NS));
    ck_assert_int_eq(min, UNTOUCHED);
    ck_assert_int_eq(max, UNTOUCHED);
    HOLDS(counter, 4);
}

START_TEST(missing_bounds_are_not_supported)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 4});

    check_missing_bounds(counter);
    RETURNS(0, tsc_counter_close(counter));
    check_missing_bounds(counter);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(shutdown_comes_before_range)
{
    const struct options options = {.initial = 1, .bounded = true, .min = 0, .max = 1};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);

    RETURNS(-ERANGE, tsc_counter_inc(counter));
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_inc(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_add(counter, INT64_MAX));
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(shutdown_comes_before_range_of_assignments)
{
    const struct options options = {.initial = 1, .bounded = true, .min = 0, .max = 1};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);
    int64_t expected = 1;
    int64_t previous = UNTOUCHED;

    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_fetch_add(counter, 5, &previous));
    RETURNS(-ESHUTDOWN, tsc_counter_set(counter, 5));
    RETURNS(-ESHUTDOWN, tsc_counter_set(counter, -5));
    RETURNS(-ESHUTDOWN, tsc_counter_exchange(counter, 5, &previous));
    RETURNS(-ESHUTDOWN, tsc_counter_compare_exchange(counter, &expected, 5));
    ck_assert_int_eq(previous, UNTOUCHED);
    ck_assert_int_eq(expected, 1);
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(shutdown_comes_before_range_of_updates)
{
    const struct options options = {.initial = 1, .bounded = true, .min = 0, .max = 1};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);
    int64_t high = 5;
    int64_t low = -5;

    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_update(counter, commit_value, &high));
    RETURNS(-ERANGE, tsc_counter_update(counter, commit_value, &low));
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(refused_operations_leave_their_outputs)
{
    const struct options options = {.initial = 1, .bounded = true, .min = 0, .max = 1};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);
    int64_t previous = UNTOUCHED;
    int64_t expected = 1;

    RETURNS(-ERANGE, tsc_counter_fetch_add(counter, 1, &previous));
    RETURNS(-ERANGE, tsc_counter_exchange(counter, 2, &previous));
    ck_assert_int_eq(previous, UNTOUCHED);
    RETURNS(-ERANGE, tsc_counter_compare_exchange(counter, &expected, 2));
    ck_assert_int_eq(expected, 1);
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
}
END_TEST

void add_error_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "errors", 20);

    tcase_add_test(tcase, operations_need_a_counter);
    tcase_add_test(tcase, peak_needs_a_counter);
    tcase_add_test(tcase, bounds_need_a_counter);
    add_test(tcase, outputs_are_needed, 0);
    add_test(tcase, smallest_amount_is_refused, 0);
    add_test(tcase, smallest_amount_comes_before_the_deadlock, TSC_CAP_UPDATE);
    add_test(tcase, lacking_operations_are_not_supported, 0);
    add_test(tcase, untracked_peak_is_not_supported, 0);
    add_test(tcase, missing_bounds_are_not_supported, 0);
    add_test(tcase, shutdown_comes_before_range, TSC_CAP_BOUNDS);
    add_test(tcase, shutdown_comes_before_range_of_assignments, TSC_CAP_BOUNDS | TSC_CAP_FETCH);
    add_test(tcase, shutdown_comes_before_range_of_updates, TSC_CAP_BOUNDS | TSC_CAP_UPDATE);
    add_test(tcase, refused_operations_leave_their_outputs, TSC_CAP_BOUNDS | TSC_CAP_FETCH);
}
