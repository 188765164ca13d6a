/* SPDX-License-Identifier: MIT */
/* A second thread for a test: it sleeps in a call, or stays inside an update callback. */
#ifndef SECOND_THREAD_H
#define SECOND_THREAD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "conformance.h"

typedef int (*call_fn)(tsc_counter_t *counter, int64_t *first, int64_t *second);

struct sleeper {
    tsc_counter_t *counter;
    call_fn call;
    int64_t operands[2];
    pthread_t thread;
    pid_t thread_id;
    atomic_bool done;
    int result;
    long sleeps; /* how often the thread gave up its CPU in the call that returned */
};

/* Starts a thread that makes the call, and returns once it sleeps there. */
void sleeper_start(struct sleeper *sleeper, tsc_counter_t *counter, call_fn call);

/* The same for a tsc_counter_wait_at_most(). */
void waiter_start(struct sleeper *waiter, tsc_counter_t *counter, int64_t threshold, int64_t timeout_ns);

/* The same for a tsc_counter_wait_add(). */
void adder_start(struct sleeper *adder, tsc_counter_t *counter, int64_t delta, int64_t timeout_ns);

/* Checks that the call has not returned: if a wake-up came, the thread sleeps again. */
void sleeper_sleeps_on(struct sleeper *sleeper);

/* Joins the thread and returns the result of its call. */
int sleeper_join(struct sleeper *sleeper);

/* Cancels the thread, which must end in its call, and joins it. */
void sleeper_cancel(struct sleeper *sleeper);

struct occupation {
    tsc_counter_t *counter;
    pthread_t thread;
    sem_t begun;
    sem_t may_end;
    int result;
};

/* Returns once another thread is inside an update callback of the counter. */
void occupation_begin(struct occupation *occupation, tsc_counter_t *counter);

/* Lets the callback return with the value unchanged, and joins the thread. */
void occupation_end(struct occupation *occupation);

#endif
