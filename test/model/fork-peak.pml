/* SPDX-License-Identifier: MIT */
/*
 * A thread forks, without the lock, while another one changes a counter that tracks its peak. The child finds a
 * value that the counter had, and the highest value up to then.
 *
 * A fork stops no thread: it copies the memory at one moment.
 *
 * Mirrors: src/sequential.h: tsc_sequential_store tsc_sequential_raise_peak tsc_sequential_repair
 * Mirrors: src/backend/mutex.c: mutex_child
 *
 * Check:
 * Mutation: -DPEAK_STORE=RELAXED: assertion: the new peak is visible before the value
 * Mutation: -DPEAK_FIRST: assertion: the same
 * Mutation: -DNO_REPAIR: assertion: the value is higher than the peak
 */
#ifndef PEAK_STORE
#define PEAK_STORE RELEASE
#endif

#define CORES 1

#define VALUE 0
#define PEAK 1
#define LOCATIONS 2
#define STALE(core, location) 0
#include "include/armv8.pml"

/* The value goes up to 2, down to 1 and up to 3. */
inline change(to, peak)
{
#ifdef PEAK_FIRST
    store(PEAK, peak, PEAK_STORE);
    store(VALUE, to, RELEASE);
#else
    store(VALUE, to, RELEASE);
    store(PEAK, peak, PEAK_STORE)
#endif
}

proctype changing(byte me)
{
    change(2, 2);
    change(1, 2);
    change(3, 3)
}

proctype child()
{
    byte now, peak;

    d_step {
        now = memory[VALUE];
        peak = memory[PEAK];
#ifndef NO_REPAIR
        if
        :: now > peak -> peak = now
        :: else
        fi
#endif
    }
    assert(peak == (now == 1 -> 2 : now))
}

init
{
    atomic {
        run core_of(0);
        run changing(0);
        run child()
    }
}
