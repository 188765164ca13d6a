/* SPDX-License-Identifier: MIT */
#include "queue/send.h"

#include "queue/delivery.h"
#include "queue/life.h"
#include "sync/deadline.h"
#include "sync/spin.h"

#include <errno.h>

/*
 * While the owner's thread is parked, a sender delivers its message itself, which is faster than a wake-up. After
 * this many the owner's thread is worth waking, to run beside the senders.
 */
enum { HELPS_BEFORE_WAKING = 64 };

static bool is_in_callback(struct tsc_owner *owner)
{
    /* seq_cst: pairs with begin_callback, which sets the flag before it wakes flushing threads. */
    return atomic_load_explicit(&owner->slow_path_flags, memory_order_seq_cst) & TSC_OWNER_IN_CALLBACK;
}

int tsc_owner_check_wait(struct tsc_owner *owner)
{
    /* relaxed: a thread that runs a callback has set the flag itself. */
    uint32_t flags = atomic_load_explicit(&owner->slow_path_flags, memory_order_relaxed);

    return tsc_unlikely(flags & TSC_OWNER_IN_CALLBACK) && tsc_owner_is_calling_thread(owner) ? -EDEADLK : 0;
}

TSC_COLD int tsc_owner_check_send_slow(struct tsc_owner *owner, uint32_t flags)
{
    int error = flags & TSC_OWNER_NOT_STARTED ? tsc_owner_restart(owner) : 0;

    return error ? error : tsc_owner_check_wait(owner);
}

static bool help_until_room(void *arg)
{
    struct tsc_owner *owner = arg;

    return tsc_ring_has_room(&owner->ring) || tsc_owner_help(owner);
}

static void wait_for_room(struct tsc_owner *owner)
{
    uint32_t key;

    if (tsc_spin_among_many_until(help_until_room, owner, TSC_OWNER_SPIN_NS))
        return;
    key = tsc_eventcount_prepare(&owner->room);
    TSC_TEST_POINT(eventcount_prepared);
    if (tsc_ring_has_room(&owner->ring))
        tsc_eventcount_cancel(&owner->room);
    else
        tsc_eventcount_commit(&owner->room, key, TSC_NEVER);
}

TSC_COLD uint64_t tsc_owner_reserve_slow(struct tsc_owner *owner)
{
    uint64_t position;

    do
        wait_for_room(owner);
    while (!tsc_ring_reserve(&owner->ring, &position));
    return position;
}

static bool is_released(struct tsc_owner *owner, uint64_t end)
{
    return (int64_t)(tsc_ring_head(&owner->ring) - end) >= 0;
}

TSC_COLD void tsc_owner_help_or_wake(struct tsc_owner *owner, uint64_t position)
{
    /* relaxed: a hint; a lost count does no harm. */
    uint32_t helped = atomic_load_explicit(&owner->helped, memory_order_relaxed);

    atomic_store_explicit(&owner->helped, helped + 1, memory_order_relaxed);
    if (helped >= HELPS_BEFORE_WAKING || !tsc_owner_help(owner) || !is_released(owner, position + 1))
        tsc_owner_wake(owner);
}

struct flush {
    struct tsc_owner *owner;
    uint64_t end;
};

static bool is_flushed(const struct flush *flush)
{
    return is_released(flush->owner, flush->end);
}

static bool help_until_flushed(void *arg)
{
    const struct flush *flush = arg;

    while (!is_flushed(flush))
        if (!tsc_owner_help(flush->owner))
            return false;
    return true;
}

/*
 * Sleeps until the head moves or a callback begins; while a callback runs, until the deadline at most. No wake-up
 * is lost: a callback that begins after the load of the flag finds this sleeper counted and wakes it. All four
 * accesses are seq_cst. False once the deadline has passed. Model: test/model/flush.pml
 */
static bool sleep_until_progress(const struct flush *flush, int64_t deadline)
{
    struct tsc_owner *owner = flush->owner;
    uint32_t key = tsc_eventcount_prepare(&owner->progress);
    bool in_callback;

    TSC_TEST_POINT(eventcount_prepared);
    in_callback = is_in_callback(owner);
    TSC_TEST_POINT(flush_callback_checked);
    if (is_flushed(flush)) {
        tsc_eventcount_cancel(&owner->progress);
        return true;
    }
    return tsc_eventcount_commit(&owner->progress, key, in_callback ? deadline : TSC_NEVER);
}

int tsc_owner_flush(struct tsc_owner *owner, int64_t deadline)
{
    struct flush flush = {.owner = owner, .end = tsc_ring_tail(&owner->ring)};
    int error = tsc_owner_check_wait(owner);

    if (error)
        return error;
    TSC_TEST_POINT(flush_began);
    if (help_until_flushed(&flush))
        return 0;
    tsc_spin_among_many_until(help_until_flushed, &flush, TSC_OWNER_SPIN_NS);
    while (!is_flushed(&flush))
        if (!sleep_until_progress(&flush, deadline) && !is_flushed(&flush) && is_in_callback(owner))
            return -ETIMEDOUT;
    return 0;
}

/* For a callback without a message, the thread's start function: the next flush waits for this one. */
static void send_empty_message(struct tsc_owner *owner)
{
    uint64_t position;

    /* If the ring has become full meanwhile, the flush has messages to wait for. */
    if (tsc_owner_try_reserve(owner, &position)) /* GCOVR_EXCL_BR_LINE */
        tsc_owner_publish(owner, position, NULL, TSC_MESSAGE_ADDITION, 0);
}

int tsc_owner_begin_exclusive(struct tsc_owner *owner, int64_t deadline)
{
    for (;;) {
        int error = tsc_owner_flush(owner, deadline);

        if (error)
            return error;
        TSC_TEST_POINT(exclusive_flushed);
        tsc_lock_acquire(&owner->delivering);
        if (!is_in_callback(owner))
            return 0;
        tsc_lock_release(&owner->delivering);
        send_empty_message(owner);
    }
}

void tsc_owner_end_exclusive(struct tsc_owner *owner)
{
    tsc_lock_release(&owner->delivering);
}

struct awaited_reply {
    struct tsc_owner *owner;
    struct tsc_parker *parker;
};

static bool help_until_replied(void *arg)
{
    const struct awaited_reply *reply = arg;

    while (!tsc_parker_is_notified(reply->parker))
        if (!tsc_owner_help(reply->owner))
            return false;
    return true;
}

void tsc_owner_await_reply(struct tsc_owner *owner, struct tsc_parker *parker)
{
    struct awaited_reply reply = {.owner = owner, .parker = parker};

    if (help_until_replied(&reply) || tsc_spin_among_many_until(help_until_replied, &reply, TSC_OWNER_SPIN_NS))
        return;
    if (tsc_parker_prepare(parker))
        tsc_parker_commit(parker);
}
