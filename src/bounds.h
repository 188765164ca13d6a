/* SPDX-License-Identifier: MIT */
#ifndef TSC_BOUNDS_H
#define TSC_BOUNDS_H

#include "compiler.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/* Arithmetic that wraps without bounds, and clamps or fails at them. */
struct tsc_bounds {
    int64_t min;
    int64_t max;
    bool bounded;
    bool clamp;
    bool total; /* the value only grows; with bounds and without */
};

static inline int64_t tsc_wrapping_add(int64_t value, int64_t delta)
{
    return (int64_t)((uint64_t)value + (uint64_t)delta);
}

static inline int64_t tsc_wrapping_sub(int64_t value, int64_t delta)
{
    return (int64_t)((uint64_t)value - (uint64_t)delta);
}

static inline void tsc_bounds_get(const struct tsc_bounds *bounds, int64_t *min, int64_t *max)
{
    *min = bounds->min;
    *max = bounds->max;
}

/* Whether a change that does not fit is refused, so that a thread can wait until it fits. */
static inline bool tsc_bounds_reject(const struct tsc_bounds *bounds)
{
    return bounds->bounded && !bounds->clamp;
}

/*
 * The rule of every change. Its result lies within the bounds, or between the value and the bounds: a value
 * outside, which set_bounds may leave, moves towards them. A change past the end of that range is refused, or with
 * `clamp` stops at the end. So a change that would move a value outside further away leaves it where it is.
 *
 * Each returns 0, 1 if the result is clamped, or -ERANGE, which leaves `result` alone.
 */
static inline int tsc_bounds_stop_above(const struct tsc_bounds *bounds, int64_t value, int64_t *result)
{
    if (!bounds->clamp)
        return -ERANGE;
    *result = value > bounds->max ? value : bounds->max;
    return 1;
}

static inline int tsc_bounds_stop_below(const struct tsc_bounds *bounds, int64_t value, int64_t *result)
{
    if (!bounds->clamp)
        return -ERANGE;
    *result = value < bounds->min ? value : bounds->min;
    return 1;
}

/* Replaces the value. A total is never lowered, with `clamp` either. */
static inline int tsc_bounds_set(const struct tsc_bounds *bounds, int64_t value, int64_t wanted, int64_t *result)
{
    if (bounds->total && wanted < value)
        return -ERANGE;
    if (bounds->bounded && wanted < bounds->min && wanted < value)
        return tsc_bounds_stop_below(bounds, value, result);
    if (bounds->bounded && wanted > bounds->max && wanted > value)
        return tsc_bounds_stop_above(bounds, value, result);
    *result = wanted;
    return 0;
}

/* Adds to the value. A negative delta of a total does not come this far: tsc_counter_add() refuses it. */
static inline int tsc_bounds_add(const struct tsc_bounds *bounds, int64_t value, int64_t delta, int64_t *result)
{
    int64_t sum = tsc_wrapping_add(value, delta);

    if (bounds->bounded && delta > 0 && (sum < value || sum > bounds->max))
        return tsc_bounds_stop_above(bounds, value, result);
    if (bounds->bounded && delta < 0 && (sum > value || sum < bounds->min))
        return tsc_bounds_stop_below(bounds, value, result);
    *result = sum;
    return 0;
}

/* Whether the addition fits at the value, of those that can be reached, that leaves it most room. */
static inline bool tsc_bounds_ever_admit(const struct tsc_bounds *bounds, int64_t value, int64_t delta)
{
    int64_t lowest = bounds->total ? value : bounds->min;
    int64_t sum;

    if (__builtin_add_overflow(delta > 0 ? lowest : bounds->max, delta, &sum))
        return false;
    return delta > 0 ? sum <= bounds->max : sum >= bounds->min;
}

/*
 * As tsc_bounds_add(), if `delta` and `ahead`, which have the same sign, fit together. If not, it returns -EAGAIN,
 * or -ERANGE if `delta` will never fit.
 */
static inline int tsc_bounds_add_behind(const struct tsc_bounds *bounds, int64_t value, int64_t delta,
                                        int64_t ahead, int64_t *result)
{
    int64_t together;
    int64_t unused;

    if (__builtin_add_overflow(delta, ahead, &together) || tsc_bounds_add(bounds, value, together, &unused) < 0)
        return tsc_bounds_ever_admit(bounds, value, delta) ? -EAGAIN : -ERANGE;
    *result = tsc_wrapping_add(value, delta);
    return 0;
}

#endif
