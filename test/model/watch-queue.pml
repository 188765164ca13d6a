/* SPDX-License-Identifier: MIT */
/*
 * Two threads wait until the value of a queue counter is at most their threshold. Another thread sends decrements.
 * The waiter arms the watch, then waits until all reserved messages are delivered. The owner delivers later
 * messages, and sees the watch armed.
 *
 * Mirrors: src/backend/queue.c: apply_addition flush_and_read queue_wait_at_most
 * Mirrors: src/queue/send.c: tsc_owner_flush
 * Mirrors: src/sync/watch.c: tsc_watch_wait sleep_until_low leave arm tsc_watch_fire
 *
 * Check:
 * Mutation: -DARM=ACQUIRE: deadlock: the waiter checks the tail before the armed watch is visible
 * Mutation: -DNO_FLUSH: deadlock: the value comes down between the checks of owner and waiter
 * Mutation: -DARM_LAST: deadlock: the same
 */
#define INITIAL 2
#define MESSAGES 2
#define OWNER 2
#define SENDER 3
#define CORES 4

#define TAIL 0
#define MARK 1 /* the number of published messages: there is one sender */
#define HEAD 2
#define VALUE 3
#define THRESHOLD 4
#define SLEEPERS 5
#define EPOCH 6
#define LOCATIONS 7
#define STALE(core, location) 0
#include "include/armv8.pml"
#include "include/watch.pml"

/* Waiting for the head is polling here; eventcount.pml has the wake-ups of the owner's progress. */
inline read_value(seen)
{
#ifndef NO_FLUSH
    load(TAIL, target, SEQ_CST);
    do
    :: load(HEAD, found, SEQ_CST);
        if
        :: found >= target -> break
        :: else
        fi
    od;
    target = 0; found = 0;
#endif
    load(VALUE, seen, ACQUIRE)
}

proctype waiter(byte me; byte threshold)
{
    byte value, armed, key, found, target;
    bool done;

    watch_wait(threshold)
}

proctype owner(byte me)
{
    byte next, published, armed, found;
    byte value = INITIAL;

    do
    :: next == MESSAGES -> break
    :: atomic { memory[MARK] > next -> load(MARK, published, ACQUIRE) }
        published = 0;
        value--;
        store(VALUE, value, RELEASE);
        watch_check(value);
        next++;
        store(HEAD, next, SEQ_CST)
    od
}

proctype sender(byte me)
{
    byte message;

    for (message : 1 .. MESSAGES) {
        add(TAIL, 1, SEQ_CST);
        store(MARK, message, RELEASE)
    }
}

init
{
    atomic {
        initially(VALUE, INITIAL);
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run core_of(3);
        run waiter(0, 1);
        run waiter(1, 0);
        run owner(OWNER);
        run sender(SENDER)
    }
}
