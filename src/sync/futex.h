/* SPDX-License-Identifier: MIT */
#ifndef TSC_FUTEX_H
#define TSC_FUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Sleeping on a word. Both keep errno, and both may be called with the address of a word that is already gone:
 * the kernel looks the address up, it does not trust it.
 */

/* Sleeps while the word has the value. False once the deadline has passed; true at any other time, or for no
 * reason. */
bool tsc_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline);

/* The same, and a cancellation point. */
bool tsc_futex_wait_cancellable(_Atomic uint32_t *word, uint32_t value, int64_t deadline);

/* Safe in a signal handler. */
void tsc_futex_wake(_Atomic uint32_t *word, int sleepers);

#endif
