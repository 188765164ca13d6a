/* SPDX-License-Identifier: MIT */
#include "ways.h"

#include <errno.h>
#include <sched.h>

#include "support/callbacks.h"

static int enter_by_add(tsc_counter_t *counter)
{
    return tsc_counter_add(counter, 1);
}

static int enter_by_try_add(tsc_counter_t *counter)
{
    int result = tsc_counter_try_add(counter, 1);

    while (result == -EAGAIN) {
        sched_yield();
        result = tsc_counter_try_add(counter, 1);
    }
    return result;
}

static int enter_by_fetch_add(tsc_counter_t *counter)
{
    int64_t previous;

    return tsc_counter_fetch_add(counter, 1, &previous);
}

static int enter_by_update(tsc_counter_t *counter)
{
    return tsc_counter_update(counter, support_raise_by_one, NULL);
}

static const struct {
    int (*enter)(tsc_counter_t *counter);
    uint64_t caps;
} ways_in[] = {
    {tsc_counter_inc, 0},
    {enter_by_add, 0},
    {enter_by_try_add, 0},
    {enter_by_fetch_add, TSC_CAP_FETCH},
    {enter_by_update, TSC_CAP_UPDATE},
};

_Static_assert(sizeof ways_in / sizeof *ways_in == WAYS_IN, "one row for each way");

int enter(const struct subject *subject, uint64_t way)
{
    int result;

    way %= WAYS_IN;
    if (!variant_has(subject->variant, ways_in[way].caps))
        return tsc_counter_inc(subject->counter);
    result = ways_in[way].enter(subject->counter);
    return result == -ENOTSUP ? tsc_counter_inc(subject->counter) : result;
}
