/* SPDX-License-Identifier: MIT */
/*
 * A CPU keeps stores in a buffer, in order, until they can become visible, and meanwhile executes later loads. A
 * test that detects a missing fence needs that delay to be long.
 */
#ifndef SUPPORT_LATE_STORES_H
#define SUPPORT_LATE_STORES_H

#include <stddef.h>

#ifdef __x86_64__
#include <x86intrin.h>
#endif

enum { SUPPORT_LATE_STORES = 32, SUPPORT_CACHE_LINE = 64 };

/* Stores that follow stores to these lines become visible late. Each thread has its own lines. */
struct support_lines {
    char line[SUPPORT_LATE_STORES][SUPPORT_CACHE_LINE];
};

/*
 * Takes the lines out of the caches, which takes longer than the delayed stores. Here and below, other machines
 * than x86-64 do nothing.
 */
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
