/* SPDX-License-Identifier: MIT */
/*
 * The guarantees of the public headers for counters that one thread at a time changes. This oracle shares no
 * code with the library, except the list of backends, and computes in another way.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

#include "support/reference.h"

enum { MODEL_TEXT_MAX_BYTES = 255, MODEL_THREAD_NAME_MAX_BYTES = 15, MODEL_DELAYED_MAX = 16 };

struct model_counter;

/* A queue and its thread. */
struct model_owner {
    size_t capacity;
    size_t queued; /* messages that may still be in the queue, at most */
    /* Messages that were sent while a callback keeps the thread from taking them. */
    struct {
        struct model_counter *counter;
        int64_t delta;
    } delayed[MODEL_DELAYED_MAX];
    size_t delayed_count;
};

struct model_attr {
    int64_t initial;
    tsc_kind_t kind;
    struct reference_bounds bounds;
    bool track_peak;
    size_t capacity;
    struct model_owner *owner;
    char name[MODEL_TEXT_MAX_BYTES + 1];
    char help[MODEL_TEXT_MAX_BYTES + 1];
};

struct model_counter {
    tsc_backend_t backend;
    struct model_attr attr;
    struct model_owner *owner; /* of queue counters */
    struct reference reference;
};

/* NULL if the backend is unknown. */
const char *model_backend_name(tsc_backend_t backend);
uint64_t model_caps(tsc_backend_t backend);
bool model_has(const struct model_counter *counter, uint64_t caps);

/* All functions below return what the library must return. */

extern const size_t model_default_capacity;

void model_attr_init(struct model_attr *attr);
int model_attr_set_bounds(struct model_attr *attr, int64_t min, int64_t max, uint32_t policy);
int model_attr_set_kind(struct model_attr *attr, tsc_kind_t kind);
int model_attr_set_name(struct model_attr *attr, const char *name);
int model_attr_set_help(struct model_attr *attr, const char *help);
int model_check_capacity(size_t messages);
size_t model_capacity(size_t messages);

/* If a queue counter has an owner of its own, the caller sets it. */
int model_create(struct model_counter *counter, tsc_backend_t backend, const struct model_attr *attr);
uint64_t model_counter_caps(const struct model_counter *counter);
int64_t model_delta(const struct model_counter *counter, int64_t cursor);

void model_delay(struct model_counter *counter, int64_t delta);
void model_apply_delayed(struct model_owner *owner);

#endif
