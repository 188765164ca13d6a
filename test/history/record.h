/* SPDX-License-Identifier: MIT */
#ifndef HISTORY_RECORD_H
#define HISTORY_RECORD_H

#include "history.h"

/* Makes the call, whose operation and arguments are set, and notes its answer, its outputs and its times. */
void record(tsc_counter_t *counter, tsc_backend_t backend, struct call *call);

#endif
