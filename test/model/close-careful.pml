/* SPDX-License-Identifier: MIT */
/*
 * An atomic counter with bounds never takes an addition back. It is closed while others add to it. close waits for
 * admitted additions; from then on the value does not grow.
 *
 * Mirrors: src/sync/gate.h: tsc_gate_state tsc_gate_close
 * Mirrors: src/backend/atomic.c: admit leave careful_add swap wait_for_admitted atom_close
 *
 * Check:
 * Mutation: -DADMIT=ACQUIRE: assertion: the adder checks the state before its admission is visible
 * Mutation: -DADMITTED_LOAD=ACQUIRE: assertion: close loads the admitted count before its flag is visible
 * Mutation: -DCLOSE=ACQUIRE: assertion: the same
 * Mutation: -DSTATE_LOAD=ACQUIRE: assertion: the adder checks the state before its admission is visible
 * Mutation: -DLEAVE=ACQUIRE: deadlock: the last adder checks for sleepers before its leaving is visible
 * Mutation: -DHAS_SLEEPERS=ACQUIRE: deadlock: the same
 * Mutation: -DNO_ADMISSION: assertion: an addition is made after the close
 */
#ifndef ADMIT
#define ADMIT SEQ_CST
#endif
#ifndef STATE_LOAD
#define STATE_LOAD SEQ_CST
#endif
#ifndef LEAVE
#define LEAVE SEQ_CST
#endif
#ifndef CLOSE
#define CLOSE SEQ_CST
#endif
#ifndef ADMITTED_LOAD
#define ADMITTED_LOAD SEQ_CST
#endif

#define ADDERS 2
#define CLOSER ADDERS
#define CORES 3
#define MAX 1

#define VALUE 0
#define CLOSED 1
#define ADMITTED 2
#define SLEEPERS 3
#define EPOCH 4
#define LOCATIONS 5
#define STALE(core, location) 0
#include "include/armv8.pml"
#include "include/eventcount.pml"

byte returned_0;
byte finished;

inline leave()
{
    add(ADMITTED, -1, LEAVE);
    eventcount_notify(SLEEPERS, EPOCH, true)
}

inline add_within_bounds()
{
    load(VALUE, value, ACQUIRE);
    done = false;
    do
    :: value == MAX || done -> break
    :: else -> compare_exchange(VALUE, value, value + 1, SEQ_CST, done)
    od;
    value = 0
}

proctype adder(byte me)
{
    byte closed, value, found;
    bool done;

    add(ADMITTED, 1, ADMIT);
    load(CLOSED, closed, STATE_LOAD);
#ifdef NO_ADMISSION
    closed = false;
#endif
    if
    :: closed
    :: else -> add_within_bounds()
    fi;
    leave();
    atomic {
        !cores[me].on_way -> finished++;
        returned_0 = returned_0 + done
    }
}

proctype closer(byte me)
{
    byte admitted, value, key, found;

    add(CLOSED, 1, CLOSE);
    do
    :: load(ADMITTED, admitted, ADMITTED_LOAD);
        if
        :: admitted == 0 -> break
        :: else
        fi;
        eventcount_prepare(SLEEPERS, EPOCH);
        load(ADMITTED, admitted, ADMITTED_LOAD);
        if
        :: admitted == 0 -> eventcount_cancel(SLEEPERS)
        :: else -> eventcount_commit(SLEEPERS, EPOCH)
        fi
    od;
    load(VALUE, value, ACQUIRE);
    finished == ADDERS;
    assert(value == returned_0 && memory[VALUE] == returned_0 && returned_0 <= MAX)
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
