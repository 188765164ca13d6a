/* SPDX-License-Identifier: MIT */
#ifndef TSC_ATTR_H
#define TSC_ATTR_H

#include "bounds.h"

#include <tscounter/attr.h>

enum { TSC_TEXT_MAX_BYTES = 255 };

struct tsc_counter_attr {
    int64_t initial;
    struct tsc_bounds bounds; /* `total` follows from the kind */
    tsc_kind_t kind;
    bool track_peak;
    size_t queue_capacity;
    struct tsc_owner *owner;
    char name[TSC_TEXT_MAX_BYTES + 1];
    char help[TSC_TEXT_MAX_BYTES + 1];
};

extern const struct tsc_counter_attr tsc_counter_attr_default;

/* Returns an allocated copy of the defaults, or NULL. Preserves errno. */
void *tsc_attr_copy(const void *defaults, size_t bytes);

#endif
