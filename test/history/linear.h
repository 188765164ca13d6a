/* SPDX-License-Identifier: MIT */
/* Whether one order of the calls, which agrees with real time, explains all results by the sequential counter. */
#ifndef HISTORY_LINEAR_H
#define HISTORY_LINEAR_H

#include "verdict.h"

void linear_check(const struct history *history, struct verdict *verdict);

#endif
