/* SPDX-License-Identifier: MIT */
/*
 * The atomic counter is closed while others add to it. An addition that returned 0 is in every value that is read
 * after the close. A refused addition is in no final value. An addition that begins after the close is refused.
 *
 * Mirrors: src/sync/gate.h: tsc_gate_state_relaxed tsc_gate_state tsc_gate_refuses tsc_gate_close
 * Mirrors: src/backend/atomic.c: atom_add plain_add settle atom_close read_value atom_get
 *
 * Check:
 * Mutation: -DADDITION=ACQUIRE: assertion: the adder checks the state before its addition is visible
 * Mutation: -DSECOND_LOAD=ACQUIRE: assertion: the same
 * Mutation: -DCLOSE=ACQUIRE: assertion: close loads the value before its flag is visible
 * Mutation: -DLOAD_ORDER=ACQUIRE: assertion: the same
 * Mutation: -DNO_READ_IN_CLOSE: assertion: a get after the close loads the value before the flag is visible
 * Mutation: -DNO_SECOND_LOAD: assertion: the close comes between the first check and the addition
 * Mutation: -DNO_TAKING_BACK: assertion: a refused addition stays
 */
#ifndef ADDITION
#define ADDITION SEQ_CST
#endif
#ifndef SECOND_LOAD
#define SECOND_LOAD SEQ_CST
#endif
#ifndef CLOSE
#define CLOSE SEQ_CST
#endif
#ifndef LOAD_ORDER
#define LOAD_ORDER SEQ_CST
#endif

#define ADDERS 2
#define CLOSER ADDERS
#define CORES 3

#define VALUE 0
#define CLOSED 1
#define LOCATIONS 2
#define STALE(core, location) ((location) == CLOSED)
#include "include/armv8.pml"

byte returned_0; /* the sum of additions that returned 0; each adder adds a different power of two */
byte finished;

inline add_to_counter(delta)
{
    load(CLOSED, closed, RELAXED);
    if
    :: closed
    :: else ->
        add(VALUE, delta, ADDITION);
        load(CLOSED, closed, SECOND_LOAD);
#ifdef NO_SECOND_LOAD
        closed = false;
#endif
        if
        :: closed ->
#ifndef NO_TAKING_BACK
            add(VALUE, -(delta), SEQ_CST)
#endif
        :: else
        fi
    fi
}

proctype adder(byte me)
{
    byte closed;

    add_to_counter(1 << me);
    if
    :: closed
    :: else -> returned_0 = returned_0 + (1 << me)
    fi;
    atomic { !cores[me].on_way -> finished++ }
}

inline read_value(order)
{
    load(VALUE, value, order);
    first = first & value
}

proctype closer(byte me)
{
    byte closed, value;
    byte first = 255; /* the bits of every value read so far */

    add(CLOSED, 1, CLOSE);
#ifndef NO_READ_IN_CLOSE
    load(VALUE, value, LOAD_ORDER);
#endif
    read_value(ACQUIRE);
    read_value(LOAD_ORDER);
    add_to_counter(4);
    assert(closed);
    finished == ADDERS;
    assert((returned_0 & first) == returned_0);
    read_value(ACQUIRE);
    assert(value == returned_0)
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run adder(0);
        run adder(1);
        run closer(CLOSER)
    }
}
