/* SPDX-License-Identifier: MIT */
/*
 * Two threads wait until the value of a mutex counter is at most what each of them says; two others lower it, or
 * with -DONE_CHANGER one does so twice. The waiters look without taking the lock; they only pass by its word. A waiter whose threshold the value has reached
 * does not sleep for ever.
 *
 * The loads of the value and of the watch are relaxed here, though they are more in the code: the word alone orders
 * the two sides.
 *
 * Mirrors: src/backend/mutex.c: unlock_changed look
 * Mirrors: src/sync/lock.h: tsc_lock_release tsc_lock_fence
 * Mirrors: src/sync/watch.c: tsc_watch_wait sleep_until_low leave arm tsc_watch_fire
 *
 * Check:
 * Check: -DONE_CHANGER -DTHRESHOLD_OF_FIRST=1
 * Mutation: -DNO_PASSING_BY: deadlock: the waiter loads the value early, or arms late
 * Mutation: -DPASS_BY=ACQUIRE: deadlock: the waiter has passed by before the watch is seen to be armed
 * Mutation: -DPASS_BY=RELEASE: deadlock: the waiter has loaded the value before it passes by
 * Mutation: -DGIVE=RELEASE: deadlock: the changer has loaded the watch before it gives the lock
 * Mutation: -DGIVE=ACQUIRE -DONE_CHANGER: deadlock: the lock is free before the value is seen
 * Mutation: -DPASS_BY_LAST: deadlock: a change comes between the look and the passing by
 * Mutation: -DLOOK_AT_WATCH_FIRST: deadlock: the waiter arms between the changer's look and its change
 * Mutation: -DSTORE_LAST -DONE_CHANGER: deadlock: the value is stored once the lock is free
 * Mutation: -DARM_LAST: deadlock: a change comes between the look and the arming
 */
#ifndef THRESHOLD_OF_FIRST
#define THRESHOLD_OF_FIRST 0
#endif
#ifndef TAKE
#define TAKE ACQUIRE
#endif
#ifndef GIVE
#define GIVE ACQ_REL
#endif
#ifndef PASS_BY
#define PASS_BY ACQ_REL
#endif
#define WATCH_LOOK RELAXED

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

inline take()
{
    d_step {
        CAN_MODIFY(LOCK, TAKE) && NOW(LOCK) == 0 ->
        read(LOCK, some, TAKE);
        modify(LOCK, 1, TAKE);
        some = 0
    }
}

inline give()
{
    d_step {
        CAN_MODIFY(LOCK, GIVE) ->
        read(LOCK, some, GIVE);
        modify(LOCK, 0, GIVE);
        some = 0
    }
}

inline pass_by()
{
    add(LOCK, 0, PASS_BY)
}

inline look(seen)
{
#if !defined(NO_PASSING_BY) && !defined(PASS_BY_LAST)
    pass_by();
#endif
    load(VALUE, seen, RELAXED)
#ifdef PASS_BY_LAST
    ;
    pass_by()
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
#ifdef LOOK_AT_WATCH_FIRST
    watch_look();
#endif
    take();
    load(VALUE, value, RELAXED);
    value--;
#ifdef STORE_LAST
    give();
    store(VALUE, value, RELEASE);
#else
    store(VALUE, value, RELEASE);
    give();
#endif
#ifdef LOOK_AT_WATCH_FIRST
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
