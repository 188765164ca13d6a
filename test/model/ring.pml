/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue: each published message is taken once, whole, in the order of the reservations.
 *
 * Mirrors: src/queue/ring.h: tsc_ring_reserve tsc_ring_publish tsc_ring_read tsc_ring_release
 *
 * Check: -DCAPACITY=1
 * Check: -DCAPACITY=2
 * Mutation: -DPUBLISH=RELAXED: assertion: the mark becomes visible before the argument
 * Mutation: -DREAD=RELAXED: assertion: the argument is loaded before the mark
 * Mutation: -DRELEASE_HEAD=RELAXED: assertion: the cell is released before its argument is loaded
 * Mutation: -DNO_LAP_BIT: assertion: a cell that was published in the previous lap counts as published
 * Mutation: -DROOM=1: assertion: a cell is written before its message is taken
 */
#ifndef CAPACITY
#define CAPACITY 2
#endif
#ifndef PUBLISH
#define PUBLISH RELEASE
#endif
#ifndef READ
#define READ ACQUIRE
#endif
#ifndef RELEASE_HEAD
#define RELEASE_HEAD SEQ_CST
#endif
#ifndef ROOM
#define ROOM 0
#endif

#define SENDERS 2
#define MESSAGES (6 - CAPACITY) /* some laps */
#define CONSUMER SENDERS
#define CORES 3

#define TAIL 0
#define HEAD 1
#define MARK(position) (2 + (position) % CAPACITY)
#define ARGUMENT(position) (2 + CAPACITY + (position) % CAPACITY)
#define LOCATIONS (2 + 2 * CAPACITY)
#define IS_STALE_IN_CONSUMER(location) ((location) >= ARGUMENT(0) || (location) >= MARK(0) && READ == RELAXED)
#define STALE(core, location) ((core) == CONSUMER -> IS_STALE_IN_CONSUMER(location) : (location) == TAIL)
#include "include/armv8.pml"

#ifdef NO_LAP_BIT
#define LAP_BIT(position) 1
#else
#define LAP_BIT(position) ((position) / CAPACITY % 2 == 0)
#endif

byte sent;               /* messages, numbered from 1 */
byte order[MESSAGES + 2]; /* the message at each position */

proctype sender(byte me)
{
    byte message, tail, head;
    bool reserved;

    do
    :: atomic { sent < MESSAGES -> sent++; message = sent }
        do
        :: load(TAIL, tail, RELAXED);
            load(HEAD, head, ACQUIRE);
            if
            :: tail - head < CAPACITY + ROOM ->
                atomic {
                    compare_exchange(TAIL, tail, tail + 1, SEQ_CST, reserved);
                    if
                    :: reserved -> order[tail] = message; break
                    :: else
                    fi
                }
            :: else
            fi
        od;
        store(ARGUMENT(tail), message, RELAXED);
        store(MARK(tail), 2 * message + LAP_BIT(tail), PUBLISH);
        message = 0; tail = 0; head = 0; reserved = false
    :: sent == MESSAGES -> break
    od
}

inline take_argument()
{
    load(ARGUMENT(next), argument, RELAXED);
    assert(mark / 2 == order[next] && argument == order[next]);
    argument = 0
}

inline release()
{
    store(HEAD, next + 1, RELEASE_HEAD);
    held = 0
}

proctype consumer(byte me)
{
    byte next, held, mark, argument;

    do
    :: next < MESSAGES ->
        do
        :: load(MARK(next), mark, READ);
            if
            :: mark % 2 == LAP_BIT(next) -> break
            :: else
            fi
        od;
        held++;
        if
        :: held < CAPACITY -> take_argument() /* releases a batch at a time */
        :: take_argument(); release()
#if RELEASE_HEAD == RELAXED
        :: release(); take_argument() /* a relaxed store does not wait for earlier loads */
#endif
        fi;
        next++
    :: else -> break
    od
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run sender(0);
        run sender(1);
        run consumer(CONSUMER)
    }
}
