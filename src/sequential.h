/* SPDX-License-Identifier: MIT */
#ifndef TSC_SEQUENTIAL_H
#define TSC_SEQUENTIAL_H

#include "attr.h"
#include "bounds.h"
#include "test-point.h"

#include <stdatomic.h>

/*
 * A counter that one thread at a time changes. The mutex backend calls these functions with its lock held, the
 * queue backend on the thread that delivers.
 *
 * Value and peak are atomic because other threads read the value, and because a forked child must not find half a
 * number. Each change stores the value before the peak; otherwise a child could find a peak that the value never
 * had. Model: test/model/fork-peak.pml
 */
struct tsc_sequential {
    _Atomic int64_t value;
    /* Neither bounds nor a peak: the members below, perhaps on another cache line, are not read then. */
    bool plain;
    bool track_peak;
    _Atomic int64_t peak;
    struct tsc_bounds bounds;
};

static inline void tsc_sequential_init(struct tsc_sequential *state, const struct tsc_counter_attr *attr)
{
    atomic_init(&state->value, attr->initial);
    atomic_init(&state->peak, attr->initial);
    state->bounds = attr->bounds;
    state->track_peak = attr->track_peak;
    state->plain = !attr->bounds.bounded && !attr->track_peak;
}

/* For the thread that may change the counter. */
static inline int64_t tsc_sequential_value(struct tsc_sequential *state)
{
    return atomic_load_explicit(&state->value, memory_order_relaxed);
}

/* For any thread. acquire: pairs with the release in tsc_sequential_store. */
static inline int64_t tsc_sequential_read(struct tsc_sequential *state)
{
    return atomic_load_explicit(&state->value, memory_order_acquire);
}

/*
 * For any thread. A change stores the value before the peak, so the higher of the two is the peak. A peak that is
 * the same before and after was neither raised nor taken in between.
 */
static inline int64_t tsc_sequential_read_peak(struct tsc_sequential *state)
{
    /* acquire: pairs with the release in raise_peak and take_peak; keeps the loads in this order. */
    int64_t again = atomic_load_explicit(&state->peak, memory_order_acquire);
    int64_t peak;
    int64_t value;

    do {
        peak = again;
        TSC_TEST_POINT(sequential_peak_loaded);
        value = tsc_sequential_read(state);
        again = atomic_load_explicit(&state->peak, memory_order_acquire);
    } while (tsc_unlikely(again != peak)); /* GCOVR_EXCL_BR_LINE: test/points stops in between */
    return value > peak ? value : peak;
}

static inline void tsc_sequential_raise_peak(struct tsc_sequential *state, int64_t value)
{
    if (state->track_peak && value > atomic_load_explicit(&state->peak, memory_order_relaxed))
        atomic_store_explicit(&state->peak, value, memory_order_release);
}

static inline void tsc_sequential_store(struct tsc_sequential *state, int64_t value)
{
    atomic_store_explicit(&state->value, value, memory_order_release);
    if (tsc_likely(state->plain))
        return;
    TSC_TEST_POINT(sequential_stored);
    tsc_sequential_raise_peak(state, value);
}

static inline int tsc_sequential_add(struct tsc_sequential *state, int64_t delta, bool closed, int64_t *previous)
{
    int64_t value = tsc_sequential_value(state);
    int64_t sum = tsc_wrapping_add(value, delta);
    int result = 0;

    if (tsc_unlikely(closed && delta > 0))
        return -ESHUTDOWN;
    if (tsc_unlikely(!state->plain))
        result = tsc_bounds_add(&state->bounds, value, delta, &sum);
    if (tsc_unlikely(result < 0))
        return result;
    tsc_sequential_store(state, sum);
    *previous = value;
    return result;
}

/* See tsc_bounds_add_behind(). */
static inline int tsc_sequential_add_behind(struct tsc_sequential *state, int64_t delta, int64_t ahead,
                                            bool closed)
{
    int64_t sum;
    int result;

    if (closed && delta > 0)
        return -ESHUTDOWN;
    result = tsc_bounds_add_behind(&state->bounds, tsc_sequential_value(state), delta, ahead, &sum);
    if (result == 0)
        tsc_sequential_store(state, sum);
    return result;
}

static inline void tsc_sequential_set_bounds(struct tsc_sequential *state, int64_t min, int64_t max)
{
    state->bounds.min = min;
    TSC_TEST_POINT(sequential_setting_bounds);
    state->bounds.max = max;
}

/* Begins a new peak at the value, and returns the former one. */
static inline int64_t tsc_sequential_take_peak(struct tsc_sequential *state)
{
    int64_t peak = atomic_load_explicit(&state->peak, memory_order_relaxed);

    atomic_store_explicit(&state->peak, tsc_sequential_value(state), memory_order_release);
    return peak;
}

static inline int tsc_sequential_exchange(struct tsc_sequential *state, int64_t wanted, bool closed,
                                          int64_t *previous)
{
    int64_t value = tsc_sequential_value(state);
    int64_t allowed;
    int result;

    if (closed)
        return -ESHUTDOWN;
    result = tsc_bounds_set(&state->bounds, value, wanted, &allowed);
    if (result < 0)
        return result;
    tsc_sequential_store(state, allowed);
    *previous = value;
    return result;
}

static inline int tsc_sequential_compare_exchange(struct tsc_sequential *state, int64_t *expected, int64_t desired,
                                                  bool closed)
{
    int64_t value = tsc_sequential_value(state);
    int result;

    if (closed)
        return -ESHUTDOWN;
    if (value != *expected) {
        *expected = value;
        return 0;
    }
    result = tsc_sequential_exchange(state, desired, closed, &value);
    return result < 0 ? result : 1;
}

/*
 * Completes an update whose callback returned `returned` and asks for `wanted`. A closed counter refuses a higher
 * value, not one that clamping keeps where it is.
 */
static inline int tsc_sequential_commit(struct tsc_sequential *state, int64_t wanted, int returned, bool closed)
{
    int64_t value = tsc_sequential_value(state);
    int64_t allowed = wanted;
    int result;

    if (returned != 0)
        return returned > 0 ? -EINVAL : returned;
    result = tsc_bounds_set(&state->bounds, value, wanted, &allowed);
    if (closed && allowed > value)
        return -ESHUTDOWN;
    if (result >= 0)
        tsc_sequential_store(state, allowed);
    return result;
}

/* In a forked child: the fork may have come between the two stores of a change. */
static inline void tsc_sequential_repair(struct tsc_sequential *state)
{
    tsc_sequential_raise_peak(state, tsc_sequential_value(state));
}

#endif
