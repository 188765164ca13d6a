/* SPDX-License-Identifier: MIT */
#ifndef TSC_QUEUE_DELIVERY_H
#define TSC_QUEUE_DELIVERY_H

#include "queue/owner.h"

/*
 * Who delivers holds `delivering`, and is for that while the one receiver of the ring. It is the owner's thread;
 * or, in its place, a thread that would otherwise have to wait for it: one that finds the ring full, or that waits
 * for an answer, or that finds the owner's thread asleep. What it needs then is done where it runs, without
 * another thread to be woken and to take the cache lines from it, and a thousand senders share the work of
 * emptying the ring instead of sleeping. The order of delivery is that of the ring, whoever delivers.
 *
 * Two things are the owner's thread's alone: what runs a callback (a recipient says so), and to free what is
 * retired.
 */

/* On the owner's thread: delivers what was sent before the position; false where the next message is not
 * published. */
bool tsc_owner_deliver_batch(struct tsc_owner *owner, uint64_t end);

/* On any other: delivers a batch. False where it could not: another thread is at it, or only the owner's thread
 * may. */
bool tsc_owner_help(struct tsc_owner *owner);

#endif
