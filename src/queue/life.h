/* SPDX-License-Identifier: MIT */
#ifndef TSC_QUEUE_LIFE_H
#define TSC_QUEUE_LIFE_H

#include "queue/owner.h"

/* How an owner and its thread begin and end, and what a fork does to them. */

int tsc_owner_make(struct tsc_owner **owner, const struct tsc_owner_attr *attr);

/* Whether the calling thread is the owner's. */
bool tsc_owner_is_on_its_thread(const struct tsc_owner *owner);

/* Whether there is a thread: not in the child of a fork before the first message, and then the ring is empty. */
bool tsc_owner_is_started(struct tsc_owner *owner);

/* In the child of a fork: starts the thread, unless another thread was faster. 0 or -EAGAIN. */
int tsc_owner_start_again(struct tsc_owner *owner);

/* Hands something that nobody sends to any more to a started owner, to be freed. Does not wait. */
void tsc_owner_retire(struct tsc_owner *owner, struct tsc_retirement *retirement);

#endif
