/* SPDX-License-Identifier: MIT */
#ifndef TSC_COUNT_H
#define TSC_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * Saturating decrement of a count of threads. A fork resets such counts in the child, and the child's thread may
 * still decrement one: it may have forked in a signal handler that interrupted it where it was counted.
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
