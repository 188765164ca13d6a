/* SPDX-License-Identifier: MIT */
/**
 * @file owner.h
 * Owners: one thread and one queue that many queue counters share.
 *
 * A queue counter that is created without an owner has its own. A shared owner saves threads and gives all its
 * counters one FIFO order: messages are applied in the order in which they were queued, whichever counter they are
 * for.
 *
 * tsc_owner_create() creates an owner, and tsc_counter_attr_set_owner() assigns counters to it. Each counter, and
 * each set of attributes, holds a reference on its owner. The last tsc_owner_unref() ends the thread. The
 * conventions of tscounter.h hold here too. Attributes belong to one thread at a time, so a function of this
 * header that states nothing else is:
 *
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 */
#ifndef TSCOUNTER_OWNER_H
#define TSCOUNTER_OWNER_H

#include <stddef.h>

#include <tscounter/macros.h>

TSC_BEGIN_DECLS

/** A thread that owns the values of counters, and its message queue. Reference-counted. */
typedef struct tsc_owner tsc_owner_t;

/** Attributes of an owner. */
typedef struct tsc_owner_attr tsc_owner_attr_t;

/**
 * Creates an owner and starts its thread.
 *
 * The caller owns the first reference and releases it with tsc_owner_unref(). The attributes are copied; `attr`
 * stays the caller's. The new thread blocks all signals. In the child of a `fork` it starts again at the first
 * operation that needs it.
 *
 * @param[out] owner the new owner
 * @param attr the attributes, or NULL for the defaults
 * @retval 0 success
 * @retval -EINVAL `owner` is NULL
 * @retval -ENOTSUP the queue backend is not part of this build
 * @retval -ENOMEM out of memory
 * @retval -EAGAIN the thread cannot be started
 * @since 1.0
 */
TSC_API TSC_CHECKED int tsc_owner_create(tsc_owner_t **owner, const tsc_owner_attr_t *attr);

/**
 * Acquires a reference. The caller must already hold one.
 *
 * @param owner the owner, or NULL
 * @return `owner`
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API tsc_owner_t *tsc_owner_ref(tsc_owner_t *owner);

/**
 * Releases a reference. Each counter, and each set of attributes, with this owner holds one too. The last call
 * applies pending messages and returns after the thread has ended. On an owner's thread, or inside an update
 * callback, it does not wait: the thread ends by itself.
 *
 * @param owner the owner; NULL is accepted
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API void tsc_owner_unref(tsc_owner_t *owner);

/**
 * Creates attributes: a queue of 1024 messages, a thread named "tscounter".
 *
 * @param[out] attr the new attributes; the caller frees them with tsc_owner_attr_destroy()
 * @retval 0 success
 * @retval -EINVAL `attr` is NULL
 * @retval -ENOMEM out of memory
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_owner_attr_create(tsc_owner_attr_t **attr);

/**
 * Frees attributes. Owners created from them are not affected.
 *
 * @param attr the attributes; NULL is accepted
 * @since 1.0
 */
TSC_API void tsc_owner_attr_destroy(tsc_owner_attr_t *attr);

/**
 * Sets how many messages the queue holds before a sender has to wait.
 *
 * @param attr the attributes
 * @param messages 1 to 2^24, rounded up to a power of two
 * @retval 0 success
 * @retval -EINVAL `attr` is NULL, or `messages` is out of range
 * @since 1.0
 */
TSC_API int tsc_owner_attr_set_queue_capacity(tsc_owner_attr_t *attr, size_t messages);

/**
 * Sets the name of the thread in debuggers and `top`.
 *
 * @param attr the attributes
 * @param name at most 15 bytes; copied
 * @retval 0 success
 * @retval -EINVAL `attr` or `name` is NULL, or `name` is too long
 * @since 1.0
 */
TSC_API int tsc_owner_attr_set_thread_name(tsc_owner_attr_t *attr, const char *name);

/**
 * Sets the stack size of the thread. The thread needs little, unless update callbacks, which run on it, need much.
 *
 * @param attr the attributes
 * @param bytes the size; by default the system's, often 8 MiB of address space
 * @retval 0 success
 * @retval -EINVAL `attr` is NULL, or the system rejects the size: it is below `PTHREAD_STACK_MIN`
 * @since 1.0
 */
TSC_API int tsc_owner_attr_set_stack_size(tsc_owner_attr_t *attr, size_t bytes);

/**
 * Sets a function that runs first on each thread of the owner: the one that tsc_owner_create() starts and, in the
 * child of a `fork`, the one that the first operation starts.
 *
 * A new thread inherits CPU affinity, scheduling policy, niceness and cgroup from the thread that creates the
 * owner or, in a child, first uses it. The function is the place to set them. It runs with all signals blocked and
 * must return. It counts as an update callback of the owner: functions on its counters return -EDEADLK. Until it
 * returns, no message to the owner is applied.
 *
 * @param attr the attributes
 * @param start the function, or NULL for none
 * @param arg passed to the function; it must live as long as the owner
 * @retval 0 success
 * @retval -EINVAL `attr` is NULL
 * @since 1.0
 */
TSC_API int tsc_owner_attr_set_thread_start(tsc_owner_attr_t *attr, void (*start)(void *arg), void *arg);

TSC_END_DECLS

#endif
