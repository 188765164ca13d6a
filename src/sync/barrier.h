/* SPDX-License-Identifier: MIT */
#ifndef TSC_BARRIER_H
#define TSC_BARRIER_H

#include <stdbool.h>

/*
 * membarrier(): a full barrier on every thread of the process, paid for by the caller. Each thread has it
 * somewhere between two of its instructions. The caller sees what the thread stored before that point; what the
 * thread loads after that point sees what the caller had stored.
 */

/* Registers the process. False if the kernel refuses; then there is no barrier. */
bool tsc_barrier_prepare(void);

/* Not a cancellation point; preserves errno. */
void tsc_barrier_on_all_threads(void);

#endif
