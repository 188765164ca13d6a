/* SPDX-License-Identifier: MIT */
/*
 * The owner's thread and two others hand the consumer's role to each other. One of these requests a callback,
 * which only the owner's thread may run, and waits for the reply. The other one adds, and waits until its message
 * is delivered. While the owner's thread sleeps, they deliver in its place, or wake it; while they wait, they
 * deliver what they may. No thread sleeps for ever. There is one consumer at a time. A thread that waits for a
 * message does not wait for a callback behind it.
 *
 * How long the owner's thread spins before it parks is not modelled: any time is possible. The ring has room here;
 * queue.pml has senders that wait for room. sleep.pml has the owner's end and retired objects. lock.pml has the
 * order that the lock gives.
 *
 * Mirrors: src/queue/delivery.c: release deliver tsc_owner_deliver_batch tsc_owner_help
 * Mirrors: src/queue/delivery.c: tsc_owner_begin_callback tsc_owner_end_callback
 * Mirrors: src/queue/thread.c: park has_work wait_for_publication deliver_available tsc_owner_run
 * Mirrors: src/queue/send.c: tsc_owner_help_or_wake tsc_owner_flush help_until_flushed
 * Mirrors: src/queue/send.c: tsc_owner_await_reply help_until_replied
 * Mirrors: src/queue/send.h: tsc_owner_publish
 * Mirrors: src/queue/ring.h: tsc_ring_publish tsc_ring_awaits_publication tsc_ring_release
 *
 * Check:
 * Mutation: -DNO_LOCK: assertion: two threads receive at once
 * Mutation: -DANY_MESSAGE: assertion: another thread than the owner's runs a callback
 * Mutation: -DNO_WAKING: deadlock: a sender that cannot deliver its message leaves it to the sleeping owner
 * Mutation: -DPUBLISHED_IS_WORK: deadlock: the owner parks while a message is reserved and not yet published
 * Mutation: -DQUIET_HELP: deadlock: a helper does not wake the thread that waits for its message
 * Mutation: -DQUIET_CALLBACK: deadlock: the callback waits for a thread that waits for an earlier message
 */
#define MESSAGES 2
#define ASKING 0
#define ADDING 1
#define OWNER 2
#define CORES 3

#define TAIL 0
#define HEAD 1
#define STATE 2
#define MARK(position) (3 + (position)) /* whether it is published */
#define LOCATIONS 5
#define STALE(core, location) 0
#define HAS_DONE_ALL(core) ((core) == OWNER && next == MESSAGES && finished == 2)
#include "include/armv8.pml"
#include "include/parker.pml"

#define ADDITION 1
#define REQUEST 2

byte kind[MESSAGES]; /* ring.pml publishes it with the mark */
byte next;
bool delivering;
bool in_callback; /* slow_path_flags */
bool receives;
bool replied;
byte waited_for; /* the position, or 0 */
bool sleeps;     /* the thread that waits for that position */
byte finished;

/* -------- delivery -------- */

#ifdef NO_LOCK
#define LOCK_DELIVERING true
#define IS_LOCKED false
#else
#define LOCK_DELIVERING !delivering -> delivering = true
#define IS_LOCKED delivering
#endif

/* Waits until the thread's stores are visible: the unlock is a release. */
inline unlock_delivering()
{
    d_step {
        !cores[me].on_way ->
        delivering = false;
        receives = false
    }
}

inline lock_delivering()
{
    d_step {
        LOCK_DELIVERING;
        assert(!receives);
        receives = true
    }
}

/* No wake-up is lost between the check of the head and the sleep: see eventcount.pml. */
inline release()
{
    store(HEAD, next, SEQ_CST);
#ifdef QUIET_HELP
    if
    :: me != OWNER
    :: me == OWNER -> d_step { !ON_WAY(HEAD) -> sleeps = false }
    fi
#else
    d_step { !ON_WAY(HEAD) -> sleeps = false }
#endif
}

inline callback()
{
    assert(me == OWNER);
    in_callback = true;
#ifndef QUIET_CALLBACK
    release();
#endif
    unlock_delivering();
    waited_for == 0 || waited_for > next; /* the callback waits for a thread that waits for an earlier message */
    lock_delivering();
    in_callback = false;
    replied = true
}

#ifdef ANY_MESSAGE
#define MAY_DELIVER true
#else
#define MAY_DELIVER (me == OWNER || kind[next] != REQUEST)
#endif

