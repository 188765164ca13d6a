/* SPDX-License-Identifier: MIT */
#include "sync/registry.h"

#include "sanitizer.h"
#include "sync/lock.h"
#include "sync/spin.h"
#include "test-point.h"

#include <errno.h>
#include <pthread.h>

#define REFERENCE UINT64_C(1)
#define REFERENCE_OF_CALL (UINT64_C(1) << TSC_OBJECT_COUNT_BITS | REFERENCE)

static struct tsc_lock registry_lock;
static struct tsc_object *objects;
static bool handlers_installed;

/* -------- references; model: test/model/references.pml -------- */

static uint64_t count_of(uint64_t references)
{
    return references & TSC_OBJECT_COUNT_MAX;
}

static void add_reference(struct tsc_object *object, uint64_t reference)
{
    /* relaxed: the caller already holds a reference. */
    uint64_t found = atomic_load_explicit(&object->references, memory_order_relaxed);

    do {
        if (tsc_unlikely(count_of(found) == TSC_OBJECT_COUNT_MAX))
            return;
    } while (!atomic_compare_exchange_weak_explicit(&object->references, &found, found + reference,
                                                    memory_order_relaxed, memory_order_relaxed));
}

static bool drop_reference(struct tsc_object *object, uint64_t reference)
{
    uint64_t found = atomic_load_explicit(&object->references, memory_order_relaxed);

    tsc_sanitizer_release(object);
    /* acq_rel: every use of the object happens before it is freed. */
    do {
        if (tsc_unlikely(count_of(found) == TSC_OBJECT_COUNT_MAX))
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&object->references, &found, found - reference,
                                                    memory_order_acq_rel, memory_order_relaxed));
    if (count_of(found) != 1)
        return false;
    tsc_sanitizer_acquire(object);
    return true;
}

void tsc_object_ref(struct tsc_object *object)
{
    add_reference(object, REFERENCE);
}

bool tsc_object_try_ref(struct tsc_object *object)
{
    /* relaxed: the registry lock orders the caller after the thread that listed the object. */
    uint64_t found = atomic_load_explicit(&object->references, memory_order_relaxed);

    do {
        if (count_of(found) == 0)
            return false;
        if (tsc_unlikely(count_of(found) == TSC_OBJECT_COUNT_MAX))
            return true;
    } while (!atomic_compare_exchange_weak_explicit(&object->references, &found, found + REFERENCE,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

bool tsc_object_drop(struct tsc_object *object)
{
    return drop_reference(object, REFERENCE);
}

void tsc_object_unref(struct tsc_object *object)
{
    if (tsc_object_drop(object)) {
        TSC_TEST_POINT(object_unreferenced);
        object->ops->release(object);
    }
}

void tsc_object_ref_by_call(struct tsc_object *object)
{
    add_reference(object, REFERENCE_OF_CALL);
}

void tsc_object_unref_by_call(struct tsc_object *object)
{
    if (drop_reference(object, REFERENCE_OF_CALL))
        object->ops->release(object);
}

/* -------- the list -------- */

static void link_object(struct tsc_object *object)
{
    object->next = objects;
    object->link = &objects;
    if (objects != NULL)
        objects->link = &object->next;
    objects = object;
}

void tsc_registry_remove(struct tsc_object *object)
{
    *object->link = object->next;
    if (object->next != NULL)
        object->next->link = object->link;
}

void tsc_registry_lock(void)
{
    tsc_lock_acquire(&registry_lock);
}

void tsc_registry_unlock(void)
{
    tsc_lock_release(&registry_lock);
}

/* -------- fork; model: test/model/fork.pml -------- */

static void before_fork(void)
{
    tsc_registry_lock();
    TSC_TEST_POINT(registry_locked);
    for (struct tsc_object *object = objects; object != NULL; object = object->next)
        if (object->ops->lock != NULL)
            object->ops->lock(object);
    TSC_TEST_POINT(fork_all_locked);
}

static void unlock_all(void)
{
    TSC_TEST_POINT(fork_unlocking);
    for (struct tsc_object *object = objects; object != NULL; object = object->next)
        if (object->ops->unlock != NULL)
            object->ops->unlock(object);
    tsc_registry_unlock();
}

/* Stores only if needed: a store copies a page that parent and child could share. */
static void forget_calls(struct tsc_object *object)
{
    uint64_t references = atomic_load_explicit(&object->references, memory_order_relaxed);
    uint64_t calls = references >> TSC_OBJECT_COUNT_BITS;

    if (calls != 0 && count_of(references) != TSC_OBJECT_COUNT_MAX)
        atomic_store_explicit(&object->references, references - calls * REFERENCE_OF_CALL, memory_order_relaxed);
}

static void repair_all(void)
{
    for (struct tsc_object *object = objects; object != NULL; object = object->next) {
        forget_calls(object);
        object->ops->child(object);
    }
}

static struct tsc_object *find_unreferenced(void)
{
    struct tsc_object *object = objects;

    /* relaxed: a forked child has one thread. */
    while (object != NULL && count_of(atomic_load_explicit(&object->references, memory_order_relaxed)) != 0)
        object = object->next;
    return object;
}

/* Starts over after each: freeing one object may drop the last references to others and free them. */
static void free_unreferenced(void)
{
    struct tsc_object *object;

    while ((object = find_unreferenced()) != NULL)
        object->ops->free(object);
}

static void after_fork_in_child(void)
{
    TSC_TEST_POINT(fork_in_child);
    tsc_spin_forget_others();
    repair_all();
    unlock_all();
    free_unreferenced();
}

static int install_handlers(void)
{
    if (handlers_installed)
        return 0;
    if (pthread_atfork(before_fork, unlock_all, after_fork_in_child) != 0)
        return -ENOMEM;
    handlers_installed = true;
    return 0;
}

/* Runs before the program can register handlers of its own. If it fails, tsc_registry_add() tries again. */
__attribute__((constructor)) static void install_handlers_at_load(void)
{
    int saved_errno = errno;

    install_handlers();
    errno = saved_errno;
}

int tsc_registry_add(struct tsc_object *object, const struct tsc_object_ops *ops)
{
    int error;

    object->ops = ops;
    atomic_init(&object->references, REFERENCE);
    tsc_registry_lock();
    error = install_handlers();
    if (!error)
        link_object(object);
    tsc_registry_unlock();
    return error;
}
