/* SPDX-License-Identifier: MIT */
/* The costs of a counter's changes in instructions. They are constant, except for a thread's first change, which
 * may look up its id. */
#ifndef STEPS_COSTS_H
#define STEPS_COSTS_H

#include <stdbool.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

enum { COSTS_CHANGES = 4 };

struct costs {
    uint64_t of[COSTS_CHANGES];
};

/* Leaves the value as it was, or lower if the counter is closed. No other thread may change the counter. */
struct costs costs_measure(tsc_counter_t *counter);

/* Whether the changes still cost the same. */
bool costs_are(tsc_counter_t *counter, const struct costs *expected);

#endif
