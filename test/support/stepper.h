/* SPDX-License-Identifier: MIT */
/*
 * Something between two instructions of a thread: with the trap flag of x86 a signal comes after each of them.
 * Those of this program count, and of what is linked into it; in the C library nothing happens, where a handler
 * might not do what it is to do.
 */
#ifndef SUPPORT_STEPPER_H
#define SUPPORT_STEPPER_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

/* False where the flag does nothing: on another architecture, under valgrind, in some emulators; and under
 * ThreadSanitizer, which holds signals back. Before all else, once. */
bool stepper_works(void);

/* After so many instructions from now, 1 or more, interrupt(arg) is called in a signal handler of this thread. */
void stepper_begin(uint64_t instructions, void (*interrupt)(void *arg), void *arg);

/* False where it was not called: there were not so many. */
bool stepper_end(void);

/* How many there were since stepper_begin. After stepper_end, where it was not called. */
uint64_t stepper_taken(void);

/* Runs a suite that is nothing without the flag; the exit status of main. Without the flag the suite is skipped. */
int stepper_run_suite(Suite *suite);

#endif
