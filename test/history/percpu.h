/* SPDX-License-Identifier: MIT */
/*
 * Whether each result of a per-CPU counter is within the contract's bounds. Its reads have no total order, but
 * each depends on the values held during the call.
 */
#ifndef HISTORY_PERCPU_H
#define HISTORY_PERCPU_H

#include "verdict.h"

void percpu_check(const struct history *history, struct verdict *verdict);

#endif
