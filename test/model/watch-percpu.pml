/* SPDX-License-Identifier: MIT */
/*
 * Two threads wait until the value of a per-CPU counter is at most their threshold. Two others decrement it, each
 * in the slot of its CPU. The last changer finds all decrements. One waiter may time out. In the end the watch is
 * disarmed and the state is 0.
 *
 * Mirrors: src/backend/percpu.c: check_watch scan sum percpu_wait_at_most
 * Mirrors: src/sync/gate.h: tsc_gate_state tsc_gate_has_waiters
 * Mirrors: src/sync/gate.c: tsc_gate_wait tsc_gate_enter tsc_gate_leave
 * Mirrors: src/sync/watch.h: tsc_watch_is_armed tsc_watch_check
 * Mirrors: src/sync/watch.c: tsc_watch_wait sleep_until_low leave arm tsc_watch_fire
 * Mirrors: src/percpu/add.h: tsc_slots_fence tsc_slots_barrier
 * Mirrors: src/sync/barrier.c: tsc_barrier_on_all_threads
 *
 * With RSEQ, additions are restartable sequences on x86: stores become visible in order, and loads, even seq_cst
 * ones, do not wait for them.
 *
 * Check:
 * Check: -DRSEQ
 * Mutation: -DADDITION=ACQUIRE: deadlock: the changer checks the state before its change is visible
 * Mutation: -DSTATE_LOAD=ACQUIRE: deadlock: the same
 * Mutation: -DARM=ACQUIRE: deadlock: the waiter checks the slots before the armed watch is visible
 * Mutation: -DLOAD_ORDER=ACQUIRE: deadlock: the same
 * Mutation: -DOWN_SLOT_ONLY: deadlock: no changer finds all decrements
 * Mutation: -DRSEQ -DNO_BARRIER: deadlock: the waiter misses the addition, and the changer misses the armed watch
 * Mutation: -DRSEQ -DBARRIER_FIRST: deadlock: the same
 * Mutation: -DRSEQ -DNO_FENCE: deadlock: two changers do not see each other's addition
 * Mutation: -DCLEAR_STATE: deadlock: a waiter that times out clears the state that the other needs
 * Mutation: -DRSEQ -DCLEAR_STATE: deadlock: the same
 * Mutation: -DRSEQ -DNO_LEAVING: assertion: the state stays
 * Mutation: -DRSEQ -DNO_DISARMING: assertion: the watch stays armed
 * Mutation: -DRSEQ -DDISARM_SILENTLY: deadlock: the watch of a new waiter is disarmed
 */
#ifdef RSEQ
#define ADDITION RELEASE
#define STATE_LOAD ACQUIRE
#define WATCH_LOAD ACQUIRE
#define LOAD_ORDER ACQUIRE
#endif
#ifndef ADDITION
#define ADDITION SEQ_CST
#endif
#ifndef STATE_LOAD
#define STATE_LOAD SEQ_CST
#endif
#ifndef LOAD_ORDER
#define LOAD_ORDER SEQ_CST
#endif

#define INITIAL 2
#define CORES 4

#define OUT(slot) (slot)
#define STATE 2 /* the number of counted waiters */
#define THRESHOLD 3
#define SLEEPERS 4
#define EPOCH 5
#define LOCATIONS 6
#define STALE(core, location) 0
#define MAY_TIME_OUT(core) ((core) == 0)
#include "include/armv8.pml"
#include "include/watch.pml"

/* The IN slots do not change here. */
inline scan(seen)
{
    load(OUT(0), seen, LOAD_ORDER);
    load(OUT(1), found, LOAD_ORDER);
    seen = INITIAL - seen - found;
    found = 0
}

inline wait_for_additions()
{
#if defined(RSEQ) && !defined(NO_BARRIER)
    barrier_on(me);
    barrier_on(2);
    barrier_on(3)
#else
    skip
#endif
}

inline slots_fence()
{
#if defined(RSEQ) && !defined(NO_FENCE)
    barrier_on(me)
#else
    skip
#endif
}

inline read_value(seen)
{
#ifndef BARRIER_FIRST
    wait_for_additions();
#endif
    scan(seen)
}

proctype waiter(byte me; byte threshold)
{
    byte value, armed, key, found;
    bool done;

#ifdef BARRIER_FIRST
    wait_for_additions();
#endif
    add(STATE, 1, SEQ_CST);
    watch_wait(threshold);
#ifdef CLEAR_STATE
    store(STATE, 0, RELAXED);
#elif !defined(NO_LEAVING)
    add(STATE, -1, RELAXED);
#endif
    finish()
}

proctype changer(byte me; byte slot)
{
    byte value, watched, armed, found;

#ifdef RSEQ
    store(OUT(slot), 1, ADDITION); /* only this thread writes it */
#else
    add(OUT(slot), 1, ADDITION);
#endif
    load(STATE, watched, STATE_LOAD);
    if
    :: watched ->
        watched = 0;
        watch_load();
        if
        :: armed ->
            armed = 0;
            slots_fence();
#ifdef OWN_SLOT_ONLY
            load(OUT(slot), value, LOAD_ORDER);
            value = INITIAL - value;
#else
            scan(value);
#endif
            watch_check(value)
        :: else
        fi
    :: else
    fi;
    finish()
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run core_of(3);
        run waiter(0, 1);
        run waiter(1, 0);
        run changer(2, 0);
        run changer(3, 1)
    }
    gone == CORES;
    assert(IS_AT_REST && memory[STATE] == 0)
}
