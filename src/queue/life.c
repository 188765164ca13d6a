/* SPDX-License-Identifier: MIT */
#include "queue/life.h"

#include "attr.h"
#include "callback.h"
#include "queue/delivery.h"
#include "queue/thread.h"
#include "test-point.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

const struct tsc_owner_attr tsc_owner_attr_default = {
    .queue_capacity = TSC_QUEUE_CAPACITY_DEFAULT,
    .thread_name = "tscounter",
};

/* Whose thread this is. A pthread_t would not do: in the child of a fork a new thread may get that of an old one.
 */
static _Thread_local struct tsc_owner *owner_of_this_thread TSC_TLS_INITIAL_EXEC;

bool tsc_owner_is_on_its_thread(const struct tsc_owner *owner)
{
    return owner_of_this_thread == owner;
}

/* The one place where an owner is freed. */
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

/* The flags that a thread begins with: its start function runs as a callback does. */
static uint32_t flags_at_start(const struct tsc_owner *owner)
{
    return owner->attr.start != NULL ? TSC_OWNER_IN_CALLBACK : 0;
}

/* In the child of a fork, the creator holds `delivering` until it has set the flags. */
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
    if (atomic_load_explicit(&owner->end, memory_order_relaxed) == TSC_OWNER_ENDS_ALONE) {
        pthread_detach(pthread_self());
        free_owner(&owner->object);
    }
    return NULL;
}

static int create_thread(struct tsc_owner *owner)
{
    pthread_attr_t attr;
    int error;

    pthread_attr_init(&attr);
    if (owner->attr.stack_size != 0)
        pthread_attr_setstacksize(&attr, owner->attr.stack_size);
    error = pthread_create(&owner->thread, &attr, run, owner);
    pthread_attr_destroy(&attr);
    return error ? -EAGAIN : 0;
}

/* The thread inherits the signal mask of its creator, and has to block all signals. */
static int start_thread(struct tsc_owner *owner)
{
    sigset_t all;
    sigset_t former;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    error = create_thread(owner);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    return error;
}

/* Model: test/model/start.pml */
int tsc_owner_start_again(struct tsc_owner *owner)
{
    int saved_errno = errno;
    int error = 0;

    tsc_lock_acquire(&owner->delivering);
    if (atomic_load_explicit(&owner->slow_path_flags, memory_order_relaxed) & TSC_OWNER_NOT_STARTED) {
        error = start_thread(owner);
        /* release: a thread that finds the owner started finds the number of its thread, too. */
        if (!error)
            atomic_store_explicit(&owner->slow_path_flags, flags_at_start(owner), memory_order_release);
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
 * The thread cannot free the owner while the registry is locked: so the parker is still there after the store that
 * lets the thread, if it is awake, come to its end. Model: test/model/sleep.pml
 */
static void end_thread(struct tsc_owner *owner, enum tsc_owner_end end)
{
    tsc_registry_lock();
    atomic_store_explicit(&owner->end, end, memory_order_seq_cst);
    TSC_TEST_POINT(owner_told_to_end);
    tsc_parker_unpark(&owner->parker);
    tsc_registry_unlock();
}

/* An unref is no cancellation point, and a join is one. */
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
        end_thread(owner, TSC_OWNER_ENDS_ALONE);
    } else {
        end_thread(owner, TSC_OWNER_ENDS_JOINED);
        join(owner->thread);
        free_owner(object);
    }
}

void tsc_owner_retire(struct tsc_owner *owner, struct tsc_retirement *retirement)
{
    tsc_registry_lock();
    retirement->position = tsc_ring_tail(&owner->ring);
    retirement->next = atomic_load_explicit(&owner->retired, memory_order_relaxed);
    atomic_store_explicit(&owner->retired, retirement, memory_order_seq_cst);
    tsc_parker_unpark(&owner->parker);
    tsc_registry_unlock();
}

tsc_owner_t *tsc_owner_ref(tsc_owner_t *owner)
{
    if (owner != NULL)
        tsc_object_ref(&owner->object);
    return owner;
}

void tsc_owner_unref(tsc_owner_t *owner)
{
    if (owner != NULL)
        tsc_object_unref(&owner->object);
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
 * Neither the thread nor any thread that waits for it is in the child. The child begins with an empty ring and an
 * empty list of what is retired, and needs no thread to read, or to free what the owner holds.
 * Model: test/model/fork.pml
 */
static void repair_in_child(struct tsc_object *object)
{
    struct tsc_owner *owner = tsc_owner_of_object(object);

    tsc_owner_repair_in_child(owner);
    atomic_store_explicit(&owner->slow_path_flags, TSC_OWNER_NOT_STARTED, memory_order_relaxed);
    atomic_store_explicit(&owner->retired, NULL, memory_order_relaxed);
    atomic_store_explicit(&owner->end, TSC_OWNER_GOES_ON, memory_order_relaxed);
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

static struct tsc_owner *allocate(void)
{
    void *memory;

    if (posix_memalign(&memory, TSC_CACHE_ALIGN, sizeof(struct tsc_owner)) != 0)
        return NULL;
    return memset(memory, 0, sizeof(struct tsc_owner));
}

int tsc_owner_make(struct tsc_owner **owner, const struct tsc_owner_attr *attr)
{
    struct tsc_owner *made = allocate();
    int error;

    if (made == NULL)
        return -ENOMEM;
    made->attr = *attr;
    error = tsc_ring_init(&made->ring, attr->queue_capacity);
    if (error)
        goto free_memory;
    tsc_owner_init_thread(made);
    atomic_init(&made->slow_path_flags, flags_at_start(made));
    error = tsc_registry_add(&made->object, &object_ops);
    if (error)
        goto free_ring;
    error = start_thread(made);
    if (error) {
        free_owner(&made->object);
        return error;
    }
    *owner = made;
    return 0;

free_ring:
    tsc_ring_fini(&made->ring);
free_memory:
    free(made);
    return error;
}
