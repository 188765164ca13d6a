/* SPDX-License-Identifier: MIT */
/**
 * @file attr.h
 * Attributes of a counter: initial value, kind, bounds, peak, queue, owner, name, help.
 *
 * tsc_counter_create() copies the attributes. The same attributes may be used for many counters, and changed or
 * destroyed while those live. The conventions of tscounter.h hold here too: on error the attributes are unchanged.
 * Attributes belong to one thread at a time, so a function of this header that states nothing else is:
 *
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 */
#ifndef TSCOUNTER_ATTR_H
#define TSCOUNTER_ATTR_H

#include <stddef.h>
#include <stdint.h>

#include <tscounter/macros.h>
#include <tscounter/owner.h>

TSC_BEGIN_DECLS

/** Attributes of a counter. */
typedef struct tsc_counter_attr tsc_counter_attr_t;

/** The effect of a change that would leave the bounds. */
enum {
    TSC_BOUNDS_REJECT = 0, /**< the whole change is refused with -ERANGE */
    TSC_BOUNDS_CLAMP = 1   /**< the change stops at the bound and returns 1 */
};

/** The kind of a counter: which changes it accepts. */
typedef uint32_t tsc_kind_t;

/** The kinds. */
enum {
    TSC_KIND_GAUGE = 0, /**< goes up and down */
    TSC_KIND_TOTAL = 1, /**< only grows: a change that would lower it is refused with -ERANGE */
    TSC_KIND_HELD = 2   /**< a gauge whose counts belong to the process that made them */
};

/**
 * Creates attributes: initial value 0, a gauge, no bounds, no peak, a queue of 1024 messages, no name, no help.
 *
 * @param[out] attr the new attributes; the caller frees them with tsc_counter_attr_destroy()
 * @retval 0 success
 * @retval -EINVAL `attr` is NULL
 * @retval -ENOMEM out of memory
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API TSC_CHECKED int tsc_counter_attr_create(tsc_counter_attr_t **attr);

/**
 * Frees attributes and releases their reference on an owner. Counters created from them are not affected. If that
 * reference was the owner's last, the call waits as tsc_owner_unref() does.
 *
 * @param attr the attributes; NULL is accepted
 * @since 1.0
 */
TSC_API void tsc_counter_attr_destroy(tsc_counter_attr_t *attr);

/**
 * Sets the initial value.
 *
 * @param attr the attributes
 * @param initial the value
 * @retval 0 success
 * @retval -EINVAL `attr` is NULL
 * @since 1.0
 */
TSC_API int tsc_counter_attr_set_initial(tsc_counter_attr_t *attr, int64_t initial);

/**
 * Sets the kind.
 *
 * A total refuses every change that would lower it: a negative delta, also to a closed counter, and an assignment
 * of a lower value. TSC_BOUNDS_CLAMP does not change that. Without bounds its additions wrap, as those of a gauge
 * do. tsc_counter_create() returns -ERANGE for a total with a negative initial value. A total supports the same
 * operations as a gauge on each backend, and its increments cost the same.
 *
 * A held counter behaves as a gauge; tsc_counter_get_kind() stores TSC_KIND_HELD.
 *
 * @param attr the attributes
 * @param kind TSC_KIND_GAUGE, TSC_KIND_TOTAL or TSC_KIND_HELD
 * @retval 0 success
 * @retval -EINVAL `attr` is NULL, or `kind` is unknown
 * @since 1.0
 */
TSC_API int tsc_counter_attr_set_kind(tsc_counter_attr_t *attr, tsc_kind_t kind);

/**
 * Sets bounds. `min` 0 detects a decrement without an increment, `max` limits admission, and any bounds turn
 * overflow into an error. tsc_counter_set_bounds() changes them later, but not the policy. The per-CPU backend
 * does not support bounds.
 *
 * @param attr the attributes
 * @param min the smallest value allowed
 * @param max the largest value allowed
 * @param policy TSC_BOUNDS_REJECT or TSC_BOUNDS_CLAMP
 * @retval 0 success
 * @retval -EINVAL `attr` is NULL, `min` is above `max`, or `policy` is unknown
 * @since 1.0
 */
TSC_API int tsc_counter_attr_set_bounds(tsc_counter_attr_t *attr, int64_t min, int64_t max, uint32_t policy);

/**
 * Enables or disables tracking of the highest value that the counter holds, for tsc_counter_get_peak() and
 * tsc_counter_take_peak(). The per-CPU backend does not support it.
 *
 * @param attr the attributes
 * @param enabled 0 or not 0
 * @retval 0 success
 * @retval -EINVAL `attr` is NULL
 * @since 1.0
 */
TSC_API int tsc_counter_attr_set_track_peak(tsc_counter_attr_t *attr, int enabled);

/**
 * Sets how many messages the queue of a queue counter holds before a sender has to wait. Other backends, and
 * counters with a shared owner, ignore it.
 *
 * @param attr the attributes
 * @param messages 1 to 2^24, rounded up to a power of two
 * @retval 0 success
 * @retval -EINVAL `attr` is NULL, or `messages` is out of range
 * @since 1.0
 */
TSC_API int tsc_counter_attr_set_queue_capacity(tsc_counter_attr_t *attr, size_t messages);

/**
 * Sets the owner that a queue counter shares with others. tsc_counter_create() returns -EINVAL if the backend is
 * not the queue.
 *
 * The attributes acquire a reference on `owner` and release the one on the previous owner. If that was the last
 * one, the call waits as tsc_owner_unref() does.
 *
 * @param attr the attributes
 * @param owner the owner
 * @retval 0 success
 * @retval -EINVAL `attr` or `owner` is NULL
 * @since 1.0
 */
TSC_API int tsc_counter_attr_set_owner(tsc_counter_attr_t *attr, tsc_owner_t *owner);

/**
 * Sets a name. A counter with a name is listed by tsc_counter_next(), and written by tsc_metrics_write(), which
 * expects `metric` or `metric{label="value",…}`: see metrics.h.
 *
 * @param attr the attributes
 * @param name UTF-8, at most 255 bytes; copied
 * @retval 0 success
 * @retval -EINVAL `attr` or `name` is NULL, or `name` is too long or not UTF-8
 * @since 1.0
 */
TSC_API int tsc_counter_attr_set_name(tsc_counter_attr_t *attr, const char *name);

/**
 * Sets a help text: what the counter counts, in a sentence for people who read its value.
 *
 * @param attr the attributes
 * @param help UTF-8, at most 255 bytes; copied
 * @retval 0 success
 * @retval -EINVAL `attr` or `help` is NULL, or `help` is too long or not UTF-8
 * @since 1.0
 */
TSC_API int tsc_counter_attr_set_help(tsc_counter_attr_t *attr, const char *help);

TSC_END_DECLS

#endif
