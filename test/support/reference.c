/* SPDX-License-Identifier: MIT */
#include "reference.h"

#include <errno.h>

enum side { BELOW, WITHIN, ABOVE };

static int64_t lower(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t higher(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* A change ends within the bounds, or between the value and the bounds: its result is in this range. */
static int64_t lowest(const struct reference *counter)
{
    return lower(counter->bounds.min, counter->value);
}

static int64_t highest(const struct reference *counter)
{
    return higher(counter->bounds.max, counter->value);
}

static enum side side_of(const struct reference *counter, int64_t value)
{
    if (!counter->bounds.set)
        return WITHIN;
    return value < lowest(counter) ? BELOW : value > highest(counter) ? ABOVE : WITHIN;
}

static int change(struct reference *counter, int64_t value, enum side side)
{
    if (side != WITHIN && !counter->bounds.clamp)
        return -ERANGE;
    counter->value = side == WITHIN ? value : side == ABOVE ? highest(counter) : lowest(counter);
    counter->peak = higher(counter->peak, counter->value);
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
        !(counter->bounds.set && counter->bounds.clamp && counter->value == highest(counter)))
        return -ESHUTDOWN;
    return assign(counter, wanted);
}

static uint64_t size_of(int64_t delta)
{
    return delta < 0 ? -(uint64_t)delta : (uint64_t)delta;
}

/* A total that has no room now does not get any. */
int reference_wait_add(struct reference *counter, int64_t delta)
{
    uint64_t room = (uint64_t)counter->bounds.max - (uint64_t)counter->bounds.min;
    int64_t previous;
    int result;

    if (delta == 0)
        return 0;
    result = reference_add(counter, delta, &previous);
    if (result == -ERANGE && size_of(delta) <= room && !counter->total)
        return -ETIMEDOUT;
    return result;
}

int reference_set_bounds(struct reference *counter, int64_t min, int64_t max)
{
    if (min > max)
        return -EINVAL;
    counter->bounds.min = min;
    counter->bounds.max = max;
    return 0;
}

int reference_take_peak(struct reference *counter, int64_t *peak)
{
    *peak = counter->peak;
    counter->peak = counter->value;
    return 0;
}
