/* SPDX-License-Identifier: MIT */
#include "queue/delivery.h"

#include "test-point.h"

enum { BATCH_MAX = 512 };

static void release(struct tsc_owner *owner)
{
    tsc_ring_release(&owner->ring);
    TSC_TEST_POINT(owner_released);
    tsc_eventcount_notify_all(&owner->progress);
}

static uint64_t batch_limit(struct tsc_owner *owner)
{
    uint64_t half = owner->ring.capacity / 2;

    return half == 0 ? 1 : half < BATCH_MAX ? half : BATCH_MAX;
}

static uint64_t end_of_batch(struct tsc_owner *owner, uint64_t end)
{
    uint64_t next = owner->ring.next;

    /* Signed: others may have delivered what lies before the end. */
    if ((int64_t)(end - next) <= 0)
        return next;
    return end - next < batch_limit(owner) ? end : next + batch_limit(owner);
}

static void fetch_first(struct tsc_ring *ring, uint64_t end)
{
    for (uint64_t ahead = 0; ahead < TSC_RING_FETCH_AHEAD && ring->next + ahead < end; ahead++)
        tsc_ring_fetch_to_read(ring, ring->next + ahead);
}

static void deliver_published(struct tsc_ring *ring, uint64_t end, bool on_owners_thread)
{
    void *message_recipient;
    int64_t argument;

    fetch_first(ring, end);
    while (ring->next != end && tsc_ring_read(ring, ring->next, &message_recipient, &argument)) {
        struct tsc_recipient *recipient = message_recipient;

        if (recipient != NULL && !on_owners_thread && !recipient->on_any_thread)
            return;
        if (ring->next + TSC_RING_FETCH_AHEAD < end)
            tsc_ring_fetch_to_read(ring, ring->next + TSC_RING_FETCH_AHEAD);
        if (recipient != NULL)
            recipient->deliver(recipient, argument);
        TSC_TEST_POINT(owner_delivered);
        ring->next++;
    }
}

static bool deliver(struct tsc_owner *owner, uint64_t end, bool on_owners_thread)
{
    uint64_t first = owner->ring.next;

    deliver_published(&owner->ring, end_of_batch(owner, end), on_owners_thread);
    if (owner->ring.next == first)
        return false;
    release(owner);
    return true;
}

bool tsc_owner_deliver_batch(struct tsc_owner *owner, uint64_t end)
{
    bool delivered;

    tsc_fork_take_node_lock(&owner->delivering);
    TSC_TEST_POINT(owner_delivers);
    delivered = deliver(owner, end, true);
    tsc_fork_give_node_lock(&owner->delivering);
    TSC_TEST_POINT(owner_gave_over);
    return delivered;
}

/*
 * Senders that sleep are woken by the owner's thread. It looks for them after it has prepared to park; this looks
 * for them after it has released, and then whether the thread is parked. All four accesses are seq_cst: so a
 * sender that had found the ring full before this release is woken by the one or by the other.
 * Model: test/model/queue.pml
 */
static void see_that_senders_are_woken(struct tsc_owner *owner)
{
    if (tsc_eventcount_has_sleepers(&owner->room) && tsc_parker_is_parked(&owner->parker))
        tsc_owner_wake(owner);
}

bool tsc_owner_help(struct tsc_owner *owner)
{
    bool delivered = false;

    if (!tsc_fork_try_node_lock(&owner->delivering))
        return false;
    TSC_TEST_POINT(sender_delivers);
    /* relaxed: written under the lock. */
    if (atomic_load_explicit(&owner->attention, memory_order_relaxed) == 0)
        delivered = deliver(owner, tsc_ring_tail(&owner->ring), false);
    tsc_fork_give_node_lock(&owner->delivering);
    TSC_TEST_POINT(sender_gave_over);
    if (delivered)
        see_that_senders_are_woken(owner);
    return delivered;
}

/* Models of what a callback gives free: test/model/delivery.pml, test/model/fork.pml, test/model/start.pml */
void tsc_owner_begin_callback(struct tsc_owner *owner)
{
    /* release: pairs with tsc_owner_may_wait, which looks whose thread runs the callback. */
    atomic_fetch_or_explicit(&owner->attention, TSC_OWNER_IN_CALLBACK, memory_order_release);
    release(owner);
    tsc_fork_give_node_lock(&owner->delivering);
    TSC_TEST_POINT(owner_in_callback);
}

void tsc_owner_end_callback(struct tsc_owner *owner)
{
    tsc_fork_take_node_lock(&owner->delivering);
    atomic_fetch_and_explicit(&owner->attention, ~(uint32_t)TSC_OWNER_IN_CALLBACK, memory_order_relaxed);
}
