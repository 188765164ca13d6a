/* SPDX-License-Identifier: MIT */
#include "variants.h"

#include "backends.h"
#include "suite.h"

#define BY_DEFAULT(NUMBER, text, capabilities) \
    [TSC_BACKEND_##NUMBER] = {.name = #text, .backend = TSC_BACKEND_##NUMBER},

#define WITH_PEAK_AND_BOUNDS(NUMBER, text, capabilities) \
    {.name = #text " with a peak and bounds", \
     .backend = TSC_BACKEND_##NUMBER, \
     .track_peak = true, \
     .bounded = true},

/* The rows by default come last, as their places are the backends' numbers. */
const struct variant variants[] = {
    [VARIANT_QUEUE_ON_A_SHARED_OWNER] = {.name = "queue on a shared owner",
                                         .backend = TSC_BACKEND_QUEUE,
                                         .shared_owner = true},
    {.name = "atomic with a peak", .backend = TSC_BACKEND_ATOMIC, .track_peak = true},
    {.name = "queue of 16", .backend = TSC_BACKEND_QUEUE, .queue_capacity = 16},
    {.name = "queue of 1", .backend = TSC_BACKEND_QUEUE, .queue_capacity = 1, .track_peak = true},
    TSC_BACKENDS(WITH_PEAK_AND_BOUNDS) TSC_BACKENDS(BY_DEFAULT)};

const int variant_count = sizeof variants / sizeof *variants;

bool variant_has(const struct variant *variant, uint64_t caps)
{
    uint64_t all = 0;

    (void)tsc_backend_get_caps(variant->backend, &all);
    return (all & caps) == caps;
}

bool variant_is_built(const struct variant *variant)
{
    return support_is_built(variant->backend) && (!variant->track_peak || variant_has(variant, TSC_CAP_PEAK)) &&
           (!variant->bounded || variant_has(variant, TSC_CAP_BOUNDS));
}

const struct variant *variant_with(uint64_t caps)
{
    for (int i = 0; i < variant_count; i++)
        if (variant_is_built(&variants[i]) && variant_has(&variants[i], caps))
            return &variants[i];
    return NULL;
}

bool variant_is_skipped(const TTest *test, const struct variant *variant)
{
    return support_part_is_skipped(test->name, tsc_backend_name(variant->backend));
}

void add_variant_test(TCase *tcase, const TTest *test, uint64_t caps)
{
    for (int i = 0; i < variant_count; i++)
        if (variant_is_built(&variants[i]) && variant_has(&variants[i], caps) &&
            !variant_is_skipped(test, &variants[i]))
            tcase_add_loop_test(tcase, test, i, i + 1);
}
