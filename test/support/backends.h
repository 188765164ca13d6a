/* SPDX-License-Identifier: MIT */
/* The list of the backends, for tests that try each of them. */
#ifndef SUPPORT_BACKENDS_H
#define SUPPORT_BACKENDS_H

#include <stdbool.h>

#include <tscounter/tscounter.h>

#include "../../src/backend/list.h"

/* Whether the backend is part of this build. The build defines TEST_BUILT_NUMBER for each. */
static inline bool support_is_built(tsc_backend_t backend)
{
#define SUPPORT_BIT(NUMBER, name, capabilities) | (uint32_t)TEST_BUILT_##NUMBER << TSC_BACKEND_##NUMBER
    return backend < TSC_BACKEND_COUNT && ((UINT32_C(0) TSC_BACKENDS(SUPPORT_BIT)) >> backend & 1) != 0;
}

#endif
