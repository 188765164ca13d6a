/* SPDX-License-Identifier: MIT */
/* What changes of a counter take, in instructions: it does not vary from one time to the next, but for the first
 * time, when a thread may have something to find out. */
#ifndef STEPS_COSTS_H
#define STEPS_COSTS_H

#include <stdbool.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

enum { COSTS_CHANGES = 4 };

struct costs {
    uint64_t of[COSTS_CHANGES];
};

/* The value is afterwards as it was, or, where the counter is closed, lower. Not while other threads count. */
struct costs costs_measure(tsc_counter_t *counter);

/* Whether the changes still take what they took. */
bool costs_are(tsc_counter_t *counter, const struct costs *expected);

#endif
