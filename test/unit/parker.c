/* SPDX-License-Identifier: MIT */
/* The parker: it remembers one notification, and a spurious wake-up ends no sleep. */
#include "sync/parker.h"

#include <pthread.h>

#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"
#include "sync/futex.h"

static struct tsc_parker parker;
static int wakes;
static uint32_t state_at_the_wake;

/* The linker replaces tsc_futex_wake() by this. */
void __wrap_tsc_futex_wake(_Atomic uint32_t *word, int sleepers);
void __real_tsc_futex_wake(_Atomic uint32_t *word, int sleepers);

void __wrap_tsc_futex_wake(_Atomic uint32_t *word, int sleepers)
{
    wakes++;
    state_at_the_wake = atomic_load(word);
    __real_tsc_futex_wake(word, sleepers);
}

START_TEST(a_cancelled_thread_is_not_parked)
{
    ck_assert(!tsc_parker_is_parked(&parker));
    ck_assert(tsc_parker_prepare(&parker));
    ck_assert(tsc_parker_is_parked(&parker));
    tsc_parker_cancel(&parker);
    ck_assert(!tsc_parker_is_parked(&parker));
}
END_TEST

START_TEST(one_notification_is_remembered_and_used_up)
{
    tsc_parker_unpark(&parker);
    tsc_parker_unpark(&parker);
    ck_assert_int_eq(wakes, 0);
    ck_assert(!tsc_parker_prepare(&parker));
    ck_assert(!tsc_parker_is_notified(&parker));
    ck_assert(tsc_parker_prepare(&parker));
    tsc_parker_cancel(&parker);
}
END_TEST

START_TEST(a_notified_thread_does_not_sleep)
{
    ck_assert(tsc_parker_prepare(&parker));
    tsc_parker_unpark(&parker);
    ck_assert_int_eq(wakes, 1);
    tsc_parker_unpark(&parker);
    ck_assert_int_eq(wakes, 1);
    tsc_parker_commit(&parker);
    ck_assert(!tsc_parker_is_notified(&parker));
    ck_assert(tsc_parker_prepare(&parker));
    tsc_parker_cancel(&parker);
}
END_TEST

struct sleeper {
    atomic_bool returned;
    pthread_t thread;
    pid_t id;
};

static void *park(void *arg)
{
    struct sleeper *sleeper = arg;

    if (tsc_parker_prepare(&parker))
        tsc_parker_commit(&parker);
    atomic_store(&sleeper->returned, true);
    return NULL;
}

static bool is_asleep_or_returned(void *arg)
{
    struct sleeper *sleeper = arg;

    return atomic_load(&sleeper->returned) || support_is_asleep(sleeper->id);
}

START_TEST(a_spurious_wake_up_ends_no_sleep)
{
    struct sleeper sleeper = {.returned = false};

    sleeper.thread = support_start_sleeper(park, &sleeper, &sleeper.id);
    tsc_futex_wake(&parker.state, 1);
    ck_assert(support_eventually(is_asleep_or_returned, &sleeper));
    ck_assert(!atomic_load(&sleeper.returned));
    tsc_parker_unpark(&parker);
    pthread_join(sleeper.thread, NULL);
    ck_assert_uint_eq(state_at_the_wake, TSC_PARKER_NOTIFIED);
}
END_TEST

static void reset(void)
{
    parker = (struct tsc_parker){0};
    wakes = 0;
}

int main(void)
{
    Suite *suite = suite_create("parker");
    TCase *alone = support_add_case(suite, "alone", 10);
    TCase *asleep = support_add_case(suite, "asleep", 20);

    tcase_add_checked_fixture(alone, reset, NULL);
    tcase_add_checked_fixture(asleep, reset, NULL);
    tcase_add_test(alone, a_cancelled_thread_is_not_parked);
    tcase_add_test(alone, one_notification_is_remembered_and_used_up);
    tcase_add_test(alone, a_notified_thread_does_not_sleep);
    tcase_add_test(asleep, a_spurious_wake_up_ends_no_sleep);
    return support_run_suite(suite);
}
