/* SPDX-License-Identifier: MIT */
#include "queue/ring.h"

#include "sync/deadline.h"
#include "sync/spin.h"

#include <errno.h>
#include <stdlib.h>

#define LET_OTHERS_NS INT64_C(5000)

enum { PAUSES_BETWEEN_CLOCKS = 8 };

static uint64_t power_of_two_at_least(size_t wanted)
{
    uint64_t power = 1;

    while (power < wanted)
        power *= 2;
    return power;
}

int tsc_ring_init(struct tsc_ring *ring, size_t capacity)
{
    uint64_t cells = power_of_two_at_least(capacity);

    /* calloc: a large ring takes memory only as far as it is used. */
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
 * Two processors that reserve in turn take the lines of the tail and of the cells from each other with every
 * message, which makes each cost as much as a dozen. So who was slower leaves the lines to the other for as long
 * as some hundred messages take it.
 */
TSC_COLD void tsc_ring_backoff(void)
{
    int64_t end = tsc_now() + LET_OTHERS_NS;

    do {
        for (int pauses = 0; pauses < PAUSES_BETWEEN_CLOCKS; pauses++)
            tsc_pause();
    } while (tsc_now() < end);
}
