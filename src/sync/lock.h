/* SPDX-License-Identifier: MIT */
#ifndef TSC_LOCK_H
#define TSC_LOCK_H

#include "compiler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A futex lock whose word holds the thread id of its holder and two marks. AWAITED: threads may sleep on the word.
 * STARVED: one of them has waited for longer than a millisecond, and is to get the lock next.
 *
 * Without a holder the lock is free, unless STARVED is set: then it is reserved for a thread that has starved.
 * Releasing it clears the thread id and nothing else, so nobody comes in between. What the lock lies in has to
 * live until tsc_lock_release() has returned.
 */
struct tsc_lock {
    _Atomic uint32_t word;
    _Atomic uint32_t handed_over; /* when it was handed over last */
};

#define TSC_LOCK_AWAITED UINT32_C(0x40000000)
#define TSC_LOCK_STARVED UINT32_C(0x20000000)
#define TSC_LOCK_MARKS (TSC_LOCK_AWAITED | TSC_LOCK_STARVED)

static inline void tsc_lock_init(struct tsc_lock *lock)
{
    atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
}

/* In the child of a fork: a thread that is not in it may hold the lock. */
static inline void tsc_lock_forget_holder(struct tsc_lock *lock)
{
    if (atomic_load_explicit(&lock->word, memory_order_relaxed) != 0)
        tsc_lock_init(lock);
}

/* Never 0. Safe in a signal handler. */
uint32_t tsc_lock_identify_thread(void);

extern _Thread_local uint32_t tsc_lock_thread_id TSC_TLS_INITIAL_EXEC;

static inline uint32_t tsc_lock_self(void)
{
    return tsc_likely(tsc_lock_thread_id != 0) ? tsc_lock_thread_id : tsc_lock_identify_thread();
}

static inline bool tsc_lock_is_held(struct tsc_lock *lock)
{
    return atomic_load_explicit(&lock->word, memory_order_relaxed) != 0;
}

static inline bool tsc_lock_try(struct tsc_lock *lock)
{
    uint32_t free = 0;

    /* Looks first, so that who tries in vain does not take the cache line from the holder. acquire: pairs with
     * unlock. */
    return !tsc_lock_is_held(lock) &&
           atomic_compare_exchange_strong_explicit(&lock->word, &free, tsc_lock_self(), memory_order_acquire,
                                                   memory_order_relaxed);
}

/* The lock is held, or was. */
void tsc_lock_acquire_slow(struct tsc_lock *lock);

/* The lock has no holder any more, but marks. */
void tsc_lock_release_slow(struct tsc_lock *lock);

static inline void tsc_lock_acquire(struct tsc_lock *lock)
{
    if (tsc_unlikely(!tsc_lock_try(lock)))
        tsc_lock_acquire_slow(lock);
}

static inline void tsc_lock_release(struct tsc_lock *lock)
{
    /* acq_rel: pairs with try and with take_slowly; and with pass_by, either way round. */
    if (tsc_unlikely(
            (atomic_fetch_and_explicit(&lock->word, TSC_LOCK_MARKS, memory_order_acq_rel) & TSC_LOCK_MARKS) != 0))
        tsc_lock_release_slow(lock);
}

/*
 * Orders this thread against all that hold the lock, without waiting for it. It sees what was done under the lock
 * before a release that comes before this; and after any other release the holder sees what this thread did
 * before.
 */
static inline void tsc_lock_fence(struct tsc_lock *lock)
{
    /* acq_rel: pairs with give, either way round. The word is changed by read-modify-writes alone, so a release
     * goes on to the next one through all that come between. */
    atomic_fetch_add_explicit(&lock->word, 0, memory_order_acq_rel);
}

/* In the child of a fork, where the one thread has another id than it had. */
void tsc_lock_forget_thread(void);

#endif
