/* SPDX-License-Identifier: MIT */
#include "sync/lock.h"

#include "sync/futex.h"
#include "test-point.h"

#include <sys/syscall.h>
#include <unistd.h>

_Thread_local uint32_t tsc_lock_thread_id TSC_ALLOCATED_WITH_THE_THREAD;

TSC_COLD uint32_t tsc_lock_identify_thread(void)
{
    return tsc_lock_thread_id = (uint32_t)syscall(SYS_gettid);
}

void tsc_lock_forget_thread(void)
{
    tsc_lock_thread_id = 0;
}

/*
 * No wake-up is lost: who sleeps has found the lock held and left the mark in the same word; the giver takes the
 * mark with the lock, and wakes one. Who was asleep takes the lock with the mark, for it does not know whether it
 * was alone; that costs the last one a system call. Who gives up has not been woken, so it takes nobody's wake-up
 * along. Model: test/model/lock.pml
 */
TSC_COLD bool tsc_lock_take_or_wait_until(struct tsc_lock *lock, int64_t deadline)
{
    uint32_t found = atomic_load_explicit(&lock->word, memory_order_relaxed);
    bool in_time = true;

    for (;;) {
        if (found == 0) {
            /* acquire: pairs with give. */
            if (atomic_compare_exchange_strong_explicit(&lock->word, &found, tsc_lock_self() | TSC_LOCK_AWAITED,
                                                        memory_order_acquire, memory_order_relaxed))
                return true;
        } else if (!in_time) {
            return false;
        } else if ((found & TSC_LOCK_AWAITED) ||
                   atomic_compare_exchange_strong_explicit(&lock->word, &found, found | TSC_LOCK_AWAITED,
                                                           memory_order_relaxed, memory_order_relaxed)) {
            TSC_TEST_POINT(lock_falling_asleep);
            in_time = tsc_futex_wait(&lock->word, found | TSC_LOCK_AWAITED, deadline);
            found = atomic_load_explicit(&lock->word, memory_order_relaxed);
        }
    }
}

TSC_COLD void tsc_lock_wake_next(struct tsc_lock *lock)
{
    TSC_TEST_POINT(lock_waking);
    tsc_futex_wake(&lock->word, 1);
}
