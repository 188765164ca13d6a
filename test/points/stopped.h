/* SPDX-License-Identifier: MIT */
/* Calls that run on threads of their own and stop at named points of the library. */
#ifndef POINTS_STOPPED_H
#define POINTS_STOPPED_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <tscounter/tscounter.h>

struct call {
    int (*make)(struct call *call);
    tsc_counter_t *counter;
    int64_t operand;
    int64_t output;
    void *arg;
    int result;

    struct tsc_test_point *_Atomic stop;
    sem_t has_changed; /* the call has stopped, or returned */
    sem_t may_continue;
    atomic_bool returned;
    pthread_t thread;
    _Atomic pid_t thread_id;
};

/* Starts the call and waits until it stops at the point with this name, or returns. True if it stopped. */
bool call_stops(struct call *call, const char *point);

/* The same for a call that has stopped: it continues to that point. */
bool call_stops_again(struct call *call, const char *point);

/* Starts or continues the call, and asserts that it sleeps before it returns. */
void call_falls_asleep(struct call *call);
void call_continues_and_sleeps(struct call *call);

/* Asserts that the call sleeps, still or again. */
void call_stays_asleep(struct call *call);

/* Continues a call that has stopped. */
void call_continues(struct call *call);

/* Waits for the call, and returns its result. */
int call_ends(struct call *call);

/* Calls for `make`. They add or set the operand; the last sets it as the upper bound, with 0 as the lower. */
int call_add(struct call *call);
int call_exchange(struct call *call);
int call_close(struct call *call);
int call_take_peak(struct call *call);
int call_set_max(struct call *call);

/* An update whose callback ends when the test lets it. */
struct occupation {
    struct call call;
    sem_t begun;
    sem_t may_end;
};

void occupation_prepare(struct occupation *occupation, tsc_counter_t *counter);

/* Starts the call, and waits for its callback. */
void occupation_begins(struct occupation *occupation);
void occupation_ends(struct occupation *occupation);

/* The next thread that runs no call, such as an owner's, stops at the point until others_continue(). */
void others_stop(const char *point);
void others_have_stopped(void);
void others_stop_again(const char *point);
void others_continue(void);

#endif
