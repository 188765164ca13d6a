/* SPDX-License-Identifier: MIT */
/*
 * src/sync/watch.[ch], on the locations THRESHOLD, SLEEPERS and EPOCH. In THRESHOLD is what is armed and 1, or 0
 * where it is disarmed. The model says how a waiter looks at the value: look(value) is an inline of its own.
 */
#ifndef ARM
#define ARM SEQ_CST
#endif
#ifndef ARMED_LOOK
#define ARMED_LOOK SEQ_CST
#endif
#ifndef WATCH_LOOK
#define WATCH_LOOK SEQ_CST
#endif
#ifndef FIRE
#define FIRE SEQ_CST
#endif

#include "eventcount.pml"

inline watch_look()
{
    load(THRESHOLD, armed, WATCH_LOOK)
}

inline watch_fire_if_low(changed)
{
    if
    :: changed < armed ->
        exchange(THRESHOLD, armed, 0, FIRE);
        armed = 0;
        eventcount_notify(SLEEPERS, EPOCH, true)
    :: else -> armed = 0
    fi
}

inline watch_check(changed)
{
    watch_look();
    watch_fire_if_low(changed)
}

inline watch_arm(threshold)
{
    load(THRESHOLD, armed, ARMED_LOOK);
    done = false;
    do
    :: armed > threshold || done -> break
    :: else -> compare_exchange(THRESHOLD, armed, threshold + 1, ARM, done)
    od;
    armed = 0; done = false
}

inline watch_wait(threshold)
{
    look(value);
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
        look(value);
#ifdef ARM_LAST
        watch_arm(threshold);
#endif
        if
        :: value <= threshold -> eventcount_cancel(SLEEPERS)
        :: else -> eventcount_commit(SLEEPERS, EPOCH)
        fi
    od
}
