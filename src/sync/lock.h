/* SPDX-License-Identifier: MIT */
#ifndef TSC_LOCK_H
#define TSC_LOCK_H

#include "compiler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A futex lock. Its word has a bit, HELD, and two marks. AWAITED: threads may sleep on the word. STARVED: one of
 * them has waited for more than a millisecond and gets the lock next.
 *
 * A lock that is not held is free, unless STARVED reserves it for a starved thread. A release clears only HELD, so
 * a reservation has no gap. The memory of the lock must outlive tsc_lock_release().
 */
struct tsc_lock {
    _Atomic uint32_t word;
    _Atomic uint32_t handed_over; /* time of the last hand-over, in ticks */
};

#define TSC_LOCK_HELD UINT32_C(1)
#define TSC_LOCK_AWAITED UINT32_C(2)
#define TSC_LOCK_STARVED UINT32_C(4)
#define TSC_LOCK_MARKS (TSC_LOCK_AWAITED | TSC_LOCK_STARVED)

static inline void tsc_lock_init(struct tsc_lock *lock)
{
    atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
}

/* In a forked child: the holder may be a thread of the parent. */
static inline void tsc_lock_forget_holder(struct tsc_lock *lock)
{
    if (atomic_load_explicit(&lock->word, memory_order_relaxed) != 0)
        tsc_lock_init(lock);
}

static inline bool tsc_lock_is_held(struct tsc_lock *lock)
{
    return atomic_load_explicit(&lock->word, memory_order_relaxed) != 0;
}

static inline bool tsc_lock_try(struct tsc_lock *lock)
{
    uint32_t free = 0;

    /* Loads first: a failed attempt must not take the cache line from the holder. acquire: pairs with release. */
    return !tsc_lock_is_held(lock) &&
           atomic_compare_exchange_strong_explicit(&lock->word, &free, TSC_LOCK_HELD, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* False if the deadline has passed and the lock is still held. */
bool tsc_lock_acquire_until(struct tsc_lock *lock, int64_t deadline);

void tsc_lock_acquire_slow(struct tsc_lock *lock);

/* The lock is not held any more; its word has marks. */
void tsc_lock_release_slow(struct tsc_lock *lock);

static inline void tsc_lock_acquire(struct tsc_lock *lock)
{
    if (tsc_unlikely(!tsc_lock_try(lock)))
        tsc_lock_acquire_slow(lock);
}

/* False if the word has marks: the caller calls tsc_lock_release_slow() next. */
static inline bool tsc_lock_release_fast(struct tsc_lock *lock)
{
    /* acq_rel: the release pairs with try and acquire_slow; both halves pair with fence. */
    return tsc_likely(
        (atomic_fetch_and_explicit(&lock->word, TSC_LOCK_MARKS, memory_order_acq_rel) & TSC_LOCK_MARKS) == 0);
}

static inline void tsc_lock_release(struct tsc_lock *lock)
{
    if (!tsc_lock_release_fast(lock))
        tsc_lock_release_slow(lock);
}

/*
 * Orders the caller against every holder of the lock, without waiting. The caller sees what a holder did whose
 * release precedes the fence; a holder whose release follows it sees what the caller did before.
 */
static inline void tsc_lock_fence(struct tsc_lock *lock)
{
    /* acq_rel: pairs with release, in either order. Only read-modify-writes change the word, so a release sequence
     * continues through those in between. */
    atomic_fetch_add_explicit(&lock->word, 0, memory_order_acq_rel);
}

#endif
