/* SPDX-License-Identifier: MIT */
/* The queues of threads that wait for admission, without a counter: the arithmetic, and how many threads a check
 * wakes. test/points/admission.c stops the threads of the backends. */
#include "sync/admission.h"

#include "bounds.h"
#include "support/procfs.h"
#include "support/results.h"
#include "support/suite.h"
#include "support/threads.h"
#include "sync/futex.h"

/* What the threads add to. */
static struct {
    _Atomic int64_t value;
    struct tsc_bounds bounds;
} subject;

/* What had to fit too at this thread's last attempt. */
static _Thread_local int64_t ahead_tried;

static struct tsc_admission admission;

/* Protects the bounds. */
static pthread_mutex_t bounds_lock = PTHREAD_MUTEX_INITIALIZER;

static struct tsc_bounds read_bounds(void)
{
    struct tsc_bounds bounds;

    pthread_mutex_lock(&bounds_lock);
    bounds = subject.bounds;
    pthread_mutex_unlock(&bounds_lock);
    return bounds;
}

/* Makes room for 3 when this many attempts have failed. */
static int attempts_until_room;

static void change_value(int64_t value);

static int64_t read_value(void *unused)
{
    (void)unused;
    return atomic_load(&subject.value);
}

static int try_add(void *unused, int64_t delta, int64_t ahead, int64_t deadline)
{
    const struct tsc_bounds bounds = read_bounds();
    int64_t value = atomic_load(&subject.value);
    int64_t sum = value;
    int result;

    (void)unused;
    (void)deadline;
    ahead_tried = ahead;
    do
        result = tsc_bounds_add_behind(&bounds, value, delta, ahead, &sum);
    while (result == 0 && !atomic_compare_exchange_weak(&subject.value, &value, sum));
    if (tsc_admission_has_waiters(&admission))
        tsc_admission_check(&admission, delta);
    if (result < 0 && attempts_until_room > 0 && --attempts_until_room == 0)
        change_value(7);
    return result;
}

static void begin(int64_t min, int64_t max, int64_t value)
{
    subject.bounds = (struct tsc_bounds){.min = min, .max = max, .bounded = true};
    atomic_store(&subject.value, value);
    tsc_admission_init(&admission, min, max, read_value, NULL);
}

static int wait_for_admission(int64_t delta, int64_t timeout_ns)
{
    int result;

    if (tsc_admission_try(&admission, delta, try_add, &result))
        return result;
    return tsc_admission_wait(&admission, delta, timeout_ns, try_add);
}

/* The wake-ups, and whether they are lost. */
static atomic_int wakes;
static atomic_bool wakes_are_lost;

void __real_tsc_futex_wake(_Atomic uint32_t *word, int sleepers);
void __wrap_tsc_futex_wake(_Atomic uint32_t *word, int sleepers);

void __wrap_tsc_futex_wake(_Atomic uint32_t *word, int sleepers)
{
    atomic_fetch_add(&wakes, 1);
    if (!atomic_load(&wakes_are_lost))
        __real_tsc_futex_wake(word, sleepers);
}

/* -------- the arithmetic -------- */

enum { CROWD = 20 };

static const int64_t extremes[] = {INT64_MIN, INT64_MIN + 1, -2, -1, 0, 1, 2, INT64_MAX - 1, INT64_MAX};

enum { EXTREMES = sizeof extremes / sizeof *extremes };

typedef __int128 wide;

static bool fits_from(int64_t value, int64_t delta)
{
    wide sum = (wide)value + delta;

    return delta > 0 ? sum <= subject.bounds.max : sum >= subject.bounds.min;
}

static void try_each_delta(int64_t min, int64_t max, int64_t value)
{
    for (int i = 0; i < EXTREMES; i++) {
        int64_t delta = extremes[i];
        bool fits;
        int expected;

        begin(min, max, value);
        fits = delta == 0 || fits_from(value, delta);
        expected = fits ? 0 : fits_from(delta > 0 ? min : max, delta) ? -ETIMEDOUT : -ERANGE;
        RETURNS(expected, wait_for_admission(delta, 0));
        ck_assert_int_eq(atomic_load(&subject.value), fits ? value + delta : value);
        if (expected == -ERANGE)
            RETURNS(-ERANGE, wait_for_admission(delta, -1));
    }
}

START_TEST(each_sum_is_right_at_the_ends)
{
    int64_t min = extremes[_i];

    for (int max = _i; max < EXTREMES; max++)
        for (int value = 0; value < EXTREMES; value++)
            try_each_delta(min, extremes[max], extremes[value]);
}
END_TEST

