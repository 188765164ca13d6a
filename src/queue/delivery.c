/* SPDX-License-Identifier: MIT */
#include "queue/delivery.h"

#include "test-point.h"

enum { BATCH_MAX = 512 };

/* The one place that makes room and wakes flushing threads. */
static void release(struct tsc_owner *owner)
{
    tsc_ring_release(&owner->ring);
    TSC_TEST_POINT(owner_released);
    tsc_eventcount_notify_all(&owner->progress);
}

static uint64_t end_of_batch(struct tsc_ring *ring, uint64_t end)
{
    uint64_t half = (ring->capacity + 1) / 2;
    int64_t limit = half < BATCH_MAX ? (int64_t)half : BATCH_MAX;
    /* Signed: other threads may have delivered beyond the end. */
    int64_t left = (int64_t)(end - ring->next);

    if (left <= 0)
        return ring->next;
    return ring->next + (uint64_t)(left < limit ? left : limit);
}

static enum tsc_message_kind kind_of(void *message)
{
    return (enum tsc_message_kind)((uintptr_t)message & TSC_MESSAGE_KIND_BITS);
}

static void deliver_message(void *message, int64_t argument)
{
    struct tsc_recipient *recipient = (void *)((uintptr_t)message & ~TSC_MESSAGE_KIND_BITS);

    if (recipient != NULL)
        recipient->deliver(recipient, argument);
}

static void prefetch_first(struct tsc_ring *ring, uint64_t end)
{
    for (uint64_t ahead = 0; ahead < TSC_RING_PREFETCH_DISTANCE && ring->next + ahead < end; ahead++)
        __builtin_prefetch(tsc_ring_cell(ring, ring->next + ahead));
}

static bool deliver(struct tsc_owner *owner, uint64_t end, bool on_owner_thread)
{
    struct tsc_ring *ring = &owner->ring;
    uint64_t first = ring->next;
    void *message;
    int64_t argument;

    end = end_of_batch(ring, end);
    prefetch_first(ring, end);
    while (ring->next != end && tsc_ring_read(ring, ring->next, &message, &argument)) {
        if (!on_owner_thread && kind_of(message) == TSC_MESSAGE_CALLBACK)
            break;
        if (ring->next + TSC_RING_PREFETCH_DISTANCE < end)
            __builtin_prefetch(tsc_ring_cell(ring, ring->next + TSC_RING_PREFETCH_DISTANCE));
        deliver_message(message, argument);
        TSC_TEST_POINT(owner_delivered);
        ring->next++;
    }
    if (ring->next == first)
        return false;
    release(owner);
    return true;
}

bool tsc_owner_deliver_batch(struct tsc_owner *owner, uint64_t end)
{
    bool delivered;

    tsc_lock_acquire(&owner->delivering);
    TSC_TEST_POINT(owner_delivers);
    delivered = deliver(owner, end, true);
    tsc_lock_release(&owner->delivering);
    TSC_TEST_POINT(owner_unlocked_delivery);
    return delivered;
}

/*
 * A sender that found the ring full before a helper's release is woken, because either the owner's thread or the
 * helper sees it. The owner's thread prepares to park, then checks for blocked senders. The helper releases,
 * checks for blocked senders, then checks whether the owner's thread is parked. All four accesses are seq_cst.
 * Model: test/model/queue.pml
 */
static void wake_blocked_senders(struct tsc_owner *owner)
{
    if (tsc_eventcount_has_sleepers(&owner->room) && tsc_parker_is_parked(&owner->parker))
        tsc_owner_wake(owner);
}

bool tsc_owner_help(struct tsc_owner *owner)
{
    bool delivered = false;

    if (!tsc_lock_try(&owner->delivering))
        return false;
    TSC_TEST_POINT(helper_delivers);
    /* relaxed: protected by the lock. */
    if (atomic_load_explicit(&owner->slow_path_flags, memory_order_relaxed) == 0)
        delivered = deliver(owner, tsc_ring_tail(&owner->ring), false);
    tsc_lock_release(&owner->delivering);
    TSC_TEST_POINT(helper_unlocked_delivery);
    if (delivered)
        wake_blocked_senders(owner);
    return delivered;
}

/* seq_cst: a sender counts itself, then finds the ring full; this thread releases, then checks for sleepers. */
void tsc_owner_wake_all_that_fit(struct tsc_owner *owner)
{
    uint64_t room = owner->ring.capacity - tsc_ring_occupancy(&owner->ring);

    if (room != 0)
        tsc_eventcount_notify(&owner->room, (int)room);
}

/*
 * No thread delivers until the callback ends, so this wakes every thread that can proceed without the
 * owner's thread. Models: test/model/delivery.pml, test/model/fork.pml, test/model/flush.pml, test/model/start.pml
 */
void tsc_owner_begin_callback(struct tsc_owner *owner)
{
    /* seq_cst: before the check for flushing threads, which count themselves, then load the flag. */
    atomic_fetch_or_explicit(&owner->slow_path_flags, TSC_OWNER_IN_CALLBACK, memory_order_seq_cst);
    TSC_TEST_POINT(owner_begins_callback);
    release(owner);
    tsc_lock_release(&owner->delivering);
    tsc_owner_wake_all_that_fit(owner);
    TSC_TEST_POINT(owner_in_callback);
}

void tsc_owner_end_callback(struct tsc_owner *owner)
{
    tsc_lock_acquire(&owner->delivering);
    atomic_fetch_and_explicit(&owner->slow_path_flags, ~(uint32_t)TSC_OWNER_IN_CALLBACK, memory_order_relaxed);
}

/*
 * The senders of unpublished messages and of requests are not in the child. An unpublished message becomes an
 * empty one, so that its cell has the bit of its lap.
 */
void tsc_owner_drain_in_child(struct tsc_owner *owner)
{
    struct tsc_ring *ring = &owner->ring;
    uint64_t tail = tsc_ring_tail(ring);
    void *message;
    int64_t argument;

    for (; ring->next != tail; ring->next++) {
        if (!tsc_ring_read(ring, ring->next, &message, &argument))
            tsc_ring_publish(ring, ring->next, NULL, 0);
        else if (kind_of(message) == TSC_MESSAGE_ADDITION)
            deliver_message(message, argument);
    }
    tsc_ring_release(ring);
}
