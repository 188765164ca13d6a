/* SPDX-License-Identifier: MIT */
#include "percpu/slots.h"

#include "percpu/cpu.h"
#include "sanitizer.h"
#include "sync/registry.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { SETS_IN_CHUNK = TSC_REGION_BYTES / TSC_SLOT_BYTES, BITS = 64 };

/* One region for each slot of its sets. Chunks are protected by the registry lock. */
struct tsc_slots_chunk {
    struct tsc_slots_chunk *next;
    struct tsc_slots_chunk **link; /* the pointer to this chunk */
    char *regions;
    uint32_t used;
    uint64_t used_bits[SETS_IN_CHUNK / BITS];
};

static struct tsc_slots_chunk *chunks; /* those with a free set */

/* Unlocks the registry during detection, which takes milliseconds. Concurrent callers detect the same. */
static void detect_cpus(void)
{
    struct tsc_cpu_info info;

    tsc_registry_unlock();
    tsc_cpu_detect(&info);
    tsc_registry_lock();
    if (tsc_cpu_count == 0)
        tsc_cpu_use(&info);
}

uint32_t tsc_slot_count(void)
{
    return tsc_cpu_count + (tsc_rseq_adds ? 1 : 0);
}

static void link_chunk(struct tsc_slots_chunk *chunk)
{
    chunk->next = chunks;
    chunk->link = &chunks;
    if (chunks != NULL)
        chunks->link = &chunk->next;
    chunks = chunk;
}

static void unlink_chunk(struct tsc_slots_chunk *chunk)
{
    *chunk->link = chunk->next;
    if (chunk->next != NULL)
        chunk->next->link = chunk->link;
}

static size_t chunk_bytes(void)
{
    return (size_t)tsc_slot_count() * TSC_REGION_STRIDE;
}

static struct tsc_slots_chunk *create_chunk(void)
{
    struct tsc_slots_chunk *chunk = calloc(1, sizeof(*chunk));

    if (chunk == NULL)
        return NULL;
    chunk->regions =
        mmap(NULL, chunk_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (chunk->regions == MAP_FAILED) {
        free(chunk);
        return NULL;
    }
    /* With huge pages, the first touch of one region would populate many. */
    (void)madvise(chunk->regions, chunk_bytes(), MADV_NOHUGEPAGE);
    tsc_sanitizer_release(chunk);
    return chunk;
}

/* Unlocks the registry for the system calls. A fork meanwhile leaks the chunk in the child. */
static int add_chunk(void)
{
    struct tsc_slots_chunk *chunk;

    tsc_registry_unlock();
    chunk = create_chunk();
    tsc_registry_lock();
    if (chunk == NULL)
        return -ENOMEM;
    link_chunk(chunk);
    return 0;
}

/* munmap() can fail with ENOMEM when it splits a mapping; the chunk is kept then. */
void tsc_slots_free_chunk(void *empty)
{
    struct tsc_slots_chunk *chunk = empty;
    int saved_errno = errno;

    /* pairs with the release in create_chunk: a sanitizer does not see the lock in between. */
    tsc_sanitizer_acquire(chunk);
    if (munmap(chunk->regions, chunk_bytes()) == 0) {
        free(chunk);
    } else {
        tsc_registry_lock();
        link_chunk(chunk);
        tsc_registry_unlock();
    }
    errno = saved_errno;
}

/* The chunk has a free set. */
static uint32_t take_set(struct tsc_slots_chunk *chunk)
{
    uint32_t word = 0;
    uint32_t bit = 0;

    while (chunk->used_bits[word] == UINT64_MAX)
        word++;
    while (chunk->used_bits[word] >> bit & 1)
        bit++;
    chunk->used_bits[word] |= UINT64_C(1) << bit;
    if (++chunk->used == SETS_IN_CHUNK)
        unlink_chunk(chunk);
    return word * BITS + bit;
}

int tsc_slots_acquire(struct tsc_slots *slots)
{
    struct tsc_slots_chunk *chunk;
    int error = 0;

    tsc_registry_lock();
    if (tsc_cpu_count == 0)
        detect_cpus();
    while (!error && chunks == NULL)
        error = add_chunk();
    chunk = chunks;
    if (!error)
        *slots = (struct tsc_slots){
            .first = chunk->regions + take_set(chunk) * TSC_SLOT_BYTES,
            .chunk = chunk,
        };
    tsc_registry_unlock();
    return error;
}

/* Stores only where needed: a store to an untouched page would allocate it. */
static void clear(struct tsc_slots *slots)
{
    for (uint32_t index = 0; index < tsc_slot_count(); index++) {
        for (enum tsc_slot_word word = TSC_SLOT_IN; word < TSC_SLOT_WORDS; word++) {
            _Atomic uint64_t *total = tsc_slots_word(slots, index, word);

            /* relaxed: no thread uses the counter any more; the registry lock orders the next use. */
            if (atomic_load_explicit(total, memory_order_relaxed) != 0)
                atomic_store_explicit(total, 0, memory_order_relaxed);
        }
    }
}

struct tsc_slots_chunk *tsc_slots_release(struct tsc_slots *slots)
{
    struct tsc_slots_chunk *chunk = slots->chunk;
    uint32_t set = (uint32_t)((size_t)(slots->first - chunk->regions) / TSC_SLOT_BYTES);

    clear(slots);
    chunk->used_bits[set / BITS] &= ~(UINT64_C(1) << set % BITS);
    if (chunk->used-- == SETS_IN_CHUNK)
        link_chunk(chunk);
    if (chunk->used != 0)
        return NULL;
    unlink_chunk(chunk);
    return chunk;
}
