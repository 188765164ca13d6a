/* SPDX-License-Identifier: MIT */
#include "sync/lock.h"

#include "sync/deadline.h"
#include "sync/futex.h"
#include "test-point.h"

/*
 * A sleeper is patient for a millisecond, then starved; the two sleep in different futex sets. A releasing thread
 * may hand the lock to a starved sleeper: it leaves STARVED set, which reserves the lock, and wakes that sleeper.
 *
 * No wake-up is lost. A waiter sets AWAITED before it sleeps, and STARVED if it is starved; the kernel lets it
 * sleep only if the word is unchanged. A thread that clears the marks then wakes one sleeper, a starved one if
 * there is any. A woken waiter sets the marks again when it acquires the lock or sleeps again, because others may
 * still sleep; the cost is one spurious wake. So while threads sleep, the marks are set, or a thread is about to
 * set them, or to clear them and wake one sleeper.
 *
 * A reservation always ends. Either the wake found a starved sleeper, which stays awake until it, or another
 * starved one, has acquired the lock; or it found none, and the releasing thread clears the marks.
 *
 * Model: test/model/lock.pml
 */
#define PATIENCE_NS INT64_C(1000000)

/* A hand-over leaves the lock idle for the length of a wake-up, so hand-overs are rare even if many threads
 * starve. */
#define NS_BETWEEN_HAND_OVERS INT64_C(100000)

enum { PATIENT = 1, STARVED = 2, NS_PER_TICK = 1024 };

static bool is_free(uint32_t found, uint32_t marks)
{
    return !(found & TSC_LOCK_HELD) && (!(found & TSC_LOCK_STARVED) || (marks & TSC_LOCK_STARVED));
}

static uint32_t ticks(void)
{
    return (uint32_t)(tsc_now() / NS_PER_TICK);
}

static void note_hand_over(struct tsc_lock *lock)
{
    /* relaxed: a heuristic. */
    atomic_store_explicit(&lock->handed_over, ticks(), memory_order_relaxed);
}

static bool hand_over_is_due(struct tsc_lock *lock)
{
    /* relaxed: a heuristic. A difference that wraps, once an hour, delays one hand-over. */
    return ticks() - atomic_load_explicit(&lock->handed_over, memory_order_relaxed) >=
           NS_BETWEEN_HAND_OVERS / NS_PER_TICK;
}

/* Sleeps while the word is `found`. Returns the marks that this thread has to set from then on. */
static uint32_t fall_asleep(struct tsc_lock *lock, uint32_t found, uint32_t marks, int64_t *patience_ends,
                            int64_t deadline)
{
    TSC_TEST_POINT(lock_falling_asleep);
    if (marks & TSC_LOCK_STARVED) {
        tsc_futex_wait_in_set(&lock->word, found, STARVED, deadline);
        return marks;
    }
    if (*patience_ends == 0)
        *patience_ends = tsc_now() + PATIENCE_NS;
    tsc_futex_wait_in_set(&lock->word, found, PATIENT, *patience_ends < deadline ? *patience_ends : deadline);
    return tsc_now() < *patience_ends ? marks : TSC_LOCK_MARKS;
}

static bool acquire(struct tsc_lock *lock, uint32_t *found, uint32_t marks)
{
    /* acquire: pairs with release. */
    return atomic_compare_exchange_strong_explicit(&lock->word, found, *found | marks | TSC_LOCK_HELD,
                                                   memory_order_acquire, memory_order_relaxed);
}

static bool mark(struct tsc_lock *lock, uint32_t *found, uint32_t marks)
{
    /* relaxed: release reads the marks from the word itself. */
    return (*found & marks) == marks ||
           atomic_compare_exchange_strong_explicit(&lock->word, found, *found | marks, memory_order_relaxed,
                                                   memory_order_relaxed);
}

static bool is_over(int64_t deadline)
{
    return deadline != TSC_NEVER && tsc_now() >= deadline;
}

/*
 * A thread gives up only right after it has found the lock marked, or marked it. So if its wake-up was for the
 * others too, the marks that the releasing thread cleared are set again. The kernel orders the wake-up, so the
 * word that is loaded after it is not one from before those marks were cleared, or the lock reserved.
 */
TSC_COLD bool tsc_lock_acquire_until(struct tsc_lock *lock, int64_t deadline)
{
    uint32_t found = atomic_load_explicit(&lock->word, memory_order_relaxed);
    uint32_t marks = 0;
    int64_t patience_ends = 0;

    for (;;) {
        if (is_free(found, marks)) {
            TSC_TEST_POINT(lock_found_free);
            if (acquire(lock, &found, marks))
                break;
        } else if (mark(lock, &found, marks | TSC_LOCK_AWAITED)) {
            if (is_over(deadline))
                return false;
            marks |= TSC_LOCK_AWAITED;
            marks = fall_asleep(lock, found | marks, marks, &patience_ends, deadline);
            found = atomic_load_explicit(&lock->word, memory_order_relaxed);
        }
    }
    if (marks & TSC_LOCK_STARVED)
        note_hand_over(lock);
    return true;
}

TSC_COLD void tsc_lock_acquire_slow(struct tsc_lock *lock)
{
    tsc_lock_acquire_until(lock, TSC_NEVER);
}

/* False if another thread has acquired the lock; it inherits the marks. */
static bool clear_marks(struct tsc_lock *lock, uint32_t *found)
{
    do {
        if (*found & TSC_LOCK_HELD)
            return false;
        /* relaxed: a read-modify-write, so it continues the release sequence of release. */
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
