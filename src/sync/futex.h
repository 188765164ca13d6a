/* SPDX-License-Identifier: MIT */
#ifndef TSC_FUTEX_H
#define TSC_FUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* All preserve errno. The memory of a word may be freed before its wake: the kernel uses only the address. */

/* Sleeps while the word has the value. False once the deadline has passed. True otherwise, possibly spuriously. */
bool tsc_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline);

/* A cancellation point. */
bool tsc_futex_wait_cancellable(_Atomic uint32_t *word, uint32_t value, int64_t deadline);

/* Async-signal-safe. */
void tsc_futex_wake(_Atomic uint32_t *word, int sleepers);

/* A wake reaches the sleepers whose set of bits intersects its own. Returns how many it woke. */
bool tsc_futex_wait_in_set(_Atomic uint32_t *word, uint32_t value, uint32_t set, int64_t deadline);
int tsc_futex_wake_in_set(_Atomic uint32_t *word, uint32_t set, int sleepers);

#endif
