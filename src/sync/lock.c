/* SPDX-License-Identifier: MIT */
#include "sync/lock.h"

#include "sync/deadline.h"
#include "sync/futex.h"
#include "test-point.h"

#include <sys/syscall.h>
#include <unistd.h>

_Thread_local uint32_t tsc_lock_thread_id TSC_TLS_INITIAL_EXEC;

TSC_COLD uint32_t tsc_lock_identify_thread(void)
{
    return tsc_lock_thread_id = (uint32_t)syscall(SYS_gettid);
}

void tsc_lock_forget_thread(void)
{
    tsc_lock_thread_id = 0;
}

/*
 * Each sleeper is in one of two sets. Patient ones sleep until they are woken or a millisecond has passed; then
 * they are starved. The lock is handed over to a starved one: it stays reserved while that wakes up.
 *
 * No wake-up is lost. A waiter marks the word before it sleeps, AWAITED, and STARVED where it is, and the kernel
 * lets it sleep only if the word has not changed. The marks are cleared by a thread that wakes one sleeper then, a
 * starved one if there is any. Whoever wakes up marks the word again when it acquires the lock or goes back to
 * sleep, since others may still sleep; that costs the last one a system call. So while there are sleepers the
 * marks stand in the word, or a thread is on its way that will set them or clear them and wake one.
 *
 * A reservation does not outlive those it is for. The thread that made it hands over to a starved sleeper, which
 * is awake from then on and acquires the lock, unless another starved one has; or it finds none asleep, and clears
 * it.
 *
 * Model: test/model/lock.pml
 */
#define PATIENCE_NS INT64_C(1000000)

/* To hand over leaves the lock idle for as long as a wake-up takes: where many starve, it is done this seldom. */
#define NS_BETWEEN_HAND_OVERS INT64_C(100000)

enum { PATIENT = 1, STARVED = 2, NS_PER_TICK = 1024 };

static bool is_free(uint32_t found, uint32_t marks)
{
    return (found & ~TSC_LOCK_MARKS) == 0 && (!(found & TSC_LOCK_STARVED) || (marks & TSC_LOCK_STARVED));
}

static uint32_t ticks(void)
{
    return (uint32_t)(tsc_now() / NS_PER_TICK);
}

static void note_hand_over(struct tsc_lock *lock)
{
    /* relaxed: an estimate. */
    atomic_store_explicit(&lock->handed_over, ticks(), memory_order_relaxed);
}

static bool hand_over_is_due(struct tsc_lock *lock)
{
    /* relaxed: an estimate. A difference that wraps makes it wait once in an hour. */
    return ticks() - atomic_load_explicit(&lock->handed_over, memory_order_relaxed) >=
           NS_BETWEEN_HAND_OVERS / NS_PER_TICK;
}

/* Sleeps while the word is `found`, and returns the marks of this thread afterwards. */
static uint32_t fall_asleep(struct tsc_lock *lock, uint32_t found, uint32_t marks, int64_t *patience_ends)
{
    TSC_TEST_POINT(lock_falling_asleep);
    if (marks & TSC_LOCK_STARVED) {
        tsc_futex_wait_in_set(&lock->word, found, STARVED, TSC_NEVER);
        return marks;
    }
    if (*patience_ends == 0)
        *patience_ends = tsc_now() + PATIENCE_NS;
    tsc_futex_wait_in_set(&lock->word, found, PATIENT, *patience_ends);
    return tsc_now() < *patience_ends ? marks : TSC_LOCK_MARKS;
}

/* Whether it did; else `found` is the word. */
static bool acquire(struct tsc_lock *lock, uint32_t *found, uint32_t marks)
{
    /* acquire: pairs with give. */
    return atomic_compare_exchange_strong_explicit(&lock->word, found, *found | marks | tsc_lock_self(),
                                                   memory_order_acquire, memory_order_relaxed);
}

static bool mark(struct tsc_lock *lock, uint32_t *found, uint32_t marks)
{
    /* relaxed: give takes the marks with the lock, from the same word. */
    return (*found & marks) == marks ||
           atomic_compare_exchange_strong_explicit(&lock->word, found, *found | marks, memory_order_relaxed,
                                                   memory_order_relaxed);
}

TSC_COLD void tsc_lock_acquire_slow(struct tsc_lock *lock)
{
    uint32_t found = atomic_load_explicit(&lock->word, memory_order_relaxed);
    uint32_t marks = 0;
    int64_t patience_ends = 0;

    for (;;) {
        if (is_free(found, marks)) {
            if (acquire(lock, &found, marks))
                break;
        } else if (mark(lock, &found, marks | TSC_LOCK_AWAITED)) {
            marks |= TSC_LOCK_AWAITED;
            marks = fall_asleep(lock, found | marks, marks, &patience_ends);
            found = atomic_load_explicit(&lock->word, memory_order_relaxed);
        }
    }
    if (marks & TSC_LOCK_STARVED)
        note_hand_over(lock);
}

/* False, and nothing is cleared, where another thread has acquired the lock, and the marks with it. */
static bool clear_marks(struct tsc_lock *lock, uint32_t *found)
{
    do {
        if ((*found & ~TSC_LOCK_MARKS) != 0)
            return false;
        /* relaxed: goes on the release in give, being a read-modify-write. */
    } while (
        !atomic_compare_exchange_weak_explicit(&lock->word, found, 0, memory_order_relaxed, memory_order_relaxed));
    return true;
}

TSC_COLD void tsc_lock_release_slow(struct tsc_lock *lock)
{
    uint32_t found = atomic_load_explicit(&lock->word, memory_order_relaxed);

    TSC_TEST_POINT(lock_waking);
    if ((found & TSC_LOCK_STARVED) && hand_over_is_due(lock) && tsc_futex_wake_in_set(&lock->word, STARVED, 1) > 0)
        return;
    if (!clear_marks(lock, &found))
        return;
    TSC_TEST_POINT(lock_cleared);
    if (!(found & TSC_LOCK_STARVED) || tsc_futex_wake_in_set(&lock->word, STARVED, 1) == 0)
        tsc_futex_wake_in_set(&lock->word, PATIENT, 1);
}
