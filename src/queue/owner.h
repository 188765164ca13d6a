/* SPDX-License-Identifier: MIT */
#ifndef TSC_QUEUE_OWNER_H
#define TSC_QUEUE_OWNER_H

#include "fork.h"
#include "queue/ring.h"
#include "sync/eventcount.h"
#include "sync/lock.h"
#include "sync/parker.h"
#include "test-point.h"

#include <pthread.h>

#include <tscounter/owner.h>

/*
 * A thread that takes messages from a ring and delivers them, one after the other, to their recipients. It knows
 * nothing of counters.
 */
struct tsc_recipient {
    void (*deliver)(struct tsc_recipient *recipient, int64_t argument);
    bool on_any_thread; /* whether it is delivered on any thread that holds `delivering`, not the owner's alone */
    bool in_child;      /* whether, in the child of a fork, what was sent to it before is still to be delivered */
};

/* Something to be freed by the owner once all that was sent before is delivered. */
struct tsc_retirement {
    struct tsc_retirement *next;
    uint64_t position;
    void (*free)(struct tsc_retirement *retirement);
};

/* Why a sender must look twice; 0 is the rule. */
enum { TSC_OWNER_IN_CALLBACK = 1, TSC_OWNER_NOT_STARTED = 2 };

/* Who frees the owner when its thread is to end. */
enum tsc_owner_end { TSC_OWNER_GOES_ON = 0, TSC_OWNER_ENDS_JOINED = 1, TSC_OWNER_ENDS_ALONE = 2 };

struct tsc_owner {
    _Atomic uint32_t references;
    _Atomic uint32_t attention;
    struct tsc_fork_node fork_node;
    char thread_name[16];

    struct tsc_parker parker;       /* where the owner's thread sleeps */
    struct tsc_eventcount room;     /* where senders sleep, for the head to move on */
    struct tsc_eventcount progress; /* where those who flush sleep, for the head to reach their message */
    _Atomic uint32_t helped;        /* how often senders delivered since the owner's thread went to sleep */
    _Atomic bool urgent;            /* a hint: someone waits for a reply */
    _Atomic int64_t woken_ns;       /* when the owner's thread was last woken */
    _Atomic int64_t wakeup_ns;      /* what it takes, by experience, to wake a thread */
    _Atomic uint32_t end;           /* an enum tsc_owner_end */
    _Atomic(struct tsc_retirement *) retired; /* written under the lock of the fork list */

    struct tsc_ring ring;

    /*
     * Held by whoever delivers (see delivery.h), but not around callbacks, and by whoever starts the thread. A
     * fork takes it, and so finds each message either delivered and released, or neither.
     */
    _Alignas(TSC_CACHE_ALIGN) struct tsc_lock delivering;

    /* The owner's thread's own. */
    pthread_t thread;
    int64_t spin_ns;     /* how long to spin before sleeping */
    int64_t interval_ns; /* how long to let a batch build up */
    int64_t senders_woken_ns;
    uint64_t senders_woken_at; /* the position */
    int senders_to_wake;
    struct tsc_retirement *retiring; /* taken from retired, to be freed as the ring moves on */
};

int tsc_owner_make(struct tsc_owner **owner, size_t capacity, const char *thread_name);

/* -EDEADLK inside one of the owner's callbacks. Before everything that waits for the owner. */
int tsc_owner_may_wait(struct tsc_owner *owner);

int tsc_owner_attend(struct tsc_owner *owner, uint32_t attention);

/* The same; and starts the thread in the child of a fork, or answers -EAGAIN. Before everything that sends. */
static inline int tsc_owner_may_send(struct tsc_owner *owner)
{
    /* acquire: pairs with the release when the thread is started again. */
    uint32_t attention = atomic_load_explicit(&owner->attention, memory_order_acquire);

    return tsc_likely(attention == 0) ? 0 : tsc_owner_attend(owner, attention);
}

static inline bool tsc_owner_try_reserve(struct tsc_owner *owner, uint64_t *position)
{
    return tsc_ring_reserve(&owner->ring, position);
}

uint64_t tsc_owner_reserve_when_there_is_room(struct tsc_owner *owner);

/* Reserves a position, waiting for room; it must be published. */
static inline uint64_t tsc_owner_reserve(struct tsc_owner *owner)
{
    uint64_t position;

    if (tsc_likely(tsc_owner_try_reserve(owner, &position)))
        return position;
    return tsc_owner_reserve_when_there_is_room(owner);
}

void tsc_owner_wake(struct tsc_owner *owner);

/*
 * Sees to it that a message is delivered that was published while the owner's thread was asleep.
 * Models: test/model/queue.pml, test/model/delivery.pml
 */
void tsc_owner_help_or_wake(struct tsc_owner *owner, uint64_t position);

static inline void tsc_owner_publish(struct tsc_owner *owner, uint64_t position, struct tsc_recipient *recipient,
                                     int64_t argument)
{
    TSC_TEST_POINT(message_reserved);
    tsc_ring_publish(&owner->ring, position, recipient, argument);
    TSC_TEST_POINT(message_published);
    if (tsc_unlikely(tsc_parker_is_parked(&owner->parker)))
        tsc_owner_help_or_wake(owner, position);
}

/* The position behind all that was reserved. */
static inline uint64_t tsc_owner_tail(struct tsc_owner *owner)
{
    return tsc_ring_tail(&owner->ring);
}

/* From within deliver: the position of the message that is delivered. */
static inline uint64_t tsc_owner_delivered_position(struct tsc_owner *owner)
{
    return owner->ring.next;
}

/* Waits until all that was reserved before is delivered: 0 or -ETIMEDOUT. */
int tsc_owner_flush(struct tsc_owner *owner, int64_t deadline);

/* Waits until the recipient of a message that was published has unparked the caller. */
void tsc_owner_await_reply(struct tsc_owner *owner, struct tsc_parker *parker);

/* Around a callback, on the owner's thread, from within deliver. */
void tsc_owner_begin_callback(struct tsc_owner *owner);
void tsc_owner_end_callback(struct tsc_owner *owner);

/* Whether there is a thread: not in the child of a fork before the first message; nothing is undelivered then. */
bool tsc_owner_is_started(struct tsc_owner *owner);

/* Hands something that nobody sends to any more to a started owner, to be freed. Does not wait. */
void tsc_owner_retire(struct tsc_owner *owner, struct tsc_retirement *retirement);

#endif
