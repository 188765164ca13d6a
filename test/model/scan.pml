/* SPDX-License-Identifier: MIT */
/*
 * A reader of a per-CPU counter sums the out words, then the in words, while threads add on one CPU and subtract on
 * another. The result is at least the value between the two scans, and exceeds it by at most what was added and
 * subtracted meanwhile. The low end of the interval, for which the in words are summed before as well, is at most the
 * value after that.
 *
 * Mirrors: src/backend/percpu.c: try_add_to_slot sum scan percpu_get_interval
 *
 * Check:
 * Check: -DSCAN=ACQUIRE
 * Mutation: -DSCAN=RELAXED: assertion: what came in is loaded before what went out
 * Mutation: -DADDITION=RELAXED: assertion: it is seen to go out before it is seen to come in
 * Mutation: -DIN_FIRST: assertion: what came in after its slot was passed goes out before its is
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

/* In on one CPU, and out on the other. */
proctype counting(byte me; byte slot)
{
    byte round;

    for (round : 1 .. ROUNDS) {
        add(IN(slot), 1, ADDITION);
        add(OUT(1 - slot), 1, ADDITION)
    }
}

/* And the value at the end. */
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
