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

static inline int tsc_bounds_stop_at(const struct tsc_bounds *bounds, int64_t bound, int64_t *result)
{
    if (!bounds->clamp)
        return -ERANGE;
    *result = bound;
    return 1;
}

/* Returns 0, 1 if the result is clamped, or -ERANGE, which leaves `result` alone. */
static inline int tsc_bounds_set(const struct tsc_bounds *bounds, int64_t wanted, int64_t *result)
{
    if (bounds->bounded && wanted < bounds->min)
        return tsc_bounds_stop_at(bounds, bounds->min, result);
    if (bounds->bounded && wanted > bounds->max)
        return tsc_bounds_stop_at(bounds, bounds->max, result);
    *result = wanted;
    return 0;
}

/* As tsc_bounds_set(). The value is within the bounds. */
static inline int tsc_bounds_add(const struct tsc_bounds *bounds, int64_t value, int64_t delta, int64_t *result)
{
    int64_t sum = tsc_wrapping_add(value, delta);

    if (bounds->bounded && delta > 0 && (sum < value || sum > bounds->max))
        return tsc_bounds_stop_at(bounds, bounds->max, result);
    if (bounds->bounded && delta < 0 && (sum > value || sum < bounds->min))
        return tsc_bounds_stop_at(bounds, bounds->min, result);
    *result = sum;
    return 0;
}

#endif
