/* SPDX-License-Identifier: MIT */
/*
 * Operations that call the backend's and tell the runtime of a sanitizer what those have done. See sanitizer.h.
 *
 * A change is a release, told before it is made: no thread sees the change without it. A read is an acquire, told
 * after it. A call cannot know that it will be refused, so a refused change is told as a release too. That may
 * hide a race and never invents one.
 */
#include "sanitizer.h"

#ifndef TSC_INSTRUMENTED

#include "backend/backend.h"

#include <errno.h>
#include <pthread.h>

__attribute__((weak)) void __msan_unpoison_param(size_t parameters);

/* An operation that is added to the struct needs its wrapper here, or it is not supported under a sanitizer. */
_Static_assert(sizeof(struct tsc_backend_ops) == 20 * sizeof(void (*)(void)), "each operation has a wrapper");

static const struct tsc_backend_ops *backend_ops(struct tsc_counter *counter)
{
    return tsc_backend_find(counter->backend)->ops;
}

static int stored(int result, const int64_t *output)
{
    if (result >= 0)
        tsc_sanitizer_stored(output, sizeof(*output));
    return result;
}

/* Without bounds, an addition that returns 0 says nothing about the counter and is no read. A refusal is one. */
static int told_add(struct tsc_counter *counter, int64_t delta)
{
    int result;

    tsc_sanitizer_release(counter);
    result = backend_ops(counter)->add(counter, delta);
    if (result != 0)
        tsc_sanitizer_acquire(counter);
    return result;
}

static int told_try_add(struct tsc_counter *counter, int64_t delta)
{
    int result;

    tsc_sanitizer_release(counter);
    result = backend_ops(counter)->try_add(counter, delta);
    if (result != 0)
        tsc_sanitizer_acquire(counter);
    return result;
}

/* Within bounds an addition is also a read: it may take the place that another thread has given back. */
static int told_add_within_bounds(struct tsc_counter *counter, int64_t delta)
{
    int result;

    tsc_sanitizer_release(counter);
    result = backend_ops(counter)->add(counter, delta);
    tsc_sanitizer_acquire(counter);
    return result;
}

static int told_try_add_within_bounds(struct tsc_counter *counter, int64_t delta)
{
    int result;

    tsc_sanitizer_release(counter);
    result = backend_ops(counter)->try_add(counter, delta);
    tsc_sanitizer_acquire(counter);
    return result;
}

static int told_get(struct tsc_counter *counter, int64_t *value)
{
    int error = backend_ops(counter)->get(counter, value);

    tsc_sanitizer_acquire(counter);
    return stored(error, value);
}

static int told_get_interval(struct tsc_counter *counter, int64_t *low, int64_t *high)
{
    int error;

    if (backend_ops(counter)->get_interval == NULL) {
        error = told_get(counter, low);
        if (!error)
            *high = *low;
    } else {
        error = backend_ops(counter)->get_interval(counter, low, high);
        tsc_sanitizer_acquire(counter);
    }
    return stored(stored(error, low), high);
}

static int told_get_peak(struct tsc_counter *counter, int64_t *peak)
{
    int error;

    if (backend_ops(counter)->get_peak == NULL)
        return -ENOTSUP;
    error = backend_ops(counter)->get_peak(counter, peak);
    tsc_sanitizer_acquire(counter);
    return stored(error, peak);
}

static int told_fetch_add(struct tsc_counter *counter, int64_t delta, int64_t *previous)
{
    int result;

    if (backend_ops(counter)->fetch_add == NULL)
        return -ENOTSUP;
    tsc_sanitizer_release(counter);
    result = backend_ops(counter)->fetch_add(counter, delta, previous);
    tsc_sanitizer_acquire(counter);
    return stored(result, previous);
}

static int told_exchange(struct tsc_counter *counter, int64_t value, int64_t *previous)
{
    int result;

    if (backend_ops(counter)->exchange == NULL)
        return -ENOTSUP;
    tsc_sanitizer_release(counter);
    result = backend_ops(counter)->exchange(counter, value, previous);
    tsc_sanitizer_acquire(counter);
    return stored(result, previous);
}

