/* SPDX-License-Identifier: MIT */
/* The calls by which something comes into a counter. */
#ifndef STRESS_WAYS_H
#define STRESS_WAYS_H

#include "subject.h"

enum { WAYS_IN = 5 };

/* Counts one in, by the call of that number, or by inc where the counter has not got it; 0 or -ESHUTDOWN. */
int enter(const struct subject *subject, uint64_t way);

#endif
