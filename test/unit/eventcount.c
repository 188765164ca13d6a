/* SPDX-License-Identifier: MIT */
/* The eventcount: which threads it counts, when they sleep, and when a notification makes a system call. */
#include "sync/eventcount.h"

#include <pthread.h>

#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"
#include "sync/deadline.h"
#include "sync/futex.h"

enum { LONG_AGO = 1 };

static struct tsc_eventcount eventcount;
static int wakes;
static int woken_at_most;

/* The linker replaces tsc_futex_wake() by this. */
void __wrap_tsc_futex_wake(_Atomic uint32_t *word, int sleepers);
void __real_tsc_futex_wake(_Atomic uint32_t *word, int sleepers);

void __wrap_tsc_futex_wake(_Atomic uint32_t *word, int sleepers)
{
    wakes++;
    woken_at_most = sleepers;
    __real_tsc_futex_wake(word, sleepers);
}

START_TEST(a_cancelled_wait_is_not_counted)
{
    (void)tsc_eventcount_prepare(&eventcount);
    ck_assert(tsc_eventcount_has_sleepers(&eventcount));
    tsc_eventcount_cancel(&eventcount);
    ck_assert(!tsc_eventcount_has_sleepers(&eventcount));
}
END_TEST

START_TEST(a_notified_thread_does_not_sleep)
{
    uint32_t key = tsc_eventcount_prepare(&eventcount);

    tsc_eventcount_notify(&eventcount, 1);
    ck_assert(tsc_eventcount_commit(&eventcount, key, LONG_AGO));
    ck_assert(!tsc_eventcount_has_sleepers(&eventcount));
    key = tsc_eventcount_prepare(&eventcount);
    tsc_eventcount_notify(&eventcount, 1);
    ck_assert(tsc_eventcount_commit_cancellable(&eventcount, key, LONG_AGO));
    ck_assert(!tsc_eventcount_has_sleepers(&eventcount));
}
END_TEST

START_TEST(a_timed_out_wait_is_not_counted)
{
    ck_assert(!tsc_eventcount_commit(&eventcount, tsc_eventcount_prepare(&eventcount), LONG_AGO));
    ck_assert(!tsc_eventcount_commit_cancellable(&eventcount, tsc_eventcount_prepare(&eventcount), LONG_AGO));
    ck_assert(!tsc_eventcount_has_sleepers(&eventcount));
}
END_TEST

START_TEST(without_sleepers_no_wake_is_made)
{
    uint32_t epoch = atomic_load(&eventcount.epoch);

    tsc_eventcount_notify(&eventcount, 1);
    tsc_eventcount_notify_all(&eventcount);
    ck_assert_int_eq(wakes, 0);
    ck_assert_uint_eq(atomic_load(&eventcount.epoch), epoch);
}
END_TEST

START_TEST(notify_wakes_one_or_all)
{
    (void)tsc_eventcount_prepare(&eventcount);
    tsc_eventcount_notify(&eventcount, 1);
    ck_assert_int_eq(woken_at_most, 1);
    tsc_eventcount_notify_all(&eventcount);
    ck_assert_int_eq(woken_at_most, INT32_MAX);
    ck_assert_int_eq(wakes, 2);
    tsc_eventcount_cancel(&eventcount);
}
END_TEST

START_TEST(a_child_forgets_the_sleepers)
{
    (void)tsc_eventcount_prepare(&eventcount);
    tsc_eventcount_forget_sleepers(&eventcount);
    ck_assert(!tsc_eventcount_has_sleepers(&eventcount));
}
END_TEST

struct sleeper {
    bool (*commit)(struct tsc_eventcount *eventcount, uint32_t key, int64_t deadline);
    atomic_bool returned;
    pthread_t thread;
    pid_t id;
};

static void *sleep_until_notified(void *arg)
{
    struct sleeper *sleeper = arg;

    sleeper->commit(&eventcount, tsc_eventcount_prepare(&eventcount), TSC_NEVER);
    atomic_store(&sleeper->returned, true);
    return NULL;
}

static bool is_asleep_or_returned(void *arg)
{
    struct sleeper *sleeper = arg;

    return atomic_load(&sleeper->returned) || support_is_asleep(sleeper->id);
}

static void wake_spuriously(struct sleeper *sleeper)
{
    sleeper->thread = support_start_sleeper(sleep_until_notified, sleeper, &sleeper->id);
    tsc_futex_wake(&eventcount.epoch, 1);
    ck_assert(support_eventually(is_asleep_or_returned, sleeper));
    ck_assert(!atomic_load(&sleeper->returned));
    tsc_eventcount_notify(&eventcount, 1);
    pthread_join(sleeper->thread, NULL);
    ck_assert(!tsc_eventcount_has_sleepers(&eventcount));
}

START_TEST(a_spurious_wake_up_ends_no_sleep)
{
    struct sleeper sleeper = {.commit = tsc_eventcount_commit};
    struct sleeper cancellable = {.commit = tsc_eventcount_commit_cancellable};

    wake_spuriously(&sleeper);
    wake_spuriously(&cancellable);
}
END_TEST

START_TEST(a_cancelled_thread_is_not_counted)
{
    struct sleeper sleeper = {.commit = tsc_eventcount_commit_cancellable};
    void *result = NULL;

    sleeper.thread = support_start_sleeper(sleep_until_notified, &sleeper, &sleeper.id);
    ck_assert_int_eq(pthread_cancel(sleeper.thread), 0);
    ck_assert_int_eq(pthread_join(sleeper.thread, &result), 0);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    ck_assert(!tsc_eventcount_has_sleepers(&eventcount));
}
END_TEST

static void reset(void)
{
    eventcount = (struct tsc_eventcount){0};
    wakes = 0;
}

int main(void)
{
    Suite *suite = suite_create("eventcount");
    TCase *alone = support_add_case(suite, "alone", 10);
    TCase *asleep = support_add_case(suite, "asleep", 20);

    tcase_add_checked_fixture(alone, reset, NULL);
    tcase_add_checked_fixture(asleep, reset, NULL);
    tcase_add_test(alone, a_cancelled_wait_is_not_counted);
    tcase_add_test(alone, a_notified_thread_does_not_sleep);
    tcase_add_test(alone, a_timed_out_wait_is_not_counted);
    tcase_add_test(alone, without_sleepers_no_wake_is_made);
    tcase_add_test(alone, notify_wakes_one_or_all);
    tcase_add_test(alone, a_child_forgets_the_sleepers);
    tcase_add_test(asleep, a_spurious_wake_up_ends_no_sleep);
    tcase_add_test(asleep, a_cancelled_thread_is_not_counted);
    return support_run_suite(suite);
}
