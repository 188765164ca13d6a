/* SPDX-License-Identifier: MIT */
/*
 * Operations that call those of the backend and annotate them for a sanitizer. See sanitizer.h.
 *
 * A change is a release, annotated before the call: no thread sees the change without it. A read is an acquire,
 * annotated after the call. A call cannot know that it will be refused, so a refused change is annotated as a
 * release too. That may hide a race and never reports a false one.
 */
#include "sanitizer.h"

#ifndef TSC_INSTRUMENTED

#include "counter-internal.h"

#include <errno.h>
#include <pthread.h>

static const struct tsc_backend_ops annotated[2]; /* without bounds, with bounds */

static const struct tsc_backend_ops *backend_ops(const struct tsc_counter *counter)
{
    return tsc_backend_find(counter->backend)->ops;
}

static int stored(int result, const int64_t *output)
{
    if (result >= 0)
        tsc_sanitizer_stored(output, sizeof(*output));
    return result;
}

/*
 * Each operation: whether it is a change, whether it was a read, and what it returns. Without bounds, an addition
 * that returns 0 says nothing about the counter and is no read; a refusal is one. With bounds an addition is also
 * a read: it may take the room that another thread's decrement has made.
 */
#define RULE_add true, result != 0 || counter->ops == &annotated[true], result
#define RULE_try_add RULE_add
#define RULE_get false, true, stored(result, value)
#define RULE_flush false, true, result
#define RULE_close true, false, result
#define RULE_wait_at_most false, true, result
#define RULE_notify_at_most false, true, result
#define RULE_get_peak false, true, stored(result, peak)
#define RULE_take_peak true, true, stored(result, peak)
#define RULE_get_bounds false, true, stored(stored(result, min), max)
#define RULE_set_bounds true, true, result
#define RULE_wait_add true, true, result
#define RULE_fetch_add true, true, stored(result, previous)
#define RULE_exchange true, true, stored(result, previous)
#define RULE_compare_exchange true, true, stored(result, expected)

#define DEFINE(is_change, was_read, returned, may_be_missing, name, arguments, ...) \
    static int annotated_##name(__VA_ARGS__) \
    { \
        int result; \
\
        if (may_be_missing && backend_ops(counter)->name == NULL) \
            return -ENOTSUP; \
        if (is_change) \
            tsc_sanitizer_release(counter); \
        result = backend_ops(counter)->name arguments; \
        if (was_read) \
            tsc_sanitizer_acquire(counter); \
        return returned; \
    }
#define DEFINE_BY_RULE(...) DEFINE(__VA_ARGS__)
#define OPERATION(may_be_missing, name, ...) DEFINE_BY_RULE(RULE_##name, may_be_missing, name, __VA_ARGS__)

TSC_REQUIRED_OPERATIONS(OPERATION, false)
TSC_PEAK_OPERATIONS(OPERATION, true)
TSC_BOUNDS_OPERATIONS(OPERATION, true)
TSC_FETCH_OPERATIONS(OPERATION, true)

static int annotated_get_interval(struct tsc_counter *counter, int64_t *low, int64_t *high)
{
    const struct tsc_backend_ops *ops = backend_ops(counter);
    int error = ops->get_interval != NULL ? ops->get_interval(counter, low, high) : ops->get(counter, low);

    tsc_sanitizer_acquire(counter);
    if (!error && ops->get_interval == NULL)
        *high = *low;
    return stored(stored(error, low), high);
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
    tsc_sanitizer_call(2);
    result = call->update(value, call->arg);
    pthread_cleanup_pop(1);
    return result;
}

/* The callback may drop the last reference and free the counter; so the acquire at the end is of the call. */
static int annotated_update(struct tsc_counter *counter, tsc_update_fn update, void *arg)
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

/* The thread that frees the counter need not be the one that dropped the last reference. */
static struct tsc_deferred annotated_fini(struct tsc_counter *counter)
{
    tsc_sanitizer_acquire(&counter->object);
    return backend_ops(counter)->fini != NULL ? backend_ops(counter)->fini(counter)
                                              : (struct tsc_deferred){.run = NULL};
}

/* A counter is initialised and registered with the table of its backend. */
#define ENTRIES .fini = annotated_fini TSC_OPERATIONS(TSC_ENTRY, annotated)

static const struct tsc_backend_ops annotated[] = {[false] = {ENTRIES}, [true] = {ENTRIES}};

const struct tsc_backend_ops *tsc_sanitizer_ops(const struct tsc_backend_ops *ops,
                                                const struct tsc_counter_attr *attr)
{
    if (__tsan_acquire == NULL && __msan_unpoison == NULL)
        return ops;
    return &annotated[attr->bounds.bounded];
}

#endif
