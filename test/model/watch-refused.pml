/* SPDX-License-Identifier: MIT */
/*
 * A thread waits until the value of a per-CPU counter is at most 0. Two others decrement it by restartable
 * sequence, each in the slot of its CPU. Each time, the kernel may grant or refuse the barrier between the watch
 * and the check. If it refuses, the check waits until stores have become visible. The waiter returns: a check that
 * begins with a low enough value is the last.
 *
 * Otherwise as watch-percpu.pml with RSEQ, which has two waiters, and atomic additions.
 *
 * Mirrors: src/backend/percpu.c: check_watch scan sum percpu_wait_at_most read_after_barrier
 * Mirrors: src/sync/gate.h: tsc_gate_state tsc_gate_has_waiters
 * Mirrors: src/sync/gate.c: tsc_gate_wait tsc_gate_enter
 * Mirrors: src/percpu/add.h: tsc_slots_fence tsc_slots_barrier
 * Mirrors: src/sync/barrier.c: tsc_barrier_on_all_threads wait_until_stores_are_visible
 * Mirrors: src/sync/watch.h: tsc_watch_is_armed tsc_watch_check
 * Mirrors: src/sync/watch.c: tsc_watch_wait sleep_until_low arm tsc_watch_fire
 *
 * Check:
 * Mutation: -DNO_WAITING: assertion: the check misses an addition that is not visible yet
 * Mutation: -DNO_WAITING -DANY_LOAD: deadlock: the waiter sleeps then, and the changer has not seen the watch
 * Mutation: -DONE_ONLY: assertion: the waiter waits for the stores of only one CPU
 * Mutation: -DARM_LAST: deadlock: the waiter has waited, and checked, before the watch is armed
 * Mutation: -DCHECK_FIRST: deadlock: the changer checks the watch before it adds
 * Mutation: -DNO_FENCE: deadlock: two changers do not see each other's addition
 */
#define WATCH_LOAD ACQUIRE

#define INITIAL 2
#define LOW 0
#define WAITER 0
#define CHANGER(slot) (1 + (slot))
#define CORES 3

#define OUT(slot) (slot)
#define STATE 2 /* the number of counted waiters */
#define THRESHOLD 3
#define SLEEPERS 4
#define EPOCH 5
#define LOCATIONS 6
#define STALE(core, location) 0
#include "include/armv8.pml"
#include "include/watch.pml"

byte added; /* whether or not it is visible */

inline scan(seen)
{
    load(OUT(0), seen, ACQUIRE);
    load(OUT(1), found, ACQUIRE);
    seen = INITIAL - seen - found;
    found = 0
}

/* Each changer stores once to each location. */
#ifdef ONE_ONLY
#define ON_WAY_NOW(slot) ((slot) == 0 -> cores[CHANGER(slot)].on_way : 0)
#else
#define ON_WAY_NOW(slot) cores[CHANGER(slot)].on_way
#endif

inline wait_until_stores_are_visible()
{
#ifndef NO_WAITING
    d_step {
        stores[0] = ON_WAY_NOW(0);
        stores[1] = ON_WAY_NOW(1)
    };
    d_step {
        !(cores[CHANGER(0)].on_way & stores[0]) && !(cores[CHANGER(1)].on_way & stores[1]) ->
        stores[0] = 0;
        stores[1] = 0
    }
#else
    skip
#endif
}

inline barrier_on_all_threads()
{
    barrier_on(me);
    if
    :: true -> barrier_on(CHANGER(0)); barrier_on(CHANGER(1))
    :: true -> wait_until_stores_are_visible()
    fi
}

inline read_value(seen)
{
    is_low = (INITIAL - added <= LOW);
    barrier_on_all_threads();
    scan(seen);
#ifndef ANY_LOAD
    assert(seen <= LOW || !is_low);
#endif
    is_low = false
}

proctype waiter(byte me)
{
    byte value, armed, key, found, stores[2];
    bool done, is_low;

    add(STATE, 1, SEQ_CST);
    watch_wait(LOW)
}

inline check_armed()
{
    load(STATE, watched, ACQUIRE);
    if
    :: watched -> watch_load()
    :: else
    fi
}

proctype changer(byte me; byte slot)
{
    byte value, watched, armed, found;

#ifdef CHECK_FIRST
    check_armed();
#endif
    atomic { store(OUT(slot), 1, RELEASE); added++ }
#ifndef CHECK_FIRST
    check_armed();
#endif
    if
    :: armed ->
        armed = 0;
#ifndef NO_FENCE
        barrier_on(me);
#endif
        scan(value);
        watch_check(value)
    :: else
    fi
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run waiter(WAITER);
        run changer(CHANGER(0), 0);
        run changer(CHANGER(1), 1)
    }
}
