/* SPDX-License-Identifier: MIT */
/*
 * The peak of an atomic counter is taken twice, while two threads change the value; one of them restores it. Each
 * result is at least every value that was held between the call before and this one, and no more than the highest
 * since the call before began. A value that was held during a call counts in that call or in the next one.
 *
 * With -DFORK a fork copies the memory at any moment. The child finds the highest value since the last call; a call in
 * progress has been made for it once the former peak is forgotten.
 *
 * The controller waits by loading again; phase.pml has its sleep.
 *
 * Mirrors: src/backend/atomic.c: raise_peak swap careful_add add_in_phase highest atom_take_peak peak_of write_rules
 * Mirrors: src/backend/atomic.c: merge_peaks atom_child
 *
 * Check:
 * Check: -DFORK
 * Mutation: -DNO_OTHER_PEAK: assertion: the value is replaced in the next phase before it is loaded
 * Mutation: -DVALUE_LAST: assertion: the value is replaced after the other peak is loaded
 * Mutation: -DNO_WAIT: assertion: a thread of the former phase raises its peak after that is loaded
 * Mutation: -DNOT_FORGOTTEN: assertion: the next call but one returns the former peak
 * Mutation: -DFORGET_LATE: assertion: a thread of the next phase but one raises the peak before it is forgotten
 * Mutation: -DSAME_PEAK: assertion: a value from before the call counts in the next one
 * Mutation: -DCOUNT_OUT=ACQUIRE: assertion: the former peak is loaded before the last raise is visible
 * Mutation: -DCURRENT_LOAD=RELAXED: assertion: the thread loads the peak before it is forgotten
 * Mutation: -DFORK -DNO_MERGE: assertion: the child does not find the former peak, which nobody has taken
 * Mutation: -DRAISE_AFTER_SWAP: assertion: the value is replaced and the peak is not yet raised
 */
#ifndef COUNT_OUT
#define COUNT_OUT SEQ_CST
#endif
#ifndef CURRENT_LOAD
#define CURRENT_LOAD SEQ_CST
#endif

#define CHANGERS 2
#define TAKER CHANGERS
#define CORES 3
#define TAKES 2

#define VALUE 0
#define PEAK 1 /* and 2; 0: none */
#define CURRENT 3
#define INSIDE 4 /* and 5 */
#define LOCATIONS 6
#define STALE(core, location) ((location) == PEAK)
#define NOTE_VISIBLE(location) note(location);
#define IN(location, phase) (location + (phase) % 2)
#define HIGHER(a, b) ((a) > (b) -> (a) : (b))

/* The highest value since a call returned, began, and the call before it began. */
byte since_return;
byte since_begin;
byte since_former_begin;
byte ever;
byte highest_result;
byte finished;

inline note(location)
{
    if
    :: location == VALUE ->
        since_return = HIGHER(memory[VALUE], since_return);
        since_begin = HIGHER(memory[VALUE], since_begin);
        since_former_begin = HIGHER(memory[VALUE], since_former_begin);
        ever = HIGHER(memory[VALUE], ever)
    :: (location == PEAK || location == PEAK + 1) && memory[location] == 0 -> since_return = memory[VALUE]
    :: else
    fi
}

#include "include/armv8.pml"

inline raise_peak(held)
{
    load(IN(PEAK, phase), peak, RELAXED);
    do
    :: peak >= held || done -> break
    :: else -> compare_exchange(IN(PEAK, phase), peak, held, RELEASE, done)
    od;
    peak = 0; done = false
}

inline leave()
{
    add(IN(INSIDE, phase), -1, COUNT_OUT)
}

inline enter()
{
    do
    :: load(CURRENT, phase, RELAXED);
        add(IN(INSIDE, phase), 1, SEQ_CST);
        load(CURRENT, now, CURRENT_LOAD);
        if
        :: now == phase -> break
        :: else -> leave()
        fi
    od;
    now = 0
}

inline careful_add(delta)
{
    enter();
    load(VALUE, current, SEQ_CST);
    do
    :: done -> break
    :: else ->
#ifndef RAISE_AFTER_SWAP
        raise_peak(current);
#endif
        compare_exchange(VALUE, current, current + delta, SEQ_CST, done)
    od;
#ifdef RAISE_AFTER_SWAP
    done = false;
    raise_peak(current);
#endif
    current = 0; done = false;
    leave();
    phase = 0
}

proctype changer(byte me; byte up)
{
    byte phase, now, current, peak;
    bool done;

    careful_add(up);
    if
    :: me == 0 -> careful_add(-up)
    :: else
    fi;
    atomic { !cores[me].on_way -> finished++ }
}

inline take()
{
    atomic { first = since_return; since_former_begin = since_begin; since_begin = memory[VALUE] };
#ifndef SAME_PEAK
    store(CURRENT, phase + 1, SEQ_CST);
#endif
#ifndef NO_WAIT
    do
    :: load(IN(INSIDE, phase), seen, SEQ_CST);
        if
        :: seen == 0 -> break
        :: else
        fi
    od;
#endif
#ifndef VALUE_LAST
    load(VALUE, result, ACQUIRE);
#endif
#ifndef NO_OTHER_PEAK
    load(IN(PEAK, phase + 1), seen, ACQUIRE);
    result = HIGHER(seen, result);
#endif
    load(IN(PEAK, phase), seen, RELAXED);
    result = HIGHER(seen, result);
#ifdef VALUE_LAST
    load(VALUE, seen, ACQUIRE);
    result = HIGHER(seen, result);
#endif
#ifdef FORGET_LATE
    if
    :: phase > 0 -> store(IN(PEAK, phase + 1), 0, RELAXED)
    :: else
    fi;
#else
#ifndef NOT_FORGOTTEN
    store(IN(PEAK, phase), 0, RELAXED);
#endif
#endif
    phase++;
    highest_result = HIGHER(result, highest_result);
    assert(result >= first && result <= since_former_begin);
    atomic { since_return = memory[VALUE]; result = 0; seen = 0; first = 0 }
}

proctype taker(byte me)
{
    byte phase, seen, result, first;

    do
    :: phase == TAKES -> break
    :: else -> take()
    od;
    finished == CHANGERS;
    result = HIGHER(memory[VALUE], memory[IN(PEAK, phase)]);
    assert(result >= since_return && result <= since_begin);
    assert(HIGHER(result, highest_result) == ever)
}

#ifdef FORK
#ifdef NO_MERGE
#define FOUND_IN_CHILD memory[IN(PEAK, memory[CURRENT])]
#else
#define FOUND_IN_CHILD HIGHER(memory[PEAK], memory[PEAK + 1])
#endif

proctype child()
{
    assert(HIGHER(memory[VALUE], FOUND_IN_CHILD) >= since_return);
}
#endif

init
{
    atomic {
        initially(VALUE, 3);
        since_return = 3;
        since_begin = 3;
        ever = 3;
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run changer(0, -2);
        run changer(1, 1);
        run taker(TAKER);
#ifdef FORK
        run child()
#endif
    }
}
