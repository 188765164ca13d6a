/* SPDX-License-Identifier: MIT */
/* Whether each try_add that answered -EAGAIN had an excuse: on the mutex another call that may have held the lock,
 * on the queue so many messages under way that it may have been full. */
#ifndef HISTORY_EXCUSES_H
#define HISTORY_EXCUSES_H

#include "verdict.h"

/* The histories are those of all counters of one owner. Where they are right the verdict stays what it is. */
void excuses_check(const struct history *histories, size_t count, struct verdict *verdict);

#endif
