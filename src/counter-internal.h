/* SPDX-License-Identifier: MIT */
#ifndef TSC_COUNTER_INTERNAL_H
#define TSC_COUNTER_INTERNAL_H

#include "attr.h"
#include "compiler.h"
#include "fork.h"

#include <stdatomic.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

/* What all counters have in common. Each backend's counter begins with it; all of it is read-mostly. */
struct tsc_counter {
    const struct tsc_backend_ops *ops;
    const char *name;
    struct tsc_fork_node fork_node;
    _Atomic uint64_t references; /* and, in the upper half, how many of them are calls' own */
    tsc_backend_t backend;
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
    /* Gives back what init took, nobody having a reference; NULL where it took nothing. */
    void (*fini)(struct tsc_counter *counter);
    /* The last reference is gone: has tsc_counter_free() called, now or when it can be. */
    void (*release)(struct tsc_counter *counter);
    struct tsc_fork_ops fork;

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

/*
 * A call that runs a callback holds a reference of its own: then an unref inside the callback is not the last. In
 * the child of a fork the calls of other threads never come back, so their references are taken off.
 */
void tsc_counter_ref_by_call(struct tsc_counter *counter);
void tsc_counter_unref_by_call(struct tsc_counter *counter);
void tsc_counter_forget_calls(struct tsc_counter *counter);

/* The one place where a counter is freed. */
void tsc_counter_free(struct tsc_counter *counter);

static inline struct tsc_counter *tsc_counter_of_fork_node(struct tsc_fork_node *node)
{
    return tsc_container_of(node, struct tsc_counter, fork_node);
}

#endif
