/* SPDX-License-Identifier: MIT */
/*
 * src/sync/watch.[ch], at the locations THRESHOLD, SLEEPERS and EPOCH. THRESHOLD holds the armed threshold plus 1,
 * or 0 if disarmed. The model defines the inline read_value(value), by which a waiter reads the value, and
 * MAY_TIME_OUT(core). A timeout before the sleep stands for any timeout: a sleeper does nothing that others see.
 */
#ifndef ARM
#define ARM SEQ_CST
#endif
#ifndef ARMED_LOAD
#define ARMED_LOAD SEQ_CST
#endif
#ifndef WATCH_LOAD
#define WATCH_LOAD SEQ_CST
#endif
#ifndef FIRE
#define FIRE SEQ_CST
#endif

#ifndef MAY_TIME_OUT
#define MAY_TIME_OUT(core) false
#endif

#include "eventcount.pml"

inline watch_load()
{
    load(THRESHOLD, armed, WATCH_LOAD)
}

inline watch_fire()
{
    exchange(THRESHOLD, armed, 0, FIRE);
    armed = 0;
    eventcount_notify(SLEEPERS, EPOCH, true)
}

inline watch_fire_if_low(changed)
{
    if
    :: changed < armed -> watch_fire()
    :: else -> armed = 0
    fi
}

inline watch_check(changed)
{
    watch_load();
    watch_fire_if_low(changed)
}

inline watch_arm(threshold)
{
    load(THRESHOLD, armed, ARMED_LOAD);
    done = false;
    do
    :: armed > threshold || done -> break
    :: else -> compare_exchange(THRESHOLD, armed, threshold + 1, ARM, done)
    od;
    armed = 0; done = false
}

inline watch_leave()
{
#ifdef LEAVE_WATCH
    LEAVE_WATCH
#elif defined(NO_DISARMING)
    skip
#else
    load(SLEEPERS, found, HAS_SLEEPERS);
    load(THRESHOLD, armed, WATCH_LOAD);
    if
    :: found == 0 && armed != 0 ->
#ifdef DISARM_SILENTLY
        exchange(THRESHOLD, armed, 0, FIRE);
        armed = 0
#else
        watch_fire()
#endif
    :: else -> found = 0; armed = 0
    fi
#endif
}

inline watch_wait(threshold)
{
    read_value(value);
    do
    :: value <= threshold -> break
    :: else ->
#ifdef ARM_FIRST
        watch_arm(threshold);
#endif
        eventcount_prepare(SLEEPERS, EPOCH);
#if !defined(ARM_FIRST) && !defined(ARM_LAST)
        watch_arm(threshold);
#endif
        read_value(value);
#ifdef ARM_LAST
        watch_arm(threshold);
#endif
        if
        :: value <= threshold -> eventcount_cancel(SLEEPERS)
        :: value > threshold ->
#ifdef BEFORE_SLEEP
            BEFORE_SLEEP;
#endif
            eventcount_commit(SLEEPERS, EPOCH)
#ifdef AFTER_SLEEP
            ;
            AFTER_SLEEP
#endif
        :: value > threshold && MAY_TIME_OUT(me) -> eventcount_cancel(SLEEPERS); read_value(value); break
        fi
    od;
    watch_leave()
}

byte gone;

inline finish()
{
    atomic { !cores[me].on_way -> gone++ }
}

/* The waits have left nothing behind. */
#define IS_AT_REST (memory[THRESHOLD] == 0 && memory[SLEEPERS] == 0)
