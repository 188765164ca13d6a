/* SPDX-License-Identifier: MIT */
/**
 * @file owner.h
 * One thread and one queue that many queue counters share.
 *
 * A counter of the queue backend that is made without an owner has one of its own. Sharing one saves
 * threads, and gives all the counters that share it one FIFO order: what is queued first is applied first,
 * whichever of the counters it is for.
 *
 * Unless a function says otherwise, it returns 0 or a negative errno value, and leaves `errno` and, on error,
 * its outputs as they were. Where it may be called from is said in the terms of tscounter.h.
 */
#ifndef TSCOUNTER_OWNER_H
#define TSCOUNTER_OWNER_H

#include <stddef.h>

#include <tscounter/macros.h>

TSC_BEGIN_DECLS

/** A thread that owns values, and the queue of messages to it. Counted by references. */
typedef struct tsc_owner tsc_owner_t;

/** What an owner is to be like. Belongs to one thread at a time. */
typedef struct tsc_owner_attr tsc_owner_attr_t;

/**
 * Starts an owner.
 *
 * The caller gets the first reference, which it gives back with tsc_owner_unref(). The attributes are copied;
 * `attr` stays the caller's. The new thread blocks all signals. After a `fork` it exists in the child again from
 * the first operation that needs it.
 *
 * @param[out] owner the new owner
 * @param attr its attributes, or NULL for the defaults
 * @retval 0 done
 * @retval -EINVAL `owner` is NULL
 * @retval -ENOTSUP the queue backend is not part of this build
 * @retval -ENOMEM out of memory
 * @retval -EAGAIN no thread can be started
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_owner_create(tsc_owner_t **owner, const tsc_owner_attr_t *attr);

/**
 * Takes one more reference. Only who holds one may do so.
 *
 * @param owner the owner, or NULL
 * @return `owner`
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API tsc_owner_t *tsc_owner_ref(tsc_owner_t *owner);

/**
 * Gives a reference back. The last one (each counter and each attr that names the owner holds one too)
 * applies what is queued, and returns when the thread has ended. On the thread of an owner, or inside an
 * update callback, it does not wait: the thread ends by itself.
 *
 * @param owner the owner; NULL is accepted
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API void tsc_owner_unref(tsc_owner_t *owner);

/**
 * Makes a set of attributes: a queue of 1024 messages, a thread named "tscounter".
 *
 * @param[out] attr the new attributes, which the caller destroys
 * @retval 0 done
 * @retval -EINVAL `attr` is NULL
 * @retval -ENOMEM out of memory
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_owner_attr_create(tsc_owner_attr_t **attr);

/**
 * Frees a set of attributes. Owners made from it are not touched.
 *
 * @param attr the attributes; NULL is accepted
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API void tsc_owner_attr_destroy(tsc_owner_attr_t *attr);

/**
 * Sets how many messages the queue holds before a sender has to wait.
 *
 * @param attr the attributes
 * @param messages 1 to 2^24, rounded up to a power of two
 * @retval 0 done
 * @retval -EINVAL `attr` is NULL, or `messages` is out of range
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_owner_attr_set_queue_capacity(tsc_owner_attr_t *attr, size_t messages);

/**
 * Sets the name under which debuggers and `top` show the thread.
 *
 * @param attr the attributes
 * @param name at most 15 bytes; copied
 * @retval 0 done
 * @retval -EINVAL `attr` or `name` is NULL, or `name` is too long
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_owner_attr_set_thread_name(tsc_owner_attr_t *attr, const char *name);

/**
 * Sets the size of the thread's stack. The thread needs little unless update callbacks take much: they run on it.
 *
 * @param attr the attributes
 * @param bytes the size; by default the system's, often 8 MiB of addresses
 * @retval 0 done
 * @retval -EINVAL `attr` is NULL, or the system has no stacks of that size: it is below `PTHREAD_STACK_MIN`
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_owner_attr_set_stack_size(tsc_owner_attr_t *attr, size_t bytes);

/**
 * Sets a function that runs first on each thread of the owner: on the one that tsc_owner_create() starts, and in
 * the child of a fork on the one that the first operation starts.
 *
 * A new thread inherits the processor affinity, the scheduling policy, the niceness and the cgroup of the thread
 * that creates the owner or, in a child, first uses it. The function is the place to set them. It runs with all
 * signals blocked, has to return, and counts as an update callback of the owner: it must not call functions on its
 * counters (-EDEADLK), and until it returns nothing sent to the owner is applied.
 *
 * @param attr the attributes
 * @param start the function, or NULL for none
 * @param arg what it is called with; it must live as long as the owner
 * @retval 0 done
 * @retval -EINVAL `attr` is NULL
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_owner_attr_set_thread_start(tsc_owner_attr_t *attr, void (*start)(void *arg), void *arg);

TSC_END_DECLS

#endif
