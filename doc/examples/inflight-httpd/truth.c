/* SPDX-License-Identifier: MIT */
#include "truth.h"

void truth_open(struct truth *truth)
{
    pthread_mutex_init(&truth->lock, NULL);
    for (int i = 0; i < TRUTH_SLOTS; i++)
        truth_give_slot(truth, &truth->slots[i]);
}

struct truth_slot *truth_take_slot(struct truth *truth)
{
    pthread_mutex_lock(&truth->lock);
    struct truth_slot *slot = truth->free_slots;
    truth->free_slots = slot->next_free;
    pthread_mutex_unlock(&truth->lock);
    return slot;
}

void truth_give_slot(struct truth *truth, struct truth_slot *slot)
{
    pthread_mutex_lock(&truth->lock);
    slot->next_free = truth->free_slots;
    truth->free_slots = slot;
    pthread_mutex_unlock(&truth->lock);
}

/* A separate load and store suffice, as no other thread stores. */
static void add_one(_Atomic int64_t *count)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1, memory_order_release);
}

void truth_start(struct truth *truth, struct truth_slot *slot)
{
    int64_t now = atomic_fetch_add_explicit(&truth->in_flight, 1, memory_order_relaxed) + 1;
    int64_t peak = atomic_load_explicit(&truth->peak, memory_order_relaxed);

    while (now > peak && !atomic_compare_exchange_weak_explicit(&truth->peak, &peak, now, memory_order_relaxed,
                                                                memory_order_relaxed))
        ;
    add_one(&slot->started);
}

void truth_finish(struct truth *truth, struct truth_slot *slot)
{
    atomic_fetch_sub_explicit(&truth->in_flight, 1, memory_order_relaxed);
    add_one(&slot->finished);
}

/* Finished first: a request that ends between the two walks then counts as in flight, never as a negative. */
struct truth_reading truth_read(struct truth *truth)
{
    struct truth_reading reading = {0};

    for (int i = 0; i < TRUTH_SLOTS; i++)
        reading.finished += atomic_load_explicit(&truth->slots[i].finished, memory_order_acquire);
    for (int i = 0; i < TRUTH_SLOTS; i++)
        reading.started += atomic_load_explicit(&truth->slots[i].started, memory_order_acquire);
    reading.peak = atomic_load_explicit(&truth->peak, memory_order_relaxed);
    return reading;
}
