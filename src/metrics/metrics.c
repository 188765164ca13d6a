/* SPDX-License-Identifier: MIT */
#include "config.h"
#include "join.h"
#include "metrics/exposition.h"

#include <errno.h>

#include <tscounter/metrics.h>

/*
 * A thread in an update callback may not read the counter of that callback, and an owner's thread none of its
 * counters. So neither writes any.
 */
int tsc_metrics_write(uint32_t format, tsc_segment_t *segment, tsc_write_fn write, void *arg)
{
    if (format > TSC_METRICS_TEXT || write == NULL)
        return -EINVAL;
#ifdef TSC_HAVE_METRICS
    if (segment != NULL)
        return -ENOTSUP;
    if (tsc_thread_must_not_join())
        return -EDEADLK;
    return tsc_exposition_write(format, write, arg);
#else
    (void)segment;
    (void)arg;
    return -ENOTSUP;
#endif
}
