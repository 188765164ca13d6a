/* SPDX-License-Identifier: MIT */
/*
 * Two threads work in phases, while a controller begins two more. A thread works by the rules of its phase. Once the
 * controller has waited, no thread works in the former phase, or begins to. The controller does not sleep for ever.
 *
 * Mirrors: src/sync/phase.h: tsc_phase_current tsc_phase_leave tsc_phase_enter
 * Mirrors: src/sync/phase.c: is_empty tsc_phases_advance
 * Mirrors: src/backend/atomic.c: rules_of write_rules
 *
 * Check:
 * Mutation: -DCOUNT_IN=ACQUIRE: assertion: the worker loads the phase again before it is visibly counted
 * Mutation: -DCURRENT_LOAD=ACQUIRE: assertion: the same
 * Mutation: -DINSIDE_LOAD=ACQUIRE: assertion: the controller loads the count before the phase is visible
 * Mutation: -DADVANCE_PHASE=RELAXED: assertion: the same, or the worker does not see the rules
 * Mutation: -DCOUNT_OUT=ACQUIRE: deadlock: the worker loads the sleepers before it is visibly out
 * Mutation: -DHAS_SLEEPERS=ACQUIRE: deadlock: the same
 * Mutation: -DNO_NOTIFY: deadlock: the controller is not woken
 * Mutation: -DNO_SECOND_LOAD: assertion: the worker counts itself in a phase that has ended
 * Mutation: -DSECOND_LOAD_FIRST: assertion: the phase ends between the second load and the count
 * Mutation: -DINSIDE_LOAD_FIRST: assertion: a worker enters after the controller has found none
 * Mutation: -DRULES_LAST: assertion: a worker enters before the rules are written
 */
#define WORKERS 2
#define CONTROLLER WORKERS
#define CORES 3

#define CURRENT 0
#define INSIDE 1 /* and 2 */
#define RULES 3 /* and 4 */
#define SLEEPERS 5
#define EPOCH 6
#define LOCATIONS 7
#define STALE(core, location) ((core) != CONTROLLER && (location) == CURRENT)
#include "include/armv8.pml"
#include "include/phase.pml"

#define PHASES 2

byte oldest; /* the first phase in which a thread may work */

proctype worker(byte me)
{
    byte phase, now, found, rules;

    phase_enter();
    assert(phase >= oldest);
    load(IN(RULES, phase), rules, RELAXED);
    assert(rules == phase && phase >= oldest);
    phase_leave()
}

proctype controller(byte me)
{
    byte phase, now, key, found;

    do
    :: phase == PHASES -> break
    :: else ->
#ifndef RULES_LAST
        store(IN(RULES, phase + 1), phase + 1, RELAXED);
#endif
        phases_advance();
#ifdef RULES_LAST
        store(IN(RULES, phase), phase, RELAXED);
#endif
        oldest = phase
    od
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run worker(0);
        run worker(1);
        run controller(CONTROLLER)
    }
}
