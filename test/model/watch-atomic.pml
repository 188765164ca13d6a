/* SPDX-License-Identifier: MIT */
/*
 * Two threads wait until the value of an atomic counter is at most their threshold. Two others decrement it. A
 * waiter whose threshold is reached does not sleep for ever, even if the other waiter times out. In the end the
 * watch is disarmed and the state is 0.
 *
 * Mirrors: src/sync/watch.c: tsc_watch_wait sleep_until_low leave arm tsc_watch_fire
 * Mirrors: src/sync/watch.h: tsc_watch_check
 * Mirrors: src/sync/gate.h: tsc_gate_state tsc_gate_has_waiters
 * Mirrors: src/sync/gate.c: tsc_gate_wait tsc_gate_enter tsc_gate_leave
 * Mirrors: src/backend/atomic.c: check_watch read_value atom_wait_at_most
 *
 * Check:
 * Check: -DTHRESHOLD_OF_FIRST=0
 * Mutation: -DADDITION=ACQUIRE: deadlock: the changer checks the state before its change is visible
 * Mutation: -DSTATE_LOAD=ACQUIRE: deadlock: the same
 * Mutation: -DARM=ACQUIRE: deadlock: the waiter checks the value before the armed watch is visible
 * Mutation: -DLOAD_ORDER=ACQUIRE: deadlock: the same
 * Mutation: -DARMED_LOAD=ACQUIRE: deadlock: the waiter finds the watch armed before it is visible as a sleeper
 * Mutation: -DENTER=ACQUIRE: deadlock: the same
 * Mutation: -DFIRE=ACQUIRE: deadlock: the changer checks for sleepers before the disarmed watch is visible
 * Mutation: -DHAS_SLEEPERS=ACQUIRE: deadlock: the same
 * Mutation: -DARM_FIRST: deadlock: the watch fires between the arming and the waiter's prepare
 * Mutation: -DARM_LAST: deadlock: a change comes between the check and the arming
 * Mutation: -DENTER_LAST: deadlock: a change comes between the check and the counting of the waiter
 * Mutation: -DCLEAR_STATE: deadlock: a waiter that times out clears the state that the other needs
 * Mutation: -DLEAVE_EARLY: deadlock: a waiter that is woken in vain is no longer counted
 * Mutation: -DNO_LEAVING: assertion: the state stays
 * Mutation: -DNO_DISARMING: assertion: the watch stays armed
 * Mutation: -DDISARM_SILENTLY: deadlock: the watch of a new waiter is disarmed, and the waiter is not woken
 */
#ifndef THRESHOLD_OF_FIRST
#define THRESHOLD_OF_FIRST 1
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

#define CORES 4

#define VALUE 0
#define STATE 1 /* the number of counted waiters */
#define THRESHOLD 2
#define SLEEPERS 3
#define EPOCH 4
#define LOCATIONS 5
#define STALE(core, location) 0
#define MAY_TIME_OUT(core) ((core) == 0)
#ifdef ENTER_LAST
#define BEFORE_SLEEP gate_enter()
#endif
#ifdef LEAVE_EARLY
#define AFTER_SLEEP gate_leave()
#endif
#include "include/armv8.pml"
#include "include/watch.pml"

inline gate_enter()
{
    if
    :: !counted -> add(STATE, 1, SEQ_CST); counted = true
    :: else
    fi
}

inline gate_leave()
{
    if
#ifdef CLEAR_STATE
    :: counted -> store(STATE, 0, RELAXED); counted = false
#else
    :: counted -> add(STATE, -1, RELAXED); counted = false
#endif
    :: else
    fi
}

inline read_value(seen)
{
    load(VALUE, seen, LOAD_ORDER)
}

proctype waiter(byte me; byte threshold)
{
    byte value, armed, key, found;
    bool done, counted;

#ifndef ENTER_LAST
    gate_enter();
#endif
    watch_wait(threshold);
#ifndef NO_LEAVING
    gate_leave();
#endif
    finish()
}

proctype changer(byte me)
{
    byte value, watched, armed, found;

    add(VALUE, -1, ADDITION);
    load(STATE, watched, STATE_LOAD);
    if
    :: watched ->
        watched = 0;
        load(VALUE, value, SEQ_CST);
        watch_check(value)
    :: else
    fi;
    finish()
}

init
{
    atomic {
        initially(VALUE, 2);
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run core_of(3);
        run waiter(0, THRESHOLD_OF_FIRST);
        run waiter(1, 0);
        run changer(2);
        run changer(3)
    }
    gone == CORES;
    assert(IS_AT_REST && memory[STATE] == 0)
}
