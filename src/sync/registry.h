/* SPDX-License-Identifier: MIT */
#ifndef TSC_REGISTRY_H
#define TSC_REGISTRY_H

#include "compiler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The registry lists every counter and every owner of the process, each as an object with a count of references.
 * It is what fork() needs: the registry is locked while fork() runs, and so is each object that has a lock of its
 * own. The child repairs every object, and frees those that have no reference.
 *
 * An object stays registered until its last reference is gone and the thread that frees it has taken it out. So
 * one rule covers every object that another thread was about to free when the process forked: the child finds it
 * registered without references and frees it. An object is taken out, and what it holds of other objects is given
 * up, in one critical section.
 *
 * The handlers are registered with pthread_atfork() when the library is loaded, so they run innermost: the locks
 * below are acquired after, and released before, those of the program's own handlers.
 */
struct tsc_object;

struct tsc_object_ops {
    void (*lock)(struct tsc_object *object);    /* before fork(); may be NULL */
    void (*unlock)(struct tsc_object *object);  /* after it, in parent and child; may be NULL */
    void (*child)(struct tsc_object *object);   /* in the child, before unlock */
    void (*release)(struct tsc_object *object); /* the last reference is gone: frees the object, now or later */
    void (*free)(struct tsc_object *object);    /* frees an object that has no references; does not wait */
};

struct tsc_object {
    const struct tsc_object_ops *ops;
    struct tsc_object *next;
    struct tsc_object *previous;
    _Atomic uint64_t references; /* and, in the upper bits, how many of them belong to calls in progress */
};

/* Lists an object; its creator holds the first reference. 0 or -ENOMEM. */
int tsc_registry_add(struct tsc_object *object, const struct tsc_object_ops *ops);

/* Protects the list, and every change that a child must find whole. An object's own lock is acquired after it. */
void tsc_registry_lock(void);
void tsc_registry_unlock(void);

/* The registry is locked. */
void tsc_registry_remove(struct tsc_object *object);

/*
 * A count that reaches the limit stays there, and the object is never freed: a program that leaks references leaks
 * the object, too, instead of using it after it was freed.
 */
#define TSC_OBJECT_COUNT_BITS 40
#define TSC_OBJECT_COUNT_MAX ((UINT64_C(1) << TSC_OBJECT_COUNT_BITS) - 1)

void tsc_object_ref(struct tsc_object *object);

/* False if a reference is left; otherwise the caller has to release the object. */
bool tsc_object_drop(struct tsc_object *object);
void tsc_object_unref(struct tsc_object *object);

/*
 * A call that runs a callback holds a reference of its own, so an unref inside the callback is not the last. In
 * the child of a fork the calls of other threads never return, and their references are taken back.
 */
void tsc_object_ref_by_call(struct tsc_object *object);
void tsc_object_unref_by_call(struct tsc_object *object);

#endif
