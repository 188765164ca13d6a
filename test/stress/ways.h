/* SPDX-License-Identifier: MIT */
/* The operations that increment a counter. */
#ifndef STRESS_WAYS_H
#define STRESS_WAYS_H

#include "subject.h"

enum { WAYS_IN = 5 };

/* Increments by operation number `way`, or by inc if the counter does not support it. Returns 0 or -ESHUTDOWN. */
int enter(const struct subject *subject, uint64_t way);

#endif
