/* SPDX-License-Identifier: MIT */
/* The eventcount alone: who is counted, when it sleeps, and what a notification asks of the system. */
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

/* Set by the linker in the place of the library's. */
void __wrap_tsc_futex_wake(_Atomic uint32_t *word, int sleepers);
void __real_tsc_futex_wake(_Atomic uint32_t *word, int sleepers);

void __wrap_tsc_futex_wake(_Atomic uint32_t *word, int sleepers)
{
    wakes++;
    woken_at_most = sleepers;
    __real_tsc_futex_wake(word, sleepers);
}

START_TEST(who_cancels_is_not_counted)
{
    (void)tsc_eventcount_prepare(&eventcount);
    ck_assert(tsc_eventcount_has_sleepers(&eventcount));
    tsc_eventcount_cancel(&eventcount);
    ck_assert(!tsc_eventcount_has_sleepers(&eventcount));
}
END_TEST

START_TEST(who_was_notified_does_not_sleep)
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

START_TEST(whose_time_is_up_is_not_counted)
{
    ck_assert(!tsc_eventcount_commit(&eventcount, tsc_eventcount_prepare(&eventcount), LONG_AGO));
    ck_assert(!tsc_eventcount_commit_cancellable(&eventcount, tsc_eventcount_prepare(&eventcount), LONG_AGO));
    ck_assert(!tsc_eventcount_has_sleepers(&eventcount));
}
END_TEST

START_TEST(nobody_is_woken_where_nobody_sleeps)
{
    uint32_t epoch = atomic_load(&eventcount.epoch);

    tsc_eventcount_notify(&eventcount, 1);
    tsc_eventcount_notify_all(&eventcount);
    ck_assert_int_eq(wakes, 0);
    ck_assert_uint_eq(atomic_load(&eventcount.epoch), epoch);
}
END_TEST

START_TEST(one_or_all_are_woken)
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

START_TEST(the_child_knows_no_sleepers)
{
    (void)tsc_eventcount_prepare(&eventcount);
    tsc_eventcount_forget_sleepers(&eventcount);
    ck_assert(!tsc_eventcount_has_sleepers(&eventcount));
}
END_TEST

struct sleeper {
    bool (*commit)(struct tsc_eventcount *eventcount, uint32_t key, int64_t deadline);
    atomic_bool is_back;
    pthread_t thread;
    pid_t id;
};

static void *sleep_until_notified(void *arg)
{
    struct sleeper *sleeper = arg;

    sleeper->commit(&eventcount, tsc_eventcount_prepare(&eventcount), TSC_NEVER);
    atomic_store(&sleeper->is_back, true);
    return NULL;
}

static bool is_asleep_or_back(void *arg)
{
    struct sleeper *sleeper = arg;

    return atomic_load(&sleeper->is_back) || support_is_asleep(sleeper->id);
}

static void wake_for_no_reason(struct sleeper *sleeper)
{
    sleeper->thread = support_start_sleeper(sleep_until_notified, sleeper, &sleeper->id);
    tsc_futex_wake(&eventcount.epoch, 1);
    ck_assert(support_eventually(is_asleep_or_back, sleeper));
    ck_assert(!atomic_load(&sleeper->is_back));
    tsc_eventcount_notify(&eventcount, 1);
    pthread_join(sleeper->thread, NULL);
    ck_assert(!tsc_eventcount_has_sleepers(&eventcount));
}

START_TEST(who_gets_up_for_no_reason_sleeps_again)
{
    struct sleeper sleeper = {.commit = tsc_eventcount_commit};
    struct sleeper cancellable = {.commit = tsc_eventcount_commit_cancellable};

    wake_for_no_reason(&sleeper);
    wake_for_no_reason(&cancellable);
}
END_TEST

START_TEST(who_is_cancelled_is_not_counted)
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

static void begin_anew(void)
{
    eventcount = (struct tsc_eventcount){0};
    wakes = 0;
}

int main(void)
{
    Suite *suite = suite_create("eventcount");
    TCase *alone = support_add_case(suite, "alone", 10);
    TCase *asleep = support_add_case(suite, "asleep", 20);

    tcase_add_checked_fixture(alone, begin_anew, NULL);
    tcase_add_checked_fixture(asleep, begin_anew, NULL);
    tcase_add_test(alone, who_cancels_is_not_counted);
    tcase_add_test(alone, who_was_notified_does_not_sleep);
    tcase_add_test(alone, whose_time_is_up_is_not_counted);
    tcase_add_test(alone, nobody_is_woken_where_nobody_sleeps);
    tcase_add_test(alone, one_or_all_are_woken);
    tcase_add_test(alone, the_child_knows_no_sleepers);
    tcase_add_test(asleep, who_gets_up_for_no_reason_sleeps_again);
    tcase_add_test(asleep, who_is_cancelled_is_not_counted);
    return support_run_suite(suite);
}
