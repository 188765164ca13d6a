/* SPDX-License-Identifier: MIT */
/*
 * Workers record violations of the contract; the test thread asserts that there are none. A worker that sees none
 * writes nothing, so recording adds no ordering between threads.
 */
#ifndef STRESS_WITNESS_H
#define STRESS_WITNESS_H

#include <stdatomic.h>
#include <stdint.h>

struct witness {
    atomic_int reports;
    const char *what; /* of the first report */
    int64_t seen;
    int64_t low;
    int64_t high;
};

void witness_report(struct witness *witness, const char *what, int64_t seen, int64_t low, int64_t high);

/* Fails the test if there is a report. */
void witness_assert_none(const struct witness *witness, const char *subject);

static inline void witness_between(struct witness *witness, const char *what, int64_t seen, int64_t low,
                                   int64_t high)
{
    if (seen < low || seen > high)
        witness_report(witness, what, seen, low, high);
}

static inline void witness_equal(struct witness *witness, const char *what, int64_t seen, int64_t expected)
{
    witness_between(witness, what, seen, expected, expected);
}

static inline void witness_at_least(struct witness *witness, const char *what, int64_t seen, int64_t low)
{
    witness_between(witness, what, seen, low, INT64_MAX);
}

#endif