/* No value that the total still has admits the addition. */
START_TEST(total_does_not_fall_for_an_addition)
{
    begin(0, 10, 8);
    subject.bounds.total = true;
    RETURNS(-ERANGE, wait_for_admission(3, 0));
    RETURNS(-ERANGE, wait_for_admission(3, -1));
    RETURNS(0, wait_for_admission(2, 0));
}
END_TEST

struct waiter {
    int64_t delta;
    int result;
    pthread_t thread;
};

static void *wait_for_turn(void *arg)
{
    struct waiter *waiter = arg;

    waiter->result = wait_for_admission(waiter->delta, -1);
    return NULL;
}

static void fall_asleep(struct waiter *waiters, int count)
{
    pid_t id;

    for (int i = 0; i < count; i++) {
        waiters[i].result = UNTOUCHED;
        waiters[i].thread = support_start_sleeper(wait_for_turn, &waiters[i], &id);
    }
    atomic_store(&wakes, 0);
}

static void have_added(struct waiter *waiters, int count)
{
    for (int i = 0; i < count; i++) {
        pthread_join(waiters[i].thread, NULL);
        ck_assert_int_eq(waiters[i].result, 0);
    }
}

static void change_value(int64_t value)
{
    int64_t former = atomic_exchange(&subject.value, value);

    if (tsc_admission_has_waiters(&admission))
        tsc_admission_check(&admission, value < former ? -1 : 1);
}

/* The sum of those ahead wraps: what it wraps to would fit. */
START_TEST(sum_ahead_that_overflows_does_not_fit)
{
    bool up = _i == 0;
    struct waiter ahead[] = {{.delta = up ? INT64_MAX - 5 : INT64_MIN + 5}, {.delta = up ? 10 : -10}};

    begin(INT64_MIN, INT64_MAX, up ? 6 : -6);
    fall_asleep(ahead, 2);
    atomic_store(&subject.value, 0);
    RETURNS(-ETIMEDOUT, wait_for_admission(up ? 1 : -1, 1));
    ck_assert_int_eq(ahead_tried, up ? INT64_MAX : INT64_MIN);
    pthread_join(ahead[0].thread, NULL);
    ck_assert_int_eq(ahead[0].result, 0);
    change_value(up ? INT64_MIN : INT64_MAX);
    have_added(&ahead[1], 1);
}
END_TEST

/* -------- checks -------- */

/* 3 fits, 3 + 3 does not, and 1 may not overtake. */
START_TEST(check_wakes_the_front_that_fits_together)
{
    struct waiter waiters[] = {{.delta = 3}, {.delta = 3}, {.delta = 1}};

    begin(0, 10, 10);
    fall_asleep(waiters, 3);
    change_value(5);
    have_added(waiters, 1);
    ck_assert_int_eq(atomic_load(&wakes), 1);
    change_value(6);
    have_added(&waiters[1], 2);
    ck_assert_int_eq(atomic_load(&wakes), 3);
    ck_assert_int_eq(atomic_load(&subject.value), 10);
}
END_TEST

/* In the queue: the first attempt is made before. */
START_TEST(check_during_an_attempt_wakes_nobody)
{
    begin(0, 10, 10);
    atomic_store(&wakes, 0);
    attempts_until_room = 2;
    RETURNS(0, wait_for_admission(3, -1));
    ck_assert_int_eq(atomic_load(&wakes), 0);
}
END_TEST

START_TEST(check_wakes_a_thread_once)
{
    struct waiter waiter = {.delta = 3};

    begin(0, 10, 10);
    fall_asleep(&waiter, 1);
    atomic_store(&wakes_are_lost, true);
    change_value(7);
    change_value(6);
    ck_assert_int_eq(atomic_load(&wakes), 1);
    atomic_store(&wakes_are_lost, false);
    tsc_admission_close(&admission);
    have_added(&waiter, 1);
}
END_TEST

/* More than one check can wake, and none of them comes to make a check of its own. */
START_TEST(check_wakes_all_that_fit)
{
    struct waiter waiters[CROWD];

    for (int i = 0; i < CROWD; i++)
        waiters[i].delta = 1;
    begin(0, CROWD, CROWD);
    fall_asleep(waiters, CROWD);
    atomic_store(&wakes_are_lost, true);
    change_value(1);
    ck_assert_int_eq(atomic_load(&wakes), CROWD - 1);
    atomic_store(&wakes_are_lost, false);
    change_value(0);
    tsc_admission_close(&admission);
    have_added(waiters, CROWD);
}
END_TEST

