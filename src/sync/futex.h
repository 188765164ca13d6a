/* SPDX-License-Identifier: MIT */
#ifndef TSC_FUTEX_H
#define TSC_FUTEX_H

#include "config.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Sleeping on a word, by the system call of Linux or, without it, by semaphores. All keep errno. A wake may be
 * called with the address of a word that is already gone: the address is looked up, not trusted.
 */

/* Sleeps while the word has the value. False once the deadline has passed; true at any other time, or for no
 * reason. */
bool tsc_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline);

/* The same, and a cancellation point. */
bool tsc_futex_wait_cancellable(_Atomic uint32_t *word, uint32_t value, int64_t deadline);

/* Safe in a signal handler. */
void tsc_futex_wake(_Atomic uint32_t *word, int sleepers);

/* In the child of a fork: the sleepers are not in it. */
#ifdef TSC_HAVE_FUTEX
static inline void tsc_futex_forget_sleepers(void)
{
    /* They are the kernel's to know. */
}
#else
void tsc_futex_forget_sleepers(void);
#endif

#endif
