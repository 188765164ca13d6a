/* SPDX-License-Identifier: MIT */
#ifndef TSC_ADMISSION_H
#define TSC_ADMISSION_H

#include "compiler.h"
#include "sync/lock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Threads wait until an addition fits the bounds of a counter: a queue for each direction, up and down. A thread
 * makes its own addition, and only if it would fit together with those of all threads ahead of it. So the thread
 * that has waited longest goes first, and a thread that is cancelled or gives up holds nothing of the counter.
 *
 *   waiter:  count itself and queue; add, or sleep; leave the queue
 *   changer: change the value; tsc_admission_check()
 *
 * A check wakes the threads at the front that fit together and still sleep. So a release wakes no more than fit.
 *
 * No wake-up is lost. A waiter counts itself, then tries its addition. A changer changes the value, then loads the
 * count. Either the addition sees the changed value, or the changer sees the waiter (Dekker); each backend says
 * why. A check during an attempt marks the waiter, which then does not sleep but attempts again. A thread that
 * leaves the queue makes the check for those behind it.
 *
 * The lock protects the queues. A changer may be a signal handler that interrupts the holder, so it never waits
 * for the lock: it sets `pending` and only tries. A holder that releases the lock loads `pending` after that. Both
 * sides are read-modify-writes of the lock's word (tsc_lock_fence), so either the changer finds the lock free, or
 * the holder sees `pending` and checks once more.
 *
 * Model: test/model/admission.pml
 */
enum tsc_direction { TSC_UP, TSC_DOWN, TSC_DIRECTIONS };

struct tsc_waiter;

struct tsc_admission {
    _Atomic uint32_t waiting; /* how many threads are queued */
    _Atomic uint32_t waiting_in[TSC_DIRECTIONS];
    struct tsc_lock lock;
    int64_t min; /* copies of the bounds */
    int64_t max;
    _Atomic bool pending; /* a check is due */
    struct tsc_waiter *first[TSC_DIRECTIONS];
    struct tsc_waiter **end[TSC_DIRECTIONS];
    /* The value, read after the change of a thread that checks. */
    int64_t (*read_value)(void *subject);
    void *subject;
};

/*
 * Adds `delta` if `delta` + `ahead` would fit the bounds. Returns as an addition; -EAGAIN if it does not fit now,
 * -ERANGE if it never will, and -ETIMEDOUT if the deadline has passed while a callback has the counter.
 */
typedef int (*tsc_admission_try_fn)(void *subject, int64_t delta, int64_t ahead, int64_t deadline);

void tsc_admission_init(struct tsc_admission *admission, int64_t min, int64_t max,
                        int64_t (*read_value)(void *subject), void *subject);

/* With this ahead no addition fits. */
static inline int64_t tsc_admission_too_much(int64_t delta)
{
    return delta > 0 ? INT64_MAX : INT64_MIN;
}

/*
 * The first attempt, which waits for no callback. False if tsc_admission_wait() has to follow. If threads are
 * queued, more than fits is ahead, so it only finds a closed counter or an impossible number.
 */
static TSC_HOT bool tsc_admission_try(struct tsc_admission *admission, int64_t delta, tsc_admission_try_fn try_add,
                                      int *result)
{
    bool is_first;

    pthread_testcancel();
    *result = 0;
    if (delta == 0)
        return true;
    /* relaxed: a thread that queues meanwhile is not ahead. */
    is_first = atomic_load_explicit(&admission->waiting_in[delta < 0], memory_order_relaxed) == 0;
    *result = try_add(admission->subject, delta, tsc_likely(is_first) ? 0 : tsc_admission_too_much(delta), 0);
    return tsc_likely(*result != -EAGAIN && *result != -ETIMEDOUT);
}

/* A cancellation point. Returns what `try_add` returns, or -ETIMEDOUT. */
int tsc_admission_wait(struct tsc_admission *admission, int64_t delta, int64_t timeout_ns,
                       tsc_admission_try_fn try_add);

static inline bool tsc_admission_has_waiters(struct tsc_admission *admission)
{
    /* seq_cst: after the change; pairs with the count in enter(). */
    return tsc_unlikely(atomic_load_explicit(&admission->waiting, memory_order_seq_cst) != 0);
}

/* Required after a change if there are waiters. `delta` has the sign of the change, or is 0. Async-signal-safe. */
void tsc_admission_check(struct tsc_admission *admission, int64_t delta);

/* After a close: ends the waits to add a positive number. */
void tsc_admission_close(struct tsc_admission *admission);

/* After a change of the bounds. Calls exclude each other. */
void tsc_admission_set_bounds(struct tsc_admission *admission, int64_t min, int64_t max);

/* In a forked child, which has no other threads. The fork may have come before a store of the bounds. */
void tsc_admission_forget_waiters(struct tsc_admission *admission, int64_t min, int64_t max);

#endif
