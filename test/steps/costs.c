/* SPDX-License-Identifier: MIT */
#include "costs.h"

#include <string.h>

#include "support/stepper.h"

static const int64_t deltas[COSTS_CHANGES] = {1, -1, -3, 3};

static void nothing(void *arg)
{
    (void)arg;
}

struct costs costs_measure(tsc_counter_t *counter)
{
    struct costs costs;

    for (int i = 0; i < COSTS_CHANGES; i++) {
        stepper_begin(UINT64_MAX, nothing, NULL);
        (void)tsc_counter_add(counter, deltas[i]);
        stepper_end();
        costs.of[i] = stepper_taken();
    }
    return costs;
}

bool costs_are(tsc_counter_t *counter, const struct costs *expected)
{
    struct costs costs = costs_measure(counter);

    return memcmp(&costs, expected, sizeof costs) == 0;
}
