/* SPDX-License-Identifier: MIT */
#include "queue/owner.h"

#include "callback.h"
#include "queue/delivery.h"
#include "queue/thread.h"
#include "sync/deadline.h"
#include "sync/spin.h"
#include "test-point.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/*
 * While the owner's thread sleeps, a sender delivers its message itself, which is quicker than to wake a thread.
 * But so many since it fell asleep are a stream, worth a thread that runs beside the senders.
 */
enum { HELPS_BEFORE_WAKING = 64 };

static struct tsc_owner *owner_of_fork_node(struct tsc_fork_node *node)
{
    return tsc_container_of(node, struct tsc_owner, fork_node);
}

/* -------- the thread -------- */

/* The one place where an owner is freed. */
static void free_owner(struct tsc_owner *owner)
{
    tsc_fork_unregister(&owner->fork_node);
    tsc_ring_fini(&owner->ring);
    free(owner);
}

static void *run(void *arg)
{
    struct tsc_owner *owner = arg;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    tsc_callback_enter();
    tsc_owner_run(owner);
    if (atomic_load_explicit(&owner->end, memory_order_relaxed) == TSC_OWNER_ENDS_ALONE) {
        pthread_detach(pthread_self());
        free_owner(owner);
    }
    return NULL;
}

/* -------- senders -------- */

static bool on_own_thread(struct tsc_owner *owner)
{
    return pthread_equal(pthread_self(), owner->thread);
}

/* The thread inherits the mask of its creator: it is to block all signals. */
static int start_thread(struct tsc_owner *owner)
{
    sigset_t all;
    sigset_t former;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    error = pthread_create(&owner->thread, NULL, run, owner);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    if (error)
        return -EAGAIN;
    pthread_setname_np(owner->thread, owner->thread_name);
    return 0;
}

/* Model: test/model/start.pml */
static int start_again(struct tsc_owner *owner)
{
    int saved_errno = errno;
    int error = 0;

    tsc_fork_take_node_lock(&owner->delivering);
    if (atomic_load_explicit(&owner->attention, memory_order_relaxed) & TSC_OWNER_NOT_STARTED) {
        error = start_thread(owner);
        if (!error)
            atomic_fetch_and_explicit(&owner->attention, ~(uint32_t)TSC_OWNER_NOT_STARTED, memory_order_release);
    }
    tsc_fork_give_node_lock(&owner->delivering);
    errno = saved_errno;
    return error;
}

int tsc_owner_may_wait(struct tsc_owner *owner)
{
    /* acquire: pairs with begin_callback, so that it is the thread of this callback that is compared with. */
    uint32_t attention = atomic_load_explicit(&owner->attention, memory_order_acquire);

    return tsc_unlikely(attention & TSC_OWNER_IN_CALLBACK) && on_own_thread(owner) ? -EDEADLK : 0;
}

int tsc_owner_attend(struct tsc_owner *owner, uint32_t attention)
{
    return attention & TSC_OWNER_NOT_STARTED ? start_again(owner) : tsc_owner_may_wait(owner);
}

static bool has_room(void *arg)
{
    struct tsc_owner *owner = arg;

    return tsc_ring_has_room(&owner->ring) || tsc_owner_help(owner);
}

static void wait_for_room(struct tsc_owner *owner)
{
    uint32_t key;

    if (tsc_spin_among_many_until(has_room, owner, tsc_owner_longest_spin(owner)))
        return;
    key = tsc_eventcount_prepare(&owner->room);
    TSC_TEST_POINT(eventcount_prepared);
    if (tsc_ring_has_room(&owner->ring))
        tsc_eventcount_cancel(&owner->room);
    else
        tsc_eventcount_commit(&owner->room, key, TSC_NEVER);
}

TSC_COLD uint64_t tsc_owner_reserve_when_there_is_room(struct tsc_owner *owner)
{
    uint64_t position;

    do
        wait_for_room(owner);
    while (!tsc_ring_reserve(&owner->ring, &position));
    return position;
}

void tsc_owner_wake(struct tsc_owner *owner)
{
    atomic_store_explicit(&owner->woken_ns, tsc_now(), memory_order_relaxed);
    TSC_TEST_POINT(owner_found_parked);
    tsc_parker_unpark(&owner->parker);
}

