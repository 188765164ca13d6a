/* SPDX-License-Identifier: MIT */
#ifndef HISTORY_RECORD_H
#define HISTORY_RECORD_H

#include "history.h"

/* Where a call is stopped while others run, so that they meet it half done. */
struct stop {
    unsigned int after;  /* instructions; 0: no stop */
    unsigned int pauses; /* in which another thread may run */
};

/* Makes the call, whose operation and arguments are set, and records its result, outputs and times. */
void record(tsc_counter_t *counter, tsc_backend_t backend, struct call *call, struct stop stop);

/*
 * Makes an addition and a read with nothing in between. The store buffer is full when the addition begins. So the
 * addition is still in flight when a read that does not wait for it loads the counter.
 */
void record_at_once(tsc_counter_t *counter, tsc_backend_t backend, struct call *addition, struct call *read);

#endif
