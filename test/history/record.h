/* SPDX-License-Identifier: MIT */
#ifndef HISTORY_RECORD_H
#define HISTORY_RECORD_H

#include "history.h"

/* Where a call is stopped while others run, so that they meet it in the middle of something. */
struct stop {
    unsigned int after;  /* instructions; 0: nowhere */
    unsigned int pauses; /* in which another thread may run */
};

/* Makes the call, whose operation and arguments are set, and notes its answer, its outputs and its times. */
void record(tsc_counter_t *counter, tsc_backend_t backend, struct call *call, struct stop stop);

#endif
