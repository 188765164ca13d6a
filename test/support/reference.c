/* SPDX-License-Identifier: MIT */
#include "reference.h"

#include <errno.h>

enum side { BELOW, WITHIN, ABOVE };

static enum side side_of(const struct reference *counter, int64_t value)
{
    const struct reference_bounds *bounds = &counter->bounds;

    if (!bounds->set)
        return WITHIN;
    return value < bounds->min ? BELOW : value > bounds->max ? ABOVE : WITHIN;
}

static int change(struct reference *counter, int64_t value, enum side side)
{
    const struct reference_bounds *bounds = &counter->bounds;

    if (side != WITHIN && !bounds->clamp)
        return -ERANGE;
    counter->value = side == WITHIN ? value : side == ABOVE ? bounds->max : bounds->min;
    if (counter->value > counter->peak)
        counter->peak = counter->value;
    return side == WITHIN ? 0 : 1;
}

static int assign(struct reference *counter, int64_t value)
{
    if (counter->total && counter->value > value)
        return -ERANGE;
    return change(counter, value, side_of(counter, value));
}

int reference_add(struct reference *counter, int64_t delta, int64_t *previous)
{
    int64_t before = counter->value;
    int64_t sum;
    enum side side;
    int result;

    if (delta > 0 && counter->closed)
        return -ESHUTDOWN;
    if (counter->total && delta < 0)
        return -ERANGE;
    if (__builtin_add_overflow(before, delta, &sum) && counter->bounds.set)
        side = delta > 0 ? ABOVE : BELOW;
    else
        side = side_of(counter, sum);
    result = change(counter, sum, side);
    if (result >= 0)
        *previous = before;
    return result;
}

int reference_exchange(struct reference *counter, int64_t value, int64_t *previous)
{
    int64_t before = counter->value;
    int result = counter->closed ? -ESHUTDOWN : assign(counter, value);

    if (result >= 0)
        *previous = before;
    return result;
}

int reference_compare_exchange(struct reference *counter, int64_t *expected, int64_t desired)
{
    int result;

    if (counter->closed)
        return -ESHUTDOWN;
    if (*expected != counter->value) {
        *expected = counter->value;
        return 0;
    }
    result = assign(counter, desired);
    return result < 0 ? result : 1;
}

int reference_commit(struct reference *counter, int64_t wanted, int callback_result)
{
    if (callback_result < 0)
        return callback_result;
    if (callback_result > 0)
        return -EINVAL;
    if (counter->closed && wanted > counter->value &&
        !(counter->bounds.set && counter->bounds.clamp && counter->value == counter->bounds.max))
        return -ESHUTDOWN;
    return assign(counter, wanted);
}
