/* SPDX-License-Identifier: MIT */
#ifndef TSC_BARRIER_H
#define TSC_BARRIER_H

#include <stdbool.h>

/*
 * A full barrier on all threads of the process at once, at the cost of the one who asks for it. Each thread has it
 * somewhere between two of its instructions: what it stored before that is visible to the asker, and what it loads
 * after that sees what the asker had stored.
 */

/* Whether there is one. Before the first. */
bool tsc_barrier_prepare(void);

/* No cancellation point; keeps errno. */
void tsc_barrier_on_all_threads(void);

#endif
