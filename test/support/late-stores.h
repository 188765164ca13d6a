/* SPDX-License-Identifier: MIT */
/*
 * A processor keeps its stores in a buffer until they can become visible, in their order, and goes on with loads
 * meanwhile. A test that looks for a fence that is missing needs that time to be long.
 */
#ifndef SUPPORT_LATE_STORES_H
#define SUPPORT_LATE_STORES_H

#include <stddef.h>

#ifdef __x86_64__
#include <x86intrin.h>
#endif

enum { SUPPORT_LATE_STORES = 32, SUPPORT_CACHE_LINE = 64 };

/* What a thread stores after the stores to these lines becomes visible late. Each thread has lines of its own. */
struct support_lines {
    char line[SUPPORT_LATE_STORES][SUPPORT_CACHE_LINE];
};

/* Takes the lines out of the caches, which takes longer than what is to be delayed. Elsewhere than on x86-64 this
 * and the next do nothing. */
static inline void support_flush_lines(struct support_lines *lines)
{
#ifdef __x86_64__
    for (size_t i = 0; i < SUPPORT_LATE_STORES; i++)
        _mm_clflush(lines->line[i]);
    _mm_mfence();
#else
    (void)lines;
#endif
}

/* Fills the store buffer with stores that miss the caches, where the lines are in none. */
static inline void support_store_late(struct support_lines *lines)
{
#ifdef __x86_64__
    for (size_t i = 0; i < SUPPORT_LATE_STORES; i++)
        *(volatile char *)lines->line[i] = 1;
#else
    (void)lines;
#endif
}

static inline void support_delay_stores(struct support_lines *lines)
{
    support_flush_lines(lines);
    support_store_late(lines);
}

#endif
