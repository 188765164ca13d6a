/* SPDX-License-Identifier: MIT */
#ifndef TSC_BACKEND_H
#define TSC_BACKEND_H

#include "counter-internal.h"

struct tsc_backend {
    const char *name;
    uint64_t caps;
    const struct tsc_backend_ops *ops; /* NULL where this build goes without */
};

/* NULL where the backend is unknown. */
const struct tsc_backend *tsc_backend_find(tsc_backend_t backend);

#endif
