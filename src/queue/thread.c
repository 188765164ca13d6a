/* SPDX-License-Identifier: MIT */
/* The owner's thread: it delivers, rests, wakes senders that sleep, and frees what is retired. */
#include "queue/thread.h"

#include "queue/delivery.h"
#include "sync/deadline.h"
#include "sync/spin.h"
#include "test-point.h"

#include <sched.h>

/* What it takes to wake a thread, before it was measured, and how much of a measurement is believed. */
#define WAKEUP_NS INT64_C(50000)
#define WAKEUP_NS_MAX INT64_C(100000)

#define SPIN_NS_MIN INT64_C(1000)

/*
 * Between two looks at the ring. Each look takes a cache line from the senders, which costs as much as some ten
 * messages, so a batch is given the time to build up.
 */
#define INTERVAL_NS_MAX INT64_C(4000)
#define INTERVAL_NS_MIN INT64_C(250)

enum { LAPS_BETWEEN_WAKING = 2, SENDERS_TO_WAKE_MAX = 1024 };

void tsc_owner_init_thread(struct tsc_owner *owner)
{
    atomic_init(&owner->wakeup_ns, WAKEUP_NS);
    owner->spin_ns = tsc_owner_longest_spin(owner);
    owner->interval_ns = INTERVAL_NS_MIN;
    owner->senders_to_wake = 1;
}

static bool has_retired(struct tsc_owner *owner)
{
    /* seq_cst: pairs with the store in tsc_owner_retire, which comes before its unpark. */
    return atomic_load_explicit(&owner->retired, memory_order_seq_cst) != NULL;
}

static void unlink_retired(struct tsc_owner *owner, struct tsc_retirement *previous,
                           struct tsc_retirement *retirement)
{
    if (previous != NULL)
        previous->next = retirement->next;
    else
        atomic_store_explicit(&owner->retired, retirement->next, memory_order_relaxed);
}

/* One whose earlier messages are all delivered, taken off the list; NULL if there is none. */
static struct tsc_retirement *take_retired(struct tsc_owner *owner)
{
    struct tsc_retirement *previous = NULL;
    struct tsc_retirement *retirement;

    tsc_registry_lock();
    retirement = atomic_load_explicit(&owner->retired, memory_order_relaxed);
    while (retirement != NULL && (int64_t)(tsc_ring_head(&owner->ring) - retirement->position) < 0) {
        previous = retirement;
        retirement = retirement->next;
    }
    if (retirement != NULL)
        unlink_retired(owner, previous, retirement);
    tsc_registry_unlock();
    return retirement;
}

/*
 * In the child of a fork the list is dropped: what is on it, and what was taken off but not yet freed, has no
 * references, and the registry frees it. Model: test/model/fork.pml
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
    return atomic_load_explicit(&owner->end, memory_order_seq_cst) != TSC_OWNER_GOES_ON;
}

/* Whether there is a reason not to let a batch build up. Senders write none of these cache lines. */
static bool is_cut_short(void *arg)
{
    struct tsc_owner *owner = arg;

    return atomic_load_explicit(&owner->batch_cut_short, memory_order_relaxed) || is_ending(owner) ||
           has_retired(owner);
}

/* Something retired is work even where no message is left: others may have delivered those before it. */
static bool has_work(struct tsc_owner *owner)
{
    return tsc_ring_occupancy(&owner->ring) != 0 || is_ending(owner) || has_retired(owner);
}

/* The next message is reserved and not published: its sender was stopped in the few instructions in between. */
static void wait_for_publication(struct tsc_owner *owner)
{
    struct timespec nap = {.tv_nsec = 50000};

    for (int pauses = 0; pauses < 256 && tsc_ring_awaits_publication(&owner->ring); pauses++)
        tsc_pause();
    for (int yields = 0; yields < 16 && tsc_ring_awaits_publication(&owner->ring); yields++)
        sched_yield();
    if (tsc_ring_awaits_publication(&owner->ring))
        tsc_owner_wake_all_that_fit(owner);
    /* Not for ever with sched_yield: that would starve a sender of lower real-time priority. */
    while (tsc_ring_awaits_publication(&owner->ring))
        nanosleep(&nap, NULL);
}

/*
 * Senders that found the ring full sleep. They are woken few at a time: a thousand threads would find the ring
 * full again. One is woken every few laps, to be there when those that are awake have sent what they had; and when
 * those that are awake do not fill the ring, once in the time that a wake-up takes, each time twice as many as
 * before.
 */
static void wake_senders(struct tsc_owner *owner)
{
    tsc_eventcount_notify(&owner->room, owner->senders_to_wake);
    owner->senders_woken_at = tsc_ring_head(&owner->ring);
}

static void wake_senders_of_full_ring(struct tsc_owner *owner)
{
    owner->senders_to_wake = 1;
    if (tsc_ring_head(&owner->ring) - owner->senders_woken_at >= LAPS_BETWEEN_WAKING * owner->ring.capacity)
        wake_senders(owner);
}

