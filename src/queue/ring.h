/* SPDX-License-Identifier: MIT */
#ifndef TSC_RING_H
#define TSC_RING_H

#include "compiler.h"
#include "test-point.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A bounded queue of messages from many senders to one consumer.
 *
 * Positions count messages from 0; the low bits of a position index its cell. A sender reserves a position only
 * where there is room, so a sender that sleeps holds none; then it fills the cell and publishes it. The consumer
 * takes messages in the order of positions. It releases them in batches, so the head costs senders one cache miss
 * a batch. A message that is reserved but not published holds up later ones, for a few instructions.
 *
 * The main cost of a message is the transfer of its cache line to the consumer's CPU and back. So cells are small,
 * and both sides prefetch.
 *
 * Models: test/model/ring.pml, test/model/queue.pml, test/model/close-queue.pml
 */
struct tsc_ring_cell {
    _Alignas(16) _Atomic uintptr_t mark; /* the recipient, and in the lowest bit the lap that published it */
    int64_t argument;
};

enum { TSC_RING_PREFETCH_DISTANCE = 64 }; /* messages */

struct tsc_ring {
    struct tsc_ring_cell *cells;
    uint64_t capacity;
    void *memory; /* the allocation that holds the cells */

    _Alignas(TSC_CACHE_ALIGN) _Atomic uint64_t tail; /* the next position to reserve; written by all senders */
    _Alignas(TSC_CACHE_ALIGN) _Atomic uint64_t head; /* the first position not released */
    _Alignas(TSC_CACHE_ALIGN) uint64_t next;         /* the next position to take; the consumer's alone */
};

/* 0 or -ENOMEM. The capacity is rounded up to a power of two. */
int tsc_ring_init(struct tsc_ring *ring, size_t capacity);
void tsc_ring_fini(struct tsc_ring *ring);

static inline struct tsc_ring_cell *tsc_ring_cell(struct tsc_ring *ring, uint64_t position)
{
    return &ring->cells[position & (ring->capacity - 1)];
}

/* The bit alternates from lap to lap. It begins with 1, because cells begin with 0. */
static inline uintptr_t tsc_ring_lap_bit(struct tsc_ring *ring, uint64_t position)
{
    return (position & ring->capacity) == 0;
}

/*
 * seq_cst: a thread stores a flag (closed, parked, armed) and then loads the tail. The sender of a message after
 * that tail is sure to see the flag.
 */
static inline uint64_t tsc_ring_tail(struct tsc_ring *ring)
{
    return atomic_load_explicit(&ring->tail, memory_order_seq_cst);
}

/* seq_cst: pairs with tsc_ring_release, for the sleepers of an eventcount. */
static inline uint64_t tsc_ring_head(struct tsc_ring *ring)
{
    return atomic_load_explicit(&ring->head, memory_order_seq_cst);
}

/* The number of messages that are reserved and not released. */
static inline uint64_t tsc_ring_occupancy(struct tsc_ring *ring)
{
    uint64_t head = tsc_ring_head(ring);

    return tsc_ring_tail(ring) - head;
}

static inline bool tsc_ring_has_room(struct tsc_ring *ring)
{
    return tsc_ring_occupancy(ring) < ring->capacity;
}

static inline void tsc_ring_prefetch_to_write(struct tsc_ring *ring, uint64_t position)
{
#if defined(__x86_64__)
    /* For the base architecture __builtin_prefetch() reads the line, which does not help. */
    __asm__ volatile("prefetchw %0" : : "m"(*tsc_ring_cell(ring, position)));
#else
    __builtin_prefetch(tsc_ring_cell(ring, position), 1);
#endif
}

/* For a sender that lost the race for a position. */
void tsc_ring_backoff(void);

/* Sender: false if the ring is full. */
static inline bool tsc_ring_reserve(struct tsc_ring *ring, uint64_t *position)
{
    for (;;) {
        uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
        /* acquire: pairs with release; the consumer is done with the cell. */
        uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
        /* Signed: the head may have passed this tail. */
        int64_t room = (int64_t)(ring->capacity - (tail - head));

        if (tsc_unlikely(room <= 0))
            return false;
        TSC_TEST_POINT(ring_reserving);
        /* seq_cst: see tsc_ring_tail. */
        if (tsc_likely(atomic_compare_exchange_strong_explicit(&ring->tail, &tail, tail + 1, memory_order_seq_cst,
                                                               memory_order_relaxed))) {
            if (room > TSC_RING_PREFETCH_DISTANCE)
                tsc_ring_prefetch_to_write(ring, tail + TSC_RING_PREFETCH_DISTANCE);
            *position = tail;
            return true;
        }
        tsc_ring_backoff();
    }
}

/* Sender. The recipient's address is even. */
static inline void tsc_ring_publish(struct tsc_ring *ring, uint64_t position, void *recipient, int64_t argument)
{
    struct tsc_ring_cell *cell = tsc_ring_cell(ring, position);

    cell->argument = argument;
    /* release: pairs with tsc_ring_read. */
    atomic_store_explicit(&cell->mark, (uintptr_t)recipient | tsc_ring_lap_bit(ring, position),
                          memory_order_release);
}

/* Consumer: false if the message is not published. */
static inline bool tsc_ring_read(struct tsc_ring *ring, uint64_t position, void **recipient, int64_t *argument)
{
    struct tsc_ring_cell *cell = tsc_ring_cell(ring, position);
    uintptr_t mark = atomic_load_explicit(&cell->mark, memory_order_acquire);

    if ((mark & 1) != tsc_ring_lap_bit(ring, position))
        return false;
    *recipient = (void *)(mark & ~(uintptr_t)1);
    *argument = cell->argument;
    return true;
}

/* Any thread: whether the message at the head is reserved and not published. */
static inline bool tsc_ring_awaits_publication(struct tsc_ring *ring)
{
    uint64_t head = tsc_ring_head(ring);
    uintptr_t mark = atomic_load_explicit(&tsc_ring_cell(ring, head)->mark, memory_order_relaxed);

    return tsc_ring_tail(ring) != head && (mark & 1) != tsc_ring_lap_bit(ring, head);
}

/* Consumer: releases the cells of all messages that it took. */
static inline void tsc_ring_release(struct tsc_ring *ring)
{
    /* seq_cst: pairs with tsc_ring_head; and comes before the consumer's check for sleepers. */
    atomic_store_explicit(&ring->head, ring->next, memory_order_seq_cst);
}

#endif
