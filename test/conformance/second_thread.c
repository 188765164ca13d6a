/* SPDX-License-Identifier: MIT */
#include "second_thread.h"

#include <sys/resource.h>

#include "support/procfs.h"
#include "support/threads.h"

static void *make_call(void *arg)
{
    struct sleeper *sleeper = arg;
    struct rusage before;
    struct rusage after;

    getrusage(RUSAGE_THREAD, &before);
    sleeper->result = sleeper->call(sleeper->counter, &sleeper->operands[0], &sleeper->operands[1]);
    getrusage(RUSAGE_THREAD, &after);
    sleeper->sleeps = after.ru_nvcsw - before.ru_nvcsw;
    atomic_store(&sleeper->done, true);
    return NULL;
}

static void start(struct sleeper *sleeper)
{
    sleeper->result = UNTOUCHED;
    sleeper->thread = support_start_sleeper(make_call, sleeper, &sleeper->thread_id);
    ck_assert(!atomic_load(&sleeper->done));
}

void sleeper_start(struct sleeper *sleeper, tsc_counter_t *counter, call_fn call)
{
    *sleeper = (struct sleeper){.counter = counter, .call = call};
    start(sleeper);
}

static int wait_at_most(tsc_counter_t *counter, int64_t *threshold, int64_t *timeout_ns)
{
    return tsc_counter_wait_at_most(counter, *threshold, *timeout_ns);
}

void waiter_start(struct sleeper *waiter, tsc_counter_t *counter, int64_t threshold, int64_t timeout_ns)
{
    *waiter = (struct sleeper){.counter = counter, .call = wait_at_most, .operands = {threshold, timeout_ns}};
    start(waiter);
}

static int wait_add(tsc_counter_t *counter, int64_t *delta, int64_t *timeout_ns)
{
    return tsc_counter_wait_add(counter, *delta, *timeout_ns);
}

void adder_start(struct sleeper *adder, tsc_counter_t *counter, int64_t delta, int64_t timeout_ns)
{
    *adder = (struct sleeper){.counter = counter, .call = wait_add, .operands = {delta, timeout_ns}};
    start(adder);
}

void sleeper_sleeps_on(struct sleeper *sleeper)
{
    ck_assert(support_falls_asleep(sleeper->thread_id));
    ck_assert(!atomic_load(&sleeper->done));
}

int sleeper_join(struct sleeper *sleeper)
{
    pthread_join(sleeper->thread, NULL);
    return sleeper->result;
}

void sleeper_cancel(struct sleeper *sleeper)
{
    void *result = NULL;

    ck_assert_int_eq(pthread_cancel(sleeper->thread), 0);
    ck_assert_int_eq(pthread_join(sleeper->thread, &result), 0);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    ck_assert(!atomic_load(&sleeper->done));
}

static int stay_inside(int64_t *value, void *arg)
{
    struct occupation *occupation = arg;

    (void)value;
    sem_post(&occupation->begun);
    support_sem_wait(&occupation->may_end);
    return 0;
}

static void *occupy(void *arg)
{
    struct occupation *occupation = arg;

    occupation->result = tsc_counter_update(occupation->counter, stay_inside, occupation);
    return NULL;
}

void occupation_begin(struct occupation *occupation, tsc_counter_t *counter)
{
    *occupation = (struct occupation){.counter = counter, .result = UNTOUCHED};
    sem_init(&occupation->begun, 0, 0);
    sem_init(&occupation->may_end, 0, 0);
    occupation->thread = support_start_thread(occupy, occupation);
    support_sem_wait(&occupation->begun);
}

void occupation_end(struct occupation *occupation)
{
    sem_post(&occupation->may_end);
    pthread_join(occupation->thread, NULL);
    ck_assert_int_eq(occupation->result, 0);
    sem_destroy(&occupation->may_end);
    sem_destroy(&occupation->begun);
}
