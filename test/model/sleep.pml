/* SPDX-License-Identifier: MIT */
/*
 * The owner's thread sleeps when it has nothing to do. Senders wake it if they find it parked. A thread that
 * retires an object, or ends the owner, always wakes it. Every message is delivered, retired objects are freed,
 * the thread ends and frees its owner.
 *
 * Mirrors: src/queue/send.h: tsc_owner_publish
 * Mirrors: src/queue/life.c: run end_thread tsc_owner_retire
 * Mirrors: src/queue/thread.c: park has_work has_retired take_retired free_retired is_ending tsc_owner_run
 * Mirrors: src/sync/parker.h: tsc_parker_is_parked
 * Mirrors: src/sync/parker.c: tsc_parker_prepare tsc_parker_cancel tsc_parker_commit tsc_parker_unpark
 *
 * Check:
 * Check: -DRETIRED_FIRST -DRETIRED_LOAD=RELAXED
 * Mutation: -DPREPARE=ACQUIRE: deadlock: the owner checks the tail before it is visible as parked
 * Mutation: -DTAIL_LOAD=ACQUIRE: deadlock: the same
 * Mutation: -DRESERVE=ACQUIRE: deadlock: the sender checks the parker before its reservation is visible
 * Mutation: -DIS_PARKED=ACQUIRE: deadlock: the same
 * Mutation: -DCHECK_FIRST: deadlock: a message comes between the check and the parking
 * Mutation: -DUNPARK=RELAXED: deadlock: the notification becomes visible before the retired object
 * Mutation: -DRETIRED_FIRST -DRETIRED_LOAD=RELAXED -DRESET_BY_STORE: deadlock: a second wake-up is overwritten
 * Mutation: -DEND_LOAD=RELAXED: assertion: the tail is loaded before the end
 * Mutation: -DEND_WITHOUT_LOCK: assertion: the thread has ended, and its owner is gone, before it is unparked
 */
#ifndef RESERVE
#define RESERVE SEQ_CST
#endif
#ifndef TAIL_LOAD
#define TAIL_LOAD SEQ_CST
#endif
#ifndef END_LOAD
#define END_LOAD SEQ_CST
#endif
#ifndef RETIRED_LOAD
#define RETIRED_LOAD SEQ_CST
#endif

#define MESSAGES 2
#define OWNER 0
#define SENDER 1
#define RETIRER 2
#define CORES 3

#define TAIL 0
#define STATE 1
#define RETIRED 2
#define END 3
#define LOCK 4 /* of the registry */
#define LOCATIONS 5
#define STALE(core, location) ((core) == OWNER && ((location) == RETIRED || (location) == END))
#include "include/armv8.pml"
#include "include/lock.pml"
#include "include/parker.pml"

byte references = 2; /* the sender's, and the retired object's */
byte delivered;
bool freed;
bool gone;

/* The owner's memory is gone once its thread has held the lock. */
inline end_thread()
{
#ifndef END_WITHOUT_LOCK
    lock();
#endif
    store(END, 1, SEQ_CST);
    assert(!gone);
    parker_unpark();
    assert(!gone);
#ifndef END_WITHOUT_LOCK
    unlock()
#endif
}

/* A release: earlier stores are visible. */
inline drop_reference()
{
    atomic {
        !cores[me].on_way -> references--;
        last = (references == 0)
    }
    if
    :: last -> end_thread()
    :: else
    fi
}

proctype sender(byte me)
{
    byte state, message;
    bool last;

    for (message : 0 .. MESSAGES - 1) {
        delivered == message; /* it waited for the previous message */
        add(TAIL, 1, RESERVE);
        parker_wake()
    }
    drop_reference()
}

proctype retirer(byte me)
{
    byte state;

    lock();
    store(RETIRED, 1, SEQ_CST);
    parker_unpark();
    assert(!gone);
    unlock()
}

inline take_retired()
{
    load(RETIRED, retired, RELAXED);
    if
    :: retired ->
        lock();
        store(RETIRED, 0, RELAXED);
        unlock();
        freed = true;
        drop_reference()
    :: else
    fi
}

inline check_end()
{
#if END_LOAD == RELAXED
    if
    :: load(TAIL, tail, TAIL_LOAD); load(END, end, END_LOAD) /* a relaxed load may be executed after the next */
    :: load(END, end, END_LOAD); load(TAIL, tail, TAIL_LOAD)
    fi
#else
    load(END, end, END_LOAD);
    load(TAIL, tail, TAIL_LOAD)
#endif
}

inline check_for_work()
{
#ifdef RETIRED_FIRST
    load(RETIRED, retired, RETIRED_LOAD);
#endif
    load(TAIL, tail, TAIL_LOAD);
    load(END, end, END_LOAD);
#ifndef RETIRED_FIRST
    load(RETIRED, retired, RETIRED_LOAD)
#endif
}

#define HAS_WORK (tail != delivered || end || retired)

inline park()
{
#ifdef CHECK_FIRST
    check_for_work();
#endif
    parker_prepare(done);
    if
    :: done ->
#ifndef CHECK_FIRST
        check_for_work();
#endif
        if
        :: HAS_WORK -> parker_cancel()
        :: else -> parker_commit()
        fi
    :: else
    fi
}

proctype owner(byte me)
{
    byte state, tail, end, retired;
    bool done, last;

    do
    :: load(TAIL, tail, TAIL_LOAD);
        delivered = tail;
        take_retired();
        check_end();
        if
        :: end && tail == delivered -> break
        :: else
        fi;
        if
        :: park()
        :: true /* it spins, and finds work */
        fi
    od;
    assert(delivered == MESSAGES && freed);
    lock();
    unlock();
    gone = true
}

init
{
    atomic {
        run core_of(OWNER);
        run core_of(SENDER);
        run core_of(RETIRER);
        run owner(OWNER);
        run sender(SENDER);
        run retirer(RETIRER)
    }
}
