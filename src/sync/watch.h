/* SPDX-License-Identifier: MIT */
#ifndef TSC_WATCH_H
#define TSC_WATCH_H

#include "compiler.h"
#include "sync/eventcount.h"
#include "test-point.h"

/*
 * Threads wait until a value is at most a threshold.
 *
 * A waiter prepares to sleep, arms the watch with its threshold, reads the value, and sleeps. A changer changes
 * the value, reads the watch, and fires it if the value is at most the threshold. Firing disarms the watch and
 * wakes all waiters; those that need a lower value arm it again. The last waiter to leave disarms it.
 *
 * No wake-up is lost if either the waiter sees the changed value or the changer sees the armed watch; each backend
 * says why that holds. A changer that sees the watch armed fires it after the waiter has prepared, so the waiter's
 * commit returns.
 *
 * Models: test/model/watch-atomic.pml, test/model/watch-percpu.pml
 */
struct tsc_watch {
    _Atomic int64_t threshold;
    struct tsc_eventcount waiters;
};

/*
 * Also the lowest value. A change to that value may fire a disarmed watch, which wakes nobody. A waiter for that
 * value arms the watch one above it.
 */
#define TSC_WATCH_DISARMED INT64_MIN

/*
 * Reads the value. An error ends the wait; a read that would wait for a callback beyond the deadline returns
 * -ETIMEDOUT. The deadline may have passed already: the last read, and one with a timeout of 0.
 */
typedef int (*tsc_watch_read_fn)(void *subject, int64_t deadline, int64_t *value);

static inline void tsc_watch_init(struct tsc_watch *watch)
{
    atomic_init(&watch->threshold, TSC_WATCH_DISARMED);
}

void tsc_watch_fire(struct tsc_watch *watch);

/* For a changer to which the value is costly. seq_cst: after the change; pairs with arm. */
static inline bool tsc_watch_is_armed(struct tsc_watch *watch)
{
    return atomic_load_explicit(&watch->threshold, memory_order_seq_cst) != TSC_WATCH_DISARMED;
}

/* Async-signal-safe. seq_cst: after the change; pairs with arm. */
static inline void tsc_watch_check(struct tsc_watch *watch, int64_t value)
{
    TSC_TEST_POINT(watch_checking);
    if (tsc_unlikely(value <= atomic_load_explicit(&watch->threshold, memory_order_seq_cst)))
        tsc_watch_fire(watch);
}

/* A cancellation point. Returns 0, -ETIMEDOUT if a read after the deadline finds the value too high, or the error
 * of `read_value`. */
int tsc_watch_wait(struct tsc_watch *watch, int64_t threshold, int64_t timeout_ns, tsc_watch_read_fn read_value,
                   void *subject);

/* In a forked child, which has no other threads. */
static inline void tsc_watch_forget_waiters(struct tsc_watch *watch)
{
    if (atomic_load_explicit(&watch->threshold, memory_order_relaxed) != TSC_WATCH_DISARMED)
        atomic_store_explicit(&watch->threshold, TSC_WATCH_DISARMED, memory_order_relaxed);
    tsc_eventcount_forget_sleepers(&watch->waiters);
}

#endif
