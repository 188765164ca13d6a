/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include <stdatomic.h>

#include "support/suite.h"
#include "support/threads.h"

START_TEST(closed_counter_refuses_what_raises)
{
    uint64_t caps = caps_of(&variants[_i]);

    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        const struct operation *operation = &operations[i];
        int64_t outputs[2] = {UNTOUCHED, UNTOUCHED};
        int expected = operation->refused_when_closed ? -ESHUTDOWN : 0;
        tsc_counter_t *counter;

        if ((caps & operation->needs) != operation->needs)
            continue;
        counter = make_counter(&variants[_i], &(struct options){.initial = 2});
        RETURNS(0, tsc_counter_close(counter));
        RETURNS(expected, operation->call(counter, &outputs[0], &outputs[1]));
        if (operation->refused_when_closed) {
            ck_assert_int_eq(outputs[0], UNTOUCHED);
            ck_assert_int_eq(outputs[1], UNTOUCHED);
            HOLDS(counter, 2);
        }
        tsc_counter_unref(counter);
    }
}
END_TEST

START_TEST(assignments_are_refused_even_downwards)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 20});
    int64_t previous = UNTOUCHED;
    int64_t expected = 20;
    int64_t unexpected = 19;

    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_set(counter, 1));
    RETURNS(-ESHUTDOWN, tsc_counter_set(counter, 20));
    RETURNS(-ESHUTDOWN, tsc_counter_exchange(counter, 1, &previous));
    ck_assert_int_eq(previous, UNTOUCHED);
    RETURNS(-ESHUTDOWN, tsc_counter_compare_exchange(counter, &expected, 1));
    ck_assert_int_eq(expected, 20);
    RETURNS(-ESHUTDOWN, tsc_counter_compare_exchange(counter, &unexpected, 1));
    ck_assert_int_eq(unexpected, 19);
    HOLDS(counter, 20);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(decrements_pass)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 10});

    RETURNS(0, tsc_counter_close(counter));
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(0, tsc_counter_add(counter, -2));
    RETURNS(0, tsc_counter_try_add(counter, -3));
    RETURNS(0, tsc_counter_add(counter, 0));
    RETURNS(0, tsc_counter_try_add(counter, 0));
    RETURNS(0, tsc_counter_sub(counter, 0));
    RETURNS(0, tsc_counter_sub(counter, 1));
    RETURNS(-ESHUTDOWN, tsc_counter_add(counter, INT64_MAX));
    RETURNS(-ESHUTDOWN, tsc_counter_sub(counter, -1));
    HOLDS(counter, 3);
    RETURNS(0, tsc_counter_add(counter, INT64_MIN));
    HOLDS(counter, INT64_MIN + 3);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(fetched_decrements_pass)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 10});
    int64_t previous = UNTOUCHED;

    RETURNS(0, tsc_counter_close(counter));
    RETURNS(0, tsc_counter_fetch_add(counter, -4, &previous));
    ck_assert_int_eq(previous, 10);
    RETURNS(0, tsc_counter_fetch_add(counter, 0, &previous));
    ck_assert_int_eq(previous, 6);
    HOLDS(counter, 6);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(closing_twice_is_no_error)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);

    RETURNS(0, tsc_counter_close(counter));
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_inc(counter));
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(adds_before_the_close_count)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);

    for (int i = 0; i < 3000; i++)
        RETURNS(0, tsc_counter_inc(counter));
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_inc(counter));
    HOLDS(counter, 3000);
    tsc_counter_unref(counter);
}
END_TEST

static int abandon(int64_t *value, void *arg)
{
    (void)arg;
    *value += 1;
    return -EBUSY;
}

START_TEST(updates_may_not_raise)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 5});
    int64_t higher = 6;
    int64_t same = 5;
    int64_t lower = -5;

    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_update(counter, commit_value, &higher));
    HOLDS(counter, 5);
    RETURNS(-EBUSY, tsc_counter_update(counter, abandon, NULL));
    RETURNS(0, tsc_counter_update(counter, commit_value, &same));
    RETURNS(0, tsc_counter_update(counter, commit_value, &lower));
    HOLDS(counter, -5);
    RETURNS(-ESHUTDOWN, tsc_counter_update(counter, commit_value, &same));
    HOLDS(counter, -5);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(bounds_hold_on_a_closed_counter)
{
    const struct options rejecting = {.initial = 2, .bounded = true, .min = 1, .max = 2};
    struct options clamping = rejecting;
    tsc_counter_t *counter = make_counter(&variants[_i], &rejecting);

    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_inc(counter));
    RETURNS(-ERANGE, tsc_counter_add(counter, -2));
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(-ERANGE, tsc_counter_dec(counter));
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
    clamping.policy = TSC_BOUNDS_CLAMP;
    counter = make_counter(&variants[_i], &clamping);
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_inc(counter));
    RETURNS(1, tsc_counter_add(counter, -100));
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
}
END_TEST