static void wake_senders_of_empty_ring(struct tsc_owner *owner)
{
    int64_t now;

    if (!tsc_eventcount_has_sleepers(&owner->room))
        return;
    now = tsc_now();
    if (now - owner->senders_woken_ns < atomic_load_explicit(&owner->wakeup_ns, memory_order_relaxed))
        return;
    owner->senders_woken_ns = now;
    wake_senders(owner);
    if (owner->senders_to_wake < SENDERS_TO_WAKE_MAX)
        owner->senders_to_wake *= 2;
}

/*
 * No message is left lying. The sender reserves and then looks whether the owner is parked; the owner parks and
 * then looks at the tail. Both are seq_cst, so one sees the other: the owner does not sleep, or the sender
 * delivers its message itself or unparks the owner.
 *
 * No sender sleeps for ever. It prepares to sleep and then finds the ring full; whoever releases later, releases
 * and then looks for sleepers: the owner's thread here, once it has prepared to park, another as delivery.c says.
 * All is seq_cst, so the sleeper is seen, and one is woken. Who is woken sends, whatever else it finds; its
 * message is delivered and released; and the next is woken.
 *
 * Models: test/model/queue.pml, test/model/delivery.pml for what is the owner's thread's alone, and
 * test/model/sleep.pml for what is retired and the end
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
        tsc_eventcount_notify(&owner->room, owner->senders_to_wake);
        tsc_parker_commit(&owner->parker);
    }
}

static bool spin(struct tsc_owner *owner, int64_t deadline)
{
    do {
        tsc_spin_until(is_cut_short, owner, owner->interval_ns);
        atomic_store_explicit(&owner->batch_cut_short, false, memory_order_relaxed);
        if (has_work(owner))
            return true;
        wake_senders_of_empty_ring(owner);
    } while (tsc_now() < deadline);
    return false;
}

/* Learns from a sleep what a wake-up takes; answers when the work was there. */
static int64_t learn_from_wakeup(struct tsc_owner *owner, int64_t began)
{
    int64_t woken = atomic_load_explicit(&owner->woken_ns, memory_order_relaxed);
    int64_t wakeup = atomic_load_explicit(&owner->wakeup_ns, memory_order_relaxed);
    int64_t sample = tsc_now() - woken;

    if (woken < began)
        return began;
    if (sample > WAKEUP_NS_MAX)
        sample = WAKEUP_NS_MAX;
    atomic_store_explicit(&owner->wakeup_ns, wakeup + (sample - wakeup) / 8, memory_order_relaxed);
    return woken;
}

/* Spins before it sleeps only where work lately came while it could have spun. */
static void rest(struct tsc_owner *owner)
{
    int64_t began = tsc_now();
    int64_t work_came;

    TSC_TEST_POINT(owner_resting);
    if (tsc_is_multiprocessor() && spin(owner, began + owner->spin_ns)) {
        work_came = tsc_now();
    } else {
        park(owner);
        work_came = learn_from_wakeup(owner, began);
    }
    if (work_came - began < tsc_owner_longest_spin(owner))
        owner->spin_ns = tsc_owner_longest_spin(owner);
    else if (owner->spin_ns > SPIN_NS_MIN)
        owner->spin_ns /= 2;
}

/* Delivers what was there at one look, and no more: who runs after the senders takes each line from them. */
static uint64_t deliver_all(struct tsc_owner *owner)
{
    uint64_t first = tsc_ring_head(&owner->ring);
    uint64_t end = tsc_ring_tail(&owner->ring);

    /* Signed: others deliver too, and may be past the end. */
    while ((int64_t)(end - tsc_ring_head(&owner->ring)) > 0 && tsc_owner_deliver_batch(owner, end))
        ;
    return tsc_ring_head(&owner->ring) - first;
}

/* Aims at a quarter of the ring. */
static void adapt(struct tsc_owner *owner, uint64_t delivered)
{
    if (delivered <= owner->ring.capacity / 8) {
        if (owner->interval_ns < INTERVAL_NS_MAX)
            owner->interval_ns *= 2;
        wake_senders_of_empty_ring(owner);
    } else {
        if (delivered > owner->ring.capacity / 2 && owner->interval_ns > INTERVAL_NS_MIN)
            owner->interval_ns /= 2;
        wake_senders_of_full_ring(owner);
    }
}

void tsc_owner_run(struct tsc_owner *owner)
{
    for (;;) {
        uint64_t delivered = deliver_all(owner);

        adapt(owner, delivered);
        free_retired(owner);
        if (is_ending(owner) && tsc_ring_occupancy(&owner->ring) == 0)
            return;
        if (tsc_ring_awaits_publication(&owner->ring))
            wait_for_publication(owner);
        else
            rest(owner);
    }
}
