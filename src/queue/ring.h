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
 * Positions count messages since the beginning; the cell of a position is its low bits. A sender reserves a position, only
 * where there is room (so that one who sleeps never holds a ticket), fills the cell and publishes it. The receiver takes
 * messages in the order of their positions, and releases what it took a batch at a time, so that the senders' view of
 * the room costs one cache miss a batch.
 *
 * A message that is reserved but not yet published holds up those behind it, for the few instructions in between.
 */
struct tsc_message {
    void *recipient;
    int64_t argument;
};

/* A power of two: no cell straddles a cache line. */
#define TSC_RING_CELL_SIZE 32

struct tsc_ring_cell {
    _Atomic uint64_t published; /* 1 + the position whose message is here, or that of an earlier lap */
    struct tsc_message message;
    char padding[TSC_RING_CELL_SIZE - sizeof(uint64_t) - sizeof(struct tsc_message)];
};

struct tsc_ring {
    struct tsc_ring_cell *cells;
    uint64_t capacity;
    void *memory; /* that the cells lie in */

    _Alignas(TSC_CACHE_ALIGN) _Atomic uint64_t tail; /* what is reserved next: all senders write it */
    _Alignas(TSC_CACHE_ALIGN) _Atomic uint64_t head; /* what is released: the receiver writes it once a batch */
    _Alignas(TSC_CACHE_ALIGN) uint64_t next;         /* what is taken next: the receiver's alone */
};

/* 0 or -ENOMEM. The capacity is rounded up to a power of two. */
int tsc_ring_init(struct tsc_ring *ring, size_t capacity);
void tsc_ring_fini(struct tsc_ring *ring);

/* In the child of a fork: what is reserved but not published never will be. Takes the position after the last one. */
void tsc_ring_restart(struct tsc_ring *ring);

static inline struct tsc_ring_cell *tsc_ring_cell(struct tsc_ring *ring, uint64_t position)
{
    return &ring->cells[position & (ring->capacity - 1)];
}

/*
 * seq_cst: whoever learns from the tail which messages to wait for, or that there is none, has written something else
 * before (closed, parked, armed) that the sender of a later message is sure to see.
 */
static inline uint64_t tsc_ring_tail(struct tsc_ring *ring)
{
    return atomic_load_explicit(&ring->tail, memory_order_seq_cst);
}

/* seq_cst: pairs with the store in release, against the sleepers of an eventcount; and what was applied is seen. */
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

/* Sender: false where there is no room. */
static inline bool tsc_ring_reserve(struct tsc_ring *ring, uint64_t *position)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    do {
        /* acquire: pairs with release; the receiver is done with the cell. Signed: the head may have passed this tail. */
        uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

        if (tsc_unlikely((int64_t)(tail - head) >= (int64_t)ring->capacity))
            return false;
        /* seq_cst: see tsc_ring_tail. */
    } while (tsc_unlikely(!atomic_compare_exchange_weak_explicit(&ring->tail, &tail, tail + 1, memory_order_seq_cst,
                                                                 memory_order_relaxed)));
    *position = tail;
    return true;
}

static inline void tsc_ring_publish(struct tsc_ring *ring, uint64_t position, void *recipient, int64_t argument)
{
    struct tsc_ring_cell *cell = tsc_ring_cell(ring, position);

    cell->message.recipient = recipient;
    cell->message.argument = argument;
    /* release: pairs with is_published. */
    atomic_store_explicit(&cell->published, position + 1, memory_order_release);
}

static inline bool tsc_ring_is_published(struct tsc_ring *ring, uint64_t position)
{
    return atomic_load_explicit(&tsc_ring_cell(ring, position)->published, memory_order_acquire) == position + 1;
}

/* Receiver: whether there is a message to take. */
static inline bool tsc_ring_is_ready(struct tsc_ring *ring)
{
    return tsc_ring_is_published(ring, ring->next);
}

/* Receiver: gives the room of all messages taken back. */
static inline void tsc_ring_release(struct tsc_ring *ring)
{
    /* seq_cst: pairs with tsc_ring_head; and before the receiver looks for sleepers. */
    atomic_store_explicit(&ring->head, ring->next, memory_order_seq_cst);
}

#endif
