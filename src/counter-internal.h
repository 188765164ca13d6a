/* SPDX-License-Identifier: MIT */
#ifndef TSC_COUNTER_INTERNAL_H
#define TSC_COUNTER_INTERNAL_H

#include "attr.h"
#include "compiler.h"
#include "sync/registry.h"

#include <stdatomic.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

/* What all counters have in common. Each backend's counter begins with it; all of it is read-mostly. */
struct tsc_counter {
    const struct tsc_backend_ops *ops;
    const char *name;
    tsc_backend_t backend;
    struct tsc_object object;
};

/* A call that is left for later; none where `run` is NULL. */
struct tsc_deferred {
    void (*run)(void *arg);
    void *arg;
};

/*
 * What a backend does. The public functions have checked the pointers. An operation that is NULL is not supported:
 * they answer -ENOTSUP. Where a comment does not say otherwise, an operation means what the public function of its
 * name means.
 */
struct tsc_backend_ops {
    size_t counter_size;
    /* Fills in a counter whose memory is zero but for the common part. On error it leaves nothing behind. */
    int (*init)(struct tsc_counter *counter, const struct tsc_counter_attr *attr);
    /*
     * Releases what init acquired, with the registry locked; NULL where init acquires nothing. Returns what is
     * still to be done once the registry is unlocked.
     */
    struct tsc_deferred (*fini)(struct tsc_counter *counter);
    struct tsc_object_ops object;

    int (*add)(struct tsc_counter *counter, int64_t delta);
    int (*try_add)(struct tsc_counter *counter, int64_t delta);
    int (*get)(struct tsc_counter *counter, int64_t *value);
    int (*get_interval)(struct tsc_counter *counter, int64_t *low, int64_t *high);
    int (*get_peak)(struct tsc_counter *counter, int64_t *peak);
    int (*fetch_add)(struct tsc_counter *counter, int64_t delta, int64_t *previous);
    int (*exchange)(struct tsc_counter *counter, int64_t value, int64_t *previous);
    int (*compare_exchange)(struct tsc_counter *counter, int64_t *expected, int64_t desired);
    int (*update)(struct tsc_counter *counter, tsc_update_fn update, void *arg);
    int (*flush)(struct tsc_counter *counter);
    int (*close)(struct tsc_counter *counter);
    int (*wait_at_most)(struct tsc_counter *counter, int64_t threshold, int64_t timeout_ns);
};

/* The one place where a counter is freed: the object of one that has no references. */
void tsc_counter_free(struct tsc_object *object);

static inline struct tsc_counter *tsc_counter_of_object(struct tsc_object *object)
{
    return tsc_container_of(object, struct tsc_counter, object);
}

#endif
