/* SPDX-License-Identifier: MIT */
#ifndef TSC_SPIN_H
#define TSC_SPIN_H

#include <stdbool.h>
#include <stdint.h>

static inline void tsc_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__ARM_ARCH) && __ARM_ARCH >= 7)
    __asm__ volatile("yield" ::: "memory");
#else
    __asm__ volatile("" ::: "memory");
#endif
}

/* On one CPU, the thread that a spinning thread waits for cannot run. */
bool tsc_is_multiprocessor(void);

/* Spins until `ready` returns true or the budget is spent. Returns what `ready` returned last. */
bool tsc_spin_until(bool (*ready)(void *), void *arg, int64_t budget_ns);

/*
 * For threads that may be many and all wait for one: they leave it a CPU. Where all other CPUs spin already, the
 * caller yields a few times instead.
 */
bool tsc_spin_among_many_until(bool (*ready)(void *), void *arg, int64_t budget_ns);

/* In a forked child, which has no other threads. */
void tsc_spin_forget_others(void);

#endif
