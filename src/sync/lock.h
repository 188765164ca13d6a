/* SPDX-License-Identifier: MIT */
#ifndef TSC_LOCK_H
#define TSC_LOCK_H

#include "compiler.h"
#include "sync/deadline.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A lock whose word is its holder, from the very instruction that takes it. A signal handler that forks may have
 * interrupted the holder, and has to know it: a mutex of POSIX cannot tell. Nor has that a timeout by the
 * monotonic clock; and it takes longer, being called.
 *
 * 0: free. Otherwise the holder's thread id; and TSC_LOCK_AWAITED where threads may sleep on the word.
 */
struct tsc_lock {
    _Atomic uint32_t word;
};

#define TSC_LOCK_AWAITED UINT32_C(0x80000000)

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

extern _Thread_local uint32_t tsc_lock_thread_id TSC_ALLOCATED_WITH_THE_THREAD;

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

/* False once the deadline has passed, and the lock was not to be had. */
bool tsc_lock_take_or_wait_until(struct tsc_lock *lock, int64_t deadline);
void tsc_lock_wake_next(struct tsc_lock *lock);

static inline bool tsc_lock_take_until(struct tsc_lock *lock, int64_t deadline)
{
    return tsc_likely(tsc_lock_try(lock)) || tsc_lock_take_or_wait_until(lock, deadline);
}

static inline void tsc_lock_take(struct tsc_lock *lock)
{
    tsc_lock_take_until(lock, TSC_NEVER);
}

static inline void tsc_lock_give(struct tsc_lock *lock)
{
    /* acq_rel: pairs with try and with take_or_wait_until; and with pass_by, either way round. */
    if (tsc_unlikely(atomic_exchange_explicit(&lock->word, 0, memory_order_acq_rel) & TSC_LOCK_AWAITED))
        tsc_lock_wake_next(lock);
}

/*
 * Orders this thread against all that hold the lock, without waiting for it. It sees what was done under the lock
 * before a release that comes before this; and after any other release the holder sees what this thread did
 * before.
 */
static inline void tsc_lock_pass_by(struct tsc_lock *lock)
{
    /* acq_rel: pairs with give, either way round. The word is changed by read-modify-writes alone, so a release
     * goes on to the next one through all that come between. */
    atomic_fetch_add_explicit(&lock->word, 0, memory_order_acq_rel);
}

/* In the child of a fork, where the one thread has another id than it had. */
void tsc_lock_forget_thread(void);

#endif
