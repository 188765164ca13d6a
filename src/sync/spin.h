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

/* Whether a thread that spins can be waiting for another one that runs: not on one processor. */
bool tsc_is_multiprocessor(void);

/* Spins until `ready` or the budget is used up; answers what `ready` said last. */
bool tsc_spin_until(bool (*ready)(void *), void *arg, int64_t budget_ns);

/*
 * The same for threads of which there may be many: they leave one processor to the one that they all wait for.
 * Where that many spin already, this yields a few times instead.
 */
bool tsc_spin_among_many_until(bool (*ready)(void *), void *arg, int64_t budget_ns);

/* In the child of a fork: those who spin are not in it. */
void tsc_spin_forget_others(void);

#endif
