/* SPDX-License-Identifier: MIT */
/*
 * The queue counter is closed while others add to it. close sets the flag, and waits until all messages that were
 * reserved before are delivered. An addition that returned 0 is in every value that is read after the close, and
 * no other ever is. With REQUESTS the owner decides for the first adder. All refused messages lie behind all
 * accepted ones.
 *
 * Mirrors: src/backend/queue.c: queue_add publish_addition is_closed is_refused fix_close_position is_after_close
 * Mirrors: src/backend/queue.c: apply_addition apply queue_close flush_and_read
 * Mirrors: src/queue/ring.h: tsc_ring_tail tsc_ring_head tsc_ring_reserve tsc_ring_publish tsc_ring_read
 * Mirrors: src/queue/send.c: tsc_owner_flush
 * Mirrors: src/queue/delivery.c: release
 *
 * Check:
 * Check: -DREQUESTS
 * Mutation: -DTAIL_LOAD=ACQUIRE: assertion: close loads the tail before its flag is visible
 * Mutation: -DRESERVE=ACQUIRE: assertion: the adder checks the flag before its reservation is visible
 * Mutation: -DCLOSED_LOAD=ACQUIRE: assertion: the same
 * Mutation: -DCHECK_BEFORE_RESERVING: assertion: the close comes between the check and the reservation
 * Mutation: -DRELEASE_HEAD=RELAXED: assertion: the head is visible before the value
 * Mutation: -DREQUESTS -DNO_CLOSE_POSITION: assertion: a request is refused, and an addition behind it is accepted
 * Mutation: -DNO_FLUSH: assertion: a message that was reserved before the close is delivered after it
 */
#ifndef TAIL_LOAD
#define TAIL_LOAD SEQ_CST
#endif
#ifndef RESERVE
#define RESERVE SEQ_CST
#endif
#ifndef CLOSED_LOAD
#define CLOSED_LOAD SEQ_CST
#endif
#ifndef RELEASE_HEAD
#define RELEASE_HEAD SEQ_CST
#endif

#define ADDERS 2
#define OWNER ADDERS
#define CLOSER (ADDERS + 1)
#define CORES 4

#define CLOSED 0
#define TAIL 1
#define HEAD 2
#define VALUE 3
#define CLOSE_POSITION 4
#define MARK(position) (5 + (position))
#define LOCATIONS (5 + ADDERS)
#define STALE(core, location) ((core) < ADDERS && (location) == CLOSED)
#include "include/armv8.pml"

#define NO_DELTA 5 /* in a mark: no delta; each adder's delta is a different power of two */

#define NOT_CLOSED 9

byte returned_0;
byte finished;
byte behind_accepted;          /* the position behind all that returned 0 */
byte first_refused = NOT_CLOSED; /* by the owner */

inline accept(position, delta)
{
    d_step {
        returned_0 = returned_0 + (delta);
        behind_accepted = (behind_accepted > position + 1 -> behind_accepted : position + 1);
        assert(behind_accepted <= first_refused)
    }
}

inline refuse(position)
{
    d_step {
        first_refused = (first_refused < position -> first_refused : position);
        assert(behind_accepted <= first_refused)
    }
}

/* Leaves the position in `fixed`. */
inline fix_close_position()
{
    load(TAIL, target, TAIL_LOAD);
    fixed = NOT_CLOSED;
    compare_exchange(CLOSE_POSITION, fixed, target, ACQ_REL, done);
    fixed = (done -> target : fixed);
    target = 0; done = false
}

#ifdef REQUESTS
#define IS_REQUEST(adder) ((adder) == 0)
#else
#define IS_REQUEST(adder) false
#endif

inline is_refused()
{
    load(CLOSED, closed, CLOSED_LOAD);
    if
    :: closed -> fix_close_position(); fixed = 0
    :: else
    fi
}

proctype adder(byte me)
{
    byte closed, position, target, fixed;
    bool done;

    if
    :: IS_REQUEST(me) ->
        fetch_add(TAIL, position, 1, RESERVE);
        store(MARK(position), 1 << me, RELEASE)
    :: else -> is_refused();
        if
        :: closed -> goto done_with_it
        :: else
        fi;
#ifdef CHECK_BEFORE_RESERVING
        is_refused();
#endif
        fetch_add(TAIL, position, 1, RESERVE);
#ifndef CHECK_BEFORE_RESERVING
        is_refused();
#endif
        store(MARK(position), (closed -> NO_DELTA : 1 << me), RELEASE);
        if
        :: closed
        :: else -> accept(position, 1 << me)
        fi
    fi;
done_with_it:
    atomic { !cores[me].on_way -> finished++ }
}

proctype owner(byte me)
{
    byte next, mark, value, closed, target, fixed;
    bool done;

end:
    do
    :: atomic { next < ADDERS && memory[MARK(next)] != 0 -> load(MARK(next), mark, ACQUIRE) }
        if
        :: IS_REQUEST(mark - 1) ->
            load(CLOSED, closed, CLOSED_LOAD);
            if
            :: closed ->
#ifndef NO_CLOSE_POSITION
                fix_close_position();
                closed = (next >= fixed);
                fixed = 0
#endif
            :: else
            fi;
            if
            :: closed -> refuse(next)
            :: else -> accept(next, mark)
            fi
        :: else -> closed = (mark == NO_DELTA)
        fi;
        if
        :: closed
        :: else ->
            value = value + mark;
            store(VALUE, value, RELEASE)
        fi;
        mark = 0; closed = false;
        next++;
        store(HEAD, next, RELEASE_HEAD)
    od
}

proctype closer(byte me)
{
    byte target, fixed, head, value;
    bool done;

    store(CLOSED, 1, SEQ_CST);
    fix_close_position();
    fixed = 0;
    load(TAIL, target, TAIL_LOAD);
#ifndef NO_FLUSH
    do
    :: head < target -> load(HEAD, head, SEQ_CST)
    :: else -> break
    od;
#endif
    load(VALUE, value, ACQUIRE);
    finished == ADDERS && memory[HEAD] == memory[TAIL];
    assert(value == returned_0 && memory[VALUE] == returned_0)
}

init
{
    atomic {
        initially(CLOSE_POSITION, NOT_CLOSED);
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run core_of(3);
        run adder(0);
        run adder(1);
        run owner(OWNER);
        run closer(CLOSER)
    }
}
