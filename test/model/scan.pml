/* SPDX-License-Identifier: MIT */
/*
 * A reader of a per-CPU counter sums the decrements and then the increments. Meanwhile threads increment on one
 * CPU and decrement on another. The difference is not below the value between the two scans. It exceeds that value
 * at most by the changes meanwhile. The low end of the interval uses a sum of the increments from before; it is
 * not above the value after that.
 *
 * Mirrors: src/backend/percpu.c: try_add_to_slot sum scan percpu_get_interval
 *
 * Check:
 * Check: -DSCAN=ACQUIRE
 * Mutation: -DSCAN=RELAXED: assertion: the increments are loaded before the decrements
 * Mutation: -DADDITION=RELAXED: assertion: a decrement is visible before its increment
 * Mutation: -DIN_FIRST: assertion: an increment after its slot was read is decremented before that slot is read
 * Mutation: -DSLOT_BY_SLOT: assertion: the same
 */
#ifndef SCAN
#define SCAN SEQ_CST
#endif
#ifndef ADDITION
#define ADDITION SEQ_CST
#endif

#define COUNTERS 2
#define READER COUNTERS
#define CORES 3
#define ROUNDS 2

#define IN(slot) (slot)
#define OUT(slot) (2 + (slot))
#define LOCATIONS 4
#define STALE(core, location) ((core) == READER && SCAN == RELAXED)
#include "include/armv8.pml"

#define VALUE (memory[IN(0)] + memory[IN(1)] - memory[OUT(0)] - memory[OUT(1)])
#define GONE_OUT (memory[OUT(0)] + memory[OUT(1)])
#define COME_IN (memory[IN(0)] + memory[IN(1)])

/* Increments on one CPU, decrements on the other. */
proctype counting(byte me; byte slot)
{
    byte round;

    for (round : 1 .. ROUNDS) {
        add(IN(slot), 1, ADDITION);
        add(OUT(1 - slot), 1, ADDITION)
    }
}

/* Also the value at the end. */
inline sum(first, second, result, value)
{
    load(first, result, SCAN);
    atomic {
        load(second, part, SCAN);
        value = VALUE
    }
    result = result + part;
    part = 0
}

#define sum_in(result, value) sum(IN(0), IN(1), result, value)
#define sum_out(result, value) sum(OUT(0), OUT(1), result, value)

proctype reader(byte me)
{
    byte come_in_before, gone_out, come_in, part;
    byte out_at_first, in_at_last;
    short before, between, after; /* the value then */

    sum_in(come_in_before, before);
    out_at_first = GONE_OUT;
#if defined(IN_FIRST)
    sum_in(come_in, after);
    sum_out(gone_out, between);
#elif defined(SLOT_BY_SLOT)
    load(OUT(0), gone_out, SCAN);
    load(IN(0), come_in, SCAN);
    load(OUT(1), part, SCAN);
    gone_out = gone_out + part;
    between = VALUE;
    load(IN(1), part, SCAN);
    come_in = come_in + part;
    part = 0;
#else
    sum_out(gone_out, between);
    sum_in(come_in, after);
#endif
    in_at_last = COME_IN;
    assert(come_in - gone_out >= between);
    assert(come_in >= gone_out);
    assert(come_in - gone_out <= in_at_last - out_at_first);
    assert(come_in_before - gone_out <= before)
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run counting(0, 0);
        run counting(1, 1);
        run reader(READER)
    }
}
