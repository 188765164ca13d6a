/* SPDX-License-Identifier: MIT */
#include "queue/owner.h"

#include "callback.h"
#include "sync/deadline.h"
#include "sync/spin.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* A little longer than it takes to wake a thread: below that, sleeping costs more than it saves. */
#define SPIN_NS INT64_C(60000)
#define SPIN_NS_MIN INT64_C(1000)

enum { BATCH_MAX = 512, PAUSES_FOR_A_BATCH = 16, LAPS_WITHOUT_WAKING = 8 };

/* -------- the thread -------- */

static struct tsc_owner *owner_of_fork_node(struct tsc_fork_node *node)
{
    return tsc_container_of(node, struct tsc_owner, fork_node);
}

static bool is_half_empty(struct tsc_owner *owner)
{
    return tsc_ring_occupancy(&owner->ring) <= owner->ring.capacity / 2;
}

/*
 * One sender is woken, and only once the ring is half empty: it goes on sending, and wakes the next. To wake them all for
 * each batch would have a thousand threads find the ring full again.
 *
 * No sender sleeps for ever. While one sleeps, the ring was full after it had prepared, so a release is to come after
 * which the ring is half empty, and that release wakes one. Who is woken sends, whatever else it finds, so there is another
 * release, which wakes the next. Where those who are awake never let the ring become half empty, one is woken
 * every few laps.
 */
static void release(struct tsc_owner *owner)
{
    tsc_ring_release(&owner->ring);
    if (is_half_empty(owner) || owner->ring.next - owner->woken_at >= LAPS_WITHOUT_WAKING * owner->ring.capacity) {
        tsc_eventcount_notify_one(&owner->room);
        owner->woken_at = owner->ring.next;
    }
    tsc_eventcount_notify_all(&owner->progress);
}

static uint64_t batch_limit(struct tsc_owner *owner)
{
    uint64_t half = owner->ring.capacity / 2;

    return half == 0 ? 1 : half < BATCH_MAX ? half : BATCH_MAX;
}

/* False where there was nothing to deliver. */
static bool deliver_batch(struct tsc_owner *owner)
{
    struct tsc_ring *ring = &owner->ring;
    uint64_t first = ring->next;
    uint64_t limit = first + batch_limit(owner);

    if (!tsc_ring_is_ready(ring))
        return false;
    pthread_mutex_lock(&owner->delivering);
    while (ring->next != limit && tsc_ring_is_ready(ring)) {
        struct tsc_message message = tsc_ring_cell(ring, ring->next)->message;
        struct tsc_recipient *recipient = message.recipient;

        if (recipient != NULL)
            recipient->deliver(recipient, message.argument);
        ring->next++;
    }
    release(owner);
    pthread_mutex_unlock(&owner->delivering);
    return true;
}

void tsc_owner_begin_callback(struct tsc_owner *owner)
{
    atomic_fetch_or_explicit(&owner->attention, TSC_OWNER_IN_CALLBACK, memory_order_relaxed);
    release(owner);
    pthread_mutex_unlock(&owner->delivering);
}

void tsc_owner_end_callback(struct tsc_owner *owner)
{
    pthread_mutex_lock(&owner->delivering);
    atomic_fetch_and_explicit(&owner->attention, ~(uint32_t)TSC_OWNER_IN_CALLBACK, memory_order_relaxed);
}

static void take_retired(struct tsc_owner *owner)
{
    struct tsc_retirement *taken;

    if (atomic_load_explicit(&owner->retired, memory_order_relaxed) == NULL)
        return;
    tsc_fork_hold();
    taken = atomic_load_explicit(&owner->retired, memory_order_relaxed);
    atomic_store_explicit(&owner->retired, NULL, memory_order_relaxed);
    tsc_fork_unhold();
    while (taken != NULL) {
        struct tsc_retirement *next = taken->next;

        taken->next = owner->retiring;
        owner->retiring = taken;
        taken = next;
    }
}

static void free_retired(struct tsc_owner *owner)
{
    struct tsc_retirement **link = &owner->retiring;

    take_retired(owner);
    while (*link != NULL) {
        struct tsc_retirement *retirement = *link;

        if ((int64_t)(owner->ring.next - retirement->position) < 0) {
            link = &retirement->next;
        } else {
            *link = retirement->next;
            retirement->free(retirement);
        }
    }
}

static bool is_ending(struct tsc_owner *owner)
{
    return atomic_load_explicit(&owner->end, memory_order_seq_cst) != TSC_OWNER_GOES_ON;
}

