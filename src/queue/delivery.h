/* SPDX-License-Identifier: MIT */
#ifndef TSC_QUEUE_DELIVERY_H
#define TSC_QUEUE_DELIVERY_H

#include "queue/owner.h"

/*
 * The thread that holds `delivering` is the ring's consumer: the owner's thread, or a helper. A helper is a thread
 * that would otherwise wait for the owner's thread: it finds the ring full, waits for a reply or a flush, or finds
 * the owner's thread parked. So nothing is woken, the cache lines stay where they are, and a thousand senders
 * share the work instead of sleeping. The order of delivery is that of the ring. Only the owner's thread runs
 * callbacks and frees retired objects.
 */

/* Owner's thread: delivers a batch of the messages before `end`. False if none is left, or none published. */
bool tsc_owner_deliver_batch(struct tsc_owner *owner, uint64_t end);

/*
 * Any other thread: delivers a batch. False if nothing was delivered: another thread delivers, only the owner's
 * thread may, or no message is published.
 */
bool tsc_owner_help(struct tsc_owner *owner);

/* Inside deliver(): the position of the message. */
static inline uint64_t tsc_owner_delivered_position(struct tsc_owner *owner)
{
    return owner->ring.next;
}

/* Around a callback, on the owner's thread, inside deliver(). */
void tsc_owner_begin_callback(struct tsc_owner *owner);
void tsc_owner_end_callback(struct tsc_owner *owner);

/* Owner's thread: wakes as many blocked senders as there is room for. */
void tsc_owner_wake_all_that_fit(struct tsc_owner *owner);

/* In the child of a fork: delivers additions, drops requests, and empties the ring. */
void tsc_owner_drain_in_child(struct tsc_owner *owner);

#endif