static bool is_released(struct tsc_owner *owner, uint64_t target)
{
    return (int64_t)(tsc_ring_head(&owner->ring) - target) >= 0;
}

TSC_COLD void tsc_owner_help_or_wake(struct tsc_owner *owner, uint64_t position)
{
    /* relaxed: a hint, and counts that get lost do no harm. */
    uint32_t helped = atomic_load_explicit(&owner->helped, memory_order_relaxed);

    atomic_store_explicit(&owner->helped, helped + 1, memory_order_relaxed);
    if (helped >= HELPS_BEFORE_WAKING || !tsc_owner_help(owner) || !is_released(owner, position + 1))
        tsc_owner_wake(owner);
}

struct flush {
    struct tsc_owner *owner;
    uint64_t target;
};

static bool is_flushed(void *arg)
{
    const struct flush *flush = arg;

    return is_released(flush->owner, flush->target);
}

static bool is_flushed_with_help(void *arg)
{
    const struct flush *flush = arg;

    while (!is_flushed(arg))
        if (!tsc_owner_help(flush->owner))
            return false;
    return true;
}

static void press(struct tsc_owner *owner)
{
    if (!atomic_load_explicit(&owner->urgent, memory_order_relaxed))
        atomic_store_explicit(&owner->urgent, true, memory_order_relaxed);
}

int tsc_owner_flush(struct tsc_owner *owner, int64_t deadline)
{
    struct flush flush = {.owner = owner, .target = tsc_ring_tail(&owner->ring)};

    TSC_TEST_POINT(flush_began);
    if (is_flushed_with_help(&flush))
        return 0;
    press(owner);
    if (tsc_spin_among_many_until(is_flushed_with_help, &flush, tsc_owner_longest_spin(owner)))
        return 0;
    while (!is_flushed(&flush)) {
        uint32_t key = tsc_eventcount_prepare(&owner->progress);

        TSC_TEST_POINT(eventcount_prepared);
        if (is_flushed(&flush))
            tsc_eventcount_cancel(&owner->progress);
        else if (!tsc_eventcount_commit(&owner->progress, key, deadline))
            return is_flushed(&flush) ? 0 : -ETIMEDOUT;
    }
    return 0;
}

struct awaited_reply {
    struct tsc_owner *owner;
    struct tsc_parker *parker;
};

static bool is_replied_with_help(void *arg)
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

    if (is_replied_with_help(&reply))
        return;
    press(owner);
    if (!tsc_spin_among_many_until(is_replied_with_help, &reply, tsc_owner_longest_spin(owner)) &&
        tsc_parker_prepare(parker))
        tsc_parker_commit(parker);
}

/* -------- life -------- */

static void fork_lock(struct tsc_fork_node *node)
{
    tsc_lock_take(&owner_of_fork_node(node)->delivering);
}

static void fork_unlock(struct tsc_fork_node *node)
{
    tsc_lock_give(&owner_of_fork_node(node)->delivering);
}

/* What was reserved and not published was sent by a call that had not returned; it becomes a message to nobody. */
static void drop_what_vanished(struct tsc_ring *ring)
{
    uint64_t tail = tsc_ring_tail(ring);
    void *recipient;
    int64_t argument;

    for (uint64_t position = ring->next; position != tail; position++)
        if (!tsc_ring_read(ring, position, &recipient, &argument) ||
            (recipient != NULL && !((struct tsc_recipient *)recipient)->in_child))
            tsc_ring_publish(ring, position, NULL, 0);
}

static void deliver_the_rest(struct tsc_ring *ring)
{
    void *recipient;
    int64_t argument;

    while (tsc_ring_read(ring, ring->next, &recipient, &argument)) {
        if (recipient != NULL)
            ((struct tsc_recipient *)recipient)->deliver(recipient, argument);
        ring->next++;
    }
    tsc_ring_release(ring);
}

/*
 * The thread is not in the child, and neither is anyone who waits for it. What was sent and published is delivered
 * here, so that the child begins with an empty ring and needs no thread to read or to free what the owner owns;
 * requests are dropped with those who made them. Model: test/model/fork.pml
 */
