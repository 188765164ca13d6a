/* SPDX-License-Identifier: MIT */
#include "bench-statistics.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Interpolates linearly between two samples. */
static double quantile(const double *sorted, size_t count, double share)
{
    double position = share * (double)(count - 1);
    size_t below = (size_t)position;
    size_t above = below + 1 < count ? below + 1 : below;

    return sorted[below] + (position - (double)below) * (sorted[above] - sorted[below]);
}

struct quartiles quartiles_of(double *samples, size_t count)
{
    qsort(samples, count, sizeof(samples[0]), compare);
    return (struct quartiles){
        .lower = quantile(samples, count, 0.25),
        .median = quantile(samples, count, 0.5),
        .upper = quantile(samples, count, 0.75),
    };
}

bool ratio_proves_nothing(const struct quartiles *ratio)
{
    return ratio->upper - ratio->lower > fabs(ratio->median - 1);
}
