/* SPDX-License-Identifier: MIT */
/*
 * The owner's thread and two others hand the consumer's role to each other. One of these asks for a callback,
 * which the owner's thread alone may run, and waits for the reply; the other one adds, and waits until that is
 * delivered. Where the owner's thread is asleep they deliver in its place, or wake it; where they wait they
 * deliver what they may. Nobody sleeps for ever, there is one consumer at a time, and who waits for a message does
 * not wait for a callback behind it.
 *
 * How long the owner's thread spins before it parks is its own affair: it is as if it were slow. The ring has room
 * here, and senders that wait for room are in queue.pml; the owner's end, and what is retired, in sleep.pml. How
 * the lock orders is in lock.pml.
 *
 * Mirrors: src/queue/delivery.c: release deliver tsc_owner_deliver_batch tsc_owner_help
 * Mirrors: src/queue/delivery.c: tsc_owner_begin_callback tsc_owner_end_callback
 * Mirrors: src/queue/thread.c: park has_work wait_for_publication deliver_available tsc_owner_run
 * Mirrors: src/queue/send.c: tsc_owner_help_or_wake tsc_owner_flush is_flushed_with_help
 * Mirrors: src/queue/send.c: tsc_owner_await_reply is_replied_with_help
 * Mirrors: src/queue/send.h: tsc_owner_publish
 * Mirrors: src/queue/ring.h: tsc_ring_publish tsc_ring_awaits_publication tsc_ring_release
 *
 * Check:
 * Mutation: -DNO_LOCK: assertion: two receive at once
 * Mutation: -DANY_MESSAGE: assertion: another thread than the owner's runs a callback
 * Mutation: -DNO_WAKING: deadlock: who cannot deliver its message itself leaves it to the owner, who is asleep
 * Mutation: -DPUBLISHED_IS_WORK: deadlock: the owner parks, and the message is reserved and not yet published
 * Mutation: -DQUIET_HELP: deadlock: who helps wakes nobody that waits for the message
 * Mutation: -DQUIET_CALLBACK: deadlock: the callback waits for one who waits for what was sent before it
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

byte kind[MESSAGES]; /* ring.pml has how it comes with the mark */
byte next;
bool delivering;
bool in_callback; /* slow_path_flags */
bool receives;
bool replied;
byte waited_for; /* up to which position, or 0 */
bool sleeps;     /* who waits for that */
byte finished;

/* -------- who delivers -------- */

#ifdef NO_LOCK
#define TAKE_DELIVERING true
#define IS_TAKEN false
#else
#define TAKE_DELIVERING !delivering -> delivering = true
#define IS_TAKEN delivering
#endif

/* It gives what it has stored, too. */
inline give_delivering()
{
    d_step {
        !cores[me].on_way ->
        delivering = false;
        receives = false
    }
}

inline take_delivering()
{
    d_step {
        TAKE_DELIVERING;
        assert(!receives);
        receives = true
    }
}

/* No wake-up is lost between the look at the head and the sleep: that is in eventcount.pml. */
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
    give_delivering();
    waited_for == 0 || waited_for > next; /* it waits for who waits for what was sent before it */
    take_delivering();
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
    give_delivering()
}

inline help()
{
    delivered = false;
    if
    :: take_delivering();
        if
        :: in_callback -> give_delivering()
        :: else -> load(TAIL, end, SEQ_CST); deliver()
        fi
    :: atomic { IS_TAKEN -> skip }
    fi
}

/* -------- the others -------- */

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
    :: parker_unpark() /* others have helped often enough */
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
    replied; /* as parker.pml has it */
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
        take_delivering();
        end = tail;
        deliver();
        if
        :: delivered -> delivered = false
        :: else -> break
        fi
    od;
    tail = 0; head = 0
}

inline look_for_work()
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
        look_for_work();
        if
        :: has_work -> has_work = false; parker_cancel()
        :: else -> parker_commit()
        fi
    :: else
    fi
}

/* What is reserved is published soon: the owner's thread waits for it, and does not park. */
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
