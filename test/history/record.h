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

/*
 * Makes an addition and a read with nothing between them. The addition begins when the store buffer is full, and
 * so it is still on its way when a read that does not wait for it looks at the counter.
 */
void record_at_once(tsc_counter_t *counter, tsc_backend_t backend, struct call *addition, struct call *read);

#endif
