/* SPDX-License-Identifier: MIT */
#ifndef TSC_WATCH_H
#define TSC_WATCH_H

#include "compiler.h"
#include "sync/eventcount.h"
#include "test-point.h"

/*
 * Waiting until a value is at most a threshold.
 *
 * The waiter prepares to sleep, arms the watch, looks at the value, and sleeps. A changer changes the value, looks
 * at the watch, and fires it if the value is at most the threshold. Firing disarms the watch and wakes all
 * waiters, which arm it again if the value is not low enough for them. The last waiter to leave disarms it.
 *
 * No wake-up is lost if of the waiter's look at the value and the changer's look at the watch one sees the other
 * side (each backend says why that is so): a changer that sees the watch armed fires it, and fires it after the
 * waiter has prepared, so the waiter's commit returns.
 *
 * Models: test/model/watch-atomic.pml, test/model/watch-percpu.pml
 */
struct tsc_watch {
    _Atomic int64_t threshold;
    struct tsc_eventcount waiters;
};

/* Disarmed is the lowest threshold: a value that reaches it may fire for no one. It is not armed: one above it is.
 */
#define TSC_WATCH_DISARMED INT64_MIN

/*
 * Reads the value. A look that would have to wait for a callback beyond the deadline returns -ETIMEDOUT, which
 * ends the wait, as any error does. The deadline of the last look, and of a look with a timeout of 0, has passed.
 */
typedef int (*tsc_watch_look_fn)(void *subject, int64_t deadline, int64_t *value);

static inline void tsc_watch_init(struct tsc_watch *watch)
{
    atomic_init(&watch->threshold, TSC_WATCH_DISARMED);
}

void tsc_watch_fire(struct tsc_watch *watch);

/* seq_cst: the changer's look at the watch, where to know the value costs more. */
static inline bool tsc_watch_is_armed(struct tsc_watch *watch)
{
    return atomic_load_explicit(&watch->threshold, memory_order_seq_cst) != TSC_WATCH_DISARMED;
}

/* Safe in a signal handler. seq_cst: the changer's look at the watch. */
static inline void tsc_watch_check(struct tsc_watch *watch, int64_t value)
{
    TSC_TEST_POINT(watch_checking);
    if (tsc_unlikely(value <= atomic_load_explicit(&watch->threshold, memory_order_seq_cst)))
        tsc_watch_fire(watch);
}

/* A cancellation point. Returns 0, -ETIMEDOUT once the time is up and a last look has found the value too high, or
 * the error of `look`. */
int tsc_watch_wait(struct tsc_watch *watch, int64_t threshold, int64_t timeout_ns, tsc_watch_look_fn look,
                   void *subject);

/* In the child of a fork: the waiters are not in it. */
static inline void tsc_watch_forget_waiters(struct tsc_watch *watch)
{
    if (atomic_load_explicit(&watch->threshold, memory_order_relaxed) != TSC_WATCH_DISARMED)
        atomic_store_explicit(&watch->threshold, TSC_WATCH_DISARMED, memory_order_relaxed);
    tsc_eventcount_forget_sleepers(&watch->waiters);
}

#endif
