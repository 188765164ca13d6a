/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include "second_thread.h"
#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

static void wake_a_waiter(tsc_counter_t *counter)
{
    struct sleeper waiter;

    waiter_start(&waiter, counter, 0, -1);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(sleeper_join(&waiter), 0);
}

START_TEST(cancelled_wait_leaves_the_counter_whole)
{
    static const int64_t timeouts[] = {-1, INT64_MAX, 1000 * SUPPORT_SECOND_NS};
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);

    for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
        struct sleeper waiter;

        RETURNS(0, tsc_counter_inc(counter));
        waiter_start(&waiter, counter, 0, timeouts[i]);
        sleeper_cancel(&waiter);
        HOLDS(counter, 1);
        wake_a_waiter(counter);
        HOLDS(counter, 0);
    }
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(0, tsc_counter_wait_at_most(counter, 0, -1));
    tsc_counter_unref(counter);
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

/* The cancelled thread's stack is gone when the value falls. */
START_TEST(cancelled_waiter_is_not_woken)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    struct sleeper first;
    struct sleeper cancelled;
    struct sleeper last;

    waiter_start(&first, counter, 0, -1);
    waiter_start(&cancelled, counter, 0, -1);
    waiter_start(&last, counter, 0, INT64_MAX);
    sleeper_cancel(&cancelled);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(sleeper_join(&first), 0);
    ck_assert_int_eq(sleeper_join(&last), 0);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(cancelled_waiter_may_be_the_last_user)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    struct sleeper waiter;

    waiter_start(&waiter, counter, 0, -1);
    sleeper_cancel(&waiter);
    tsc_counter_unref(counter);
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

static void *wait_with_cancellation_disabled(void *arg)
{
    struct sleeper *waiter = arg;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cancel(pthread_self());
    waiter->result = tsc_counter_wait_at_most(waiter->counter, 0, 20 * SUPPORT_MILLISECOND_NS);
    return NULL;
}

START_TEST(disabled_cancellation_stays_disabled)
{
    struct sleeper waiter = {.counter = make_counter(&variants[_i], &(struct options){.initial = 1})};
    void *result = &waiter;

    pthread_join(support_start_thread(wait_with_cancellation_disabled, &waiter), &result);
    ck_assert_ptr_null(result);
    ck_assert_int_eq(waiter.result, -ETIMEDOUT);
    tsc_counter_unref(waiter.counter);
}
END_TEST

static void *wait_while_cancelled(void *arg)
{
    struct sleeper *waiter = arg;

    pthread_cancel(pthread_self());
    waiter->result = tsc_counter_wait_at_most(waiter->counter, waiter->operands[0], -1);
    return NULL;
}

/* Even if the wait could return at once. */
START_TEST(pending_cancellation_acts_in_a_wait)
{
    static const int64_t thresholds[] = {0, 1};

    for (size_t i = 0; i < sizeof thresholds / sizeof thresholds[0]; i++) {
        struct sleeper waiter = {.counter = make_counter(&variants[_i], &(struct options){.initial = 1}),
                                 .operands = {thresholds[i]},
                                 .result = UNTOUCHED};
        void *result = NULL;

        pthread_join(support_start_thread(wait_while_cancelled, &waiter), &result);
        ck_assert_ptr_eq(result, PTHREAD_CANCELED);
        ck_assert_int_eq(waiter.result, UNTOUCHED);
        wake_a_waiter(waiter.counter);
        tsc_counter_unref(waiter.counter);
    }
}
END_TEST

struct cancelled_caller {
    const struct variant *variant;
    tsc_counter_t *counter;
    tsc_counter_t *bounded; /* with a peak; NULL where the backend has none */
    int results[OPERATION_COUNT];
    int results_with_bounds[4];
    int created;
    bool finished;
};

static void operate_on_bounds(struct cancelled_caller *cancelled_caller)
{
    int *results = cancelled_caller->results_with_bounds;
    int64_t outputs[2];

    if (cancelled_caller->bounded == NULL)
        return;
    results[0] = tsc_counter_get_bounds(cancelled_caller->bounded, &outputs[0], &outputs[1]);
    results[1] = tsc_counter_set_bounds(cancelled_caller->bounded, 0, 8);
    results[2] = tsc_counter_get_peak(cancelled_caller->bounded, &outputs[0]);
    results[3] = tsc_counter_take_peak(cancelled_caller->bounded, &outputs[0]);
}

/* The cancellation is pending during all operations. */
static void *operate_while_cancelled(void *arg)
{
    struct cancelled_caller *cancelled_caller = arg;
    tsc_counter_t *own = NULL;

    pthread_cancel(pthread_self());
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        int64_t outputs[2] = {0, 0};

        if (!operations[i].cancellation_point)
            cancelled_caller->results[i] = operations[i].call(cancelled_caller->counter, &outputs[0], &outputs[1]);
    }
    operate_on_bounds(cancelled_caller);
    cancelled_caller->created = tsc_counter_create(&own, cancelled_caller->variant->backend, NULL);
    tsc_counter_inc(own);
    tsc_counter_unref(own);
    cancelled_caller->finished = true;
    pthread_testcancel();
    return NULL;
}

