/* SPDX-License-Identifier: MIT */
#ifndef CLI_BENCH_STATISTICS_H
#define CLI_BENCH_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

/* Half of the samples lie between the lower and the upper one. */
struct quartiles {
    double lower;
    double median;
    double upper;
};

/* Sorts the samples; there must be at least one. */
struct quartiles quartiles_of(double *samples, size_t count);

/* Whether the quartiles of a ratio lie further apart than its median lies from 1. */
bool ratio_proves_nothing(const struct quartiles *ratio);

#endif
