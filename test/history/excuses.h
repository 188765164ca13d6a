/* SPDX-License-Identifier: MIT */
/*
 * Whether each -EAGAIN of try_add was possible. On the mutex another call may have held the lock; on the queue
 * enough messages may have been in flight.
 */
#ifndef HISTORY_EXCUSES_H
#define HISTORY_EXCUSES_H

#include "verdict.h"

/* The histories are those of all counters of one owner. If each -EAGAIN was possible, the verdict is unchanged. */
void excuses_check(const struct history *histories, size_t count, struct verdict *verdict);

#endif
