/* SPDX-License-Identifier: MIT */
#ifndef TSC_SLOTS_H
#define TSC_SLOTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A slot set has one slot per CPU, and perhaps an overflow slot behind them. The slots of one CPU lie together in
 * a region that only threads on that CPU write. So a slot needs no cache line of its own: a set takes 16 bytes of
 * each region. Regions are mapped and not touched, so only CPUs that count use memory, of their own node.
 *
 * Regions are a page and a cache line apart, so that a scan, which reads the same place in each, is spread over
 * the sets of the caches and of the TLB.
 */
enum tsc_slot_word { TSC_SLOT_IN, TSC_SLOT_OUT, TSC_SLOT_WORDS };

enum { TSC_REGION_BYTES = 4096, TSC_REGION_STRIDE = TSC_REGION_BYTES + 64 };

#define TSC_SLOT_BYTES (TSC_SLOT_WORDS * sizeof(_Atomic uint64_t))

struct tsc_slots {
    char *first;
    struct tsc_slots_chunk *chunk;
};

static inline _Atomic uint64_t *tsc_slots_word(const struct tsc_slots *slots, uint32_t index,
                                               enum tsc_slot_word word)
{
    return (_Atomic uint64_t *)(slots->first + (size_t)index * TSC_REGION_STRIDE) + word;
}

/* The number of slots in a set. Valid once a set has been acquired. */
uint32_t tsc_slot_count(void);

/* Allocates a set of zeroed slots. Returns 0 or -ENOMEM. */
int tsc_slots_acquire(struct tsc_slots *slots);

/*
 * Called with the registry locked. Returns the set's chunk if that is empty now, else NULL. The caller frees it
 * after it has unlocked the registry.
 */
struct tsc_slots_chunk *tsc_slots_release(struct tsc_slots *slots);
void tsc_slots_free_chunk(void *chunk);

#endif
