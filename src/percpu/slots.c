/* SPDX-License-Identifier: MIT */
#include "percpu/slots.h"

#include "percpu/add.h"
#include "sanitizer.h"
#include "sync/barrier.h"
#include "sync/registry.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

/*
 * Two regions lie an odd number of pages and one cache line apart: so a scan, which looks at the same place in
 * each, uses all sets of the caches and of the TLB.
 */
enum { PAGE_BYTES = 4096, CACHE_LINE_BYTES = 64 };

/* A chunk has as many sets as all those before it together: so few counters take a page for each processor. */
enum { SETS_IN_PAGE = PAGE_BYTES / TSC_SLOT_BYTES, SETS_MIN = SETS_IN_PAGE, SETS_MAX = 16 * SETS_IN_PAGE };

enum { BITS = 64 };

/* A region for each slot of a set, one behind the other. All of it is protected by the registry's lock. */
struct tsc_slots_chunk {
    struct tsc_slots_chunk *next; /* in the list of those that have room */
    struct tsc_slots_chunk *previous;
    char *regions;
    uint64_t stride;
    uint32_t sets;
    uint32_t taken;
    uint64_t taken_bits[SETS_MAX / BITS];
};

static struct tsc_slots_chunk *with_room;
static uint32_t sets_of_all_chunks;
static bool is_set_up;

bool tsc_rseq_adds;

static bool can_add_by_sequence(const struct tsc_processors *processors)
{
#ifdef TSC_HAVE_RSEQ_ADDITION
    return processors->rseq_cpu_offset != 0 && tsc_barrier_prepare();
#else
    (void)processors;
    return false;
#endif
}

/*
 * Called with the lock held, and releases it while it asks the system, which takes milliseconds. Threads that ask
 * at the same time find the same; the answer of the first one counts.
 */
static int set_up(void)
{
    struct tsc_processors processors;
    bool adds;

    tsc_registry_unlock();
    tsc_processors_find(&processors);
    adds = can_add_by_sequence(&processors);
    tsc_registry_lock();
    if (!is_set_up) {
        tsc_processors_use(&processors);
        tsc_rseq_adds = adds;
    }
    is_set_up = true;
    return 0;
}

uint32_t tsc_slot_count(void)
{
    return tsc_processor_count + (tsc_rseq_adds ? 1 : 0);
}

void tsc_slots_add_anywhere(const struct tsc_slots *slots, enum tsc_slot_word word, uint64_t amount)
{
    uint32_t index = tsc_rseq_adds ? tsc_processor_count : tsc_processor_slow();

    tsc_slot_add_atomically(tsc_slots_word(slots, index, word), amount);
}

static size_t chunk_bytes(const struct tsc_slots_chunk *chunk)
{
    return (size_t)(tsc_slot_count() * chunk->stride);
}

static uint64_t stride_of(uint32_t sets)
{
    uint64_t pages = sets / SETS_IN_PAGE;

    return (pages | 1) * PAGE_BYTES + CACHE_LINE_BYTES;
}

static uint32_t sets_of_next_chunk(void)
{
    if (sets_of_all_chunks < SETS_MIN)
        return SETS_MIN;
    return sets_of_all_chunks < SETS_MAX ? sets_of_all_chunks : SETS_MAX;
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

/* A huge page would take the memory of many regions at the first touch of one. */
static void *map_regions(size_t bytes)
{
    void *regions = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int saved_errno = errno;

    if (regions != MAP_FAILED)
        (void)madvise(regions, bytes, MADV_NOHUGEPAGE);
    errno = saved_errno;
    return regions;
}

static struct tsc_slots_chunk *make_chunk(uint32_t sets)
{
    struct tsc_slots_chunk *chunk = calloc(1, sizeof(*chunk));

    if (chunk == NULL)
        return NULL;
    chunk->sets = sets;
    chunk->stride = stride_of(sets);
    chunk->regions = map_regions(chunk_bytes(chunk));
    if (chunk->regions == MAP_FAILED) {
        free(chunk);
        return NULL;
    }
    tsc_sanitizer_release(chunk);
    return chunk;
}

static void keep_chunk(struct tsc_slots_chunk *chunk)
{
    link_chunk(chunk);
    sets_of_all_chunks += chunk->sets;
}

/* Called with the lock held, and releases it for the system calls. A fork in between leaks the chunk in its child.
 */
static int add_chunk(void)
{
    uint32_t sets = sets_of_next_chunk();
    struct tsc_slots_chunk *chunk;

    tsc_registry_unlock();
    chunk = make_chunk(sets);
    tsc_registry_lock();
    if (chunk == NULL)
        return -ENOMEM;
    keep_chunk(chunk);
    return 0;
}

/* munmap can fail with ENOMEM when it splits a mapping; then the chunk is kept. */
void tsc_slots_free_chunk(void *empty)
{
    struct tsc_slots_chunk *chunk = empty;
    int saved_errno = errno;

    /* pairs with the release in make_chunk: the lock in between is not seen. */
    tsc_sanitizer_acquire(chunk);
    if (munmap(chunk->regions, chunk_bytes(chunk)) == 0) {
        free(chunk);
    } else {
        tsc_registry_lock();
        keep_chunk(chunk);
        tsc_registry_unlock();
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
    if (++chunk->taken == chunk->sets)
        unlink_chunk(chunk);
    return word * BITS + bit;
}

static bool take(struct tsc_slots *slots)
{
    struct tsc_slots_chunk *chunk = with_room;

    if (chunk == NULL)
        return false;
    slots->chunk = chunk;
    slots->stride = chunk->stride;
    slots->first = chunk->regions + take_set(chunk) * TSC_SLOT_BYTES;
    return true;
}

int tsc_slots_acquire(struct tsc_slots *slots)
{
    int error = 0;

    tsc_registry_lock();
    while (!error && (!is_set_up || !take(slots)))
        error = is_set_up ? add_chunk() : set_up();
    tsc_registry_unlock();
    return error;
}

/* Only what is not 0 is written: to write more would take the memory that was never used. */
static void clear(struct tsc_slots *slots)
{
    for (uint32_t index = 0; index < tsc_slot_count(); index++) {
        for (enum tsc_slot_word word = TSC_SLOT_IN; word < TSC_SLOT_WORDS; word++) {
            _Atomic uint64_t *total = tsc_slots_word(slots, index, word);

            if (atomic_load_explicit(total, memory_order_relaxed) != 0)
                atomic_store_explicit(total, 0, memory_order_relaxed);
        }
    }
}

/* The chunk, if nobody has a set of it any more: then it is on no list. Else NULL. */
static struct tsc_slots_chunk *give_back(struct tsc_slots *slots)
{
    struct tsc_slots_chunk *chunk = slots->chunk;
    uint32_t set = (uint32_t)((size_t)(slots->first - chunk->regions) / TSC_SLOT_BYTES);

    chunk->taken_bits[set / BITS] &= ~(UINT64_C(1) << set % BITS);
    if (chunk->taken-- == chunk->sets)
        link_chunk(chunk);
    if (chunk->taken != 0)
        return NULL;
    unlink_chunk(chunk);
    sets_of_all_chunks -= chunk->sets;
    return chunk;
}

struct tsc_slots_chunk *tsc_slots_release(struct tsc_slots *slots)
{
    clear(slots);
    return give_back(slots);
}
