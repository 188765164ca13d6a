/* SPDX-License-Identifier: MIT */
#ifndef TSC_QUEUE_LIFE_H
#define TSC_QUEUE_LIFE_H

#include "queue/owner.h"

/* How an owner and its thread begin and end, and what a fork does to them. */

/* Creates an owner and starts its thread. 0, -ENOMEM or -EAGAIN. */
int tsc_owner_new(struct tsc_owner **owner, const struct tsc_owner_attr *attr);

bool tsc_owner_is_calling_thread(const struct tsc_owner *owner);

/* False in the child of a fork until its first message; until then the ring is empty. */
bool tsc_owner_is_started(struct tsc_owner *owner);

/* In the child of a fork: starts the thread, unless another thread already did. 0 or -EAGAIN. */
int tsc_owner_restart(struct tsc_owner *owner);

/* Lets a started owner free an object that gets no more messages. Does not wait. */
void tsc_owner_retire(struct tsc_owner *owner, struct tsc_retirement *retirement);

#endif
