/* SPDX-License-Identifier: MIT */
/*
 * Senders that find the ring full sleep, and so does the owner's thread when it finds it empty. A sender delivers
 * in its place if it finds the ring full or the thread asleep. Every message is sent and delivered, and no thread
 * sleeps for ever.
 *
 * Mirrors: src/queue/thread.c: park has_work wake_senders tsc_owner_run
 * Mirrors: src/queue/delivery.c: tsc_owner_help tsc_owner_deliver_batch wake_blocked_senders
 * Mirrors: src/queue/send.c: wait_for_room tsc_owner_reserve_slow tsc_owner_help_or_wake
 * Mirrors: src/queue/send.h: tsc_owner_publish
 * Mirrors: src/queue/ring.h: tsc_ring_has_room tsc_ring_reserve tsc_ring_release
 *
 * Check:
 * Mutation: -DPREPARE=ACQUIRE: deadlock: the owner checks the ring before it is visible as parked
 * Mutation: -DLOAD_ORDER=ACQUIRE: deadlock: the same
 * Mutation: -DRESERVE=ACQUIRE: deadlock: the sender checks the parker before its reservation is visible
 * Mutation: -DIS_PARKED=ACQUIRE: deadlock: the same
 * Mutation: -DSENDERS_STAY_ASLEEP: deadlock: a helper leaves a sender asleep that waits for room
 * Mutation: -DNO_WAKE_BEFORE_PARK: deadlock: the owner falls asleep while all senders sleep
 * Mutation: -DWAKE_BEFORE_PREPARE: deadlock: a helper finds the owner awake after the owner's check for sleepers
 * Mutation: -DNO_WAKE_IF_HELP_FAILS: deadlock: the thread that delivers has loaded the tail before
 */
#ifndef RESERVE
#define RESERVE SEQ_CST
#endif
#ifndef LOAD_ORDER
#define LOAD_ORDER SEQ_CST
#endif

#ifndef SENDERS
#define SENDERS 2
#endif
#define FIRST 2 /* messages of the first sender; the others have one */
#define CAPACITY 1
#define MESSAGES (FIRST + SENDERS - 1)
#define OWNER SENDERS
#define CORES (SENDERS + 1)

#define TAIL 0
#define HEAD 1
#define STATE 2
#define SLEEPERS 3
#define EPOCH 4
#define LOCATIONS 5
#define STALE(core, location) 0
#define HAS_DONE_ALL(core) ((core) == OWNER && next == MESSAGES && finished == SENDERS)
#include "include/armv8.pml"
#include "include/parker.pml"
#include "include/eventcount.pml"

byte next;
byte finished;
bool delivering; /* the lock: lock.pml has its order */

/* -------- delivery -------- */

#define LOCK_DELIVERING !delivering -> delivering = true

inline deliver()
{
    load(TAIL, tail, SEQ_CST);
    delivered = (tail != next);
    if
    :: delivered -> next = tail; store(HEAD, next, SEQ_CST)
    :: else
    fi;
    tail = 0;
    atomic { !cores[me].on_way -> delivering = false } /* a release */
}

inline wake_blocked_senders()
{
#ifndef SENDERS_STAY_ASLEEP
    load(SLEEPERS, found, HAS_SLEEPERS);
    if
    :: found != 0 -> found = 0; parker_wake()
    :: else
    fi
#else
    skip
#endif
}

inline help()
{
    delivered = false;
    if
    :: atomic { LOCK_DELIVERING }
        deliver();
        if
        :: delivered -> wake_blocked_senders()
        :: else
        fi
    :: atomic { delivering -> skip }
    fi
}

/* -------- senders -------- */

inline wait_for_room()
{
    eventcount_prepare(SLEEPERS, EPOCH);
    load(HEAD, head, SEQ_CST);
    load(TAIL, tail, SEQ_CST);
    if
    :: tail - head < CAPACITY -> eventcount_cancel(SLEEPERS)
    :: else -> eventcount_commit(SLEEPERS, EPOCH)
    fi;
    tail = 0; head = 0
}

/* See ring.pml. */
inline reserve()
{
    d_step {
        CAN_MODIFY(TAIL, RESERVE) ->
        done = memory[TAIL] - memory[HEAD] < CAPACITY;
        if
        :: done ->
            read(TAIL, position, RESERVE);
            modify(TAIL, position + 1, RESERVE)
        :: else
        fi
    }
}

inline help_or_wake()
{
    if
    :: help();
        load(HEAD, head, SEQ_CST);
#ifdef NO_WAKE_IF_HELP_FAILS
        delivered = true; head = MESSAGES;
#endif
        if
        :: delivered && head > position
        :: else -> parker_unpark()
        fi;
        delivered = false; head = 0
    :: parker_unpark() /* enough deliveries by senders */
    fi
}

inline publish()
{
    load(STATE, state, IS_PARKED);
    if
    :: state == PARKED -> state = 0; help_or_wake()
    :: else -> state = 0
    fi
}

proctype sender(byte me)
{
    byte message, position, tail, head, state, key, found;
    bool done, delivered;

    for (message : 1 .. (me == 0 -> FIRST : 1)) {
        do
        :: reserve();
            if
            :: done -> break
            :: !done -> help(); delivered = false
            :: !done -> wait_for_room()
            fi
        od;
        done = false;
        publish();
        position = 0
    }
    finished++
}

/* -------- the owner's thread -------- */

inline wake_a_sender()
{
    eventcount_notify(SLEEPERS, EPOCH, false)
}

inline park()
{
#ifdef WAKE_BEFORE_PREPARE
    wake_a_sender();
#endif
    parker_prepare(done);
    if
    :: done ->
        done = false;
        load(HEAD, head, LOAD_ORDER);
        load(TAIL, tail, LOAD_ORDER);
        if
        :: tail != head -> tail = 0; head = 0; parker_cancel()
        :: else ->
            tail = 0; head = 0;
#if !defined(NO_WAKE_BEFORE_PARK) && !defined(WAKE_BEFORE_PREPARE)
            wake_a_sender();
#endif
            parker_commit()
        fi
    :: else
    fi
}

/* It also wakes senders after each delivery; the model does not rely on that. */
proctype owner(byte me)
{
    byte tail, head, state, found;
    bool done, delivered;

    do
    :: HAS_DONE_ALL(me) -> break
    :: else ->
        atomic { LOCK_DELIVERING }
        deliver();
        delivered = false;
        park()
    od
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
#if SENDERS > 2
        run core_of(3);
        run sender(2);
#endif
        run sender(0);
        run sender(1);
        run owner(OWNER)
    }
}
