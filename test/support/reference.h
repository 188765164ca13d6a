/* SPDX-License-Identifier: MIT */
/*
 * A sequential counter as the contract describes it. Tests compare the library's results with it, so it shares no
 * code with the library and computes in another way.
 */
#ifndef SUPPORT_REFERENCE_H
#define SUPPORT_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

struct reference_bounds {
    bool set;
    bool clamp;
    int64_t min;
    int64_t max;
};

struct reference {
    struct reference_bounds bounds;
    bool total; /* a change that would lower the value is refused */
    int64_t value;
    int64_t peak;
    bool closed;
};

/* Each returns what the library must return, and writes its output only on success. */
int reference_wait_add(struct reference *counter, int64_t delta); /* with timeout 0, and no thread ahead */
int reference_set_bounds(struct reference *counter, int64_t min, int64_t max);
int reference_take_peak(struct reference *counter, int64_t *peak);
int reference_add(struct reference *counter, int64_t delta, int64_t *previous);
int reference_exchange(struct reference *counter, int64_t value, int64_t *previous);
int reference_compare_exchange(struct reference *counter, int64_t *expected, int64_t desired);

/* The end of an update whose callback stored this value and returned this result. */
int reference_commit(struct reference *counter, int64_t wanted, int callback_result);

#endif
