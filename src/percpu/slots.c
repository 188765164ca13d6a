/* SPDX-License-Identifier: MIT */
#include "percpu/slots.h"

#include "percpu/add.h"
#include "sync/barrier.h"
#include "sync/registry.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { SETS_IN_CHUNK = TSC_SLOTS_STRIDE / TSC_SLOT_BYTES, BITS = 64 };

/* A region for each slot of a set, one behind the other. All of it is protected by the registry's lock. */
struct tsc_slots_chunk {
    struct tsc_slots_chunk *next; /* in the list of those that have room */
    struct tsc_slots_chunk *previous;
    char *regions;
    uint32_t taken;
    uint64_t taken_bits[SETS_IN_CHUNK / BITS];
};

static struct tsc_slots_chunk *with_room;

bool tsc_rseq_adds;

static void init_addition(void)
{
#ifdef TSC_HAVE_RSEQ_ADDITION
    static bool decided;

    if (!decided)
        tsc_rseq_adds = tsc_rseq_cpu_offset != 0 && tsc_barrier_prepare();
    decided = true;
#endif
}

uint32_t tsc_slots_in_set(void)
{
    return tsc_processor_count + (tsc_rseq_adds ? 1 : 0);
}

void tsc_slots_add_anywhere(const struct tsc_slots *slots, enum tsc_slot_word word, uint64_t amount)
{
    uint32_t index = tsc_rseq_adds ? tsc_processor_count : tsc_processor_slow();

    tsc_slot_add_atomically(tsc_slots_word(slots, index, word), amount);
}

static size_t chunk_bytes(void)
{
    return (size_t)tsc_slots_in_set() * TSC_SLOTS_STRIDE;
}

static void link_chunk(struct tsc_slots_chunk *chunk)
{
    chunk->previous = NULL;
    chunk->next = with_room;
    if (with_room != NULL)
        with_room->previous = chunk;
    with_room = chunk;
}

static void unlink_chunk(struct tsc_slots_chunk *chunk)
{
    if (chunk->previous != NULL)
        chunk->previous->next = chunk->next;
    else
        with_room = chunk->next;
    if (chunk->next != NULL)
        chunk->next->previous = chunk->previous;
}

static struct tsc_slots_chunk *make_chunk(void)
{
    struct tsc_slots_chunk *chunk = calloc(1, sizeof(*chunk));
    void *regions;

    if (chunk == NULL)
        return NULL;
    regions =
        mmap(NULL, chunk_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (regions == MAP_FAILED) {
        free(chunk);
        return NULL;
    }
    chunk->regions = regions;
    link_chunk(chunk);
    return chunk;
}

/* To unmap what lies in the middle of a mapping takes memory: where there is none, the chunk stays to be taken. */
static void free_chunk(struct tsc_slots_chunk *chunk)
{
    int saved_errno = errno;

    if (munmap(chunk->regions, chunk_bytes()) == 0) {
        unlink_chunk(chunk);
        free(chunk);
    }
    errno = saved_errno;
}

/* The chunk has room. */
static uint32_t take_set(struct tsc_slots_chunk *chunk)
{
    uint32_t word = 0;
    uint32_t bit = 0;

    while (chunk->taken_bits[word] == UINT64_MAX)
        word++;
    while (chunk->taken_bits[word] >> bit & 1)
        bit++;
    chunk->taken_bits[word] |= UINT64_C(1) << bit;
    if (++chunk->taken == SETS_IN_CHUNK)
        unlink_chunk(chunk);
    return word * BITS + bit;
}

static int take(struct tsc_slots *slots)
{
    struct tsc_slots_chunk *chunk = with_room != NULL ? with_room : make_chunk();

    if (chunk == NULL)
        return -ENOMEM;
    slots->chunk = chunk;
    slots->first = chunk->regions + take_set(chunk) * TSC_SLOT_BYTES;
    return 0;
}

int tsc_slots_take(struct tsc_slots *slots)
{
    int error;

    tsc_registry_lock();
    tsc_processor_init();
    init_addition();
    error = take(slots);
    tsc_registry_unlock();
    return error;
}

/* Only what is not 0 is written: to write more would take the memory that was never used. */
static void clear(struct tsc_slots *slots)
{
    for (uint32_t index = 0; index < tsc_slots_in_set(); index++) {
        for (enum tsc_slot_word word = TSC_SLOT_IN; word < TSC_SLOT_WORDS; word++) {
            _Atomic uint64_t *total = tsc_slots_word(slots, index, word);

            if (atomic_load_explicit(total, memory_order_relaxed) != 0)
                atomic_store_explicit(total, 0, memory_order_relaxed);
        }
    }
}

static void give_back(struct tsc_slots *slots)
{
    struct tsc_slots_chunk *chunk = slots->chunk;
    uint32_t set = (uint32_t)((size_t)(slots->first - chunk->regions) / TSC_SLOT_BYTES);

    chunk->taken_bits[set / BITS] &= ~(UINT64_C(1) << set % BITS);
    if (chunk->taken-- == SETS_IN_CHUNK)
        link_chunk(chunk);
    if (chunk->taken == 0)
        free_chunk(chunk);
}

void tsc_slots_give_back(struct tsc_slots *slots)
{
    clear(slots);
    give_back(slots);
}
