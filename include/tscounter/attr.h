/* SPDX-License-Identifier: MIT */
/**
 * @file attr.h
 * What a counter is to be like.
 *
 * A set of attributes belongs to one thread at a time. It may be reused, changed and destroyed after a
 * counter was made from it.
 *
 * Unless a function says otherwise, it returns 0 or a negative errno value, and leaves `errno` and, on error,
 * its outputs and the attributes as they were. Where it may be called from is said in the terms of tscounter.h.
 */
#ifndef TSCOUNTER_ATTR_H
#define TSCOUNTER_ATTR_H

#include <stddef.h>
#include <stdint.h>

#include <tscounter/macros.h>
#include <tscounter/owner.h>

TSC_BEGIN_DECLS

/** What a counter is to be like. */
typedef struct tsc_counter_attr tsc_counter_attr_t;

/** What happens to a change that would leave the bounds. */
enum {
    TSC_BOUNDS_REJECT = 0, /**< it is refused whole, with -ERANGE */
    TSC_BOUNDS_CLAMP = 1   /**< it stops at the bound and answers 1 */
};

/**
 * Makes a set of attributes: initial value 0, no bounds, no peak, a queue of 1024 messages, no name.
 *
 * @param[out] attr the new attributes, which the caller destroys
 * @retval 0 done
 * @retval -EINVAL `attr` is NULL
 * @retval -ENOMEM out of memory
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_attr_create(tsc_counter_attr_t **attr);

/**
 * Frees a set of attributes and gives back its reference on an owner. Counters made from it are not
 * touched. If that reference was the owner's last, it waits as tsc_owner_unref() does.
 *
 * @param attr the attributes; NULL is accepted
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API void tsc_counter_attr_destroy(tsc_counter_attr_t *attr);

/**
 * Sets the value that a counter starts with.
 *
 * @param attr the attributes
 * @param initial the value
 * @retval 0 done
 * @retval -EINVAL `attr` is NULL
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_attr_set_initial(tsc_counter_attr_t *attr, int64_t initial);

/**
 * Bounds a counter: `min` 0 finds a decrement without an increment, `max` limits admission, and any bounds
 * turn the wrapping of the arithmetic into an error. The per-CPU backend has none.
 *
 * @param attr the attributes
 * @param min the smallest value allowed
 * @param max the largest value allowed
 * @param policy TSC_BOUNDS_REJECT or TSC_BOUNDS_CLAMP
 * @retval 0 done
 * @retval -EINVAL `attr` is NULL, `min` is above `max`, or `policy` is unknown
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_attr_set_bounds(tsc_counter_attr_t *attr, int64_t min, int64_t max, uint32_t policy);

/**
 * Says whether a counter remembers the highest value that it ever held. The per-CPU backend cannot.
 *
 * @param attr the attributes
 * @param enabled 0 or not 0
 * @retval 0 done
 * @retval -EINVAL `attr` is NULL
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_attr_set_track_peak(tsc_counter_attr_t *attr, int enabled);

/**
 * Sets how many messages the queue of a queue counter holds before a sender has to wait. The other
 * backends, and counters with a shared owner, ignore it.
 *
 * @param attr the attributes
 * @param messages 1 to 2^24, rounded up to a power of two
 * @retval 0 done
 * @retval -EINVAL `attr` is NULL, or `messages` is out of range
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_attr_set_queue_capacity(tsc_counter_attr_t *attr, size_t messages);

/**
 * Names the owner that a queue counter shares with others. With another backend
 * tsc_counter_create() then answers -EINVAL.
 *
 * The attributes take a reference on `owner`, and give back the one on the owner before. If that was the last, it
 * waits as tsc_owner_unref() does.
 *
 * @param attr the attributes
 * @param owner the owner
 * @retval 0 done
 * @retval -EINVAL `attr` or `owner` is NULL
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_attr_set_owner(tsc_counter_attr_t *attr, tsc_owner_t *owner);

/**
 * Names a counter, for people who read lists of counters.
 *
 * @param attr the attributes
 * @param name UTF-8, at most 255 bytes; copied
 * @retval 0 done
 * @retval -EINVAL `attr` or `name` is NULL, or `name` is too long or not UTF-8
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_attr_set_name(tsc_counter_attr_t *attr, const char *name);

TSC_END_DECLS

#endif
