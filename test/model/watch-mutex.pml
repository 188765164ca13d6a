/* SPDX-License-Identifier: MIT */
/*
 * Two threads wait until the value of a mutex counter is at most what each of them says; two others lower it. The
 * lock alone orders the waiter's look and the changer's.
 *
 * Mirrors: src/backend/mutex.c: unlock_changed look
 * Mirrors: src/sync/watch.c: tsc_watch_wait arm tsc_watch_fire
 *
 * Check:
 * Mutation: -DLOOK_AT_WATCH_FIRST: deadlock: the waiter arms between the changer's look and its change
 * Mutation: -DTAKE=RELAXED: deadlock: the changer loads the watch before it has the lock
 * Mutation: -DGIVE=RELAXED: deadlock: the lock is free before the value is seen
 * Mutation: -DARM_LAST: deadlock: a change comes between the look and the arming
 */
#ifndef TAKE
#define TAKE ACQUIRE
#endif
#ifndef WATCH_LOOK
#define WATCH_LOOK SEQ_CST
#endif

#define CORES 4

#define LOCK 0
#define VALUE 1
#define THRESHOLD 2
#define SLEEPERS 3
#define EPOCH 4
#define LOCATIONS 5
#define STALE(core, location) \
    ((location) == VALUE && TAKE == RELAXED || (location) == THRESHOLD && WATCH_LOOK == RELAXED)
#include "include/armv8.pml"
#include "include/lock.pml"
#include "include/watch.pml"

inline look(seen)
{
    lock();
    load(VALUE, seen, RELAXED);
    unlock()
}

proctype waiter(byte me; byte threshold)
{
    byte value, armed, key, found;
    bool done;

    watch_wait(threshold)
}

proctype changer(byte me)
{
    byte value, armed, found;

#ifdef LOOK_AT_WATCH_FIRST
    watch_look();
#endif
    lock();
    load(VALUE, value, RELAXED);
    value--;
    store(VALUE, value, RELAXED);
    unlock();
#ifdef LOOK_AT_WATCH_FIRST
    watch_fire_if_low(value)
#else
    watch_check(value)
#endif
}

init
{
    atomic {
        initially(VALUE, 2);
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run core_of(3);
        run waiter(0, 1);
        run waiter(1, 0);
        run changer(2);
        run changer(3)
    }
}
