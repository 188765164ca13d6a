/* SPDX-License-Identifier: MIT */
/*
 * Two threads wait until the value of a mutex counter is at most their threshold; two others lower it, or with
 * -DONE_CHANGER one does so twice. The waiters read without acquiring the lock; they only fence on its word. A waiter
 * whose threshold the value has reached does not sleep for ever.
 *
 * The loads of the value and of the watch are relaxed here, although they are stronger in the code: the word alone
 * orders the two sides.
 *
 * Mirrors: src/backend/mutex.c: unlock_changed read_for_wait
 * Mirrors: src/sync/lock.h: tsc_lock_release tsc_lock_fence
 * Mirrors: src/sync/watch.c: tsc_watch_wait sleep_until_low leave arm tsc_watch_fire
 *
 * Check:
 * Check: -DONE_CHANGER -DTHRESHOLD_OF_FIRST=1
 * Mutation: -DNO_FENCE: deadlock: the waiter loads the value early, or arms late
 * Mutation: -DFENCE=ACQUIRE: deadlock: the waiter fences before the armed watch is visible
 * Mutation: -DFENCE=RELEASE: deadlock: the waiter loads the value before it fences
 * Mutation: -DUNLOCK=RELEASE: deadlock: the changer loads the watch before it releases the lock
 * Mutation: -DUNLOCK=ACQUIRE -DONE_CHANGER: deadlock: the lock is free before the value is visible
 * Mutation: -DFENCE_LAST: deadlock: a change comes between the check and the fence
 * Mutation: -DCHECK_WATCH_FIRST: deadlock: the waiter arms between the changer's check and its change
 * Mutation: -DSTORE_LAST -DONE_CHANGER: deadlock: the value is stored once the lock is free
 * Mutation: -DARM_LAST: deadlock: a change comes between the check and the arming
 */
#ifndef THRESHOLD_OF_FIRST
#define THRESHOLD_OF_FIRST 0
#endif
#ifndef LOCK_ORDER
#define LOCK_ORDER ACQUIRE
#endif
#ifndef UNLOCK
#define UNLOCK ACQ_REL
#endif
#ifndef FENCE
#define FENCE ACQ_REL
#endif
#define WATCH_LOAD RELAXED

#ifdef ONE_CHANGER
#define CORES 3
#else
#define CORES 4
#endif

#define LOCK 0
#define VALUE 1
#define THRESHOLD 2
#define SLEEPERS 3
#define EPOCH 4
#define LOCATIONS 5
#define STALE(core, location) ((location) == VALUE || (location) == THRESHOLD && (core) >= 2)
#include "include/armv8.pml"

inline lock()
{
    d_step {
        CAN_MODIFY(LOCK, LOCK_ORDER) && NOW(LOCK) == 0 ->
        read(LOCK, some, LOCK_ORDER);
        modify(LOCK, 1, LOCK_ORDER);
        some = 0
    }
}

inline unlock()
{
    d_step {
        CAN_MODIFY(LOCK, UNLOCK) ->
        read(LOCK, some, UNLOCK);
        modify(LOCK, 0, UNLOCK);
        some = 0
    }
}

inline fence()
{
    add(LOCK, 0, FENCE)
}

inline read_value(seen)
{
#if !defined(NO_FENCE) && !defined(FENCE_LAST)
    fence();
#endif
    load(VALUE, seen, RELAXED)
#ifdef FENCE_LAST
    ;
    fence()
#endif
}

#include "include/watch.pml"

proctype waiter(byte me; byte threshold)
{
    byte value, armed, key, found;
    bool done;

    watch_wait(threshold)
}

inline change()
{
#ifdef CHECK_WATCH_FIRST
    watch_load();
#endif
    lock();
    load(VALUE, value, RELAXED);
    value--;
#ifdef STORE_LAST
    unlock();
    store(VALUE, value, RELEASE);
#else
    store(VALUE, value, RELEASE);
    unlock();
#endif
#ifdef CHECK_WATCH_FIRST
    watch_fire_if_low(value)
#else
    watch_check(value)
#endif
}

proctype changer(byte me)
{
    byte value, armed, found;

    change()
#ifdef ONE_CHANGER
    ;
    value = 0;
    change()
#endif
}

init
{
    atomic {
        initially(VALUE, 2);
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run waiter(0, THRESHOLD_OF_FIRST);
        run waiter(1, 0);
        run changer(2);
#ifndef ONE_CHANGER
        run core_of(3);
        run changer(3)
#endif
    }
}