static int told_compare_exchange(struct tsc_counter *counter, int64_t *expected, int64_t desired)
{
    int result;

    if (backend_ops(counter)->compare_exchange == NULL)
        return -ENOTSUP;
    tsc_sanitizer_release(counter);
    result = backend_ops(counter)->compare_exchange(counter, expected, desired);
    tsc_sanitizer_acquire(counter);
    return stored(result, expected);
}

struct update_call {
    struct tsc_counter *counter;
    tsc_update_fn update;
    void *arg;
};

/* Also called where cancellation or an exception leaves the callback. */
static void end_callback(void *arg)
{
    struct update_call *call = arg;

    tsc_sanitizer_release(call->counter);
    tsc_sanitizer_release(call);
}

/* Runs on the caller's thread or on the owner's, after the caller's release. */
static int run_callback(int64_t *value, void *arg)
{
    struct update_call *call = arg;
    int result;

    tsc_sanitizer_acquire(call->counter);
    tsc_sanitizer_stored(value, sizeof(*value));
    /* The macro has a branch for handlers that only unwinding runs. */
    pthread_cleanup_push(end_callback, call); /* GCOVR_EXCL_BR_LINE */
    if (__msan_unpoison_param != NULL)
        __msan_unpoison_param(2);
    result = call->update(value, call->arg);
    pthread_cleanup_pop(1);
    return result;
}

/* The counter may be gone at the end, its last reference given back in the callback; the call is not. */
static int told_update(struct tsc_counter *counter, tsc_update_fn update, void *arg)
{
    struct update_call call = {.counter = counter, .update = update, .arg = arg};
    int result;

    if (backend_ops(counter)->update == NULL)
        return -ENOTSUP;
    tsc_sanitizer_release(counter);
    result = backend_ops(counter)->update(counter, run_callback, &call);
    tsc_sanitizer_acquire(&call);
    return result;
}

static int told_flush(struct tsc_counter *counter)
{
    int error = backend_ops(counter)->flush(counter);

    tsc_sanitizer_acquire(counter);
    return error;
}

static int told_close(struct tsc_counter *counter)
{
    tsc_sanitizer_release(counter);
    return backend_ops(counter)->close(counter);
}

static int told_wait_at_most(struct tsc_counter *counter, int64_t threshold, int64_t timeout_ns)
{
    int error = backend_ops(counter)->wait_at_most(counter, threshold, timeout_ns);

    tsc_sanitizer_acquire(counter);
    return error;
}

/* The thread that frees the counter need not be the one that gave back the last reference. */
static struct tsc_deferred told_fini(struct tsc_counter *counter)
{
    tsc_sanitizer_acquire(&counter->object);
    return backend_ops(counter)->fini != NULL ? backend_ops(counter)->fini(counter)
                                              : (struct tsc_deferred){.run = NULL};
}

/* A counter is initialised and registered with the table of its backend. */
#define ALL_BUT_ADDITIONS \
    .fini = told_fini, .get = told_get, .get_interval = told_get_interval, .get_peak = told_get_peak, \
    .fetch_add = told_fetch_add, .exchange = told_exchange, .compare_exchange = told_compare_exchange, \
    .update = told_update, .flush = told_flush, .close = told_close, .wait_at_most = told_wait_at_most

static const struct tsc_backend_ops without_bounds = {ALL_BUT_ADDITIONS, .add = told_add, .try_add = told_try_add};
static const struct tsc_backend_ops with_bounds = {
    ALL_BUT_ADDITIONS,
    .add = told_add_within_bounds,
    .try_add = told_try_add_within_bounds,
};

const struct tsc_backend_ops *tsc_sanitizer_ops(const struct tsc_backend_ops *ops,
                                                const struct tsc_counter_attr *attr)
{
    if (__tsan_acquire == NULL && __msan_unpoison == NULL)
        return ops;
    return attr->bounds.bounded ? &with_bounds : &without_bounds;
}

#endif