/* The value has come from outside the bounds, where a change moves it towards them. */
START_TEST(check_wakes_for_a_value_outside)
{
    bool up = _i == 0;
    struct waiter waiter = {.delta = up ? 5 : -5};

    begin(0, 10, up ? 7 : 3);
    fall_asleep(&waiter, 1);
    atomic_store(&subject.value, up ? -20 : 20);
    tsc_admission_check(&admission, 0);
    have_added(&waiter, 1);
    ck_assert_int_eq(atomic_load(&subject.value), up ? -15 : 15);
}
END_TEST

START_TEST(nobody_is_woken_without_need)
{
    struct waiter waiters[] = {{.delta = 3}, {.delta = -8}};

    begin(0, 10, 8);
    fall_asleep(&waiters[0], 1);
    change_value(9);
    change_value(8);
    ck_assert_int_eq(atomic_load(&wakes), 0);
    change_value(7);
    have_added(waiters, 1);
    atomic_store(&subject.value, 7);
    fall_asleep(&waiters[1], 1);
    change_value(6);
    ck_assert_int_eq(atomic_load(&wakes), 0);
    change_value(8);
    have_added(&waiters[1], 1);
    ck_assert(!tsc_admission_has_waiters(&admission));
    atomic_store(&wakes, 0);
    change_value(0);
    ck_assert_int_eq(atomic_load(&wakes), 0);
}
END_TEST

/* -------- new bounds -------- */

static void change_max(int64_t max)
{
    pthread_mutex_lock(&bounds_lock);
    subject.bounds.max = max;
    pthread_mutex_unlock(&bounds_lock);
    tsc_admission_set_bounds(&admission, 0, max);
}

START_TEST(new_bounds_wake_no_thread_in_vain)
{
    struct waiter waiters[] = {{.delta = 3}, {.delta = 2}};

    begin(0, 10, 10);
    fall_asleep(waiters, 2);
    change_max(11);
    ck_assert_int_eq(atomic_load(&wakes), 0);
    change_max(2);
    pthread_join(waiters[0].thread, NULL);
    ck_assert_int_eq(waiters[0].result, -ERANGE);
    ck_assert_int_eq(atomic_load(&wakes), 1);
    change_max(12);
    have_added(&waiters[1], 1);
    ck_assert_int_eq(atomic_load(&wakes), 2);
}
END_TEST

/* -------- a forked child -------- */

START_TEST(forgotten_threads_are_not_waited_for)
{
    struct waiter waiter = {.delta = 3};
    pid_t id;

    begin(0, 10, 10);
    waiter.thread = support_start_sleeper(wait_for_turn, &waiter, &id);
    tsc_lock_acquire(&admission.lock);
    atomic_store(&admission.pending, true);
    tsc_admission_forget_waiters(&admission, 0, 10);
    ck_assert(!tsc_admission_has_waiters(&admission));
    ck_assert(!tsc_lock_is_held(&admission.lock));
    RETURNS(-ETIMEDOUT, wait_for_admission(1, 1));
    RETURNS(0, wait_for_admission(-10, 0));
    RETURNS(0, wait_for_admission(1, 0));
}
END_TEST

START_TEST(each_trace_of_another_thread_is_forgotten)
{
    begin(0, 10, 0);
    if (_i == 0)
        tsc_lock_acquire(&admission.lock);
    else
        atomic_store(&admission.pending, true);
    tsc_admission_forget_waiters(&admission, 0, 10);
    ck_assert(!tsc_lock_is_held(&admission.lock));
    ck_assert(!atomic_load(&admission.pending));
    tsc_admission_forget_waiters(&admission, 0, 10);
    RETURNS(0, wait_for_admission(10, 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admission");
    TCase *tcase = support_add_case(suite, "admission", 10);

    tcase_add_loop_test(tcase, each_sum_is_right_at_the_ends, 0, EXTREMES);
    tcase_add_test(tcase, total_does_not_fall_for_an_addition);
    tcase_add_loop_test(tcase, sum_ahead_that_overflows_does_not_fit, 0, 2);
    tcase_add_test(tcase, check_wakes_the_front_that_fits_together);
    tcase_add_test(tcase, check_during_an_attempt_wakes_nobody);
    tcase_add_test(tcase, check_wakes_a_thread_once);
    tcase_add_test(tcase, check_wakes_all_that_fit);
    tcase_add_loop_test(tcase, check_wakes_for_a_value_outside, 0, 2);
    tcase_add_test(tcase, nobody_is_woken_without_need);
    tcase_add_test(tcase, new_bounds_wake_no_thread_in_vain);
    tcase_add_test(tcase, forgotten_threads_are_not_waited_for);
    tcase_add_loop_test(tcase, each_trace_of_another_thread_is_forgotten, 0, 2);
    return support_run_suite(suite);
}
