/* SPDX-License-Identifier: MIT */
#ifndef TSC_PHASE_H
#define TSC_PHASE_H

#include "compiler.h"
#include "sync/eventcount.h"
#include "sync/lock.h"
#include "test-point.h"

/*
 * Numbered phases. A thread works in the phase that it entered, by the rules of that phase, and never waits. A
 * controller writes the rules of the next phase, begins it, and waits until no thread works in the former one;
 * from then on nothing is done by the former rules. There are rules for two phases, in turn.
 *
 *   worker:     phase = enter(); work by rules[phase & 1]; leave(phase);
 *   controller: lock(); write the rules of the next phase; tsc_phases_advance(); unlock();
 *
 * A worker counts itself in a phase, then loads the phase again; if it has changed, the worker leaves and starts
 * over. The controller stores the phase, then loads the count (Dekker: all four are seq_cst). So a worker that the
 * controller does not count sees the new phase.
 *
 * The controller sleeps until the count is 0. A worker leaves, then loads the controller's sleeping; the
 * controller prepares to sleep, then loads the count. All four are seq_cst.
 *
 * Model: test/model/phase.pml
 */
struct tsc_phases {
    _Atomic uint32_t current;
    _Atomic uint32_t inside[2]; /* threads at work in the current phase and in the former one */
    struct tsc_eventcount controller;
    struct tsc_lock lock; /* controllers exclude each other */
};

static inline uint32_t tsc_phase_current(struct tsc_phases *phases)
{
    /* seq_cst: after the count in tsc_phase_enter; pairs with the store in tsc_phases_advance. */
    return atomic_load_explicit(&phases->current, memory_order_seq_cst);
}

static inline void tsc_phase_leave(struct tsc_phases *phases, uint32_t phase)
{
    /* seq_cst: before the load of the sleepers. release: the controller sees what this thread did inside. */
    atomic_fetch_sub_explicit(&phases->inside[phase & 1], 1, memory_order_seq_cst);
    TSC_TEST_POINT(phase_left);
    tsc_eventcount_notify_all(&phases->controller);
}

static inline uint32_t tsc_phase_enter(struct tsc_phases *phases)
{
    for (;;) {
        /* relaxed: it is loaded again. */
        uint32_t phase = atomic_load_explicit(&phases->current, memory_order_relaxed);

        TSC_TEST_POINT(phase_entering);
        /* seq_cst: before the load of the phase; pairs with the load in tsc_phases_advance. */
        atomic_fetch_add_explicit(&phases->inside[phase & 1], 1, memory_order_seq_cst);
        TSC_TEST_POINT(phase_counted);
        if (tsc_likely(tsc_phase_current(phases) == phase))
            return phase;
        tsc_phase_leave(phases, phase);
    }
}

static inline void tsc_phases_init(struct tsc_phases *phases)
{
    atomic_init(&phases->current, 0);
    atomic_init(&phases->inside[0], 0);
    atomic_init(&phases->inside[1], 0);
    tsc_lock_init(&phases->lock);
}

static inline void tsc_phases_lock(struct tsc_phases *phases)
{
    tsc_lock_acquire(&phases->lock);
}

static inline void tsc_phases_unlock(struct tsc_phases *phases)
{
    tsc_lock_release(&phases->lock);
}

/* Returns once no thread works in the former phase. */
void tsc_phases_advance(struct tsc_phases *phases);

/* In a forked child, which has no other threads. */
void tsc_phases_forget_others(struct tsc_phases *phases);

#endif
