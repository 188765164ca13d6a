/* SPDX-License-Identifier: MIT */
/*
 * In the child of a fork two threads find that the owner has no thread. It is started once. A thread that finds
 * the owner started also finds the number of its thread. The start function runs first on the new thread, and
 * finds itself in a callback.
 *
 * Mirrors: src/queue/life.c: tsc_owner_restart start_thread tsc_owner_is_started run_start_function
 * Mirrors: src/queue/delivery.c: tsc_owner_begin_callback tsc_owner_end_callback
 * Mirrors: src/queue/send.c: tsc_owner_check_send_slow tsc_owner_check_wait
 * Mirrors: src/queue/send.h: tsc_owner_check_send
 *
 * Check:
 * Mutation: -DNO_LOCK: assertion: both threads start it
 * Mutation: -DSTARTED=RELAXED: assertion: the owner is visible as started before the number of its thread is
 * Mutation: -DIS_STARTED=RELAXED: assertion: the number of its thread is loaded before the owner is found started
 * Mutation: -DNO_AWAITING: assertion: the start function runs before its creator has set the flag
 */
#ifndef STARTED
#define STARTED RELEASE
#endif
#ifndef IS_STARTED
#define IS_STARTED ACQUIRE
#endif

#define USERS 2
#define OWNER USERS
#define CORES 3

#define FLAGS 0
#define THREAD 1
#define LOCK 2 /* around the delivery of messages */
#define LOCATIONS 3
#define STALE(core, location) ((location) != LOCK)
#include "include/armv8.pml"
#ifdef NO_LOCK
inline lock() { skip }
inline unlock() { skip }
#else
#include "include/lock.pml"
#endif

/* The bits of FLAGS. */
#define IN_CALLBACK 1
#define NOT_STARTED 2

byte started;

/* Earlier stores of its creator are visible to the new thread. By then the C library has stored its number. */
inline start_thread()
{
    assert(started == 0);
    store(THREAD, 1, RELAXED);
    started++
}

#define HAS_STARTED (started > 0 && memory[THREAD] != 0)

inline restart()
{
    lock();
    load(FLAGS, flags, RELAXED);
    if
    :: flags & NOT_STARTED ->
        start_thread();
        store(FLAGS, IN_CALLBACK, STARTED)
    :: else
    fi;
    unlock()
}

proctype user(byte me)
{
    byte flags, thread;

    load(FLAGS, flags, RELAXED);
    if
    :: flags & NOT_STARTED -> restart()
    :: else
    fi;
    load(FLAGS, flags, IS_STARTED);
    assert(!(flags & NOT_STARTED));
    load(THREAD, thread, RELAXED);
    assert(thread == 1)
}

/* Stores of the creator in flight become visible with its unlock. */
proctype owner(byte me)
{
    byte flags;

end:
    HAS_STARTED;
#ifndef NO_AWAITING
    lock();
    unlock();
#endif
    load(FLAGS, flags, RELAXED);
    assert(flags & IN_CALLBACK);
    lock();
    store(FLAGS, 0, RELAXED);
    unlock()
}

init
{
    atomic {
        initially(FLAGS, NOT_STARTED);
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run owner(OWNER);
        run user(0);
        run user(1)
    }
}
