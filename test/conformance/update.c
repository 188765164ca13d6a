/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include <limits.h>
#include <pthread.h>

#include "support/suite.h"
#include "support/threads.h"

struct call {
    int64_t new_value;
    int result;
    int count;
    int64_t value_seen;
    pthread_t thread;
};

static int record_call(int64_t *value, void *arg)
{
    struct call *call = arg;

    call->count++;
    call->value_seen = *value;
    call->thread = pthread_self();
    *value = call->new_value;
    return call->result;
}

START_TEST(update_commits_once)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 8});
    struct call call = {.new_value = INT64_MIN};

    RETURNS(0, tsc_counter_inc(counter));
    ck_assert_int_eq(tsc_counter_update(counter, record_call, &call), 0);
    ck_assert_int_eq(call.count, 1);
    ck_assert_int_eq(call.value_seen, 9);
    HOLDS(counter, INT64_MIN);
    call.new_value = INT64_MAX;
    ck_assert_int_eq(tsc_counter_update(counter, record_call, &call), 0);
    ck_assert_int_eq(call.count, 2);
    ck_assert_int_eq(call.value_seen, INT64_MIN);
    HOLDS(counter, INT64_MAX);
    tsc_counter_unref(counter);
}
END_TEST

static const struct {
    int callback;
    int update;
} refusals[] = {
    {-1, -1},           {-EAGAIN, -EAGAIN}, {-EDEADLK, -EDEADLK}, {-ERANGE, -ERANGE}, {-100000, -100000},
    {INT_MIN, INT_MIN}, {1, -EINVAL},       {2, -EINVAL},         {INT_MAX, -EINVAL},
};

START_TEST(update_abandons)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 3});

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct call call = {.new_value = 99, .result = refusals[i].callback};

        ck_assert_int_eq(tsc_counter_update(counter, record_call, &call), refusals[i].update);
        ck_assert_int_eq(call.count, 1);
        HOLDS(counter, 3);
    }
    RETURNS(0, tsc_counter_inc(counter));
    HOLDS(counter, 4);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(abandoned_update_sees_no_bounds)
{
    const struct options options = {.bounded = true, .min = 0, .max = 1, .policy = TSC_BOUNDS_CLAMP};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);
    struct call call = {.new_value = 99, .result = -EBUSY};

    ck_assert_int_eq(tsc_counter_update(counter, record_call, &call), -EBUSY);
    call.result = 1;
    ck_assert_int_eq(tsc_counter_update(counter, record_call, &call), -EINVAL);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(update_leaves_errno_alone)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    int64_t value = 1;

    RETURNS(0, tsc_counter_update(counter, commit_value, &value));
    tsc_counter_unref(counter);
}
END_TEST

/* On the mutex the callback runs in the calling thread, on the queue in another. */
START_TEST(update_runs_on_the_right_thread)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    struct call call = {.new_value = 1};

    ck_assert_int_eq(tsc_counter_update(counter, record_call, &call), 0);
    ck_assert_int_eq(!pthread_equal(call.thread, pthread_self()), variants[_i].backend == TSC_BACKEND_QUEUE);
    tsc_counter_unref(counter);
}
END_TEST

struct guarded {
    tsc_counter_t *counter;
    uint64_t rounds;
    int64_t copy; /* of the value; only callbacks access it */
    uint64_t torn;
};

static int step_both(int64_t *value, void *arg)
{
    struct guarded *guarded = arg;

    guarded->torn += *value != guarded->copy;
    guarded->copy++;
    *value += 1;
    return 0;
}

static void update_many_times(size_t index, void *arg)
{
    struct guarded *guarded = arg;

    (void)index;
    for (uint64_t i = 0; i < guarded->rounds; i++)
        tsc_counter_update(guarded->counter, step_both, guarded);
}

START_TEST(updates_run_alone)
{
    struct guarded guarded = {.counter = make_counter(&variants[_i], NULL), .rounds = support_ops(300)};
    size_t threads = support_threads(4);

    support_run_threads(threads, update_many_times, &guarded);
    ck_assert_uint_eq(guarded.torn, 0);
    ck_assert_int_eq(guarded.copy, (int64_t)(threads * guarded.rounds));
    HOLDS(guarded.counter, guarded.copy);
    tsc_counter_unref(guarded.counter);
}
END_TEST

void add_update_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "update", 20);

    add_test(tcase, update_commits_once, TSC_CAP_UPDATE);
    add_test(tcase, update_abandons, TSC_CAP_UPDATE);
    add_test(tcase, abandoned_update_sees_no_bounds, TSC_CAP_UPDATE | TSC_CAP_BOUNDS);
    add_test(tcase, update_leaves_errno_alone, TSC_CAP_UPDATE);
    add_test(tcase, update_runs_on_the_right_thread, TSC_CAP_UPDATE);
    add_test(tcase, updates_run_alone, TSC_CAP_UPDATE);
}
