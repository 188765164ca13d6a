/* SPDX-License-Identifier: MIT */
/*
 * The per-CPU counter is closed while others add to it. An addition that returned 0 is in every value that is read
 * after the close. A refused addition is subtracted again in the end.
 *
 * Mirrors: src/sync/gate.h: tsc_gate_state_relaxed tsc_gate_state tsc_gate_refuses tsc_gate_close
 * Mirrors: src/backend/percpu.c: percpu_add settle scan percpu_close percpu_get
 * Mirrors: src/percpu/add.h: tsc_rseq_add tsc_slots_try_add tsc_slots_barrier
 * Mirrors: src/percpu/add.h: tsc_slots_add_fallback
 * Mirrors: src/sync/barrier.c: tsc_barrier_on_all_threads
 *
 * With RSEQ, additions are restartable sequences on x86: stores become visible in order, and loads, even seq_cst
 * ones, do not wait for them. An addition that cannot use the slot of its CPU is atomic.
 *
 * Check:
 * Check: -DRSEQ
 * Mutation: -DADDITION=ACQUIRE: assertion: the adder checks the state before its addition is visible
 * Mutation: -DSECOND_LOAD=ACQUIRE: assertion: the same
 * Mutation: -DCLOSE=ACQUIRE: assertion: close loads the slots before its flag is visible
 * Mutation: -DLOAD_ORDER=ACQUIRE: assertion: the same
 * Mutation: -DNO_SECOND_LOAD: assertion: the close comes between the first check and the addition
 * Mutation: -DRSEQ -DNO_BARRIER: assertion: the adder misses the close, and the close misses the addition
 * Mutation: -DRSEQ -DBARRIER_FIRST: assertion: the same
 * Mutation: -DRSEQ -DNO_SECOND_LOAD: assertion: the close comes between the first check and the addition
 */
#ifndef ADDITION
#define ADDITION SEQ_CST
#endif
#if defined(RSEQ) && !defined(SECOND_LOAD)
#define SECOND_LOAD ACQUIRE
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

#define IN(slot) (slot)
#define OUT(slot) (2 + (slot))
#define CLOSED 4
#define LOCATIONS 5
#define STALE(core, location) ((location) == CLOSED)
#include "include/armv8.pml"

byte returned_0; /* the sum of additions that returned 0; each adder adds a different power of two */
byte finished;

/*
 * Adds to the current CPU's slot. The CPU may change between two calls. With RSEQ only one thread writes the slot.
 */
inline add_to_slot(first)
{
    if
#ifdef RSEQ
    :: store(first + me, delta, RELEASE)
    :: add(first + me, delta, SEQ_CST)
#else
    :: add(first, delta, ADDITION)
    :: add(first + 1, delta, ADDITION)
#endif
    fi
}

inline wait_for_additions()
{
#if defined(RSEQ) && !defined(NO_BARRIER)
    barrier_on(me);
    barrier_on(0);
    barrier_on(1)
#else
    skip
#endif
}

proctype adder(byte me; byte delta)
{
    byte closed;

    load(CLOSED, closed, RELAXED);
    if
    :: closed
    :: else ->
        add_to_slot(IN(0));
        load(CLOSED, closed, SECOND_LOAD);
#ifdef NO_SECOND_LOAD
        closed = false;
#endif
        if
        :: closed -> add_to_slot(OUT(0))
        :: else
        fi
    fi;
    atomic {
        !cores[me].on_way -> finished++;
        returned_0 = returned_0 + (closed -> 0 : delta)
    }
}

inline scan()
{
    load(OUT(0), part, LOAD_ORDER);
    value = -part;
    load(OUT(1), part, LOAD_ORDER);
    value = value - part;
    load(IN(0), part, LOAD_ORDER);
    value = value + part;
    load(IN(1), part, LOAD_ORDER);
    value = value + part;
    part = 0
}

proctype closer(byte me)
{
    byte part;
    short value;

#ifdef BARRIER_FIRST
    wait_for_additions();
#endif
    add(CLOSED, 1, CLOSE);
#ifndef BARRIER_FIRST
    wait_for_additions();
#endif
    scan();
    finished == ADDERS;
    assert(value >= 0 && (returned_0 & value) == returned_0);
    scan();
    assert(value == returned_0)
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run adder(0, 1);
        run adder(1, 2);
        run closer(CLOSER)
    }
}
