/* SPDX-License-Identifier: MIT */
/*
 * An atomic counter with bounds never takes an addition back. It is closed while two threads increment it and a third
 * one decrements it. An increment works in a phase, and close begins the next one; from then on the value does not
 * grow. The decrement is not counted in a phase.
 *
 * Mirrors: src/sync/gate.h: tsc_gate_state tsc_gate_close
 * Mirrors: src/backend/atomic.c: is_counted careful_add add_in_phase swap wait_for_admitted atom_close
 *
 * Check:
 * Mutation: -DADVANCE_PHASE=RELAXED: assertion: the phase begins before the flag is visible
 * Mutation: -DCOUNT_IN=ACQUIRE: assertion: the increment loads the phase again before it is visibly counted
 * Mutation: -DCLOSE_LAST: assertion: an increment of the new phase does not see the flag
 * Mutation: -DCHECK_FIRST: assertion: the increment checks the state before it is counted
 * Mutation: -DNOT_COUNTED: assertion: an increment is made after the close
 * Mutation: -DNO_WAIT: assertion: the same
 */
#define ADDERS 2
#define SUBTRACTER ADDERS
#define CLOSER 3
#define CORES 4
#define INITIAL 1
#define MAX 2

#define VALUE 0
#define CLOSED 1
#define CURRENT 2
#define INSIDE 3 /* and 4 */
#define SLEEPERS 5
#define EPOCH 6
#define LOCATIONS 7
#define STALE(core, location) 0
#include "include/armv8.pml"
#include "include/phase.pml"

byte added;
byte subtracted;
byte finished;

inline change(limit, delta)
{
    load(VALUE, value, SEQ_CST);
    do
    :: value == limit || done -> break
    :: else -> compare_exchange(VALUE, value, value + delta, SEQ_CST, done)
    od;
    value = 0
}

inline finish(changes)
{
    atomic {
        !cores[me].on_way -> finished++;
        changes = changes + done
    }
}

proctype adder(byte me)
{
    byte closed, value, phase, now, found;
    bool done;

#ifdef CHECK_FIRST
    load(CLOSED, closed, SEQ_CST);
#endif
#ifndef NOT_COUNTED
    phase_enter();
#endif
#ifndef CHECK_FIRST
    load(CLOSED, closed, SEQ_CST);
#endif
    if
    :: closed
    :: else -> change(MAX, 1)
    fi;
#ifndef NOT_COUNTED
    phase_leave();
#endif
    finish(added)
}

proctype subtracter(byte me)
{
    byte value;
    bool done;

    change(0, -1);
    finish(subtracted)
}

proctype closer(byte me)
{
    byte phase, value, now, key, found;

#ifndef CLOSE_LAST
    add(CLOSED, 1, SEQ_CST);
#endif
#ifdef NO_WAIT
    store(CURRENT, 1, SEQ_CST);
#else
    phases_advance();
#endif
#ifdef CLOSE_LAST
    add(CLOSED, 1, SEQ_CST);
#endif
    load(VALUE, value, ACQUIRE);
    finished == CORES - 1;
    assert(memory[VALUE] == INITIAL + added - subtracted && memory[VALUE] <= MAX);
    assert(value >= memory[VALUE] && value <= memory[VALUE] + subtracted)
}

init
{
    atomic {
        initially(VALUE, INITIAL);
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run core_of(3);
        run adder(0);
        run adder(1);
        run subtracter(SUBTRACTER);
        run closer(CLOSER)
    }
}
