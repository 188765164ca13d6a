/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include "second_thread.h"
#include "support/suite.h"
#include "support/threads.h"

static const int64_t timeouts[] = {0, 1, SUPPORT_MILLISECOND_NS, INT64_MAX, -1, INT64_MIN};

START_TEST(low_value_needs_no_wait)
{
    static const struct {
        int64_t value;
        int64_t threshold;
    } met[] = {{3, 3}, {3, 4}, {-7, 0}, {0, 0}, {INT64_MAX, INT64_MAX}, {INT64_MIN, INT64_MIN}, {INT64_MIN, 0}};

    for (size_t i = 0; i < sizeof met / sizeof met[0]; i++) {
        tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = met[i].value});

        for (size_t t = 0; t < sizeof timeouts / sizeof timeouts[0]; t++)
            RETURNS(0, tsc_counter_wait_at_most(counter, met[i].threshold, timeouts[t]));
        HOLDS(counter, met[i].value);
        tsc_counter_unref(counter);
    }
}
END_TEST

START_TEST(zero_timeout_polls_once)
{
    static const struct {
        int64_t value;
        int64_t threshold;
    } unmet[] = {
        {3, 2}, {0, -1}, {1, 0}, {INT64_MAX, INT64_MAX - 1}, {INT64_MAX, INT64_MIN}, {INT64_MIN + 1, INT64_MIN}};

    for (size_t i = 0; i < sizeof unmet / sizeof unmet[0]; i++) {
        tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = unmet[i].value});

        RETURNS(-ETIMEDOUT, tsc_counter_wait_at_most(counter, unmet[i].threshold, 0));
        HOLDS(counter, unmet[i].value);
        tsc_counter_unref(counter);
    }
}
END_TEST

START_TEST(poll_sees_own_adds)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);

    for (int i = 0; i < 500; i++)
        RETURNS(0, tsc_counter_inc(counter));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_at_most(counter, 499, 0));
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(0, tsc_counter_wait_at_most(counter, 499, 0));
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(wait_ends_at_its_timeout)
{
    static const int64_t short_timeouts[] = {1, SUPPORT_MILLISECOND_NS, 60 * SUPPORT_MILLISECOND_NS};
    int64_t tolerance = (int64_t)support_timeout_scale() * 2 * SUPPORT_SECOND_NS;
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});

    for (size_t i = 0; i < sizeof short_timeouts / sizeof short_timeouts[0]; i++) {
        int64_t begin = support_now_ns();
        int64_t elapsed;

        RETURNS(-ETIMEDOUT, tsc_counter_wait_at_most(counter, 0, short_timeouts[i]));
        elapsed = support_now_ns() - begin;
        ck_assert_int_ge(elapsed, short_timeouts[i]);
        ck_assert_int_lt(elapsed, short_timeouts[i] + tolerance);
    }
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(waiting_takes_no_cpu_time)
{
    const int64_t timeout = 300 * SUPPORT_MILLISECOND_NS;
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    int64_t begin;

    RETURNS(0, tsc_counter_flush(counter));
    begin = support_cpu_time_ns();
    RETURNS(-ETIMEDOUT, tsc_counter_wait_at_most(counter, 0, timeout));
    ck_assert_int_lt(support_cpu_time_ns() - begin, timeout / 10 * (int64_t)support_timeout_scale());
    tsc_counter_unref(counter);
}
END_TEST

static void check_waking(const struct variant *variant, int (*lower)(tsc_counter_t *counter), int64_t timeout)
{
    tsc_counter_t *counter = make_counter(variant, &(struct options){.initial = 2});
    struct sleeper waiter;

    waiter_start(&waiter, counter, 1, timeout);
    RETURNS(0, lower(counter));
    ck_assert_int_eq(sleeper_join(&waiter), 0);
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
}

START_TEST(every_way_to_lower_wakes)
{
    uint64_t caps = caps_of(&variants[_i]);

    for (size_t i = 0; i < WAYS_TO_LOWER; i++) {
        if ((caps & ways_to_lower[i].needs) != ways_to_lower[i].needs)
            continue;
        check_waking(&variants[_i], ways_to_lower[i].lower, -1);
        check_waking(&variants[_i], ways_to_lower[i].lower, INT64_MAX);
    }
}
END_TEST

START_TEST(clamped_decrement_wakes)
{
    const struct options options = {.initial = 5, .bounded = true, .max = 9, .policy = TSC_BOUNDS_CLAMP};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);
    struct sleeper waiter;

    waiter_start(&waiter, counter, 0, -1);
    RETURNS(1, tsc_counter_add(counter, -100));
    ck_assert_int_eq(sleeper_join(&waiter), 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(wrapping_increment_wakes)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = INT64_MAX});
    struct sleeper waiter;

    waiter_start(&waiter, counter, 0, -1);
    RETURNS(0, tsc_counter_inc(counter));
    ck_assert_int_eq(sleeper_join(&waiter), 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(wait_continues_above_the_threshold)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 3});
    struct sleeper waiter;

    waiter_start(&waiter, counter, 1, -1);
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(0, tsc_counter_inc(counter));
    RETURNS(0, tsc_counter_dec(counter));
    HOLDS(counter, 2);
    sleeper_sleeps_on(&waiter);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(sleeper_join(&waiter), 0);
    tsc_counter_unref(counter);
}
END_TEST

enum { WAITERS = 8 };

