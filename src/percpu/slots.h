/* SPDX-License-Identifier: MIT */
#ifndef TSC_SLOTS_H
#define TSC_SLOTS_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * A slot set has one slot for each processor. The slots of a processor lie together in a region that only threads
 * on it write: so a slot needs no cache line of its own, and 16 bytes of each region are all that a set takes.
 * Regions are mapped, never touched before they are used: memory is taken where, and on the node where, something
 * is counted.
 */
enum tsc_slot_word { TSC_SLOT_IN, TSC_SLOT_OUT, TSC_SLOT_WORDS };

#define TSC_SLOT_BYTES (TSC_SLOT_WORDS * sizeof(_Atomic uint64_t))

struct tsc_slots {
    char *first;
    uint64_t stride; /* from the slot of one processor to that of the next, in bytes */
    struct tsc_slots_chunk *chunk;
};

static inline _Atomic uint64_t *tsc_slots_word(const struct tsc_slots *slots, uint32_t index,
                                               enum tsc_slot_word word)
{
    return (_Atomic uint64_t *)(slots->first + (uintptr_t)(index * slots->stride)) + word;
}

/* Slots of a set: one for each processor, and perhaps the overflow slot behind them. After the first take. */
uint32_t tsc_slot_count(void);

/* All slots are 0. 0 or -ENOMEM. */
int tsc_slots_acquire(struct tsc_slots *slots);

/*
 * The registry is locked. Returns a chunk that no set is taken from any more, to be freed once the registry is
 * unlocked; or NULL.
 */
struct tsc_slots_chunk *tsc_slots_release(struct tsc_slots *slots);
void tsc_slots_free_chunk(void *chunk);

#endif
