/* SPDX-License-Identifier: MIT */
/*
 * The counter of the contract, changed by one thread at a time. The tests hold the library's results against it,
 * so it shares no code with the library and does its arithmetic in another way.
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
    int64_t value;
    int64_t peak;
    bool closed;
};

/* Each returns what the library has to return, and writes its output on success alone. */
int reference_add(struct reference *counter, int64_t delta, int64_t *previous);
int reference_exchange(struct reference *counter, int64_t value, int64_t *previous);
int reference_compare_exchange(struct reference *counter, int64_t *expected, int64_t desired);

/* The end of an update whose callback wants this value. */
int reference_commit(struct reference *counter, int64_t wanted, int callback_result);

#endif
