/* SPDX-License-Identifier: MIT */
/*
 * In the child of a fork two threads find that the owner has no thread. It is started once. Who ends the owner,
 * and who asks whether it is the owner's thread that runs a callback, sees which thread that is.
 *
 * Mirrors: src/queue/owner.c: start_again start_thread tsc_owner_may_wait on_own_thread
 * Mirrors: src/queue/delivery.c: tsc_owner_begin_callback tsc_owner_end_callback
 * Mirrors: src/queue/owner.c: tsc_owner_attend tsc_owner_is_started end
 * Mirrors: src/queue/owner.h: tsc_owner_may_send
 *
 * Check:
 * Mutation: -DNO_LOCK: assertion: both start it
 * Mutation: -DSTARTED=RELAXED: assertion: it is seen to be started before its thread is
 * Mutation: -DIS_STARTED=RELAXED: assertion: its thread is loaded before it is found to be started
 * Mutation: -DMAY_WAIT=RELAXED: assertion: its thread is loaded before the callback is found
 */
#ifndef STARTED
#define STARTED RELEASE
#endif
#ifndef IS_STARTED
#define IS_STARTED ACQUIRE
#endif
#ifndef MAY_WAIT
#define MAY_WAIT ACQUIRE
#endif

#define USERS 2
#define OWNER USERS
#define CORES 3

#define ATTENTION 0
#define THREAD 1
#define LOCK 2 /* around the delivery of messages */
#define LOCATIONS 3
#define STALE(core, location) ((core) != OWNER && (location) != LOCK)
#include "include/armv8.pml"
#ifdef NO_LOCK
inline lock() { skip }
inline unlock() { skip }
#else
#include "include/lock.pml"
#endif

/* The bits of ATTENTION. */
#define IN_CALLBACK 1
#define NOT_STARTED 2

byte started;

/* The new thread runs when what its creator did before is visible; the C library has stored its number by then. */
inline start_thread()
{
    assert(started == 0);
    store(THREAD, 1, RELAXED);
    started++
}

#define HAS_STARTED (started > 0 && memory[THREAD] != 0)

inline start_again()
{
    lock();
    load(ATTENTION, attention, RELAXED);
    if
    :: attention & NOT_STARTED ->
        start_thread();
        fetch_and(ATTENTION, attention, IN_CALLBACK, STARTED)
    :: else
    fi;
    unlock()
}

proctype user(byte me)
{
    byte attention, thread;

    load(ATTENTION, attention, RELAXED);
    if
    :: attention & NOT_STARTED -> start_again()
    :: else
    fi;
    if
    :: load(ATTENTION, attention, MAY_WAIT);
        if
        :: attention & IN_CALLBACK -> load(THREAD, thread, RELAXED); assert(thread == 1)
        :: else
        fi
    :: load(ATTENTION, attention, IS_STARTED);
        assert(!(attention & NOT_STARTED));
        load(THREAD, thread, RELAXED);
        assert(thread == 1)
    fi
}

proctype owner(byte me)
{
    byte attention;

end:
    HAS_STARTED;
    fetch_or(ATTENTION, attention, IN_CALLBACK, RELEASE);
    fetch_and(ATTENTION, attention, NOT_STARTED, RELAXED)
}

init
{
    atomic {
        initially(ATTENTION, NOT_STARTED);
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run owner(OWNER);
        run user(0);
        run user(1)
    }
}