START_TEST(all_waiters_wake)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = WAITERS});
    struct sleeper waiters[WAITERS];

    for (int i = 0; i < WAITERS; i++)
        waiter_start(&waiters[i], counter, i / 2, i % 2 ? -1 : INT64_MAX);
    for (int i = 0; i < WAITERS; i++)
        RETURNS(0, tsc_counter_dec(counter));
    for (int i = 0; i < WAITERS; i++)
        ck_assert_int_eq(sleeper_join(&waiters[i]), 0);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(waiters_with_low_thresholds_sleep_on)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 2});
    struct sleeper near;
    struct sleeper far;

    waiter_start(&far, counter, 0, -1);
    waiter_start(&near, counter, 1, -1);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(sleeper_join(&near), 0);
    sleeper_sleeps_on(&far);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(sleeper_join(&far), 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(waiter_blocks_no_other_thread)
{
    uint64_t caps = caps_of(&variants[_i]);
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1000});
    struct sleeper waiter;

    waiter_start(&waiter, counter, -1000, -1);
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        int64_t outputs[2] = {UNTOUCHED, UNTOUCHED};

        if ((caps & operations[i].needs) == operations[i].needs)
            RETURNS(0, operations[i].call(counter, &outputs[0], &outputs[1]));
    }
    sleeper_sleeps_on(&waiter);
    RETURNS(0, tsc_counter_add(counter, -3000));
    ck_assert_int_eq(sleeper_join(&waiter), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* A slow callback does not make a wait longer than its timeout. */
START_TEST(wait_ends_at_its_timeout_during_a_callback)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    struct occupation occupation;

    occupation_begin(&occupation, counter);
    RETURNS(-ETIMEDOUT, tsc_counter_wait_at_most(counter, 0, 20 * SUPPORT_MILLISECOND_NS));
    occupation_end(&occupation);
    tsc_counter_unref(counter);
}
END_TEST

/* A poll does not wait for a callback either. */
START_TEST(poll_does_not_wait_for_a_callback)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    struct occupation occupation;

    occupation_begin(&occupation, counter);
    RETURNS(-ETIMEDOUT, tsc_counter_wait_at_most(counter, 0, 0));
    occupation_end(&occupation);
    RETURNS(0, tsc_counter_wait_at_most(counter, 1, 0));
    tsc_counter_unref(counter);
}
END_TEST

/*
 * Only INT64_MAX is above the threshold, so a waiter that used any other value than the real one would return 0.
 */
START_TEST(unread_values_end_no_wait)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = INT64_MAX});
    bool waits_for_the_owner = variants[_i].backend == TSC_BACKEND_QUEUE;
    struct occupation occupation;

    occupation_begin(&occupation, counter);
    for (int64_t timeout = 0; timeout <= 20 * SUPPORT_MILLISECOND_NS; timeout += 20 * SUPPORT_MILLISECOND_NS) {
        RETURNS(-ETIMEDOUT, tsc_counter_wait_at_most(counter, INT64_MAX - 1, timeout));
        if (waits_for_the_owner)
            RETURNS(-ETIMEDOUT, tsc_counter_wait_at_most(counter, INT64_MAX, timeout));
    }
    occupation_end(&occupation);
    RETURNS(0, tsc_counter_wait_at_most(counter, INT64_MAX, 0));
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(waiter_wakes_on_a_closed_counter)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    struct sleeper before;
    struct sleeper after;

    waiter_start(&before, counter, 0, -1);
    RETURNS(0, tsc_counter_close(counter));
    waiter_start(&after, counter, 0, -1);
    sleeper_sleeps_on(&before);
    RETURNS(-ESHUTDOWN, tsc_counter_inc(counter));
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(sleeper_join(&before), 0);
    ck_assert_int_eq(sleeper_join(&after), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* It is below the lowest threshold that a watch can be armed for; the wait works all the same. */
START_TEST(lowest_threshold_of_all)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    struct sleeper waiter;

    RETURNS(-ETIMEDOUT, tsc_counter_wait_at_most(counter, INT64_MIN, SUPPORT_MILLISECOND_NS));
    waiter_start(&waiter, counter, INT64_MIN, -1);
    RETURNS(0, tsc_counter_add(counter, INT64_MIN));
    ck_assert_int_eq(sleeper_join(&waiter), 0);
    RETURNS(0, tsc_counter_wait_at_most(counter, INT64_MIN, -1));
    tsc_counter_unref(counter);
}
END_TEST

void add_wait_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "wait", 30);

    add_test(tcase, low_value_needs_no_wait, 0);
    add_test(tcase, zero_timeout_polls_once, 0);
    add_test(tcase, poll_sees_own_adds, 0);
    add_test(tcase, wait_ends_at_its_timeout, 0);
    add_test(tcase, waiting_takes_no_cpu_time, 0);
    add_test(tcase, every_way_to_lower_wakes, 0);
    add_test(tcase, clamped_decrement_wakes, TSC_CAP_BOUNDS);
    add_test(tcase, wrapping_increment_wakes, 0);
    add_test(tcase, wait_continues_above_the_threshold, 0);
    add_test(tcase, all_waiters_wake, 0);
    add_test(tcase, waiters_with_low_thresholds_sleep_on, 0);
    add_test(tcase, wait_ends_at_its_timeout_during_a_callback, TSC_CAP_UPDATE);
    add_test(tcase, poll_does_not_wait_for_a_callback, TSC_CAP_UPDATE);
    add_test(tcase, unread_values_end_no_wait, TSC_CAP_UPDATE);
    add_test(tcase, waiter_blocks_no_other_thread, 0);
    add_test(tcase, waiter_wakes_on_a_closed_counter, 0);
    add_test(tcase, lowest_threshold_of_all, 0);
}
