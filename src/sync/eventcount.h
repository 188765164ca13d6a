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
 * No wake-up is lost (Dekker). The sleeper counts itself, then loads the condition; the notifier changes the
 * condition, then loads the count. All four are seq_cst, or ordered by something stronger such as a lock, so one
 * side sees the other. A notifier that sees a sleeper advances the epoch, and a commit with the old key returns.
 * Model: test/model/eventcount.pml
 *
 * A sleeper lost to a fork or a cancellation leaves at most a count that is too high, which costs a system call.
 */
struct tsc_eventcount {
    _Atomic uint32_t epoch;
    _Atomic uint32_t sleepers;
};

static inline uint32_t tsc_eventcount_prepare(struct tsc_eventcount *eventcount)
{
    /* seq_cst: pairs with has_sleepers. */
    atomic_fetch_add_explicit(&eventcount->sleepers, 1, memory_order_seq_cst);
    TSC_TEST_POINT(eventcount_counted);
    /* acquire: pairs with the release in wake. A thread that loads the new epoch sees the new condition. */
    return atomic_load_explicit(&eventcount->epoch, memory_order_acquire);
}

void tsc_eventcount_cancel(struct tsc_eventcount *eventcount);

/* False once the deadline has passed. True otherwise, possibly spuriously. */
bool tsc_eventcount_commit(struct tsc_eventcount *eventcount, uint32_t key, int64_t deadline);

/* A cancellation point. */
bool tsc_eventcount_commit_cancellable(struct tsc_eventcount *eventcount, uint32_t key, int64_t deadline);

void tsc_eventcount_wake(struct tsc_eventcount *eventcount, int sleepers);

static inline bool tsc_eventcount_has_sleepers(struct tsc_eventcount *eventcount)
{
    /* seq_cst: pairs with prepare. */
    return atomic_load_explicit(&eventcount->sleepers, memory_order_seq_cst) != 0;
}

/* Async-signal-safe. */
static inline void tsc_eventcount_notify(struct tsc_eventcount *eventcount, int sleepers)
{
    if (tsc_eventcount_has_sleepers(eventcount))
        tsc_eventcount_wake(eventcount, sleepers);
}

static inline void tsc_eventcount_notify_all(struct tsc_eventcount *eventcount)
{
    tsc_eventcount_notify(eventcount, INT32_MAX);
}

/* In a forked child. The thread that forked is not among the sleepers: a sleeper runs no code of the program. */
static inline void tsc_eventcount_forget_sleepers(struct tsc_eventcount *eventcount)
{
    if (atomic_load_explicit(&eventcount->sleepers, memory_order_relaxed) != 0)
        atomic_store_explicit(&eventcount->sleepers, 0, memory_order_relaxed);
}

#endif
