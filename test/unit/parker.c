/* SPDX-License-Identifier: MIT */
/* The parker alone: one notification is remembered, and who gets up for no reason sleeps again. */
#include "sync/parker.h"

#include <pthread.h>

#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"
#include "sync/futex.h"

static struct tsc_parker parker;
static int wakes;
static uint32_t state_at_the_wake;

/* Set by the linker in the place of the library's. */
void __wrap_tsc_futex_wake(_Atomic uint32_t *word, int sleepers);
void __real_tsc_futex_wake(_Atomic uint32_t *word, int sleepers);

void __wrap_tsc_futex_wake(_Atomic uint32_t *word, int sleepers)
{
    wakes++;
    state_at_the_wake = atomic_load(word);
    __real_tsc_futex_wake(word, sleepers);
}

START_TEST(who_cancels_is_not_parked)
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

START_TEST(who_was_notified_does_not_sleep)
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
    atomic_bool is_back;
    pthread_t thread;
    pid_t id;
};

static void *park(void *arg)
{
    struct sleeper *sleeper = arg;

    if (tsc_parker_prepare(&parker))
        tsc_parker_commit(&parker);
    atomic_store(&sleeper->is_back, true);
    return NULL;
}

static bool is_asleep_or_back(void *arg)
{
    struct sleeper *sleeper = arg;

    return atomic_load(&sleeper->is_back) || support_is_asleep(sleeper->id);
}

START_TEST(who_gets_up_for_no_reason_sleeps_again)
{
    struct sleeper sleeper = {.is_back = false};

    sleeper.thread = support_start_sleeper(park, &sleeper, &sleeper.id);
    tsc_futex_wake(&parker.state, 1);
    ck_assert(support_eventually(is_asleep_or_back, &sleeper));
    ck_assert(!atomic_load(&sleeper.is_back));
    tsc_parker_unpark(&parker);
    pthread_join(sleeper.thread, NULL);
    ck_assert_uint_eq(state_at_the_wake, TSC_PARKER_NOTIFIED);
}
END_TEST

static void begin_anew(void)
{
    parker = (struct tsc_parker){0};
    wakes = 0;
}

int main(void)
{
    Suite *suite = suite_create("parker");
    TCase *alone = support_add_case(suite, "alone", 10);
    TCase *asleep = support_add_case(suite, "asleep", 20);

    tcase_add_checked_fixture(alone, begin_anew, NULL);
    tcase_add_checked_fixture(asleep, begin_anew, NULL);
    tcase_add_test(alone, who_cancels_is_not_parked);
    tcase_add_test(alone, one_notification_is_remembered_and_used_up);
    tcase_add_test(alone, who_was_notified_does_not_sleep);
    tcase_add_test(asleep, who_gets_up_for_no_reason_sleeps_again);
    return support_run_suite(suite);
}