/*
 * A clamped update does not raise the value, whatever it wanted. An update that would be refused anyway is refused
 * as closed.
 */
START_TEST(updates_that_stop_at_the_value_pass)
{
    struct options options = {.initial = 2, .bounded = true, .min = -1, .max = 2, .policy = TSC_BOUNDS_CLAMP};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);
    int64_t far_above = 100;
    int64_t far_below = -100;

    RETURNS(0, tsc_counter_close(counter));
    RETURNS(1, tsc_counter_update(counter, commit_value, &far_above));
    HOLDS(counter, 2);
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_update(counter, commit_value, &far_above));
    HOLDS(counter, 1);
    RETURNS(1, tsc_counter_update(counter, commit_value, &far_below));
    HOLDS(counter, -1);
    tsc_counter_unref(counter);
    options.policy = TSC_BOUNDS_REJECT;
    counter = make_counter(&variants[_i], &options);
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_update(counter, commit_value, &far_above));
    RETURNS(-ERANGE, tsc_counter_update(counter, commit_value, &far_below));
    HOLDS(counter, 2);
    tsc_counter_unref(counter);
}
END_TEST

struct drain {
    tsc_counter_t *counter;
    uint64_t rounds;
    atomic_uint_fast64_t admitted;
    atomic_uint_fast64_t refused_otherwise;
    int close_result;
    int wait_result;
    atomic_bool drained;
    atomic_uint_fast64_t drained_early;
    int late_result;
};

/* Thread 0 closes and drains. The others increment and decrement until they are refused. */
static void drain_or_count(size_t index, void *arg)
{
    struct drain *drain = arg;
    int result;

    if (index == 0) {
        while (atomic_load(&drain->admitted) < drain->rounds)
            ;
        drain->close_result = tsc_counter_close(drain->counter);
        drain->late_result = tsc_counter_inc(drain->counter);
        drain->wait_result = tsc_counter_wait_at_most(drain->counter, 0, -1);
        atomic_store(&drain->drained, true);
        return;
    }
    while ((result = tsc_counter_inc(drain->counter)) == 0) {
        atomic_fetch_add(&drain->admitted, 1);
        if (atomic_load(&drain->drained))
            atomic_fetch_add(&drain->drained_early, 1);
        tsc_counter_dec(drain->counter);
    }
    if (result != -ESHUTDOWN)
        atomic_fetch_add(&drain->refused_otherwise, 1);
}

START_TEST(close_then_wait_drains)
{
    struct drain drain = {.counter = make_counter(&variants[_i], NULL), .rounds = support_ops(1000)};

    support_run_threads(1 + support_threads(4), drain_or_count, &drain);
    ck_assert_int_eq(drain.close_result, 0);
    ck_assert_int_eq(drain.late_result, -ESHUTDOWN);
    ck_assert_int_eq(drain.wait_result, 0);
    ck_assert_uint_eq(drain.drained_early, 0);
    ck_assert_uint_eq(drain.refused_otherwise, 0);
    HOLDS(drain.counter, 0);
    tsc_counter_unref(drain.counter);
}
END_TEST

void add_close_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "close", 20);

    add_test(tcase, closed_counter_refuses_what_raises, 0);
    add_test(tcase, assignments_are_refused_even_downwards, TSC_CAP_FETCH);
    add_test(tcase, decrements_pass, 0);
    add_test(tcase, fetched_decrements_pass, TSC_CAP_FETCH);
    add_test(tcase, closing_twice_is_no_error, 0);
    add_test(tcase, adds_before_the_close_count, 0);
    add_test(tcase, updates_may_not_raise, TSC_CAP_UPDATE);
    add_test(tcase, updates_that_stop_at_the_value_pass, TSC_CAP_UPDATE | TSC_CAP_BOUNDS);
    add_test(tcase, bounds_hold_on_a_closed_counter, TSC_CAP_BOUNDS);
    add_test(tcase, close_then_wait_drains, 0);
}