static bool has_work(void *arg)
{
    struct tsc_owner *owner = arg;

    return tsc_ring_is_ready(&owner->ring) || is_ending(owner) ||
           atomic_load_explicit(&owner->retired, memory_order_seq_cst) != NULL;
}

/* A message is reserved and not published: its sender was stopped in the few instructions in between. */
static void wait_for_publication(struct tsc_owner *owner)
{
    struct timespec nap = {.tv_nsec = 50000};

    for (int pauses = 0; pauses < 256 && !tsc_ring_is_ready(&owner->ring); pauses++)
        tsc_pause();
    for (int yields = 0; yields < 16 && !tsc_ring_is_ready(&owner->ring); yields++)
        sched_yield();
    /* Not for ever with sched_yield: that would starve a sender of lower real-time priority. */
    while (!tsc_ring_is_ready(&owner->ring))
        nanosleep(&nap, NULL);
}

/*
 * No message is left lying. The sender reserves and then looks whether the owner is parked; the owner parks and then looks
 * at the tail. Both are seq_cst, so one sees the other: the sender unparks, or the owner does not sleep.
 */
static void park(struct tsc_owner *owner)
{
    if (!tsc_parker_prepare(&owner->parker))
        return;
    if (tsc_ring_tail(&owner->ring) != owner->ring.next || has_work(owner))
        tsc_parker_cancel(&owner->parker);
    else
        tsc_parker_commit(&owner->parker);
}

/* Spins for as long as the next message lately took to come, if that was shorter than a wake-up. */
static void rest(struct tsc_owner *owner)
{
    int64_t began = tsc_now();

    if (!tsc_spin_pays() || !tsc_spin_until(has_work, owner, owner->spin_ns))
        park(owner);
    if (tsc_now() - began < SPIN_NS)
        owner->spin_ns = SPIN_NS;
    else if (owner->spin_ns > SPIN_NS_MIN)
        owner->spin_ns /= 2;
}

/* A moment's pause lets a batch build up, instead of taking each message's cache line from its sender at once. */
static void let_a_batch_build_up(struct tsc_owner *owner)
{
    if (tsc_spin_pays() && !tsc_ring_is_ready(&owner->ring))
        for (int pauses = 0; pauses < PAUSES_FOR_A_BATCH; pauses++)
            tsc_pause();
}

static void deliver_until_end(struct tsc_owner *owner)
{
    for (;;) {
        while (deliver_batch(owner))
            let_a_batch_build_up(owner);
        free_retired(owner);
        if (tsc_ring_tail(&owner->ring) != owner->ring.next)
            wait_for_publication(owner);
        else if (is_ending(owner))
            return;
        else
            rest(owner);
    }
}

/* The one place where an owner is freed. */
static void free_owner(struct tsc_owner *owner)
{
    tsc_fork_unregister(&owner->fork_node);
    pthread_mutex_destroy(&owner->delivering);
    tsc_ring_fini(&owner->ring);
    free(owner);
}

