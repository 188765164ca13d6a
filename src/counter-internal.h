/* SPDX-License-Identifier: MIT */
#ifndef TSC_COUNTER_INTERNAL_H
#define TSC_COUNTER_INTERNAL_H

#include "attr.h"
#include "compiler.h"
#include "sync/registry.h"
#include "sync/watch.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

/*
 * The texts of a counter, and its place in the list of listing.c, protected by the registry lock; zero where it is
 * not listed. It follows the counter in memory, where no increment loads it.
 */
struct tsc_texts {
    struct tsc_counter *next;
    struct tsc_counter **link; /* the pointer to this counter */
    char name[];               /* the help follows its end */
};

/*
 * The common part, with which each backend's counter begins. All of it is read-mostly. It ends before the cache
 * line does, so that an increment finds the backend's state on the line of `ops`.
 */
struct tsc_counter {
    const struct tsc_backend_ops *ops;
    const char *name; /* in struct tsc_texts */
    tsc_backend_t backend;
    uint8_t kind; /* TSC_KIND_… */
    bool bounded;
    bool tracks_peak;
    struct tsc_object object;
};

/* A call to be made later; none if `run` is NULL. */
struct tsc_deferred {
    void (*run)(void *arg);
    void *arg;
};

/*
 * The operations of a backend: OP(context, name, arguments, parameters). The public functions have checked the
 * pointers. An operation does what the public function of its name does.
 *
 * Every backend has the required operations. It has all operations of another group, or none. A missing operation
 * is NULL, and its public function returns -ENOTSUP, or for get_interval the value as both ends.
 */
#define TSC_REQUIRED_OPERATIONS(OP, context) \
    OP(context, add, (counter, delta), struct tsc_counter *counter, int64_t delta) \
    OP(context, try_add, (counter, delta), struct tsc_counter *counter, int64_t delta) \
    OP(context, get, (counter, value), struct tsc_counter *counter, int64_t *value) \
    OP(context, flush, (counter), struct tsc_counter *counter) \
    OP(context, close, (counter), struct tsc_counter *counter) \
    OP(context, wait_at_most, (counter, threshold, timeout_ns), struct tsc_counter *counter, int64_t threshold, \
       int64_t timeout_ns) \
    OP(context, notify_at_most, (counter, threshold, fd), struct tsc_counter *counter, int64_t threshold, int fd)

/* With TSC_CAP_FETCH. */
#define TSC_FETCH_OPERATIONS(OP, context) \
    OP(context, fetch_add, (counter, delta, previous), struct tsc_counter *counter, int64_t delta, \
       int64_t *previous) \
    OP(context, exchange, (counter, value, previous), struct tsc_counter *counter, int64_t value, \
       int64_t *previous) \
    OP(context, compare_exchange, (counter, expected, desired), struct tsc_counter *counter, int64_t *expected, \
       int64_t desired)

/* With TSC_CAP_UPDATE. */
#define TSC_UPDATE_OPERATIONS(OP, context) \
    OP(context, update, (counter, update, arg), struct tsc_counter *counter, tsc_update_fn update, void *arg)

/* With TSC_CAP_PEAK. */
#define TSC_PEAK_OPERATIONS(OP, context) \
    OP(context, get_peak, (counter, peak), struct tsc_counter *counter, int64_t *peak) \
    OP(context, take_peak, (counter, peak), struct tsc_counter *counter, int64_t *peak)

/* With TSC_CAP_BOUNDS. */
#define TSC_BOUNDS_OPERATIONS(OP, context) \
    OP(context, get_bounds, (counter, min, max), struct tsc_counter *counter, int64_t *min, int64_t *max) \
    OP(context, set_bounds, (counter, min, max), struct tsc_counter *counter, int64_t min, int64_t max) \
    OP(context, wait_add, (counter, delta, timeout_ns), struct tsc_counter *counter, int64_t delta, \
       int64_t timeout_ns)

#define TSC_INTERVAL_OPERATIONS(OP, context) \
    OP(context, get_interval, (counter, low, high), struct tsc_counter *counter, int64_t *low, int64_t *high)

#define TSC_OPERATIONS(OP, context) \
    TSC_REQUIRED_OPERATIONS(OP, context) \
    TSC_FETCH_OPERATIONS(OP, context) \
    TSC_UPDATE_OPERATIONS(OP, context) \
    TSC_PEAK_OPERATIONS(OP, context) \
    TSC_BOUNDS_OPERATIONS(OP, context) \
    TSC_INTERVAL_OPERATIONS(OP, context)

#define TSC_MEMBER(context, name, arguments, ...) int (*name)(__VA_ARGS__);

struct tsc_backend_ops {
    size_t counter_size;
    /* Fills in a counter whose memory is zero but for the common part. On error it leaves nothing behind. */
    int (*init)(struct tsc_counter *counter, const struct tsc_counter_attr *attr);
    struct tsc_watch *(*watch)(struct tsc_counter *counter);
    struct tsc_object_ops object;
    TSC_OPERATIONS(TSC_MEMBER, )
    /*
     * Releases what init acquired, with the registry locked; NULL if init acquires nothing. Returns a call to be
     * made once the registry is unlocked.
     */
    struct tsc_deferred (*fini)(struct tsc_counter *counter);
};

/*
 * The entries of a backend's table: its functions, each named BACKEND_OPERATION. A missing one does not compile.
 * `release_object` is called for the last reference: tsc_counter_free(), or a function that ends in it. A table
 * lists its groups in the order of the struct, because test/relacy compiles it as C++.
 */
#define TSC_ENTRY(backend, name, ...) , .name = backend##_##name

#define TSC_REQUIRED(backend, release_object) \
    .counter_size = sizeof(struct backend##_counter), .init = backend##_init, .watch = backend##_watch, \
    .object = {.lock = tsc_counter_hold_notification, \
               .unlock = tsc_counter_resume_notification, \
               .child = backend##_child, \
               .release = release_object, \
               .free = tsc_counter_free} TSC_REQUIRED_OPERATIONS(TSC_ENTRY, backend)
#define TSC_FETCH(backend) \
    .fetch_add = backend##_fetch_add, .exchange = backend##_exchange, \
    .compare_exchange = backend##_compare_exchange
#define TSC_UPDATE(backend) .update = backend##_update
#define TSC_PEAK(backend) .get_peak = backend##_get_peak, .take_peak = backend##_take_peak
#define TSC_BOUNDS(backend) \
    .get_bounds = backend##_get_bounds, .set_bounds = backend##_set_bounds, .wait_add = backend##_wait_add
#define TSC_INTERVAL(backend) .get_interval = backend##_get_interval

struct tsc_backend {
    const char *name;
    uint64_t caps;
    const struct tsc_backend_ops *ops; /* NULL if the backend is not part of this build */
};

/* NULL if the backend is unknown. */
const struct tsc_backend *tsc_backend_find(tsc_backend_t backend);

/* The one place that frees a counter, which has no references. */
void tsc_counter_free(struct tsc_object *object);

static inline struct tsc_texts *tsc_counter_texts(const struct tsc_counter *counter)
{
    return tsc_container_of(counter->name, struct tsc_texts, name);
}

/* Around a fork. */
void tsc_counter_hold_notification(struct tsc_object *object);
void tsc_counter_resume_notification(struct tsc_object *object);

static inline struct tsc_counter *tsc_counter_of_object(struct tsc_object *object)
{
    return tsc_container_of(object, struct tsc_counter, object);
}

#endif
