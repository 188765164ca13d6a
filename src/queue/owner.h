/* SPDX-License-Identifier: MIT */
#ifndef TSC_QUEUE_OWNER_H
#define TSC_QUEUE_OWNER_H

#include "queue/ring.h"
#include "sync/eventcount.h"
#include "sync/lock.h"
#include "sync/parker.h"
#include "sync/registry.h"
#include "test-point.h"

#include <pthread.h>

#include <tscounter/owner.h>

/*
 * An owner is a thread with a ring. It takes messages from the ring and delivers them to their recipients, in
 * order. It knows nothing of counters.
 *
 * Each file uses only those before it: ring.h, delivery.h (which thread delivers), thread.c (the owner's thread),
 * life.h (how it begins and ends), send.h (what callers do).
 */
struct tsc_recipient {
    /* Aligned, so that three bits of a recipient's address are free. */
    _Alignas(8) void (*deliver)(struct tsc_recipient *recipient, int64_t argument);
};

/*
 * The kind of a message is in the low bits of its recipient's address: in the child of a fork, a recipient on the
 * stack of another thread must not be touched.
 */
enum tsc_message_kind {
    TSC_MESSAGE_ADDITION = 0, /* the recipient outlives the message */
    TSC_MESSAGE_REQUEST = 2,  /* the recipient is on the stack of the sender, which waits for the reply */
    TSC_MESSAGE_CALLBACK = 4, /* a request that runs a callback: only the owner's thread delivers it */
};

#define TSC_MESSAGE_KIND_BITS ((uintptr_t)6)

/* An object that gets no more messages. The owner's thread frees it after all earlier messages are delivered. */
struct tsc_retirement {
    _Atomic(struct tsc_retirement *) next;
    uint64_t position;
    void (*free)(struct tsc_retirement *retirement);
};

/* Flags that make a sender take the slow path. */
enum { TSC_OWNER_IN_CALLBACK = 1, TSC_OWNER_NOT_STARTED = 2 };

/* Whether the owner's thread ends, and whether another thread joins it and frees the owner. */
enum tsc_owner_end { TSC_OWNER_RUNNING = 0, TSC_OWNER_END_JOINED = 1, TSC_OWNER_END_DETACHED = 2 };

enum {
    TSC_QUEUE_CAPACITY_DEFAULT = 1024,
    TSC_QUEUE_CAPACITY_MAX = 1 << 24,
    TSC_THREAD_NAME_MAX_BYTES = 15,
};

/*
 * The longest spin before a sleep, by the owner's thread and by threads that wait for it: twice a slow wake-up.
 * Spins as long as a wake-up would make the two sides sleep in turn.
 */
#define TSC_OWNER_SPIN_NS INT64_C(100000)

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

    struct tsc_parker parker;       /* where the owner's thread sleeps */
    struct tsc_eventcount room;     /* where senders sleep until the head moves */
    struct tsc_eventcount progress; /* where a flush sleeps until the head moves or a callback begins */
    _Atomic uint32_t helped;        /* messages delivered by their senders since the owner's thread parked */
    _Atomic uint32_t end;           /* an enum tsc_owner_end */
    _Atomic(struct tsc_retirement *) retired; /* written with the registry locked */

    struct tsc_ring ring;

    /*
     * Held by the thread that delivers, but not during callbacks. fork() acquires it, so the child finds each
     * message either delivered and released, or neither.
     */
    _Alignas(TSC_CACHE_ALIGN) struct tsc_lock delivering;

    pthread_t thread;
    int64_t spin_ns; /* how long the owner's thread spins before it parks */
};

static inline struct tsc_owner *tsc_owner_of_object(struct tsc_object *object)
{
    return tsc_container_of(object, struct tsc_owner, object);
}

static inline void tsc_owner_wake(struct tsc_owner *owner)
{
    TSC_TEST_POINT(owner_found_parked);
    tsc_parker_unpark(&owner->parker);
}

/* Runs the owner's thread until the owner ends and all messages are delivered. */
void tsc_owner_run(struct tsc_owner *owner);

#endif
