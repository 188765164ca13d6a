/* SPDX-License-Identifier: MIT */
/*
 * Two threads sleep until a number has reached their threshold. Two others increment it. No thread sleeps for
 * ever.
 *
 * Mirrors: src/sync/eventcount.h: tsc_eventcount_prepare tsc_eventcount_notify tsc_eventcount_has_sleepers
 * Mirrors: src/sync/eventcount.c: tsc_eventcount_cancel tsc_eventcount_commit tsc_eventcount_wake
 *
 * Check:
 * Mutation: -DENTER=ACQUIRE: deadlock: the sleeper checks the condition before it is visible as a sleeper
 * Mutation: -DLOAD_ORDER=ACQUIRE: deadlock: the same
 * Mutation: -DCHANGE=ACQUIRE: deadlock: the notifier checks for sleepers before its change is visible
 * Mutation: -DHAS_SLEEPERS=ACQUIRE: deadlock: the same
 * Mutation: -DKEY=RELAXED: deadlock: the epoch is loaded after the condition, and is already the new one
 * Mutation: -DNO_EPOCH: deadlock: the notification comes between the check and the sleep
 * Mutation: -DKEY_AT_COMMIT: deadlock: the same
 * Mutation: -DNOTIFY_FIRST: deadlock: the sleeper checks between the notification and the change
 */
#ifndef CHANGE
#define CHANGE SEQ_CST
#endif
#ifndef LOAD_ORDER
#define LOAD_ORDER SEQ_CST
#endif

#define CORES 4

#define CONDITION 0
#define SLEEPERS 1
#define EPOCH 2
#define LOCATIONS 3
#define STALE(core, location) 0
#include "include/armv8.pml"
#include "include/eventcount.pml"

proctype sleeper(byte me; byte wanted)
{
    byte condition, key, found;

    do
    :: load(CONDITION, condition, LOAD_ORDER);
        if
        :: condition >= wanted -> break
        :: else
        fi;
        eventcount_prepare(SLEEPERS, EPOCH);
        load(CONDITION, condition, LOAD_ORDER);
#if KEY == RELAXED
        if
        :: load(EPOCH, key, KEY) /* a relaxed load may be executed after the next one */
        :: true
        fi;
#endif
        if
        :: condition >= wanted -> eventcount_cancel(SLEEPERS); break
        :: else -> eventcount_commit(SLEEPERS, EPOCH)
        fi
    od
}

proctype notifier(byte me)
{
    byte found;

#ifdef NOTIFY_FIRST
    eventcount_notify(SLEEPERS, EPOCH, true);
#endif
    add(CONDITION, 1, CHANGE);
#ifndef NOTIFY_FIRST
    eventcount_notify(SLEEPERS, EPOCH, true)
#endif
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run core_of(3);
        run sleeper(0, 1);
        run sleeper(1, 2);
        run notifier(2);
        run notifier(3)
    }
}
