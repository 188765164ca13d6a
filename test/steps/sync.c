/* SPDX-License-Identifier: MIT */
/* Another thread uses a lock, a watch or a parker between two instructions of a call. */
#include "sync/lock.h"

#include <errno.h>

#include "support/stepper.h"
#include "support/suite.h"
#include "sync/parker.h"
#include "sync/watch.h"
#include "walk.h"

enum { CASE_SECONDS = 30, VALUE = 5, THRESHOLD = 2, FREED = 4711 };

static struct tsc_lock lock;

struct attempt {
    bool acquired;
    bool other_acquired;
};

static void try_lock(void *arg)
{
    struct attempt *attempt = arg;

    attempt->acquired = tsc_lock_try(&lock);
}

static void acquire_for_another(void *arg)
{
    struct attempt *attempt = arg;

    attempt->other_acquired = !tsc_lock_is_held(&lock);
    if (attempt->other_acquired)
        atomic_store(&lock.word, 1);
}

START_TEST(lock_has_one_owner)
{
    struct walk walk;

    walk_begin_named(&walk, "lock, try, and another thread acquires it");
    while (walk_next(&walk)) {
        struct attempt attempt = {.acquired = false};
        bool interrupted;

        tsc_lock_init(&lock);
        interrupted = walk_interrupt(&walk, try_lock, acquire_for_another, &attempt);
        WALK_CHECK(&walk, attempt.acquired != attempt.other_acquired);
        WALK_CHECK(&walk, attempt.acquired || interrupted);
    }
}
END_TEST

static struct tsc_watch watch;

struct looks {
    int made;
    int64_t armed; /* the threshold at the second look, before the waiter sleeps */
    int result;
};

static int look_in_vain(void *subject, int64_t deadline, int64_t *value)
{
    struct looks *looks = subject;

    (void)deadline;
    if (++looks->made == 2)
        looks->armed = atomic_load(&watch.threshold);
    *value = VALUE;
    return 0;
}

static void wait_in_vain(void *arg)
{
    struct looks *looks = arg;

    looks->result = tsc_watch_wait(&watch, THRESHOLD, 1, look_in_vain, looks);
}

static void arm_for_another(void *arg)
{
    (void)arg;
    if (atomic_load(&watch.threshold) == TSC_WATCH_DISARMED)
        atomic_store(&watch.threshold, THRESHOLD - 1);
}

START_TEST(watch_keeps_the_higher_threshold)
{
    struct walk walk;

    walk_begin_named(&walk, "watch, wait, and another thread arms it lower");
    while (walk_next(&walk)) {
        struct looks looks = {.made = 0};

        tsc_watch_init(&watch, NULL);
        walk_interrupt(&walk, wait_in_vain, arm_for_another, &looks);
        WALK_CHECK(&walk, looks.result == -ETIMEDOUT);
        WALK_CHECK(&walk, looks.armed == THRESHOLD);
    }
    ck_assert_int_eq(atomic_load(&watch.threshold), TSC_WATCH_DISARMED);
}
END_TEST

static struct tsc_parker parker;

static void unpark(void *arg)
{
    (void)arg;
    tsc_parker_unpark(&parker);
}

/* A notified sleeper may return before tsc_parker_unpark() does, and free the parker. */
static void free_if_notified(void *arg)
{
    bool *freed = arg;

    if (tsc_parker_is_notified(&parker)) {
        atomic_store(&parker.state, FREED);
        *freed = true;
    }
}

START_TEST(unpark_leaves_a_notified_parker_alone)
{
    int freed_times = 0;
    struct walk walk;

    walk_begin_named(&walk, "parker, unpark, and its sleeper frees it");
    while (walk_next(&walk)) {
        bool freed = false;

        atomic_store(&parker.state, TSC_PARKER_AWAKE);
        ck_assert(tsc_parker_prepare(&parker));
        walk_interrupt(&walk, unpark, free_if_notified, &freed);
        WALK_CHECK(&walk, atomic_load(&parker.state) == (freed ? FREED : TSC_PARKER_NOTIFIED));
        freed_times += freed;
    }
    ck_assert_int_gt(freed_times, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sync");
    TCase *tcase = support_add_case(suite, "sync", CASE_SECONDS);

    tcase_add_test(tcase, lock_has_one_owner);
    tcase_add_test(tcase, watch_keeps_the_higher_threshold);
    tcase_add_test(tcase, unpark_leaves_a_notified_parker_alone);
    return stepper_run_suite(suite);
}
