/* SPDX-License-Identifier: MIT */
/*
 * Threads that are reused in later runs. ThreadSanitizer takes ten milliseconds to start one. With CK_FORK=no a
 * suite starts its thousand threads once.
 */
#ifndef STRESS_CREW_H
#define STRESS_CREW_H

#include <stddef.h>

/* Like support_run_threads, but `body` must not end its thread. */
void crew_run(size_t threads, void (*body)(size_t index, void *arg), void *arg);

/* Ends the threads, for a test that needs to run without them. */
void crew_dismiss(void);

#endif
