/* SPDX-License-Identifier: MIT */
#include "queue/ring.h"

#include "sync/deadline.h"
#include "sync/spin.h"

#include <errno.h>
#include <stdlib.h>

#define BACKOFF_NS INT64_C(5000)

enum { PAUSES_BETWEEN_CLOCKS = 8 };

int tsc_ring_init(struct tsc_ring *ring, size_t capacity)
{
    uint64_t cells = 1;

    while (cells < capacity)
        cells *= 2;
    /* calloc: the pages of a large ring are allocated as they are used. */
    ring->memory = calloc(cells * sizeof(struct tsc_ring_cell) + TSC_CACHE_ALIGN, 1);
    if (ring->memory == NULL)
        return -ENOMEM;
    ring->cells = (struct tsc_ring_cell *)(((uintptr_t)ring->memory + TSC_CACHE_ALIGN - 1) &
                                           ~(uintptr_t)(TSC_CACHE_ALIGN - 1));
    ring->capacity = cells;
    ring->next = 0;
    atomic_init(&ring->tail, 0);
    atomic_init(&ring->head, 0);
    return 0;
}

void tsc_ring_fini(struct tsc_ring *ring)
{
    free(ring->memory);
}

/*
 * Two CPUs that reserve in turn take the cache lines of the tail and the cells from each other with each message,
 * which makes a message cost as much as a dozen. So the loser leaves the lines to the winner for some hundred
 * messages.
 */
TSC_COLD void tsc_ring_backoff(void)
{
    int64_t end = tsc_now() + BACKOFF_NS;

    do {
        for (int pauses = 0; pauses < PAUSES_BETWEEN_CLOCKS; pauses++)
            tsc_pause();
    } while (tsc_now() < end);
}
