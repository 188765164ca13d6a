/* SPDX-License-Identifier: MIT */
#include "sync/lock.h"

#include <sched.h>
#include <semaphore.h>

#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"
#include "sync/futex.h"

static struct tsc_lock lock;

START_TEST(held_and_free)
{
    ck_assert(!tsc_lock_is_held(&lock));
    tsc_lock_acquire(&lock);
    ck_assert(tsc_lock_is_held(&lock));
    ck_assert(!tsc_lock_try(&lock));
    tsc_lock_release(&lock);
    ck_assert(!tsc_lock_is_held(&lock));
    ck_assert(tsc_lock_try(&lock));
    tsc_lock_release(&lock);
}
END_TEST

static void *try_lock(void *arg)
{
    *(bool *)arg = tsc_lock_try(&lock);
    return NULL;
}

START_TEST(a_held_lock_refuses_another_thread)
{
    bool acquired = true;

    tsc_lock_acquire(&lock);
    pthread_join(support_start_thread(try_lock, &acquired), NULL);
    ck_assert(!acquired);
    tsc_lock_release(&lock);
}
END_TEST

static struct {
    sem_t acquired;
    sem_t may_release;
} starved;

static void *acquire_and_hold(void *arg)
{
    tsc_lock_acquire(&lock);
    sem_post(&starved.acquired);
    support_sem_wait(&starved.may_release);
    tsc_lock_release(&lock);
    return arg;
}

static bool is_marked_starved(void *arg)
{
    (void)arg;
    return (atomic_load(&lock.word) & TSC_LOCK_STARVED) != 0;
}

/* The releasing thread tries again first, and finds the lock reserved or held. */
START_TEST(a_starved_thread_acquires_it_next)
{
    pthread_t thread;
    pid_t thread_id;

    sem_init(&starved.acquired, 0, 0);
    sem_init(&starved.may_release, 0, 0);
    tsc_lock_acquire(&lock);
    thread = support_start_sleeper(acquire_and_hold, NULL, &thread_id);
    ck_assert(support_eventually(is_marked_starved, NULL));
    ck_assert(support_falls_asleep(thread_id));
    tsc_lock_release(&lock);
    ck_assert(!tsc_lock_try(&lock));
    support_sem_wait(&starved.acquired);
    ck_assert(!tsc_lock_try(&lock));
    sem_post(&starved.may_release);
    tsc_lock_acquire(&lock);
    tsc_lock_release(&lock);
    pthread_join(thread, NULL);
    ck_assert(!tsc_lock_is_held(&lock));
}
END_TEST

START_TEST(a_reserved_lock_refuses_newcomers)
{
    atomic_store(&lock.word, TSC_LOCK_STARVED);
    ck_assert(!tsc_lock_try(&lock));
    atomic_store(&lock.word, TSC_LOCK_STARVED | TSC_LOCK_AWAITED);
    ck_assert(!tsc_lock_try(&lock));
}
END_TEST

/* This thread may acquire it once it has starved itself. */
START_TEST(a_reserved_lock_is_acquired_after_a_millisecond)
{
    int64_t began = support_now_ns();

    atomic_store(&lock.word, TSC_LOCK_STARVED);
    tsc_lock_acquire(&lock);
    ck_assert_int_ge(support_now_ns() - began, SUPPORT_MILLISECOND_NS);
    tsc_lock_release(&lock);
    ck_assert(!tsc_lock_is_held(&lock));
}
END_TEST

/* As in a forked child, without the threads that marked the word. */
START_TEST(stale_marks_block_no_thread)
{
    static const uint32_t marks[] = {TSC_LOCK_AWAITED, TSC_LOCK_STARVED, TSC_LOCK_MARKS};

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        tsc_lock_acquire(&lock);
        atomic_fetch_or(&lock.word, marks[i]);
        tsc_lock_release(&lock);
        ck_assert(tsc_lock_try(&lock));
        tsc_lock_release(&lock);
        atomic_store(&lock.word, marks[i]);
        tsc_lock_forget_holder(&lock);
        ck_assert(tsc_lock_try(&lock));
        tsc_lock_release(&lock);
    }
}
END_TEST

/* A thread that acquires the lock in the middle of a release gets the marks with it. */
START_TEST(release_slow_leaves_the_next_holder_alone)
{
    uint32_t held;

    tsc_lock_acquire(&lock);
    held = atomic_fetch_or(&lock.word, TSC_LOCK_MARKS) | TSC_LOCK_MARKS;
    tsc_lock_release_slow(&lock);
    ck_assert_uint_eq(atomic_load(&lock.word), held);
    tsc_lock_release(&lock);
    ck_assert(!tsc_lock_is_held(&lock));
}
END_TEST

/* -------- attempts with a deadline -------- */

/* This thread. */
static _Thread_local struct {
    int64_t deadline; /* of the last sleep */
    int sleeps;
} slept;

bool __real_tsc_futex_wait_in_set(_Atomic uint32_t *word, uint32_t value, uint32_t set, int64_t deadline);
bool __wrap_tsc_futex_wait_in_set(_Atomic uint32_t *word, uint32_t value, uint32_t set, int64_t deadline);

bool __wrap_tsc_futex_wait_in_set(_Atomic uint32_t *word, uint32_t value, uint32_t set, int64_t deadline)
{
    slept.deadline = deadline;
    slept.sleeps++;
    return __real_tsc_futex_wait_in_set(word, value, set, deadline);
}

