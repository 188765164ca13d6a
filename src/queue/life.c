/* SPDX-License-Identifier: MIT */
#include "queue/life.h"

#include "join.h"
#include "queue/delivery.h"
#include "test-point.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

const struct tsc_owner_attr tsc_owner_attr_default = {
    .queue_capacity = TSC_QUEUE_CAPACITY_DEFAULT,
    .thread_name = "tscounter",
};

/* Not a pthread_t: a new thread in the child of a fork may get that of an old one. */
static _Thread_local struct tsc_owner *owner_of_this_thread TSC_TLS_INITIAL_EXEC;

bool tsc_owner_is_calling_thread(const struct tsc_owner *owner)
{
    return owner_of_this_thread == owner;
}

/* The one place that frees an owner. */
static void free_owner(struct tsc_object *object)
{
    struct tsc_owner *owner = tsc_owner_of_object(object);

    tsc_registry_lock();
    tsc_registry_remove(object);
    tsc_registry_unlock();
    tsc_ring_fini(&owner->ring);
    free(owner);
}

/* -------- the thread -------- */

/* The start function runs as a callback. */
static uint32_t initial_flags(const struct tsc_owner *owner)
{
    return owner->attr.start != NULL ? TSC_OWNER_IN_CALLBACK : 0;
}

/* tsc_owner_restart holds `delivering` until it has set the flags. */
static void run_start_function(struct tsc_owner *owner)
{
    tsc_lock_acquire(&owner->delivering);
    tsc_lock_release(&owner->delivering);
    owner->attr.start(owner->attr.start_arg);
    tsc_owner_end_callback(owner);
    tsc_lock_release(&owner->delivering);
}

static void *run(void *arg)
{
    struct tsc_owner *owner = arg;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_setname_np(pthread_self(), owner->attr.thread_name);
    owner_of_this_thread = owner;
    tsc_thread_forbid_join();
    if (owner->attr.start != NULL)
        run_start_function(owner);
    tsc_owner_run(owner);
    if (atomic_load_explicit(&owner->end, memory_order_relaxed) == TSC_OWNER_END_DETACHED) {
        pthread_detach(pthread_self());
        free_owner(&owner->object);
    }
    return NULL;
}

/* The owner's thread blocks all signals: it inherits the mask of its creator. */
static int start_thread(struct tsc_owner *owner)
{
    pthread_attr_t attr;
    sigset_t all;
    sigset_t former;
    int error;

    pthread_attr_init(&attr);
    if (owner->attr.stack_size != 0)
        pthread_attr_setstacksize(&attr, owner->attr.stack_size);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    error = pthread_create(&owner->thread, &attr, run, owner);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    pthread_attr_destroy(&attr);
    return error ? -EAGAIN : 0;
}

/* Model: test/model/start.pml */
int tsc_owner_restart(struct tsc_owner *owner)
{
    int saved_errno = errno;
    int error = 0;

    tsc_lock_acquire(&owner->delivering);
    if (atomic_load_explicit(&owner->slow_path_flags, memory_order_relaxed) & TSC_OWNER_NOT_STARTED) {
        error = start_thread(owner);
        /* release: a thread that finds the owner started may join owner->thread. */
        if (!error)
            atomic_store_explicit(&owner->slow_path_flags, initial_flags(owner), memory_order_release);
    }
    tsc_lock_release(&owner->delivering);
    errno = saved_errno;
    return error;
}

bool tsc_owner_is_started(struct tsc_owner *owner)
{
    return !(atomic_load_explicit(&owner->slow_path_flags, memory_order_acquire) & TSC_OWNER_NOT_STARTED);
}

/* -------- its end -------- */

/*
 * The owner's thread may end and free the owner right after the store, but not while the registry is locked. So
 * the parker is still there for the unpark. Model: test/model/sleep.pml
 */
static void end_thread(struct tsc_owner *owner, enum tsc_owner_end end)
{
    tsc_registry_lock();
    atomic_store_explicit(&owner->end, end, memory_order_seq_cst);
    TSC_TEST_POINT(owner_end_stored);
    tsc_parker_unpark(&owner->parker);
    tsc_registry_unlock();
}

/* An unref is no cancellation point; pthread_join() is one. */
static void join(pthread_t thread)
{
    int state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_join(thread, NULL);
    pthread_setcancelstate(state, NULL);
}

static void release_owner(struct tsc_object *object)
{
    struct tsc_owner *owner = tsc_owner_of_object(object);

    if (!tsc_owner_is_started(owner)) {
        free_owner(object);
    } else if (tsc_thread_must_not_join()) {
        end_thread(owner, TSC_OWNER_END_DETACHED);
    } else {
        end_thread(owner, TSC_OWNER_END_JOINED);
        join(owner->thread);
        free_owner(object);
    }
}

void tsc_owner_retire(struct tsc_owner *owner, struct tsc_retirement *retirement)
{
    tsc_registry_lock();
    retirement->position = tsc_ring_tail(&owner->ring);
    atomic_init(&retirement->next, atomic_load_explicit(&owner->retired, memory_order_relaxed));
    atomic_store_explicit(&owner->retired, retirement, memory_order_seq_cst);
    TSC_TEST_POINT(owner_retired_listed);
    tsc_parker_unpark(&owner->parker);
    tsc_registry_unlock();
}

/* -------- fork -------- */

static void lock_owner(struct tsc_object *object)
{
    tsc_lock_acquire(&tsc_owner_of_object(object)->delivering);
}

static void unlock_owner(struct tsc_object *object)
{
    tsc_lock_release(&tsc_owner_of_object(object)->delivering);
}

/*
 * Neither the owner's thread nor its waiters are in the child. The child begins with an empty ring and an empty
 * list of retired objects, so reads and frees need no thread. Model: test/model/fork.pml
 */
static void repair_in_child(struct tsc_object *object)
{
    struct tsc_owner *owner = tsc_owner_of_object(object);

    tsc_owner_drain_in_child(owner);
    atomic_store_explicit(&owner->slow_path_flags, TSC_OWNER_NOT_STARTED, memory_order_relaxed);
    atomic_store_explicit(&owner->retired, NULL, memory_order_relaxed);
    atomic_store_explicit(&owner->end, TSC_OWNER_RUNNING, memory_order_relaxed);
    atomic_store_explicit(&owner->parker.state, TSC_PARKER_AWAKE, memory_order_relaxed);
    tsc_eventcount_forget_sleepers(&owner->room);
    tsc_eventcount_forget_sleepers(&owner->progress);
}

static const struct tsc_object_ops object_ops = {
    .lock = lock_owner,
    .unlock = unlock_owner,
    .child = repair_in_child,
    .release = release_owner,
    .free = free_owner,
};

/* -------- its beginning -------- */

int tsc_owner_new(struct tsc_owner **owner, const struct tsc_owner_attr *attr)
{
    struct tsc_owner *created;
    void *memory;
    int error;

    if (posix_memalign(&memory, TSC_CACHE_ALIGN, sizeof(*created)) != 0)
        return -ENOMEM;
    created = memset(memory, 0, sizeof(*created));
    created->attr = *attr;
    created->spin_ns = TSC_OWNER_SPIN_NS;
    atomic_init(&created->slow_path_flags, initial_flags(created));
    error = tsc_ring_init(&created->ring, attr->queue_capacity);
    if (!error)
        error = tsc_registry_add(&created->object, &object_ops);
    if (error) {
        tsc_ring_fini(&created->ring);
        free(created);
        return error;
    }
    error = start_thread(created);
    if (error) {
        free_owner(&created->object);
        return error;
    }
    *owner = created;
    return 0;
}
