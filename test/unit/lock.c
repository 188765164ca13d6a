/* SPDX-License-Identifier: MIT */
#include "sync/lock.h"

#include <sched.h>

#include "support/suite.h"
#include "support/threads.h"
#include "sync/deadline.h"

static struct tsc_lock lock;

START_TEST(held_and_free)
{
    ck_assert(!tsc_lock_is_held(&lock));
    tsc_lock_take(&lock);
    ck_assert(tsc_lock_is_held(&lock));
    ck_assert(!tsc_lock_try(&lock));
    tsc_lock_give(&lock);
    ck_assert(!tsc_lock_is_held(&lock));
    ck_assert(tsc_lock_try(&lock));
    tsc_lock_give(&lock);
}
END_TEST

static void *try_in_vain(void *arg)
{
    *(bool *)arg = tsc_lock_try(&lock);
    return NULL;
}

START_TEST(another_thread_does_not_get_it)
{
    bool got = true;

    tsc_lock_take(&lock);
    pthread_join(support_start_thread(try_in_vain, &got), NULL);
    ck_assert(!got);
    tsc_lock_give(&lock);
}
END_TEST

static void *take_in_vain(void *arg)
{
    int64_t deadline = tsc_deadline_after(5 * SUPPORT_MILLISECOND_NS);
    int64_t *overtime = arg;

    if (tsc_lock_take_until(&lock, deadline))
        *overtime = -1;
    else
        *overtime = tsc_now() - deadline;
    return NULL;
}

START_TEST(who_waits_keeps_to_the_deadline)
{
    int64_t overtime = -1;

    tsc_lock_take(&lock);
    pthread_join(support_start_thread(take_in_vain, &overtime), NULL);
    ck_assert_int_ge(overtime, 0);
    tsc_lock_give(&lock);
    ck_assert(tsc_lock_take_until(&lock, tsc_now()));
    tsc_lock_give(&lock);
}
END_TEST

/* The yield makes holders lose their processor, so that the others sleep. */
static void count(size_t index, void *arg)
{
    uint64_t *sum = arg;
    size_t ops = support_ops(2000);

    for (size_t op = 0; op < ops; op++) {
        tsc_lock_take(&lock);
        ++*sum;
        if ((op + index) % 16 == 0)
            sched_yield();
        tsc_lock_give(&lock);
    }
}

START_TEST(one_at_a_time_and_none_sleeps_for_ever)
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
    tcase_add_test(alone, another_thread_does_not_get_it);
    tcase_add_test(alone, who_waits_keeps_to_the_deadline);
    tcase_add_test(crowd, one_at_a_time_and_none_sleeps_for_ever);
    return support_run_suite(suite);
}
