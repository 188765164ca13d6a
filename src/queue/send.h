/* SPDX-License-Identifier: MIT */
#ifndef TSC_QUEUE_SEND_H
#define TSC_QUEUE_SEND_H

#include "queue/owner.h"

/* What the callers' threads do: send a message, wait for its reply, or wait until all messages are delivered. */

/* -EDEADLK inside one of the owner's callbacks. Before everything that waits for the owner. */
int tsc_owner_may_wait(struct tsc_owner *owner);

int tsc_owner_may_send_slow(struct tsc_owner *owner, uint32_t flags);

/* The same; and starts the thread in the child of a fork, or returns -EAGAIN. Before everything that sends. */
static inline int tsc_owner_may_send(struct tsc_owner *owner)
{
    /* acquire: pairs with the release when the thread is started again. */
    uint32_t flags = atomic_load_explicit(&owner->slow_path_flags, memory_order_acquire);

    return tsc_likely(flags == 0) ? 0 : tsc_owner_may_send_slow(owner, flags);
}

static inline bool tsc_owner_try_reserve(struct tsc_owner *owner, uint64_t *position)
{
    return tsc_ring_reserve(&owner->ring, position);
}

uint64_t tsc_owner_reserve_slow(struct tsc_owner *owner);

/* Reserves a position, waiting for room; it must be published. */
static inline uint64_t tsc_owner_reserve(struct tsc_owner *owner)
{
    uint64_t position;

    if (tsc_likely(tsc_owner_try_reserve(owner, &position)))
        return position;
    return tsc_owner_reserve_slow(owner);
}

/*
 * Gets a message delivered that was published while the owner's thread was asleep.
 * Models: test/model/queue.pml, test/model/delivery.pml
 */
void tsc_owner_help_or_wake(struct tsc_owner *owner, uint64_t position);

/* A recipient of NULL makes it a message to nobody. */
static inline void tsc_owner_publish(struct tsc_owner *owner, uint64_t position, struct tsc_recipient *recipient,
                                     enum tsc_message_kind kind, int64_t argument)
{
    TSC_TEST_POINT(message_reserved);
    tsc_ring_publish(&owner->ring, position, (char *)recipient + kind, argument);
    TSC_TEST_POINT(message_published);
    if (tsc_unlikely(tsc_parker_is_parked(&owner->parker)))
        tsc_owner_help_or_wake(owner, position);
}

/*
 * Waits until all messages reserved before are delivered: 0. Once the deadline has passed it returns -ETIMEDOUT if
 * a callback holds the owner; it still waits for messages that are being delivered, which takes no callback.
 */
int tsc_owner_flush(struct tsc_owner *owner, int64_t deadline);

/* Waits until the recipient of a message that was published has unparked the caller. */
void tsc_owner_await_reply(struct tsc_owner *owner, struct tsc_parker *parker);

#endif
