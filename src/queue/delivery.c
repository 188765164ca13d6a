/* SPDX-License-Identifier: MIT */
#include "queue/delivery.h"

#include "test-point.h"

enum { BATCH_MAX = 512 };

/* The one place where room is given back, and where threads that flush are woken. */
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

    /* Signed: other threads may have delivered everything before the end. */
    if ((int64_t)(end - next) <= 0)
        return next;
    return end - next < batch_limit(owner) ? end : next + batch_limit(owner);
}

static void fetch_first(struct tsc_ring *ring, uint64_t end)
{
    for (uint64_t ahead = 0; ahead < TSC_RING_FETCH_AHEAD && ring->next + ahead < end; ahead++)
        tsc_ring_fetch_to_read(ring, ring->next + ahead);
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

static void deliver_published(struct tsc_ring *ring, uint64_t end, bool on_owners_thread)
{
    void *message;
    int64_t argument;

    fetch_first(ring, end);
    while (ring->next != end && tsc_ring_read(ring, ring->next, &message, &argument)) {
        if (!on_owners_thread && kind_of(message) == TSC_MESSAGE_CALLBACK)
            return;
        if (ring->next + TSC_RING_FETCH_AHEAD < end)
            tsc_ring_fetch_to_read(ring, ring->next + TSC_RING_FETCH_AHEAD);
        deliver_message(message, argument);
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

    tsc_lock_acquire(&owner->delivering);
    TSC_TEST_POINT(owner_delivers);
    delivered = deliver(owner, end, true);
    tsc_lock_release(&owner->delivering);
    TSC_TEST_POINT(owner_gave_over);
    return delivered;
}

/*
 * Only the owner's thread wakes sleeping senders. It looks for them after it has prepared to park; a thread that
 * helps looks for them after it has released, and then whether the owner's thread is parked. All four accesses are
 * seq_cst, so a sender that had found the ring full before this release is woken by one of the two.
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
    TSC_TEST_POINT(sender_delivers);
    /* relaxed: written under the lock. */
    if (atomic_load_explicit(&owner->slow_path_flags, memory_order_relaxed) == 0)
        delivered = deliver(owner, tsc_ring_tail(&owner->ring), false);
    tsc_lock_release(&owner->delivering);
    TSC_TEST_POINT(sender_gave_over);
    if (delivered)
        wake_blocked_senders(owner);
    return delivered;
}

/* A sender counts itself before it finds the ring full, and this looks for sleepers after the release: all
 * seq_cst. */
void tsc_owner_wake_all_that_fit(struct tsc_owner *owner)
{
    uint64_t room = owner->ring.capacity - tsc_ring_occupancy(&owner->ring);

    if (room != 0)
        tsc_eventcount_notify(&owner->room, (int)room);
}

/*
 * Until the callback ends nobody delivers, releases, or looks for sleeping senders. So whatever can go on without
 * the owner is set going here. Models of what may happen meanwhile: test/model/delivery.pml, test/model/fork.pml,
 * test/model/look.pml, test/model/start.pml
 */
void tsc_owner_begin_callback(struct tsc_owner *owner)
{
    /* seq_cst: before the look for those that flush, which look at the flag once they are counted. */
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
 * A message that was reserved and not published belongs to a call that had not returned; it becomes one to nobody,
 * so that its cell has the bit of its lap. A request is dropped together with the thread that made it.
 */
void tsc_owner_repair_in_child(struct tsc_owner *owner)
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
