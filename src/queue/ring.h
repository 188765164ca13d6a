/* SPDX-License-Identifier: MIT */
#ifndef TSC_RING_H
#define TSC_RING_H

#include "compiler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A bounded queue of messages from many senders to one receiver.
 *
 * Positions count messages since the beginning; the cell of a position is its low bits. A sender reserves a
 * position, only where there is room (so that one who sleeps never holds a ticket), fills the cell and publishes
 * it. The receiver takes messages in the order of their positions, and releases what it took a batch at a time, so
 * that the senders' view of the room costs one cache miss a batch.
 *
 * A message that is reserved but not yet published holds up those behind it, for the few instructions in between.
 *
 * What a message costs is, above all, the way of its cache line from the sender's processor to the receiver's and
 * back. So a cell is as small as it can be, and both sides fetch the lines ahead that they are going to need.
 *
 * Models: test/model/ring.pml, test/model/queue.pml, test/model/close-queue.pml
 */
struct tsc_ring_cell {
    _Alignas(16) _Atomic uintptr_t mark; /* the recipient, and in the lowest bit which lap has published it */
    int64_t argument;
};

enum { TSC_RING_FETCH_AHEAD = 64 }; /* messages */

struct tsc_ring {
    struct tsc_ring_cell *cells;
    uint64_t capacity;
    void *memory; /* that the cells lie in */

    _Alignas(TSC_CACHE_ALIGN) _Atomic uint64_t tail; /* what is reserved next: all senders write it */
    _Alignas(TSC_CACHE_ALIGN) _Atomic uint64_t head; /* what is released: the receiver writes it once a batch */
    _Alignas(TSC_CACHE_ALIGN) uint64_t next; /* what is taken next: the receiver's, for the time being, alone */
};

/* 0 or -ENOMEM. The capacity is rounded up to a power of two. */
int tsc_ring_init(struct tsc_ring *ring, size_t capacity);
void tsc_ring_fini(struct tsc_ring *ring);

static inline struct tsc_ring_cell *tsc_ring_cell(struct tsc_ring *ring, uint64_t position)
{
    return &ring->cells[position & (ring->capacity - 1)];
}

/* The bit alternates from lap to lap, beginning with 1 on cells that are 0. */
static inline uintptr_t tsc_ring_lap_bit(struct tsc_ring *ring, uint64_t position)
{
    return (position & ring->capacity) == 0;
}

/*
 * seq_cst: whoever learns from the tail which messages to wait for, or that there is none, has written something
 * else before (closed, parked, armed) that the sender of a later message is sure to see.
 */
static inline uint64_t tsc_ring_tail(struct tsc_ring *ring)
{
    return atomic_load_explicit(&ring->tail, memory_order_seq_cst);
}

/* seq_cst: pairs with the store in release, against the sleepers of an eventcount; and what was applied is seen.
 */
static inline uint64_t tsc_ring_head(struct tsc_ring *ring)
{
    return atomic_load_explicit(&ring->head, memory_order_seq_cst);
}

/* Messages that are reserved and not yet released. */
static inline uint64_t tsc_ring_occupancy(struct tsc_ring *ring)
{
    uint64_t head = tsc_ring_head(ring);

    return tsc_ring_tail(ring) - head;
}

static inline bool tsc_ring_has_room(struct tsc_ring *ring)
{
    return tsc_ring_occupancy(ring) < ring->capacity;
}

static inline void tsc_ring_fetch_to_write(struct tsc_ring *ring, uint64_t position)
{
#if defined(__x86_64__)
    /* For a processor of the base architecture the compiler makes a fetch to read of it, which is no help. */
    __asm__ volatile("prefetchw %0" : : "m"(*tsc_ring_cell(ring, position)));
#elif defined(__GNUC__)
    __builtin_prefetch(tsc_ring_cell(ring, position), 1);
#endif
}

static inline void tsc_ring_fetch_to_read(struct tsc_ring *ring, uint64_t position)
{
#ifdef __GNUC__
    __builtin_prefetch(tsc_ring_cell(ring, position), 0);
#endif
}

/* Sender, after another was quicker. */
void tsc_ring_backoff(void);

/* Sender: false where there is no room. */
static inline bool tsc_ring_reserve(struct tsc_ring *ring, uint64_t *position)
{
    for (;;) {
        uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
        /* acquire: pairs with release; the receiver is done with the cell. */
        uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
        /* Signed: the head may have passed this tail. */
        int64_t room = (int64_t)(ring->capacity - (tail - head));

        if (tsc_unlikely(room <= 0))
            return false;
        /* seq_cst: see tsc_ring_tail. */
        if (tsc_likely(atomic_compare_exchange_strong_explicit(&ring->tail, &tail, tail + 1, memory_order_seq_cst,
                                                               memory_order_relaxed))) {
            if (room > TSC_RING_FETCH_AHEAD)
                tsc_ring_fetch_to_write(ring, tail + TSC_RING_FETCH_AHEAD);
            *position = tail;
            return true;
        }
        tsc_ring_backoff();
    }
}

/* The recipient's address is even; NULL is a message to nobody. */
static inline void tsc_ring_publish(struct tsc_ring *ring, uint64_t position, void *recipient, int64_t argument)
{
    struct tsc_ring_cell *cell = tsc_ring_cell(ring, position);

    cell->argument = argument;
    /* release: pairs with tsc_ring_read. */
    atomic_store_explicit(&cell->mark, (uintptr_t)recipient | tsc_ring_lap_bit(ring, position),
                          memory_order_release);
}

/* Receiver: false where the message at the position is not published. */
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

/* Anyone: whether the message that is to be taken next is reserved and not published. */
static inline bool tsc_ring_awaits_publication(struct tsc_ring *ring)
{
    uint64_t head = tsc_ring_head(ring);
    uintptr_t mark = atomic_load_explicit(&tsc_ring_cell(ring, head)->mark, memory_order_relaxed);

    return tsc_ring_tail(ring) != head && (mark & 1) != tsc_ring_lap_bit(ring, head);
}

/* Receiver: gives the room of all messages taken back. */
static inline void tsc_ring_release(struct tsc_ring *ring)
{
    /* seq_cst: pairs with tsc_ring_head; and before the receiver looks for sleepers. */
    atomic_store_explicit(&ring->head, ring->next, memory_order_seq_cst);
}

#endif
