/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include "support/suite.h"

#define PEAK_IS(counter, expected) \
    do { \
        int64_t peak_ = UNTOUCHED; \
\
        RETURNS(0, tsc_counter_get_peak((counter), &peak_)); \
        ck_assert_int_eq(peak_, (expected)); \
    } while (0)

START_TEST(peak_includes_the_initial_value)
{
    tsc_counter_t *counter =
        make_counter(&variants[_i], &(struct options){.initial = INT64_MIN, .track_peak = true});

    PEAK_IS(counter, INT64_MIN);
    RETURNS(0, tsc_counter_inc(counter));
    PEAK_IS(counter, INT64_MIN + 1);
    tsc_counter_unref(counter);
    counter = make_counter(&variants[_i], &(struct options){.initial = 7, .track_peak = true});
    RETURNS(0, tsc_counter_dec(counter));
    PEAK_IS(counter, 7);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(peak_stays_when_the_value_falls)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.track_peak = true});

    RETURNS(0, tsc_counter_add(counter, 5));
    RETURNS(0, tsc_counter_add(counter, -5));
    PEAK_IS(counter, 5);
    RETURNS(0, tsc_counter_add(counter, 5));
    PEAK_IS(counter, 5);
    RETURNS(0, tsc_counter_try_add(counter, 4));
    RETURNS(0, tsc_counter_try_add(counter, -20));
    PEAK_IS(counter, 9);
    RETURNS(0, tsc_counter_inc(counter));
    PEAK_IS(counter, 9);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(peak_sees_every_kind_of_change)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.track_peak = true});
    int64_t value = 0;

    RETURNS(0, tsc_counter_fetch_add(counter, 3, &value));
    RETURNS(0, tsc_counter_set(counter, 0));
    PEAK_IS(counter, 3);
    RETURNS(0, tsc_counter_set(counter, 10));
    RETURNS(0, tsc_counter_exchange(counter, 0, &value));
    PEAK_IS(counter, 10);
    RETURNS(0, tsc_counter_exchange(counter, 20, &value));
    value = 20;
    RETURNS(1, tsc_counter_compare_exchange(counter, &value, 0));
    PEAK_IS(counter, 20);
    value = 0;
    RETURNS(1, tsc_counter_compare_exchange(counter, &value, 30));
    RETURNS(0, tsc_counter_set(counter, -1));
    PEAK_IS(counter, 30);
    tsc_counter_unref(counter);
}
END_TEST

static int abandon_a_rise(int64_t *value, void *arg)
{
    (void)arg;
    *value = INT64_MAX;
    return -EBUSY;
}

START_TEST(peak_sees_what_updates_commit)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.track_peak = true});
    int64_t high = 40;
    int64_t low = 2;

    RETURNS(0, tsc_counter_update(counter, commit_value, &high));
    RETURNS(0, tsc_counter_update(counter, commit_value, &low));
    PEAK_IS(counter, 40);
    RETURNS(-EBUSY, tsc_counter_update(counter, abandon_a_rise, NULL));
    PEAK_IS(counter, 40);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(peak_sees_only_values_held)
{
    const struct options rejecting = {.bounded = true, .min = -5, .max = 5, .track_peak = true};
    struct options clamping = rejecting;
    tsc_counter_t *counter = make_counter(&variants[_i], &rejecting);
    int64_t expected = 0;

    RETURNS(-ERANGE, tsc_counter_add(counter, 6));
    RETURNS(-ERANGE, tsc_counter_set(counter, 6));
    RETURNS(-ERANGE, tsc_counter_compare_exchange(counter, &expected, 6));
    PEAK_IS(counter, 0);
    tsc_counter_unref(counter);
    clamping.policy = TSC_BOUNDS_CLAMP;
    counter = make_counter(&variants[_i], &clamping);
    RETURNS(1, tsc_counter_add(counter, 6));
    RETURNS(1, tsc_counter_add(counter, -100));
    PEAK_IS(counter, 5);
    HOLDS(counter, -5);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(peak_of_a_wrapping_counter)
{
    tsc_counter_t *counter =
        make_counter(&variants[_i], &(struct options){.initial = INT64_MAX - 1, .track_peak = true});

    RETURNS(0, tsc_counter_add(counter, 3));
    HOLDS(counter, INT64_MIN + 1);
    PEAK_IS(counter, INT64_MAX - 1);
    RETURNS(0, tsc_counter_add(counter, -2));
    PEAK_IS(counter, INT64_MAX);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(peak_of_a_closed_counter)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 2, .track_peak = true});

    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_inc(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_set(counter, 9));
    RETURNS(0, tsc_counter_dec(counter));
    PEAK_IS(counter, 2);
    tsc_counter_unref(counter);
}
END_TEST

void add_peak_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "peak", 20);

    add_test(tcase, peak_includes_the_initial_value, TSC_CAP_PEAK);
    add_test(tcase, peak_stays_when_the_value_falls, TSC_CAP_PEAK);
    add_test(tcase, peak_sees_every_kind_of_change, TSC_CAP_PEAK | TSC_CAP_FETCH);
    add_test(tcase, peak_sees_what_updates_commit, TSC_CAP_PEAK | TSC_CAP_UPDATE);
    add_test(tcase, peak_sees_only_values_held, TSC_CAP_PEAK | TSC_CAP_BOUNDS | TSC_CAP_FETCH);
    add_test(tcase, peak_of_a_wrapping_counter, TSC_CAP_PEAK);
    add_test(tcase, peak_of_a_closed_counter, TSC_CAP_PEAK | TSC_CAP_FETCH);
}
