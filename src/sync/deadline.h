/* SPDX-License-Identifier: MIT */
#ifndef TSC_DEADLINE_H
#define TSC_DEADLINE_H

#include <stdint.h>
#include <time.h>

/* A deadline is a time of CLOCK_MONOTONIC, in nanoseconds. */
#define TSC_NEVER INT64_MAX
#define TSC_NS_PER_S INT64_C(1000000000)

static inline int64_t tsc_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * TSC_NS_PER_S + now.tv_nsec;
}

static inline int64_t tsc_deadline_after(int64_t timeout_ns)
{
    int64_t now;

    if (timeout_ns < 0)
        return TSC_NEVER;
    now = tsc_now();
    return timeout_ns >= TSC_NEVER - now ? TSC_NEVER : now + timeout_ns;
}

#endif