START_TEST(nothing_else_is_a_cancellation_point)
{
    struct cancelled_caller cancelled_caller = {.variant = &variants[_i],
                                                .counter = make_counter(&variants[_i], NULL)};
    const struct options bounds = {.bounded = true, .max = 9, .track_peak = true};
    uint64_t caps = caps_of(&variants[_i]);
    void *result = NULL;

    if ((caps & TSC_CAP_BOUNDS) != 0 && (caps & TSC_CAP_PEAK) != 0)
        cancelled_caller.bounded = make_counter(&variants[_i], &bounds);
    pthread_join(support_start_thread(operate_while_cancelled, &cancelled_caller), &result);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    ck_assert(cancelled_caller.finished);
    ck_assert_int_eq(cancelled_caller.created, 0);
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        int expected = (caps & operations[i].needs) == operations[i].needs ? 0 : -ENOTSUP;

        ck_assert_msg(cancelled_caller.results[i] == expected, "%s: %d", operations[i].name,
                      cancelled_caller.results[i]);
    }
    for (size_t i = 0; i < sizeof cancelled_caller.results_with_bounds / sizeof(int); i++)
        ck_assert_int_eq(cancelled_caller.results_with_bounds[i], 0);
    tsc_counter_unref(cancelled_caller.bounded);
    tsc_counter_unref(cancelled_caller.counter);
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

static int end_by_cancellation(int64_t *value, void *arg)
{
    (void)arg;
    *value = 99;
    pthread_cancel(pthread_self());
    pthread_testcancel();
    return 0;
}

static int end_by_exit(int64_t *value, void *arg)
{
    (void)arg;
    *value = 99;
    pthread_exit(PTHREAD_CANCELED);
}

static int end_without_the_counter(int64_t *value, void *arg)
{
    *value = 99;
    tsc_counter_unref(arg);
    pthread_exit(PTHREAD_CANCELED);
}

struct unfinished {
    tsc_counter_t *counter;
    tsc_update_fn callback;
};

static void *update_without_end(void *arg)
{
    const struct unfinished *unfinished = arg;

    tsc_counter_update(unfinished->counter, unfinished->callback, unfinished->counter);
    return NULL;
}

static void leave_unfinished(tsc_counter_t *counter, tsc_update_fn callback)
{
    struct unfinished unfinished = {.counter = counter, .callback = callback};
    void *result = NULL;

    pthread_join(support_start_thread(update_without_end, &unfinished), &result);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
}

struct successor {
    tsc_counter_t *counter;
    int added;
    int updated;
};

/* This thread may have the same id as the one that left its callback. */
static void *operate_after(void *arg)
{
    struct successor *successor = arg;
    int64_t value = 7;

    successor->added = tsc_counter_inc(successor->counter);
    successor->updated = tsc_counter_update(successor->counter, commit_value, &value);
    return NULL;
}

static const tsc_update_fn ways_to_end[] = {end_by_cancellation, end_by_exit};

START_TEST(unfinished_callback_changes_nothing)
{
    for (size_t i = 0; i < sizeof ways_to_end / sizeof ways_to_end[0]; i++) {
        tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 3});
        struct successor successor = {.counter = counter, .added = UNTOUCHED, .updated = UNTOUCHED};

        leave_unfinished(counter, ways_to_end[i]);
        pthread_join(support_start_thread(operate_after, &successor), NULL);
        ck_assert_int_eq(successor.added, 0);
        ck_assert_int_eq(successor.updated, 0);
        HOLDS(counter, 7);
        leave_unfinished(counter, ways_to_end[i]);
        HOLDS(counter, 7);
        RETURNS(0, tsc_counter_add(counter, -7));
        RETURNS(0, tsc_counter_wait_at_most(counter, 0, -1));
        tsc_counter_unref(counter);
    }
}
END_TEST

START_TEST(unfinished_callback_may_drop_the_last_reference)
{
    leave_unfinished(make_counter(&variants[_i], NULL), end_without_the_counter);
}
END_TEST

void add_cancellation_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "cancellation", 30);

    add_test(tcase, cancelled_wait_leaves_the_counter_whole, 0);
    add_test(tcase, cancelled_waiter_is_not_woken, 0);
    add_test(tcase, cancelled_waiter_may_be_the_last_user, 0);
    add_test(tcase, disabled_cancellation_stays_disabled, 0);
    add_test(tcase, pending_cancellation_acts_in_a_wait, 0);
    add_test(tcase, nothing_else_is_a_cancellation_point, 0);
    if (TEST_BUILT_MUTEX) {
        tcase_add_loop_test(tcase, unfinished_callback_changes_nothing, TSC_BACKEND_MUTEX, TSC_BACKEND_MUTEX + 1);
        tcase_add_loop_test(tcase, unfinished_callback_may_drop_the_last_reference, TSC_BACKEND_MUTEX,
                            TSC_BACKEND_MUTEX + 1);
    }
}
