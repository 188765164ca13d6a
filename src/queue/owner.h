/* SPDX-License-Identifier: MIT */
#ifndef TSC_QUEUE_OWNER_H
#define TSC_QUEUE_OWNER_H

#include "queue/ring.h"
#include "sync/deadline.h"
#include "sync/eventcount.h"
#include "sync/lock.h"
#include "sync/parker.h"
#include "sync/registry.h"
#include "test-point.h"

#include <pthread.h>

#include <tscounter/owner.h>

/*
 * A thread that takes messages from a ring and delivers them, one after the other, to their recipients. It knows
 * nothing of counters. send.h has what callers do, delivery.h who delivers, thread.h the thread, life.h how it
 * begins and ends.
 */
struct tsc_recipient {
    /* Aligned so that three bits of a recipient's address are free. */
    _Alignas(8) void (*deliver)(struct tsc_recipient *recipient, int64_t argument);
};

/*
 * What kind of recipient a message has. The kind travels in the message, in the low bits of the recipient's
 * address: in the child of a fork, a recipient that lay on the stack of another thread must not be touched.
 */
enum tsc_message_kind {
    TSC_MESSAGE_ADDITION = 0, /* part of an object that outlives the message */
    TSC_MESSAGE_REQUEST = 2,  /* on the stack of the sender, which waits for the reply */
    TSC_MESSAGE_CALLBACK = 4, /* a request that runs a callback: only the owner's thread delivers it */
};

#define TSC_MESSAGE_KIND_BITS ((uintptr_t)6)

/* Something that nobody sends to any more; the owner's thread frees it once all earlier messages are delivered. */
struct tsc_retirement {
    struct tsc_retirement *next;
    uint64_t position;
    void (*free)(struct tsc_retirement *retirement);
};

/* Flags that make a sender take the slow path. */
enum { TSC_OWNER_IN_CALLBACK = 1, TSC_OWNER_NOT_STARTED = 2 };

/* Who frees the owner when its thread ends. */
enum tsc_owner_end { TSC_OWNER_GOES_ON = 0, TSC_OWNER_ENDS_JOINED = 1, TSC_OWNER_ENDS_ALONE = 2 };

enum { TSC_THREAD_NAME_MAX_BYTES = 15 };

struct tsc_owner_attr {
    size_t queue_capacity;
    size_t stack_size; /* 0: the system's default */
    void (*start)(void *arg);
    void *start_arg;
    char thread_name[TSC_THREAD_NAME_MAX_BYTES + 1];
};

extern const struct tsc_owner_attr tsc_owner_attr_default;

struct tsc_owner {
    struct tsc_object object;
    struct tsc_owner_attr attr;
    _Atomic uint32_t slow_path_flags;

    struct tsc_parker parker;   /* where the owner's thread sleeps */
    struct tsc_eventcount room; /* where senders sleep until the head moves on */
    struct tsc_eventcount
        progress;            /* where a flush sleeps until the head reaches its message, or a callback begins */
    _Atomic uint32_t helped; /* deliveries by senders since the owner's thread went to sleep */
    _Atomic bool batch_cut_short;             /* a hint: a caller waits for a reply */
    _Atomic int64_t woken_ns;                 /* when the owner's thread was last woken */
    _Atomic int64_t wakeup_ns;                /* how long a wake-up takes, as measured */
    _Atomic uint32_t end;                     /* an enum tsc_owner_end */
    _Atomic(struct tsc_retirement *) retired; /* written with the registry locked */

    struct tsc_ring ring;

    /*
     * Held by the thread that delivers (see delivery.h), but not around callbacks, and by a thread that starts the
     * owner's. A fork acquires it, so the child finds each message either delivered and released, or neither.
     */
    _Alignas(TSC_CACHE_ALIGN) struct tsc_lock delivering;

    /* Only the owner's thread uses the rest. */
    pthread_t thread;
    int64_t spin_ns;     /* how long to spin before sleeping */
    int64_t interval_ns; /* how long to let a batch build up */
    int64_t senders_woken_ns;
    uint64_t senders_woken_at; /* the position */
    int senders_to_wake;
};

static inline struct tsc_owner *tsc_owner_of_object(struct tsc_object *object)
{
    return tsc_container_of(object, struct tsc_owner, object);
}

/* The position behind all that was reserved. */
static inline uint64_t tsc_owner_tail(struct tsc_owner *owner)
{
    return tsc_ring_tail(&owner->ring);
}

static inline void tsc_owner_wake(struct tsc_owner *owner)
{
    atomic_store_explicit(&owner->woken_ns, tsc_now(), memory_order_relaxed);
    TSC_TEST_POINT(owner_found_parked);
    tsc_parker_unpark(&owner->parker);
}

#endif
