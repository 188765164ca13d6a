/* SPDX-License-Identifier: MIT */
/*
 * src/sync/phase.[ch], at the locations CURRENT, INSIDE and the one behind it, SLEEPERS and EPOCH. The process has the
 * variables phase, now, key and found; the last three are 0 between calls.
 */
#ifndef COUNT_IN
#define COUNT_IN SEQ_CST
#endif
#ifndef CURRENT_LOAD
#define CURRENT_LOAD SEQ_CST
#endif
#ifndef COUNT_OUT
#define COUNT_OUT SEQ_CST
#endif
#ifndef ADVANCE_PHASE
#define ADVANCE_PHASE SEQ_CST
#endif
#ifndef INSIDE_LOAD
#define INSIDE_LOAD SEQ_CST
#endif

#include "eventcount.pml"

#define IN(location, phase) (location + (phase) % 2)

inline phase_leave()
{
    add(IN(INSIDE, phase), -1, COUNT_OUT);
#ifndef NO_NOTIFY
    eventcount_notify(SLEEPERS, EPOCH, true)
#endif
}

#ifdef NO_SECOND_LOAD
#define IS_STILL_CURRENT true
#else
#define IS_STILL_CURRENT (now == phase)
#endif

inline phase_enter()
{
    do
    :: load(CURRENT, phase, RELAXED);
#ifdef SECOND_LOAD_FIRST
        load(CURRENT, now, CURRENT_LOAD);
#endif
        add(IN(INSIDE, phase), 1, COUNT_IN);
#ifndef SECOND_LOAD_FIRST
        load(CURRENT, now, CURRENT_LOAD);
#endif
        if
        :: IS_STILL_CURRENT -> break
        :: else -> phase_leave()
        fi
    od;
    now = 0
}

/* The former phase is in phase; afterwards the new one. */
inline phases_advance()
{
#ifndef INSIDE_LOAD_FIRST
    store(CURRENT, phase + 1, ADVANCE_PHASE);
#endif
    do
    :: load(IN(INSIDE, phase), now, INSIDE_LOAD);
        if
        :: now == 0 -> break
        :: else
        fi;
        eventcount_prepare(SLEEPERS, EPOCH);
        load(IN(INSIDE, phase), now, INSIDE_LOAD);
        if
        :: now == 0 -> eventcount_cancel(SLEEPERS)
        :: else -> eventcount_commit(SLEEPERS, EPOCH)
        fi
    od;
#ifdef INSIDE_LOAD_FIRST
    store(CURRENT, phase + 1, ADVANCE_PHASE);
#endif
    phase++
}
