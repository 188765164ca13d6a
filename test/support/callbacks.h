/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_CALLBACKS_H
#define SUPPORT_CALLBACKS_H

#include <stdint.h>

/* A callback for tsc_counter_update. */
static inline int support_raise_by_one(int64_t *value, void *arg)
{
    (void)arg;
    *value += 1;
    return 0;
}

#endif
