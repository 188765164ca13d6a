/* SPDX-License-Identifier: MIT */
#ifndef TSC_COUNT_H
#define TSC_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * Takes one off a count of threads that are somewhere. It stops at 0: a fork resets such counts in the child,
 * whose one thread may have forked in a signal handler, and come from where it was counted.
 * Model: test/model/close-careful.pml
 */
static inline void tsc_count_down(_Atomic uint32_t *count, memory_order order)
{
    uint32_t found = atomic_load_explicit(count, memory_order_relaxed);

    while (found != 0 &&
           !atomic_compare_exchange_weak_explicit(count, &found, found - 1, order, memory_order_relaxed))
        ;
}

#endif
