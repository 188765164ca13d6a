/* SPDX-License-Identifier: MIT */
#include "queue/ring.h"

#include <errno.h>
#include <stdlib.h>

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

void tsc_ring_publish_all(struct tsc_ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    void *recipient;
    int64_t argument;

    for (uint64_t position = ring->next; position != tail; position++)
        if (!tsc_ring_read(ring, position, &recipient, &argument))
            tsc_ring_publish(ring, position, NULL, 0);
}