static void *run(void *arg)
{
    struct tsc_owner *owner = arg;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    tsc_callback_enter();
    deliver_until_end(owner);
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

static int start_again(struct tsc_owner *owner)
{
    int saved_errno = errno;
    int error = 0;

    pthread_mutex_lock(&owner->delivering);
    if (atomic_load_explicit(&owner->attention, memory_order_relaxed) & TSC_OWNER_NOT_STARTED) {
        error = start_thread(owner);
        if (!error)
            atomic_fetch_and_explicit(&owner->attention, ~(uint32_t)TSC_OWNER_NOT_STARTED, memory_order_release);
    }
    pthread_mutex_unlock(&owner->delivering);
    errno = saved_errno;
    return error;
}

int tsc_owner_may_wait(struct tsc_owner *owner)
{
    /* relaxed: a thread can find itself in a callback only where it wrote so itself. */
    uint32_t attention = atomic_load_explicit(&owner->attention, memory_order_relaxed);

    return tsc_unlikely(attention & TSC_OWNER_IN_CALLBACK) && on_own_thread(owner) ? -EDEADLK : 0;
}

int tsc_owner_attend(struct tsc_owner *owner, uint32_t attention)
{
    return attention & TSC_OWNER_NOT_STARTED ? start_again(owner) : tsc_owner_may_wait(owner);
}

static bool has_room(void *arg)
{
    return tsc_ring_has_room(arg);
}

static void wait_for_room(struct tsc_owner *owner)
{
    uint32_t key;

    if (tsc_spin_until(has_room, &owner->ring, SPIN_NS))
        return;
    key = tsc_eventcount_prepare(&owner->room);
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
    if (is_half_empty(owner))
        tsc_eventcount_notify_one(&owner->room);
    return position;
}

struct flush {
    struct tsc_owner *owner;
    uint64_t target;
};

static bool is_flushed(void *arg)
{
    const struct flush *flush = arg;

    return (int64_t)(tsc_ring_head(&flush->owner->ring) - flush->target) >= 0;
}

int tsc_owner_flush(struct tsc_owner *owner, int64_t deadline)
{
    struct flush flush = {.owner = owner, .target = tsc_ring_tail(&owner->ring)};
    bool in_time = true;

    if (tsc_spin_until(is_flushed, &flush, SPIN_NS))
        return 0;
    while (!is_flushed(&flush)) {
        uint32_t key = tsc_eventcount_prepare(&owner->progress);

        if (is_flushed(&flush))
            tsc_eventcount_cancel(&owner->progress);
        else if (in_time)
            in_time = tsc_eventcount_commit(&owner->progress, key, deadline);
        else
            return -ETIMEDOUT;
    }
    return 0;
}

static bool is_replied(void *arg)
{
    return tsc_parker_is_notified(arg);
}

void tsc_owner_await_reply(struct tsc_parker *reply)
{
    if (!tsc_spin_until(is_replied, reply, SPIN_NS) && tsc_parker_prepare(reply))
        tsc_parker_commit(reply);
}

/* -------- life -------- */

static void fork_lock(struct tsc_fork_node *node)
{
    pthread_mutex_lock(&owner_of_fork_node(node)->delivering);
}

static void fork_unlock(struct tsc_fork_node *node)
{
    pthread_mutex_unlock(&owner_of_fork_node(node)->delivering);
}

/*
 * The thread is not in the child, and neither is anyone who waits for it. What was sent and published is delivered here, so
 * that the child begins with an empty ring and needs no thread to read or to free what the owner owns; requests are
 * dropped with those who made them. What was reserved and not published was sent by a call that had not returned.
 */
static void fork_child(struct tsc_fork_node *node)
{
    struct tsc_owner *owner = owner_of_fork_node(node);
    struct tsc_ring *ring = &owner->ring;
    uint64_t tail = tsc_ring_tail(ring);

    for (uint64_t position = ring->next; position != tail; position++) {
        struct tsc_recipient *recipient = tsc_ring_cell(ring, position)->message.recipient;

        if (tsc_ring_is_published(ring, position) && recipient != NULL && recipient->in_child)
            recipient->deliver(recipient, tsc_ring_cell(ring, position)->message.argument);
    }
    tsc_ring_restart(ring);
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
    error = pthread_mutex_init(&made->delivering, NULL) != 0 ? -ENOMEM : 0;
    if (error)
        goto free_ring;
    atomic_init(&made->references, 1);
    made->spin_ns = SPIN_NS;
    strcpy(made->thread_name, thread_name);
    error = tsc_fork_register(&made->fork_node, &fork_ops);
    if (error)
        goto free_lock;
    error = start_thread(made);
    if (error)
        goto unregister;
    *owner = made;
    return 0;

unregister:
    tsc_fork_unregister(&made->fork_node);
free_lock:
    pthread_mutex_destroy(&made->delivering);
free_ring:
    tsc_ring_fini(&made->ring);
free_memory:
    free(made);
    return error;
}

/*
 * The thread cannot free the owner while the fork list is held: so it is safe to reach for the parker after the word has been
 * given that lets the thread, if it is awake, come to its end.
 */
static void end_thread(struct tsc_owner *owner, enum tsc_owner_end end)
{
    tsc_fork_hold();
    atomic_store_explicit(&owner->end, end, memory_order_seq_cst);
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

tsc_owner_t *tsc_owner_ref(tsc_owner_t *owner)
{
    /* relaxed: who takes a reference has one. */
    if (owner != NULL)
        atomic_fetch_add_explicit(&owner->references, 1, memory_order_relaxed);
    return owner;
}

static void end(struct tsc_owner *owner)
{
    if (!tsc_owner_is_started(owner)) {
        free_owner(owner);
    } else if (tsc_callback_running()) {
        end_thread(owner, TSC_OWNER_ENDS_ALONE);
    } else {
        end_thread(owner, TSC_OWNER_ENDS_JOINED);
        pthread_join(owner->thread, NULL);
        free_owner(owner);
    }
}

void tsc_owner_unref(tsc_owner_t *owner)
{
    /* acq_rel: what the others did with their references comes before the end. */
    if (owner != NULL && atomic_fetch_sub_explicit(&owner->references, 1, memory_order_acq_rel) == 1)
        end(owner);
}
