/* SPDX-License-Identifier: MIT */
/*
 * Whether each answer of a per-CPU counter is within the bounds that the contract gives it: its reads are in no
 * one order, but each has to do with the values held during the call.
 */
#ifndef HISTORY_PERCPU_H
#define HISTORY_PERCPU_H

#include "verdict.h"

void percpu_check(const struct history *history, struct verdict *verdict);

#endif
