/* SPDX-License-Identifier: MIT */
/* The owner's thread: it delivers, wakes blocked senders, frees retired objects, and sleeps. */
#include "queue/delivery.h"
#include "sync/deadline.h"
#include "sync/spin.h"

#define SPIN_NS_MIN INT64_C(1000)
#define INTERVAL_NS INT64_C(1000)
#define NAP_NS 50000

enum { SENDERS_TO_WAKE = 16 };

static bool has_retired(struct tsc_owner *owner)
{
    /* seq_cst: pairs with the store in tsc_owner_retire, which comes before its unpark. */
    return atomic_load_explicit(&owner->retired, memory_order_seq_cst) != NULL;
}

/* Unlinks an object whose earlier messages are all delivered. NULL if there is none. */
static struct tsc_retirement *take_retired(struct tsc_owner *owner)
{
    _Atomic(struct tsc_retirement *) *link = &owner->retired;
    struct tsc_retirement *found;
    struct tsc_retirement *next;

    tsc_registry_lock();
    while ((found = atomic_load_explicit(link, memory_order_relaxed)) != NULL &&
           (int64_t)(tsc_ring_head(&owner->ring) - found->position) < 0)
        link = &found->next;
    if (found != NULL) {
        next = atomic_load_explicit(&found->next, memory_order_relaxed);
        atomic_store_explicit(link, next, memory_order_relaxed);
    }
    tsc_registry_unlock();
    return found;
}

/*
 * The child of a fork drops the list: a retired object has no references, whether listed or taken, so the registry
 * frees it there. Model: test/model/fork.pml
 */
static void free_retired(struct tsc_owner *owner)
{
    struct tsc_retirement *retirement;

    TSC_TEST_POINT(owner_freeing);
    while (has_retired(owner) && (retirement = take_retired(owner)) != NULL) {
        TSC_TEST_POINT(owner_took_retired);
        retirement->free(retirement);
    }
}

static bool is_ending(struct tsc_owner *owner)
{
    return atomic_load_explicit(&owner->end, memory_order_seq_cst) != TSC_OWNER_RUNNING;
}

static bool is_ending_or_has_retired(void *owner)
{
    return is_ending(owner) || has_retired(owner);
}

/* A retired object is work even if no message is left: helpers may have delivered the messages before it. */
static bool has_work(struct tsc_owner *owner)
{
    return tsc_ring_occupancy(&owner->ring) != 0 || is_ending_or_has_retired(owner);
}

static bool is_next_published(void *ring)
{
    return !tsc_ring_awaits_publication(ring);
}

/* The next message is reserved and not published: its sender was preempted in the few instructions between. */
static void wait_for_publication(struct tsc_owner *owner)
{
    const struct timespec nap = {.tv_nsec = NAP_NS};

    TSC_TEST_POINT(owner_awaits_publication);
    if (tsc_spin_until(is_next_published, &owner->ring, NAP_NS))
        return;
    tsc_owner_wake_all_that_fit(owner);
    /* A sleep, not a yield, because the sender may have a lower real-time priority. */
    while (tsc_ring_awaits_publication(&owner->ring))
        nanosleep(&nap, NULL);
}

/* A few of the senders that found the ring full: a thousand at once would find it full again. */
static void wake_senders(struct tsc_owner *owner)
{
    tsc_eventcount_notify(&owner->room, SENDERS_TO_WAKE);
}

/*
 * No message is lost. The sender reserves, then checks whether the owner's thread is parked; the owner's
 * thread parks, then loads the tail. All is seq_cst, so one sees the other: the owner's thread does not sleep, or
 * the sender delivers its message itself or unparks the owner's thread.
 *
 * No sender sleeps for ever. It prepares to sleep, then finds the ring full. A thread that releases later checks
 * for sleepers after that: the owner's thread here, a helper as delivery.c says. All is seq_cst, so it sees the
 * sleeper and one is woken. That sender sends, its message is released, and the next sender is woken.
 *
 * Models: test/model/queue.pml, test/model/delivery.pml for callbacks, test/model/sleep.pml for retirement and the
 * end
 */
static void park(struct tsc_owner *owner)
{
    atomic_store_explicit(&owner->helped, 0, memory_order_relaxed);
    TSC_TEST_POINT(owner_parking);
    if (!tsc_parker_prepare(&owner->parker))
        return;
    TSC_TEST_POINT(owner_parked);
    if (has_work(owner)) {
        tsc_parker_cancel(&owner->parker);
    } else {
        wake_senders(owner);
        tsc_parker_commit(&owner->parker);
    }
}

/* Checks at intervals: each takes a cache line from the senders, which costs them as much as ten messages. */
static bool spin(struct tsc_owner *owner)
{
    int64_t deadline = tsc_now() + owner->spin_ns;

    do {
        tsc_spin_until(is_ending_or_has_retired, owner, INTERVAL_NS);
        if (has_work(owner))
            return true;
    } while (tsc_now() < deadline);
    return false;
}

/* Spins, then parks: at full length if the last wait was shorter than that, else half as long as last time. */
static void wait_for_work(struct tsc_owner *owner)
{
    int64_t began = tsc_now();

    TSC_TEST_POINT(owner_out_of_work);
    if (!tsc_is_multiprocessor() || !spin(owner))
        park(owner);
    if (tsc_now() - began < TSC_OWNER_SPIN_NS)
        owner->spin_ns = TSC_OWNER_SPIN_NS;
    else if (owner->spin_ns > SPIN_NS_MIN)
        owner->spin_ns /= 2;
}

/* Up to one load of the tail: a consumer close behind the senders takes each cache line from them. */
static void deliver_available(struct tsc_owner *owner)
{
    uint64_t end = tsc_ring_tail(&owner->ring);

    /* Signed: helpers may have delivered beyond the end. */
    while ((int64_t)(end - tsc_ring_head(&owner->ring)) > 0 && tsc_owner_deliver_batch(owner, end))
        ;
}

void tsc_owner_run(struct tsc_owner *owner)
{
    for (;;) {
        deliver_available(owner);
        wake_senders(owner);
        free_retired(owner);
        if (is_ending(owner) && tsc_ring_occupancy(&owner->ring) == 0)
            return;
        if (tsc_ring_awaits_publication(&owner->ring))
            wait_for_publication(owner);
        else
            wait_for_work(owner);
    }
}
