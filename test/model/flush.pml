/* SPDX-License-Identifier: MIT */
/*
 * A thread whose deadline has passed waits until its message is delivered, or a callback holds the owner. The
 * owner's thread begins a callback, which waits for that thread. Neither sleeps for ever.
 *
 * Mirrors: src/queue/send.c: tsc_owner_flush sleep_until_progress is_in_callback
 * Mirrors: src/queue/delivery.c: tsc_owner_begin_callback release
 *
 * Check:
 * Mutation: -DBEGIN=ACQUIRE: deadlock: the owner checks for sleepers before the callback's begin is visible
 * Mutation: -DHAS_SLEEPERS=ACQUIRE: deadlock: the same
 * Mutation: -DENTER=ACQUIRE: deadlock: the thread checks the flag before it is visible as a sleeper
 * Mutation: -DLOAD_ORDER=ACQUIRE: deadlock: the same
 * Mutation: -DFLAG_LAST: deadlock: the thread checks between the notification and the flag
 * Mutation: -DCHECK_FIRST: deadlock: the callback begins between the check and the sleep
 */
#ifndef BEGIN
#define BEGIN SEQ_CST
#endif
#ifndef LOAD_ORDER
#define LOAD_ORDER SEQ_CST
#endif

#define CORES 2

#define FLAG 0
#define SLEEPERS 1
#define EPOCH 2
#define LOCATIONS 3
#define STALE(core, location) 0
#include "include/armv8.pml"
#include "include/eventcount.pml"

bool returned;

proctype flushing(byte me)
{
    byte flag, key, found;

    do
    :: true ->
#ifdef CHECK_FIRST
        load(FLAG, flag, LOAD_ORDER);
#endif
        eventcount_prepare(SLEEPERS, EPOCH);
#ifndef CHECK_FIRST
        load(FLAG, flag, LOAD_ORDER);
#endif
        if
        :: flag -> eventcount_cancel(SLEEPERS); break
        :: else -> eventcount_commit(SLEEPERS, EPOCH)
        fi
    od;
    returned = true
}

proctype owner(byte me)
{
    byte found;

#ifdef FLAG_LAST
    eventcount_notify(SLEEPERS, EPOCH, true);
#endif
    fetch_or(FLAG, found, 1, BEGIN);
#ifndef FLAG_LAST
    eventcount_notify(SLEEPERS, EPOCH, true);
#endif
    returned
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run flushing(0);
        run owner(1)
    }
}