inline deliver()
{
    do
    :: next >= end -> break
    :: next < end ->
        load(MARK(next), mark, ACQUIRE);
        if
        :: mark && MAY_DELIVER ->
            mark = 0;
            if
            :: kind[next] == REQUEST -> callback()
            :: else
            fi;
            next++;
            delivered = true
        :: else -> mark = 0; break
        fi
    od;
    end = 0;
    if
    :: delivered -> release()
    :: else
    fi;
    unlock_delivering()
}

inline help()
{
    delivered = false;
    if
    :: lock_delivering();
        if
        :: in_callback -> unlock_delivering()
        :: else -> load(TAIL, end, SEQ_CST); deliver()
        fi
    :: atomic { IS_LOCKED -> skip }
    fi
}

/* -------- the other threads -------- */

inline help_or_wake()
{
    if
    :: help();
        load(HEAD, head, SEQ_CST);
        if
        :: delivered && head > position
#ifdef NO_WAKING
        :: else
#else
        :: else -> parker_unpark()
#endif
        fi;
        delivered = false; head = 0
    :: parker_unpark() /* enough deliveries by senders */
    fi
}

inline send_message(what)
{
    fetch_add(TAIL, position, 1, SEQ_CST);
    kind[position] = what;
    store(MARK(position), 1, RELEASE);
    load(STATE, state, IS_PARKED);
    if
    :: state == PARKED -> state = 0; help_or_wake()
    :: else -> state = 0
    fi;
    position = 0
}

proctype asking(byte me)
{
    byte position, end, head, mark, state;
    bool delivered;

    send_message(REQUEST);
    do
    :: replied -> break
    :: !replied ->
        help();
        if
        :: delivered -> delivered = false
        :: else -> break
        fi
    od;
    replied; /* see parker.pml */
    finished++
}

inline flush()
{
    atomic { load(TAIL, target, SEQ_CST); waited_for = target };
    do
    :: load(HEAD, head, SEQ_CST);
        if
        :: head >= target -> break
        :: else
        fi;
        help();
        if
        :: delivered -> delivered = false
        :: else -> break
        fi
    od;
    head = 0;
    do
    :: d_step { memory[HEAD] >= target -> acquire() }; break
    :: d_step { memory[HEAD] < target -> sleeps = true };
        !sleeps
    od;
    target = 0;
    waited_for = 0
}

proctype adding(byte me)
{
    byte position, end, head, mark, state, target;
    bool delivered;

    send_message(ADDITION);
    flush();
    finished++
}

/* -------- the owner's thread -------- */

inline deliver_available()
{
    load(TAIL, tail, SEQ_CST);
    do
    :: load(HEAD, head, SEQ_CST);
        if
        :: head >= tail -> break
        :: else
        fi;
        lock_delivering();
        end = tail;
        deliver();
        if
        :: delivered -> delivered = false
        :: else -> break
        fi
    od;
    tail = 0; head = 0
}

inline check_for_work()
{
    load(HEAD, head, SEQ_CST);
    load(TAIL, tail, SEQ_CST);
    has_work = (tail != head);
#ifdef PUBLISHED_IS_WORK
    if
    :: has_work -> load(MARK(head), has_work, ACQUIRE)
    :: else
    fi;
#endif
    tail = 0; head = 0
}

inline park()
{
    parker_prepare(done);
    if
    :: done ->
        done = false;
        check_for_work();
        if
        :: has_work -> has_work = false; parker_cancel()
        :: else -> parker_commit()
        fi
    :: else
    fi
}

/* A reserved message is published soon: the owner's thread waits for that, and does not park. */
inline wait_for_publication()
{
    load(HEAD, head, SEQ_CST);
    load(TAIL, tail, SEQ_CST);
    held_up = (tail != head && !memory[MARK(head)]);
    tail = 0;
    if
    :: held_up -> memory[MARK(head)]
    :: else
    fi;
    head = 0
}

proctype owner(byte me)
{
    byte tail, end, head, mark, state;
    bool done, delivered, has_work, held_up;

    do
    :: HAS_DONE_ALL(me) -> break
    :: else ->
        deliver_available();
        wait_for_publication();
        if
        :: held_up -> held_up = false
        :: else -> park()
        fi
    od
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run asking(ASKING);
        run adding(ADDING);
        run owner(OWNER)
    }
}
