/* SPDX-License-Identifier: MIT */
/* Calls on threads of their own, each of which stops at points of the library until it is let go. */
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
    int64_t result;
    void *arg;
    int answer;

    struct tsc_test_point *_Atomic stop;
    sem_t has_changed; /* it has stopped, or returned */
    sem_t may_go_on;
    atomic_bool is_back;
    pthread_t thread;
    _Atomic pid_t thread_id;
};

/* Starts the call, and returns once it stands at the point of this name, or is back: whether it stands there. */
bool call_stops(struct call *call, const char *point);

/* The same for a call that stands somewhere: it goes on, to the point or until it is back. */
bool call_stops_again(struct call *call, const char *point);

/* Starts the call, or lets it go on; and the call falls asleep before it returns. */
void call_falls_asleep(struct call *call);
void call_goes_on_and_falls_asleep(struct call *call);

/* The call is asleep, still or again. */
void call_sleeps_on(struct call *call);

/* Lets a call go on that stands somewhere. */
void call_goes_on(struct call *call);

/* Waits until the call is back, and returns its answer. */
int call_ends(struct call *call);

/* The next thread that is no call's, such as an owner's, stops at the point, until it is let go. */
void others_stop(const char *point);
void others_have_stopped(void);
void others_stop_again(const char *point);
void others_go_on(void);

#endif
