/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_BACKENDS_H
#define SUPPORT_BACKENDS_H

#include <stdbool.h>

#include <tscounter/tscounter.h>

/* Whether the backend is part of this build. */
static inline bool support_is_built(tsc_backend_t backend)
{
    switch (backend) {
    case TSC_BACKEND_MUTEX:
        return TEST_BUILT_MUTEX;
    case TSC_BACKEND_ATOMIC:
        return TEST_BUILT_ATOMIC;
    case TSC_BACKEND_QUEUE:
        return TEST_BUILT_QUEUE;
    case TSC_BACKEND_PERCPU:
        return TEST_BUILT_PERCPU;
    default:
        return false;
    }
}

#endif
