/* SPDX-License-Identifier: MIT */
/*
 * Two threads each lower a per-CPU counter by one, in the slot of their CPU, and then read it. At least one of
 * them reads 0. A third thread learns of the first one's addition from a later store of it, and reads no more than
 * what is then left. The model includes the store buffer of each CPU.
 *
 * Mirrors: src/backend/percpu.c: percpu_add percpu_get percpu_get_interval read_for_wait scan sum
 * Mirrors: src/percpu/add.h: tsc_rseq_add tsc_slots_fence
 *
 * With RSEQ, additions are restartable sequences on x86: stores become visible in order, and loads, even seq_cst
 * ones, do not wait for them. An addition that cannot use the slot of its CPU is atomic, and waits.
 *
 * Check:
 * Check: -DRSEQ
 * Check: -DRSEQ -DOVERFLOW
 * Mutation: -DADDITION=RELAXED: assertion: the addition is still in flight when its thread reads
 * Mutation: -DLOAD_ORDER=ACQUIRE: assertion: the same
 * Mutation: -DRSEQ -DNO_FENCE: assertion: both read the other's slot before their own addition is visible
 * Mutation: -DRSEQ -DNO_FENCE -DOVERFLOW: assertion: the one addition that is not atomic is enough
 * Mutation: -DRSEQ -DONE_FENCE: assertion: a fence on only one side orders nothing
 * Mutation: -DRSEQ -DFENCE_LAST: assertion: the scan is before the fence
 * Mutation: -DRSEQ -DUNORDERED: assertion: the later store is visible before the addition
 */
#ifdef RSEQ
#define ADDITION RELEASE
#define LOAD_ORDER ACQUIRE
#endif
#ifndef ADDITION
#define ADDITION SEQ_CST
#endif
#ifndef LOAD_ORDER
#define LOAD_ORDER SEQ_CST
#endif
#ifdef UNORDERED
#define TELLING RELAXED
#else
#define TELLING RELEASE
#endif

#define INITIAL 2
#define CORES 3

#define OUT(slot) (slot)
#define TOLD 2
#define LOCATIONS 3
#define STALE(core, location) 0
#include "include/armv8.pml"

byte reads;
bool has_seen_both;

inline slots_fence()
{
#if defined(RSEQ) && !defined(NO_FENCE)
#ifdef ONE_FENCE
    if
    :: me == 0 -> barrier_on(me)
    :: else
    fi
#else
    barrier_on(me)
#endif
#else
    skip
#endif
}

/* The IN slots do not change here. */
inline scan(seen)
{
    load(OUT(0), seen, LOAD_ORDER);
    load(OUT(1), found, LOAD_ORDER);
    seen = INITIAL - seen - found;
    found = 0
}

inline read_value(seen)
{
#ifndef FENCE_LAST
    slots_fence();
#endif
    scan(seen);
#ifdef FENCE_LAST
    slots_fence();
#endif
}

inline lower()
{
#ifdef RSEQ
#ifdef OVERFLOW
    if
    :: me == 0 -> add(OUT(0), 1, SEQ_CST); barrier_on(me) /* on x86 an atomic addition is a fence */
    :: else -> store(OUT(me), 1, ADDITION)
    fi;
#else
    store(OUT(me), 1, ADDITION); /* only this thread writes it */
#endif
#else
    add(OUT(me), 1, ADDITION);
#endif
}

proctype leaver(byte me)
{
    byte value, found;

    lower();
    if
    :: me == 0 -> store(TOLD, 1, TELLING)
    :: else
    fi;
    read_value(value);
    atomic {
        assert(value < INITIAL);
        has_seen_both = has_seen_both || value == 0;
        reads++;
        assert(reads < 2 || has_seen_both)
    }
}

proctype listener(byte me)
{
    byte value, told, found;

    load(TOLD, told, ACQUIRE);
    if
    :: told ->
        read_value(value);
        assert(value < INITIAL)
    :: else
    fi
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run leaver(0);
        run leaver(1);
        run listener(2)
    }
}
