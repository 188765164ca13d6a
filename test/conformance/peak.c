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

#define TAKES(counter, expected) \
    do { \
        int64_t peak_ = UNTOUCHED; \
\
        RETURNS(0, tsc_counter_take_peak((counter), &peak_)); \
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

START_TEST(taken_peak_begins_at_the_value)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 7, .track_peak = true});

    TAKES(counter, 7);
    PEAK_IS(counter, 7);
    RETURNS(0, tsc_counter_add(counter, 5));
    RETURNS(0, tsc_counter_add(counter, -9));
    PEAK_IS(counter, 12);
    TAKES(counter, 12);
    PEAK_IS(counter, 3);
    TAKES(counter, 3);
    TAKES(counter, 3);
    HOLDS(counter, 3);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(each_value_counts_in_one_take)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.track_peak = true});

    for (int64_t height = 9; height > 0; height--) {
        RETURNS(0, tsc_counter_add(counter, height));
        RETURNS(0, tsc_counter_add(counter, -height));
        TAKES(counter, height);
    }
    TAKES(counter, 0);
    RETURNS(0, tsc_counter_add(counter, 4));
    TAKES(counter, 4);
    RETURNS(0, tsc_counter_dec(counter));
    TAKES(counter, 4);
    TAKES(counter, 3);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(taken_peak_sees_every_kind_of_change)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.track_peak = true});
    int64_t value = 0;

    RETURNS(0, tsc_counter_fetch_add(counter, 30, &value));
    RETURNS(0, tsc_counter_set(counter, 0));
    TAKES(counter, 30);
    RETURNS(0, tsc_counter_set(counter, 20));
    RETURNS(0, tsc_counter_exchange(counter, 0, &value));
    TAKES(counter, 20);
    RETURNS(0, tsc_counter_exchange(counter, 10, &value));
    value = 10;
    RETURNS(1, tsc_counter_compare_exchange(counter, &value, -1));
    TAKES(counter, 10);
    value = -1;
    RETURNS(1, tsc_counter_compare_exchange(counter, &value, 9));
    RETURNS(0, tsc_counter_try_add(counter, -10));
    TAKES(counter, 9);
    TAKES(counter, -1);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(taken_peak_sees_what_updates_commit)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.track_peak = true});
    int64_t high = 40;
    int64_t low = -2;

    RETURNS(0, tsc_counter_update(counter, commit_value, &high));
    RETURNS(0, tsc_counter_update(counter, commit_value, &low));
    TAKES(counter, 40);
    RETURNS(-EBUSY, tsc_counter_update(counter, abandon_a_rise, NULL));
    TAKES(counter, -2);
    tsc_counter_unref(counter);
}
END_TEST

/* With bounds, the value is at the upper bound, and above it. */
START_TEST(peak_is_taken_within_bounds_and_outside)
{
    static const uint32_t policies[] = {TSC_BOUNDS_REJECT, TSC_BOUNDS_CLAMP};

    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        const struct options options = {
            .bounded = true, .min = -5, .max = 5, .policy = policies[i], .track_peak = true};
        bool clamps = policies[i] == TSC_BOUNDS_CLAMP;
        tsc_counter_t *counter = make_counter(&variants[_i], &options);

        RETURNS(clamps ? 1 : -ERANGE, tsc_counter_add(counter, 6));
        TAKES(counter, clamps ? 5 : 0);
        RETURNS(0, tsc_counter_add(counter, clamps ? -2 : 3));
        RETURNS(0, tsc_counter_set_bounds(counter, -5, 0));
        RETURNS(clamps ? 1 : -ERANGE, tsc_counter_inc(counter));
        TAKES(counter, clamps ? 5 : 3);
        TAKES(counter, 3);
        RETURNS(0, tsc_counter_dec(counter));
        TAKES(counter, 3);
        TAKES(counter, 2);
        tsc_counter_unref(counter);
    }
}
END_TEST

START_TEST(taken_peak_of_a_drained_counter)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.track_peak = true});

    RETURNS(0, tsc_counter_add(counter, 3));
    TAKES(counter, 3);
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_inc(counter));
    RETURNS(0, tsc_counter_add(counter, -3));
    RETURNS(0, tsc_counter_wait_at_most(counter, 0, -1));
    TAKES(counter, 3);
    TAKES(counter, 0);
    PEAK_IS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(taken_peak_of_a_wrapping_counter)
{
    tsc_counter_t *counter =
        make_counter(&variants[_i], &(struct options){.initial = INT64_MAX, .track_peak = true});

    RETURNS(0, tsc_counter_inc(counter));
    TAKES(counter, INT64_MAX);
    TAKES(counter, INT64_MIN);
    PEAK_IS(counter, INT64_MIN);
    RETURNS(0, tsc_counter_inc(counter));
    TAKES(counter, INT64_MIN + 1);
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
    add_test(tcase, taken_peak_begins_at_the_value, TSC_CAP_PEAK);
    add_test(tcase, each_value_counts_in_one_take, TSC_CAP_PEAK);
    add_test(tcase, taken_peak_sees_every_kind_of_change, TSC_CAP_PEAK | TSC_CAP_FETCH);
    add_test(tcase, taken_peak_sees_what_updates_commit, TSC_CAP_PEAK | TSC_CAP_UPDATE);
    add_test(tcase, peak_is_taken_within_bounds_and_outside, TSC_CAP_PEAK | TSC_CAP_BOUNDS);
    add_test(tcase, taken_peak_of_a_drained_counter, TSC_CAP_PEAK);
    add_test(tcase, taken_peak_of_a_wrapping_counter, TSC_CAP_PEAK);
}
