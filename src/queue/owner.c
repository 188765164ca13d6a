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

enum { BATCH_MAX = 512, LAPS_BETWEEN_WAKING = 2, SENDERS_TO_WAKE_MAX = 1024 };

/* -------- the thread -------- */

static struct tsc_owner *owner_of_fork_node(struct tsc_fork_node *node)
{
    return tsc_container_of(node, struct tsc_owner, fork_node);
}

static void release(struct tsc_owner *owner)
{
    tsc_ring_release(&owner->ring);
    tsc_eventcount_notify_all(&owner->progress);
}

static uint64_t batch_limit(struct tsc_owner *owner)
{
    uint64_t half = owner->ring.capacity / 2;

    return half == 0 ? 1 : half < BATCH_MAX ? half : BATCH_MAX;
}

static void fetch_first(struct tsc_ring *ring, uint64_t end)
{
    for (uint64_t ahead = 0; ahead < TSC_RING_FETCH_AHEAD && ring->next + ahead < end; ahead++)
        tsc_ring_fetch_to_read(ring, ring->next + ahead);
}

/* Delivers what is published up to the end. */
static void deliver_up_to(struct tsc_ring *ring, uint64_t end)
{
    void *recipient;
    int64_t argument;

    fetch_first(ring, end);
    while (ring->next != end && tsc_ring_read(ring, ring->next, &recipient, &argument)) {
        if (ring->next + TSC_RING_FETCH_AHEAD < end)
            tsc_ring_fetch_to_read(ring, ring->next + TSC_RING_FETCH_AHEAD);
        if (recipient != NULL)
            ((struct tsc_recipient *)recipient)->deliver(recipient, argument);
        ring->next++;
    }
}

