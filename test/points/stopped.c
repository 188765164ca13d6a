/* SPDX-License-Identifier: MIT */
#include "stopped.h"

#include <check.h>
#include <string.h>

#include "point.h"
#include "support/procfs.h"
#include "support/threads.h"

static _Thread_local struct call *own_call;

static struct {
    struct tsc_test_point *_Atomic stop;
    sem_t has_stopped;
    sem_t may_continue;
} others;

static struct tsc_test_point *point_named(const char *name)
{
    for (size_t i = 0; i < point_count; i++)
        if (strcmp(points[i]->name, name) == 0)
            return points[i];
    ck_abort_msg("there is no point %s", name);
}

/* A point is no cancellation point of the library, but sem_wait() is one. */
static void wait_to_continue(sem_t *may_continue)
{
    int state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    support_sem_wait(may_continue);
    pthread_setcancelstate(state, NULL);
}

void tsc_test_point_reached(struct tsc_test_point *point)
{
    struct tsc_test_point *stop = point;

    if (own_call != NULL) {
        if (atomic_compare_exchange_strong(&own_call->stop, &stop, NULL)) {
            sem_post(&own_call->has_changed);
            wait_to_continue(&own_call->may_continue);
        }
    } else if (atomic_compare_exchange_strong(&others.stop, &stop, NULL)) {
        sem_post(&others.has_stopped);
        wait_to_continue(&others.may_continue);
    }
}

static void *make(void *arg)
{
    struct call *call = arg;

    atomic_store(&call->thread_id, support_thread_id());
    own_call = call;
    call->result = call->make(call);
    atomic_store(&call->returned, true);
    sem_post(&call->has_changed);
    return NULL;
}

static void start(struct call *call, struct tsc_test_point *stop)
{
    atomic_store(&call->stop, stop);
    ck_assert_int_eq(sem_init(&call->has_changed, 0, 0), 0);
    ck_assert_int_eq(sem_init(&call->may_continue, 0, 0), 0);
    call->thread = support_start_thread(make, call);
}

bool call_stops(struct call *call, const char *point)
{
    start(call, point_named(point));
    support_sem_wait(&call->has_changed);
    return !atomic_load(&call->returned);
}

bool call_stops_again(struct call *call, const char *point)
{
    atomic_store(&call->stop, point_named(point));
    call_continues(call);
    support_sem_wait(&call->has_changed);
    return !atomic_load(&call->returned);
}

void call_continues(struct call *call)
{
    sem_post(&call->may_continue);
}

/* Distinguishes a call that returned from one that is slow to sleep. */
static bool is_asleep_or_returned(void *arg)
{
    struct call *call = arg;
    pid_t thread_id = atomic_load(&call->thread_id);

    return atomic_load(&call->returned) || (thread_id != 0 && support_is_asleep(thread_id));
}

void call_stays_asleep(struct call *call)
{
    ck_assert(support_eventually(is_asleep_or_returned, call));
    ck_assert(!atomic_load(&call->returned));
}

void call_falls_asleep(struct call *call)
{
    start(call, NULL);
    call_stays_asleep(call);
}

static bool has_continued(void *arg)
{
    int left = 1;

    return sem_getvalue(&((struct call *)arg)->may_continue, &left) == 0 && left == 0;
}

void call_continues_and_sleeps(struct call *call)
{
    call_continues(call);
    ck_assert(support_eventually(has_continued, call));
    call_stays_asleep(call);
}

int call_ends(struct call *call)
{
    pthread_join(call->thread, NULL);
    sem_destroy(&call->has_changed);
    sem_destroy(&call->may_continue);
    return call->result;
}

int call_add(struct call *call)
{
    return tsc_counter_add(call->counter, call->operand);
}

int call_exchange(struct call *call)
{
    return tsc_counter_exchange(call->counter, call->operand, &call->output);
}

int call_close(struct call *call)
{
    return tsc_counter_close(call->counter);
}

int call_take_peak(struct call *call)
{
    return tsc_counter_take_peak(call->counter, &call->output);
}

int call_set_max(struct call *call)
{
    return tsc_counter_set_bounds(call->counter, 0, call->operand);
}

static int hold_callback(int64_t *value, void *arg)
{
    struct occupation *occupation = arg;

    (void)value;
    sem_post(&occupation->begun);
    support_sem_wait(&occupation->may_end);
    return 0;
}

static int occupy(struct call *call)
{
    return tsc_counter_update(call->counter, hold_callback, call->arg);
}

void occupation_prepare(struct occupation *occupation, tsc_counter_t *counter)
{
    occupation->call = (struct call){.make = occupy, .counter = counter, .arg = occupation};
    ck_assert_int_eq(sem_init(&occupation->begun, 0, 0), 0);
    ck_assert_int_eq(sem_init(&occupation->may_end, 0, 0), 0);
}

void occupation_begins(struct occupation *occupation)
{
    call_falls_asleep(&occupation->call);
    support_sem_wait(&occupation->begun);
}

void occupation_ends(struct occupation *occupation)
{
    sem_post(&occupation->may_end);
    ck_assert_int_eq(call_ends(&occupation->call), 0);
    sem_destroy(&occupation->begun);
    sem_destroy(&occupation->may_end);
}

void others_stop(const char *point)
{
    ck_assert_int_eq(sem_init(&others.has_stopped, 0, 0), 0);
    ck_assert_int_eq(sem_init(&others.may_continue, 0, 0), 0);
    atomic_store(&others.stop, point_named(point));
}

void others_have_stopped(void)
{
    support_sem_wait(&others.has_stopped);
}

void others_stop_again(const char *point)
{
    atomic_store(&others.stop, point_named(point));
    others_continue();
    others_have_stopped();
}

void others_continue(void)
{
    sem_post(&others.may_continue);
}
