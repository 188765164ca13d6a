/* SPDX-License-Identifier: MIT */
#ifndef TSC_FUTEX_H
#define TSC_FUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Sleeping on a word. All keep errno. A wake may be called with the address of a word that is already gone: the
 * kernel looks the address up, and does not trust it.
 */

/* Sleeps while the word has the value. False once the deadline has passed; true at any other time, or for no
 * reason. */
bool tsc_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline);

/* The same, and a cancellation point. */
bool tsc_futex_wait_cancellable(_Atomic uint32_t *word, uint32_t value, int64_t deadline);

/* Safe in a signal handler. */
void tsc_futex_wake(_Atomic uint32_t *word, int sleepers);

/*
 * The same for sleepers of which each is in one of several sets, which are bits: a wake is for those in its set.
 * It returns how many were asleep and are woken.
 */
bool tsc_futex_wait_in_set(_Atomic uint32_t *word, uint32_t value, uint32_t set, int64_t deadline);
int tsc_futex_wake_in_set(_Atomic uint32_t *word, uint32_t set, int sleepers);

#endif
