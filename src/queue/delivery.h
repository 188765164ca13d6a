/* SPDX-License-Identifier: MIT */
#ifndef TSC_QUEUE_DELIVERY_H
#define TSC_QUEUE_DELIVERY_H

#include "queue/owner.h"

/*
 * The thread that holds `delivering` is the ring's consumer: the owner's thread; or, in its place, a thread that
 * would otherwise have to wait for it: one that finds the ring full, or waits for a reply, or finds the owner's
 * thread asleep. Its messages are then delivered where it runs: no other thread has to be woken and to fetch the
 * cache lines, and a thousand senders share the work of emptying the ring instead of sleeping. Messages are
 * delivered in the order of the ring, whichever thread delivers.
 *
 * Two things only the owner's thread does: run callbacks, and free what is retired.
 */

/* On the owner's thread: delivers what was sent before the position; false if the next message is not published.
 */
bool tsc_owner_deliver_batch(struct tsc_owner *owner, uint64_t end);

/* On any other: delivers a batch. False if another thread is delivering, or only the owner's thread may. */
bool tsc_owner_help(struct tsc_owner *owner);

/* From within deliver: the position of the message that is delivered. */
static inline uint64_t tsc_owner_delivered_position(struct tsc_owner *owner)
{
    return owner->ring.next;
}

/* Around a callback, on the owner's thread, from within deliver. */
void tsc_owner_begin_callback(struct tsc_owner *owner);
void tsc_owner_end_callback(struct tsc_owner *owner);

/* On the owner's thread, before it stops looking for sleeping senders: wakes as many as there is room for. */
void tsc_owner_wake_all_that_fit(struct tsc_owner *owner);

/* In the child of a fork: delivers the additions, drops the requests, and leaves the ring empty. */
void tsc_owner_repair_in_child(struct tsc_owner *owner);

#endif
