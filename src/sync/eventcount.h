/* SPDX-License-Identifier: MIT */
#ifndef TSC_EVENTCOUNT_H
#define TSC_EVENTCOUNT_H

#include "test-point.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * An eventcount: threads sleep until a condition that lives elsewhere may have changed.
 *
 *   sleeper:  key = prepare(); if (condition) cancel(); else commit(key);
 *   notifier: change the condition; notify();
 *
 * No wake-up is lost. The sleeper's prepare and its look at the condition, and the notifier's change and its look
 * at the sleepers, are sequentially consistent: one of the two sees the other (so the condition's accesses have to
 * be seq_cst too, or be ordered by something stronger, such as a lock). If the notifier sees the sleeper, it moves
 * the epoch on, and a commit with the old key returns.
 *
 * Model: test/model/eventcount.pml
 *
 * Sleepers that vanish (a fork, a cancellation) leave at most a count that is too high, which costs a system call.
 */
struct tsc_eventcount {
    _Atomic uint32_t epoch;
    _Atomic uint32_t sleepers;
};

static inline uint32_t tsc_eventcount_prepare(struct tsc_eventcount *eventcount)
{
    /* seq_cst: pairs with the look at the sleepers in notify. */
    atomic_fetch_add_explicit(&eventcount->sleepers, 1, memory_order_seq_cst);
    TSC_TEST_POINT(eventcount_counted);
    /* acquire: pairs with the release in notify_sleepers; who sees the new epoch sees the new condition. */
    return atomic_load_explicit(&eventcount->epoch, memory_order_acquire);
}

void tsc_eventcount_cancel(struct tsc_eventcount *eventcount);

/* False once the deadline has passed; true otherwise, perhaps for no reason. */
bool tsc_eventcount_commit(struct tsc_eventcount *eventcount, uint32_t key, int64_t deadline);

/* The same, and a cancellation point. */
bool tsc_eventcount_commit_cancellable(struct tsc_eventcount *eventcount, uint32_t key, int64_t deadline);

void tsc_eventcount_wake(struct tsc_eventcount *eventcount, int sleepers);

static inline bool tsc_eventcount_has_sleepers(struct tsc_eventcount *eventcount)
{
    /* seq_cst: pairs with prepare. */
    return atomic_load_explicit(&eventcount->sleepers, memory_order_seq_cst) != 0;
}

/* Safe in a signal handler. */
static inline void tsc_eventcount_notify(struct tsc_eventcount *eventcount, int sleepers)
{
    if (tsc_eventcount_has_sleepers(eventcount))
        tsc_eventcount_wake(eventcount, sleepers);
}

static inline void tsc_eventcount_notify_all(struct tsc_eventcount *eventcount)
{
    tsc_eventcount_notify(eventcount, INT32_MAX);
}

/* In the child of a fork: the sleepers are not in it. */
static inline void tsc_eventcount_forget_sleepers(struct tsc_eventcount *eventcount)
{
    if (atomic_load_explicit(&eventcount->sleepers, memory_order_relaxed) != 0)
        atomic_store_explicit(&eventcount->sleepers, 0, memory_order_relaxed);
}

#endif
