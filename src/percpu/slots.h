/* SPDX-License-Identifier: MIT */
#ifndef TSC_SLOTS_H
#define TSC_SLOTS_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * A set of slots is one for each processor. The slots of a processor lie together in a region that only threads on
 * it write: so a slot needs no cache line of its own, and 16 bytes of each region are all that a set takes.
 * Regions are mapped, never touched before they are used: memory is taken where, and on the node where, something
 * is counted.
 */
enum tsc_slot_word { TSC_SLOT_IN, TSC_SLOT_OUT, TSC_SLOT_WORDS };

#define TSC_SLOT_BYTES (TSC_SLOT_WORDS * sizeof(_Atomic uint64_t))

/* From the slot of one processor to that of the next: 64 KiB. */
#define TSC_SLOTS_STRIDE_BITS 16
#define TSC_SLOTS_STRIDE (1 << TSC_SLOTS_STRIDE_BITS)

struct tsc_slots {
    char *first;
    struct tsc_slots_chunk *chunk;
};

static inline _Atomic uint64_t *tsc_slots_word(const struct tsc_slots *slots, uint32_t index,
                                               enum tsc_slot_word word)
{
    return (_Atomic uint64_t *)(slots->first + (uintptr_t)index * TSC_SLOTS_STRIDE) + word;
}

/* How many slots a set has: one for each processor, and perhaps one of none, behind them. After the first take. */
uint32_t tsc_slots_in_set(void);

/* All slots are 0. 0 or -ENOMEM. */
int tsc_slots_take(struct tsc_slots *slots);

/* The registry is locked. */
void tsc_slots_give_back(struct tsc_slots *slots);

#endif
