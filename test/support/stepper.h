/* SPDX-License-Identifier: MIT */
/*
 * Interrupts a thread between two instructions: the trap flag of x86 raises a signal after each of them. Only
 * instructions of this program count, with what is linked into it. In the C library a handler may not do enough to
 * be useful.
 */
#ifndef SUPPORT_STEPPER_H
#define SUPPORT_STEPPER_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * False if the flag has no effect: on another architecture, under valgrind, in some emulators, and under
 * ThreadSanitizer, which defers signals. Called once, before everything else.
 */
bool stepper_works(void);

/* After this many instructions (at least 1), interrupt(arg) is called in a signal handler of this thread. */
void stepper_begin(uint64_t instructions, void (*interrupt)(void *arg), void *arg);

/* False if interrupt was not called, because there were fewer instructions. */
bool stepper_end(void);

/* Instructions since stepper_begin; valid after stepper_end returned false. */
uint64_t stepper_taken(void);

/* Runs a suite that needs the trap flag, or skips it. Returns the exit status of main. */
int stepper_run_suite(Suite *suite);

#endif