static void fork_child(struct tsc_fork_node *node)
{
    struct tsc_owner *owner = owner_of_fork_node(node);

    drop_what_vanished(&owner->ring);
    deliver_the_rest(&owner->ring);
    atomic_store_explicit(&owner->attention, TSC_OWNER_NOT_STARTED, memory_order_relaxed);
    atomic_store_explicit(&owner->parker.state, TSC_PARKER_AWAKE, memory_order_relaxed);
    tsc_eventcount_forget_sleepers(&owner->room);
    tsc_eventcount_forget_sleepers(&owner->progress);
}

static const struct tsc_fork_ops fork_ops = {.lock = fork_lock, .unlock = fork_unlock, .child = fork_child};

int tsc_owner_make(struct tsc_owner **owner, size_t capacity, const char *thread_name)
{
    struct tsc_owner *made;
    void *memory;
    int error;

    if (posix_memalign(&memory, TSC_CACHE_ALIGN, sizeof(*made)) != 0)
        return -ENOMEM;
    made = memset(memory, 0, sizeof(*made));
    error = tsc_ring_init(&made->ring, capacity);
    if (error)
        goto free_memory;
    atomic_init(&made->references, 1);
    tsc_owner_init_thread(made);
    strcpy(made->thread_name, thread_name);
    error = tsc_fork_register(&made->fork_node, &fork_ops);
    if (error)
        goto free_ring;
    error = start_thread(made);
    if (error)
        goto unregister;
    *owner = made;
    return 0;

unregister:
    tsc_fork_unregister(&made->fork_node);
free_ring:
    tsc_ring_fini(&made->ring);
free_memory:
    free(made);
    return error;
}

/*
 * The thread cannot free the owner while the fork list is held: so it is safe to reach for the parker after the
 * word has been given that lets the thread, if it is awake, come to its end. Model: test/model/sleep.pml
 */
static void end_thread(struct tsc_owner *owner, enum tsc_owner_end end)
{
    tsc_fork_hold();
    atomic_store_explicit(&owner->end, end, memory_order_seq_cst);
    TSC_TEST_POINT(owner_told_to_end);
    tsc_parker_unpark(&owner->parker);
    tsc_fork_unhold();
}

void tsc_owner_retire(struct tsc_owner *owner, struct tsc_retirement *retirement)
{
    tsc_fork_hold();
    retirement->position = tsc_ring_tail(&owner->ring);
    retirement->next = atomic_load_explicit(&owner->retired, memory_order_relaxed);
    atomic_store_explicit(&owner->retired, retirement, memory_order_seq_cst);
    tsc_parker_unpark(&owner->parker);
    tsc_fork_unhold();
}

bool tsc_owner_is_started(struct tsc_owner *owner)
{
    return !(atomic_load_explicit(&owner->attention, memory_order_acquire) & TSC_OWNER_NOT_STARTED);
}

/* Model: test/model/references.pml */
tsc_owner_t *tsc_owner_ref(tsc_owner_t *owner)
{
    /* relaxed: who takes a reference has one. */
    if (owner != NULL)
        atomic_fetch_add_explicit(&owner->references, 1, memory_order_relaxed);
    return owner;
}

/* An unref is no cancellation point, and a join is one. */
static void join(pthread_t thread)
{
    int state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_join(thread, NULL);
    pthread_setcancelstate(state, NULL);
}

static void end(struct tsc_owner *owner)
{
    if (!tsc_owner_is_started(owner)) {
        free_owner(owner);
    } else if (tsc_callback_running()) {
        end_thread(owner, TSC_OWNER_ENDS_ALONE);
    } else {
        end_thread(owner, TSC_OWNER_ENDS_JOINED);
        join(owner->thread);
        free_owner(owner);
    }
}

void tsc_owner_unref(tsc_owner_t *owner)
{
    /* acq_rel: what the others did with their references comes before the end. */
    if (owner != NULL && atomic_fetch_sub_explicit(&owner->references, 1, memory_order_acq_rel) == 1)
        end(owner);
}