START_TEST(attempt_acquires_a_free_lock_after_its_deadline)
{
    ck_assert(tsc_lock_acquire_until(&lock, 0));
    ck_assert(tsc_lock_is_held(&lock));
    tsc_lock_release(&lock);
    atomic_store(&lock.word, TSC_LOCK_AWAITED);
    ck_assert(tsc_lock_acquire_until(&lock, 0));
    tsc_lock_release(&lock);
    ck_assert(!tsc_lock_is_held(&lock));
}
END_TEST

/* The marks that it leaves are for others, which may have slept when the marks were cleared. */
START_TEST(attempt_that_is_late_marks_the_lock_and_does_not_sleep)
{
    slept.sleeps = 0;
    tsc_lock_acquire(&lock);
    ck_assert(!tsc_lock_acquire_until(&lock, 0));
    ck_assert_int_eq(slept.sleeps, 0);
    ck_assert_uint_eq(atomic_load(&lock.word), TSC_LOCK_HELD | TSC_LOCK_AWAITED);
    tsc_lock_release(&lock);
    ck_assert(!tsc_lock_is_held(&lock));
    ck_assert(tsc_lock_try(&lock));
    tsc_lock_release(&lock);
}
END_TEST

/* Before it starves, and after. No sleep is longer. */
START_TEST(attempt_sleeps_until_its_deadline)
{
    int64_t timeout = _i == 0 ? SUPPORT_MILLISECOND_NS / 2 : 3 * SUPPORT_MILLISECOND_NS;
    int64_t deadline;

    tsc_lock_acquire(&lock);
    deadline = support_now_ns() + timeout;
    ck_assert(!tsc_lock_acquire_until(&lock, deadline));
    ck_assert_int_ge(support_now_ns(), deadline);
    ck_assert_int_le(slept.deadline, deadline);
    tsc_lock_release(&lock);
    ck_assert(!tsc_lock_is_held(&lock));
}
END_TEST

static void *acquire_until_woken(void *arg)
{
    *(bool *)arg = tsc_lock_acquire_until(&lock, INT64_MAX - 1);
    if (*(bool *)arg)
        tsc_lock_release(&lock);
    return NULL;
}

START_TEST(attempt_is_woken_by_a_release)
{
    bool acquired = false;
    pid_t id;
    pthread_t thread;

    tsc_lock_acquire(&lock);
    thread = support_start_sleeper(acquire_until_woken, &acquired, &id);
    tsc_lock_release(&lock);
    pthread_join(thread, NULL);
    ck_assert(acquired);
    ck_assert(!tsc_lock_is_held(&lock));
}
END_TEST

/* Some give up, some acquire it; none of the others sleeps for ever. */
static void count_or_give_up(size_t index, void *arg)
{
    uint64_t *sum = arg;
    size_t ops = support_ops(2000);

    for (size_t op = 0; op < ops; op++) {
        bool acquired = (op + index) % 2 == 0 || tsc_lock_acquire_until(&lock, support_now_ns() + 1000);

        if ((op + index) % 2 == 0)
            tsc_lock_acquire(&lock);
        if (!acquired)
            continue;
        ++*sum;
        if ((op + index) % 16 == 0)
            sched_yield();
        tsc_lock_release(&lock);
    }
}

START_TEST(threads_that_give_up_take_no_wake_up_along)
{
    size_t threads = support_threads(16);
    uint64_t sum = 0;

    support_run_threads(threads, count_or_give_up, &sum);
    ck_assert_uint_ge(sum, threads * (support_ops(2000) / 2));
    ck_assert(!tsc_lock_is_held(&lock));
}
END_TEST

/* The yield takes the CPU from the holder, so that other threads sleep. */
static void count(size_t index, void *arg)
{
    uint64_t *sum = arg;
    size_t ops = support_ops(2000);

    for (size_t op = 0; op < ops; op++) {
        tsc_lock_acquire(&lock);
        ++*sum;
        if ((op + index) % 16 == 0)
            sched_yield();
        tsc_lock_release(&lock);
    }
}

START_TEST(one_thread_at_a_time_and_none_sleeps_for_ever)
{
    size_t threads = support_threads(16);
    uint64_t sum = 0;

    support_run_threads(threads, count, &sum);
    ck_assert_uint_eq(sum, threads * support_ops(2000));
    ck_assert(!tsc_lock_is_held(&lock));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lock");
    TCase *alone = support_add_case(suite, "alone", 10);
    TCase *crowd = support_add_case(suite, "crowd", 60);

    tcase_add_test(alone, held_and_free);
    tcase_add_test(alone, a_held_lock_refuses_another_thread);
    tcase_add_test(alone, a_starved_thread_acquires_it_next);
    tcase_add_test(alone, a_reserved_lock_refuses_newcomers);
    tcase_add_test(alone, a_reserved_lock_is_acquired_after_a_millisecond);
    tcase_add_test(alone, stale_marks_block_no_thread);
    tcase_add_test(alone, release_slow_leaves_the_next_holder_alone);
    tcase_add_test(alone, attempt_acquires_a_free_lock_after_its_deadline);
    tcase_add_test(alone, attempt_that_is_late_marks_the_lock_and_does_not_sleep);
    tcase_add_loop_test(alone, attempt_sleeps_until_its_deadline, 0, 2);
    tcase_add_test(alone, attempt_is_woken_by_a_release);
    tcase_add_test(crowd, threads_that_give_up_take_no_wake_up_along);
    tcase_add_test(crowd, one_thread_at_a_time_and_none_sleeps_for_ever);
    return support_run_suite(suite);
}
