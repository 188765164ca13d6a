/* SPDX-License-Identifier: MIT */
#ifndef TSC_QUEUE_SEND_H
#define TSC_QUEUE_SEND_H

#include "queue/owner.h"

/* For callers: send a message, wait for its reply, flush. */

/* -EDEADLK inside one of the owner's callbacks, where waiting for the owner would deadlock. */
int tsc_owner_check_wait(struct tsc_owner *owner);

int tsc_owner_check_send_slow(struct tsc_owner *owner, uint32_t flags);

/* Required before a send. As tsc_owner_check_wait(), or -EAGAIN if a forked child cannot start the thread. */
static inline int tsc_owner_check_send(struct tsc_owner *owner)
{
    /* acquire: pairs with the release when the thread is started again. */
    uint32_t flags = atomic_load_explicit(&owner->slow_path_flags, memory_order_acquire);

    return tsc_likely(flags == 0) ? 0 : tsc_owner_check_send_slow(owner, flags);
}

static inline bool tsc_owner_try_reserve(struct tsc_owner *owner, uint64_t *position)
{
    return tsc_ring_reserve(&owner->ring, position);
}

uint64_t tsc_owner_reserve_slow(struct tsc_owner *owner);

/* Reserves a position, waiting for room. The caller must publish it. */
static inline uint64_t tsc_owner_reserve(struct tsc_owner *owner)
{
    uint64_t position;

    if (tsc_likely(tsc_owner_try_reserve(owner, &position)))
        return position;
    return tsc_owner_reserve_slow(owner);
}

/*
 * Gets a published message delivered while the owner's thread is parked.
 * Models: test/model/queue.pml, test/model/delivery.pml
 */
void tsc_owner_help_or_wake(struct tsc_owner *owner, uint64_t position);

/* A message without a recipient is empty. */
static inline void tsc_owner_publish(struct tsc_owner *owner, uint64_t position, struct tsc_recipient *recipient,
                                     enum tsc_message_kind kind, int64_t argument)
{
    TSC_TEST_POINT(message_reserved);
    tsc_ring_publish(&owner->ring, position, (void *)((uintptr_t)recipient + kind), argument);
    TSC_TEST_POINT(message_published);
    if (tsc_unlikely(tsc_parker_is_parked(&owner->parker)))
        tsc_owner_help_or_wake(owner, position);
}

/*
 * Waits until all messages that were reserved before are delivered. 0, -EDEADLK as tsc_owner_check_wait(), or
 * -ETIMEDOUT if the deadline has passed and a callback is running; deliveries without a callback are waited for.
 */
int tsc_owner_flush(struct tsc_owner *owner, int64_t deadline);

/*
 * As tsc_owner_flush(), then excludes deliveries and callbacks until tsc_owner_end_exclusive(). The caller's
 * changes in between have a place in the order of messages.
 */
int tsc_owner_begin_exclusive(struct tsc_owner *owner, int64_t deadline);
void tsc_owner_end_exclusive(struct tsc_owner *owner);

/* Waits until the recipient of a published message unparks the caller. */
void tsc_owner_await_reply(struct tsc_owner *owner, struct tsc_parker *parker);

#endif