/* False where the next message is not published yet. */
static bool deliver_batch(struct tsc_owner *owner, uint64_t end)
{
    struct tsc_ring *ring = &owner->ring;

    if (!tsc_ring_is_ready(ring))
        return false;
    if (end - ring->next > batch_limit(owner))
        end = ring->next + batch_limit(owner);
    pthread_mutex_lock(&owner->delivering);
    deliver_up_to(ring, end);
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

/* Whether something cannot wait until a batch has built up. None of it lies in a cache line that senders write. */
static bool is_pressed(void *arg)
{
    struct tsc_owner *owner = arg;

    return atomic_load_explicit(&owner->urgent, memory_order_relaxed) || is_ending(owner) ||
           atomic_load_explicit(&owner->retired, memory_order_seq_cst) != NULL;
}

static bool has_work(struct tsc_owner *owner)
{
    return tsc_ring_tail(&owner->ring) != owner->ring.next || is_ending(owner) ||
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
 * Senders that found the ring full sleep. They are woken few at a time: a thousand threads would find the ring
 * full again. One is woken every few laps, to be there when those that are awake have sent what they had; and when
 * those that are awake do not fill the ring, once in the time that a wake-up takes, each time twice as many as
 * before.
 */
static void wake_senders(struct tsc_owner *owner)
{
    tsc_eventcount_notify(&owner->room, owner->senders_to_wake);
    owner->senders_woken_at = owner->ring.next;
}

static void wake_senders_of_full_ring(struct tsc_owner *owner)
{
    owner->senders_to_wake = 1;
    if (owner->ring.next - owner->senders_woken_at >= LAPS_BETWEEN_WAKING * owner->ring.capacity)
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
 * then looks at the tail. Both are seq_cst, so one sees the other: the sender unparks, or the owner does not
 * sleep.
 *
 * No sender sleeps for ever. The owner, having released all there was, wakes a sender before it parks. A sender
 * that it did not see had not prepared to sleep before that release; so it found the ring full after it, and the
 * owner finds it not empty. And who is woken sends, whatever else it finds: so the owner is unparked, and wakes
 * the next.
 */
static void park(struct tsc_owner *owner)
{
    tsc_eventcount_notify(&owner->room, owner->senders_to_wake);
    if (!tsc_parker_prepare(&owner->parker))
        return;
    if (has_work(owner))
        tsc_parker_cancel(&owner->parker);
    else
        tsc_parker_commit(&owner->parker);
}

static bool spin(struct tsc_owner *owner, int64_t deadline)
{
    do {
        tsc_spin_until(is_pressed, owner, owner->interval_ns);
        atomic_store_explicit(&owner->urgent, false, memory_order_relaxed);
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

/*
 * Twice a wake-up: below that, sleeping costs more than it saves. A wake-up that takes as long as the others spin
 * would have both sides sleep in turn.
 */
static int64_t longest_spin(struct tsc_owner *owner)
{
    return 2 * atomic_load_explicit(&owner->wakeup_ns, memory_order_relaxed);
}

/* Spins before it sleeps only where work lately came while it could have spun. */
static void rest(struct tsc_owner *owner)
{
    int64_t began = tsc_now();
    int64_t work_came;

    if (tsc_spin_pays() && spin(owner, began + owner->spin_ns)) {
        work_came = tsc_now();
    } else {
        park(owner);
        work_came = learn_from_wakeup(owner, began);
    }
    if (work_came - began < longest_spin(owner))
        owner->spin_ns = longest_spin(owner);
    else if (owner->spin_ns > SPIN_NS_MIN)
        owner->spin_ns /= 2;
}

/* Delivers what was there at one look, and no more: who runs after the senders takes each line from them. */
static uint64_t deliver_all(struct tsc_owner *owner)
{
    uint64_t first = owner->ring.next;
    uint64_t end = tsc_ring_tail(&owner->ring);

    while (owner->ring.next != end && deliver_batch(owner, end))
        ;
    return owner->ring.next - first;
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

static void deliver_until_end(struct tsc_owner *owner)
{
    for (;;) {
        uint64_t delivered = deliver_all(owner);

        adapt(owner, delivered);
        free_retired(owner);
        if (is_ending(owner) && tsc_ring_tail(&owner->ring) == owner->ring.next)
            return;
        if (delivered == 0 && tsc_ring_tail(&owner->ring) != owner->ring.next)
            wait_for_publication(owner);
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

    if (tsc_spin_among_many_until(has_room, &owner->ring, longest_spin(owner)))
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
    return position;
}

void tsc_owner_wake(struct tsc_owner *owner)
{
    atomic_store_explicit(&owner->woken_ns, tsc_now(), memory_order_relaxed);
    tsc_parker_unpark(&owner->parker);
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

static void press(struct tsc_owner *owner)
{
    if (!atomic_load_explicit(&owner->urgent, memory_order_relaxed))
        atomic_store_explicit(&owner->urgent, true, memory_order_relaxed);
}

int tsc_owner_flush(struct tsc_owner *owner, int64_t deadline)
{
    struct flush flush = {.owner = owner, .target = tsc_ring_tail(&owner->ring)};

    if (is_flushed(&flush))
        return 0;
    press(owner);
    if (tsc_spin_among_many_until(is_flushed, &flush, longest_spin(owner)))
        return 0;
    while (!is_flushed(&flush)) {
        uint32_t key = tsc_eventcount_prepare(&owner->progress);

        if (is_flushed(&flush))
            tsc_eventcount_cancel(&owner->progress);
        else if (!tsc_eventcount_commit(&owner->progress, key, deadline))
            return is_flushed(&flush) ? 0 : -ETIMEDOUT;
    }
    return 0;
}

static bool is_replied(void *arg)
{
    return tsc_parker_is_notified(arg);
}

void tsc_owner_await_reply(struct tsc_owner *owner, struct tsc_parker *reply)
{
    press(owner);
    if (!tsc_spin_among_many_until(is_replied, reply, longest_spin(owner)) && tsc_parker_prepare(reply))
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
 * The thread is not in the child, and neither is anyone who waits for it. What was sent and published is delivered
 * here, so that the child begins with an empty ring and needs no thread to read or to free what the owner owns;
 * requests are dropped with those who made them. What was reserved and not published was sent by a call that had
 * not returned.
 */
static void fork_child(struct tsc_fork_node *node)
{
    struct tsc_owner *owner = owner_of_fork_node(node);
    struct tsc_ring *ring = &owner->ring;
    void *recipient;
    int64_t argument;

    tsc_ring_publish_all(ring);
    while (tsc_ring_read(ring, ring->next, &recipient, &argument)) {
        if (recipient != NULL && ((struct tsc_recipient *)recipient)->in_child)
            ((struct tsc_recipient *)recipient)->deliver(recipient, argument);
        ring->next++;
    }
    tsc_ring_release(ring);
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
    atomic_init(&made->wakeup_ns, WAKEUP_NS);
    made->spin_ns = longest_spin(made);
    made->interval_ns = INTERVAL_NS_MIN;
    made->senders_to_wake = 1;
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
 * The thread cannot free the owner while the fork list is held: so it is safe to reach for the parker after the
 * word has been given that lets the thread, if it is awake, come to its end.
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
