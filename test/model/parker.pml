/* SPDX-License-Identifier: MIT */
/*
 * A caller waits for the reply to a request that lies on its stack. It sleeps until then and sees the reply. No
 * thread touches the request after the caller has gone on.
 *
 * Mirrors: src/sync/parker.h: tsc_parker_is_notified
 * Mirrors: src/sync/parker.c: tsc_parker_prepare tsc_parker_cancel tsc_parker_commit tsc_parker_unpark
 * Mirrors: src/queue/send.c: tsc_owner_await_reply
 * Mirrors: src/backend/queue.c: send_request apply_request
 *
 * Check:
 * Mutation: -DUNPARK=RELAXED: assertion: the notification becomes visible before the reply
 * Mutation: -DIS_NOTIFIED=RELAXED: assertion: a spinning caller loads the reply before the notification
 * Mutation: -DCANCEL=RELAXED: assertion: the reply is loaded before an earlier notification
 * Mutation: -DUNPARK_IN_TWO: deadlock: the caller parks between the waker's check and its store
 * Mutation: -DUNPARK_FIRST: assertion: the request is gone before its reply is written
 */
#define CALLER 0
#define OWNER 1
#define CORES 2

#define MESSAGE 0
#define STATE 1
#define REPLY 2
#define LOCATIONS 3
#define STALE(core, location) ((core) == CALLER && (location) != MESSAGE)
#include "include/armv8.pml"
#include "include/parker.pml"

bool gone;

proctype caller(byte me)
{
    byte state, reply;
    bool done;

    store(MESSAGE, 1, RELEASE);
    do
    :: load(STATE, state, IS_NOTIFIED); /* spins */
        if
        :: state == NOTIFIED -> goto replied
        :: else
        fi
    :: break
    od;
    parker_prepare(done);
    if
    :: done -> parker_commit()
    :: else
    fi;
replied:
    load(REPLY, reply, RELAXED);
    assert(reply == 1);
    gone = true
}

proctype owner(byte me)
{
    byte state, message;

    do
    :: message == 0 -> load(MESSAGE, message, ACQUIRE)
    :: else -> break
    od;
#ifdef UNPARK_FIRST
    parker_unpark();
#endif
    assert(!gone);
    store(REPLY, 1, RELAXED);
#ifndef UNPARK_FIRST
    parker_unpark()
#endif
}

init
{
    atomic {
        run core_of(CALLER);
        run core_of(OWNER);
        run caller(CALLER);
        run owner(OWNER)
    }
}
