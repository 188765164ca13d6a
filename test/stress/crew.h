/* SPDX-License-Identifier: MIT */
/* Threads that stay for the next run. ThreadSanitizer takes ten milliseconds to start one: with CK_FORK=no a suite
 * starts its thousand once. */
#ifndef STRESS_CREW_H
#define STRESS_CREW_H

#include <stddef.h>

/* Like support_run_threads, but `body` must not end its thread. */
void crew_run(size_t threads, void (*body)(size_t index, void *arg), void *arg);

/* Ends the threads, for a test that has to have none beside it. */
void crew_dismiss(void);

#endif
