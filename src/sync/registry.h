/* SPDX-License-Identifier: MIT */
#ifndef TSC_REGISTRY_H
#define TSC_REGISTRY_H

#include "compiler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The registry lists every counter and every owner, each as a reference-counted object, for fork(). While fork()
 * runs, the registry is locked, and so is each object that has a lock. The child repairs every object and frees
 * those without references.
 *
 * An object stays registered until the thread that frees it removes it. So if another thread was about to free an
 * object when the process forked, the child finds it registered without references and frees it. One critical
 * section removes the object and releases what it holds of other objects.
 *
 * pthread_atfork() is called when the library is loaded, so these handlers run innermost: the locks are acquired
 * after, and released before, those of the program's own handlers.
 */
struct tsc_object;

struct tsc_object_ops {
    void (*lock)(struct tsc_object *object);    /* before fork(); may be NULL */
    void (*unlock)(struct tsc_object *object);  /* after it, in parent and child; may be NULL */
    void (*child)(struct tsc_object *object);   /* in the child, before unlock */
    void (*release)(struct tsc_object *object); /* the last reference is gone: frees the object, now or later */
    void (*free)(struct tsc_object *object);    /* frees an object without references; does not block */
};

struct tsc_object {
    const struct tsc_object_ops *ops;
    struct tsc_object *next;
    struct tsc_object **link;    /* the pointer to this object */
    _Atomic uint64_t references; /* the upper bits count those held by calls in progress */
};

/* Lists an object; the caller holds its first reference. Returns 0 or -ENOMEM. */
int tsc_registry_add(struct tsc_object *object, const struct tsc_object_ops *ops);

/*
 * Protects the list and every change that a child must not find half done. Acquired before an object's own lock.
 * Nothing is allocated or freed with the registry locked: an allocator's own fork handlers may hold the
 * allocator's locks while this library's handler waits for the registry.
 */
void tsc_registry_lock(void);
void tsc_registry_unlock(void);

/* Called with the registry locked. */
void tsc_registry_remove(struct tsc_object *object);

/* A saturated count stays, so a program that leaks references leaks the object; it never uses a freed one. */
#define TSC_OBJECT_COUNT_BITS 40
#define TSC_OBJECT_COUNT_MAX ((UINT64_C(1) << TSC_OBJECT_COUNT_BITS) - 1)

void tsc_object_ref(struct tsc_object *object);

/*
 * Acquires a reference unless the last one is gone. Called with the registry locked, for an object in a list from
 * which the thread that frees it removes it under that lock: until then its memory is valid.
 */
bool tsc_object_try_ref(struct tsc_object *object);

/* True for the last reference: the caller must then release the object. */
bool tsc_object_drop(struct tsc_object *object);
void tsc_object_unref(struct tsc_object *object);

/*
 * A call that runs a callback holds a reference, so an unref inside the callback is not the last. Calls of other
 * threads do not return in a forked child; the child drops their references.
 */
void tsc_object_ref_by_call(struct tsc_object *object);
void tsc_object_unref_by_call(struct tsc_object *object);

#endif
