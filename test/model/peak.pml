/* SPDX-License-Identifier: MIT */
/*
 * A change of an atomic counter's value raises the peak to the previous value. A reader of the peak takes the
 * higher of value and peak. That is at least every value up to the one read, and never above a value that the
 * counter had. Stores that precede such a value are visible to the reader.
 *
 * Mirrors: src/backend/atomic.c: raise_peak swap add_in_phase highest atom_get_peak
 *
 * Check:
 * Mutation: -DPEAK_FIRST: assertion: the value goes up and down after the peak is read
 * Mutation: -DRAISE_AFTER_SWAP: assertion: the value has come down and the peak is not yet raised
 * Mutation: -DSWAP=ACQUIRE: assertion: the lower value is visible before the raised peak
 * Mutation: -DVALUE_LOAD=RELAXED: assertion: the peak is loaded before the value
 * Mutation: -DPEAK_LOAD=RELAXED: assertion: earlier stores are loaded before the peak
 */
#ifndef SWAP
#define SWAP SEQ_CST
#endif
#ifndef RAISE
#define RAISE RELEASE
#endif
#ifndef VALUE_LOAD
#define VALUE_LOAD ACQUIRE
#endif
#ifndef PEAK_LOAD
#define PEAK_LOAD ACQUIRE
#endif

#define CHANGERS 2
#define READER CHANGERS
#define CORES 3

#define STATE 0 /* the value, and 8 times the highest value before it */
#define PEAK 1
#define DATA 2 /* stored before the value rises to 2 */
#define LOCATIONS 3
#define STALE(core, location) ((core) == READER || (location) == PEAK)
#include "include/armv8.pml"

#define VALUE(state) ((state) % 8)
#define HIGHEST_BEFORE(state) ((state) / 8)
#define HIGHER(a, b) (a > b -> a : b)

inline raise_peak(held)
{
    load(PEAK, peak, RELAXED);
    done = false;
    do
    :: peak >= held || done -> break
    :: else -> compare_exchange(PEAK, peak, held, RAISE, done)
    od;
    peak = 0; done = false
}

/* Compares only the value. */
inline swap_value(sum)
{
    d_step {
        CAN_MODIFY(STATE, SWAP) ->
        found = NOW(STATE);
        done = (VALUE(found) == current);
        if
        :: done ->
            read(STATE, found, SWAP);
            found = sum + 8 * HIGHER(HIGHEST_BEFORE(found), current);
            modify(STATE, found, SWAP)
        :: else -> read(STATE, found, ACQUIRE); current = VALUE(found)
        fi;
        found = 0
    }
}

inline careful_add(delta)
{
    load(STATE, current, ACQUIRE);
    current = VALUE(current);
    do
    :: true ->
#ifndef RAISE_AFTER_SWAP
        raise_peak(current);
#endif
        swap_value(current + delta);
        if
        :: done -> break
        :: else
        fi
    od;
    done = false;
#ifdef RAISE_AFTER_SWAP
    raise_peak(current);
#endif
    current = 0
}

proctype changer(byte me; byte up)
{
    byte current, peak, found;
    bool done;

    if
    :: up == 2 -> store(DATA, 1, RELAXED)
    :: else
    fi;
    careful_add(up);
    careful_add(-up)
}

proctype reader(byte me)
{
    byte state, peak, data;

#ifdef PEAK_FIRST
    load(PEAK, peak, PEAK_LOAD);
    load(STATE, state, VALUE_LOAD);
#else
    if
    :: load(STATE, state, VALUE_LOAD); load(PEAK, peak, PEAK_LOAD)
#if VALUE_LOAD == RELAXED
    :: load(PEAK, peak, PEAK_LOAD); load(STATE, state, VALUE_LOAD) /* the relaxed load may be executed later */
#endif
    fi;
#endif
    load(DATA, data, RELAXED);
    peak = HIGHER(VALUE(state), peak);
    assert(peak >= HIGHEST_BEFORE(state));
    assert(peak <= HIGHER(VALUE(memory[STATE]), HIGHEST_BEFORE(memory[STATE])));
    assert(peak < 2 || data)
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run changer(0, 1);
        run changer(1, 2);
        run reader(READER)
    }
}
