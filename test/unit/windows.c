/* SPDX-License-Identifier: MIT */
/* What another thread does between two instructions of a call: the call is stopped before each of its instructions
 * in turn, and the other thing is done there. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

#include "support/procfs.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "support/threads.h"
#include "sync/deadline.h"
#include "sync/futex.h"
#include "sync/lock.h"
#include "sync/parker.h"
#include "sync/watch.h"

enum { INITIAL = 5 };

/* -------- a lock, a watch -------- */

static struct tsc_lock lock;

static void take_for_another(void *arg)
{
    bool *took = arg;

    *took = !tsc_lock_is_held(&lock);
    if (*took)
        atomic_store(&lock.word, 1);
}

START_TEST(lock_is_taken_by_another)
{
    uint64_t step = 0;
    bool acted;

    tsc_lock_self();
    do {
        bool taken_by_another = false;
        bool taken;

        tsc_lock_init(&lock);
        stepper_begin(++step, take_for_another, &taken_by_another);
        taken = tsc_lock_try(&lock);
        acted = stepper_end();
        ck_assert_int_eq(taken, atomic_load(&lock.word) == tsc_lock_self());
        ck_assert_int_eq(taken, !taken_by_another);
        ck_assert(taken || acted);
    } while (acted);
    ck_assert_uint_gt(step, 3);
}
END_TEST

static struct tsc_watch watch;

static void arm_for_another(void *arg)
{
    int64_t threshold = atomic_load(&watch.threshold);

    (void)arg;
    if (threshold == TSC_WATCH_DISARMED)
        atomic_store(&watch.threshold, 1);
}

struct looks {
    int made;
    int64_t armed; /* when the second was made, about to sleep */
};

static int look_in_vain(void *subject, int64_t deadline, int64_t *value)
{
    struct looks *looks = subject;

    (void)deadline;
    if (++looks->made == 2)
        looks->armed = atomic_load(&watch.threshold);
    *value = INITIAL;
    return 0;
}

START_TEST(watch_is_armed_by_another)
{
    uint64_t step = 0;
    bool acted;
    int result;

    do {
        struct looks looks = {0};

        tsc_watch_init(&watch);
        stepper_begin(++step, arm_for_another, NULL);
        result = tsc_watch_wait(&watch, 2, 1, look_in_vain, &looks);
        acted = stepper_end();
        ck_assert_int_eq(result, -ETIMEDOUT);
        ck_assert_int_eq(looks.armed, 2);
    } while (acted);
    ck_assert_int_eq(atomic_load(&watch.threshold), TSC_WATCH_DISARMED);
    ck_assert_uint_gt(step, 10);
}
END_TEST

/* -------- a parker, a count -------- */

enum { OF_ANOTHER = 4711 };

static struct tsc_parker parker;

/* Once it is notified the sleeper may be back, and what it slept on may be something else. */
static void use_memory_for_something_else(void *used)
{
    if (tsc_parker_is_notified(&parker)) {
        atomic_store(&parker.state, OF_ANOTHER);
        *(bool *)used = true;
    }
}

START_TEST(parker_is_gone_before_unpark_returns)
{
    uint64_t step = 0;
    int used_times = 0;
    bool acted;

    do {
        bool used = false;

        atomic_store(&parker.state, TSC_PARKER_AWAKE);
        ck_assert(tsc_parker_prepare(&parker));
        stepper_begin(++step, use_memory_for_something_else, &used);
        tsc_parker_unpark(&parker);
        acted = stepper_end();
        ck_assert_uint_eq(atomic_load(&parker.state), used ? OF_ANOTHER : TSC_PARKER_NOTIFIED);
        used_times += used;
    } while (acted);
    ck_assert_int_gt(used_times, 0);
}
END_TEST

/* -------- a change of an atomic counter with bounds -------- */

static tsc_counter_t *counter;

static void add_from_another(void *arg)
{
    (void)arg;
    tsc_counter_add(counter, 1);
}

static void make_bounded(void)
{
    tsc_counter_attr_t *attr;

    ck_assert_int_eq(tsc_counter_attr_create(&attr), 0);
    ck_assert_int_eq(tsc_counter_attr_set_bounds(attr, 0, 100, TSC_BOUNDS_REJECT), 0);
    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, INITIAL), 0);
    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_ATOMIC, attr), 0);
    tsc_counter_attr_destroy(attr);
}

static int64_t value_at_the_end(void)
{
    int64_t value = -1;

    ck_assert_int_eq(tsc_counter_get(counter, &value), 0);
    tsc_counter_unref(counter);
    return value;
}

/* Before the exchange, or after it. */
START_TEST(value_changes_under_an_exchange)
{
    uint64_t step = 0;
    bool acted;
    int64_t previous;
    int result;

    do {
        make_bounded();
        stepper_begin(++step, add_from_another, NULL);
        result = tsc_counter_exchange(counter, 50, &previous);
        acted = stepper_end();
        ck_assert_int_eq(result, 0);
        ck_assert_int_eq(previous + value_at_the_end(), INITIAL + 50 + acted);
    } while (acted);
    ck_assert_uint_gt(step, 10);
}
END_TEST

START_TEST(value_changes_under_a_compare_exchange)
{
    uint64_t step = 0;
    bool acted;

    do {
        int64_t expected = INITIAL;
        int result;

        make_bounded();
        stepper_begin(++step, add_from_another, NULL);
        result = tsc_counter_compare_exchange(counter, &expected, 50);
        acted = stepper_end();
        if (result == 1)
            ck_assert_int_eq(value_at_the_end(), 50 + acted);
        else
            ck_assert(acted && result == 0 && expected == INITIAL + 1 && value_at_the_end() == INITIAL + 1);
    } while (acted);
    ck_assert_uint_gt(step, 10);
}
END_TEST

/* The sum is made anew from what another left. */
START_TEST(value_changes_under_an_addition)
{
    uint64_t step = 0;
    bool acted;
    int result;

    do {
        make_bounded();
        stepper_begin(++step, add_from_another, NULL);
        result = tsc_counter_add(counter, 1);
        acted = stepper_end();
        ck_assert_int_eq(result, 0);
        ck_assert_int_eq(value_at_the_end(), INITIAL + 1 + acted);
    } while (acted);
    ck_assert_uint_gt(step, 10);
}
END_TEST

/* -------- the peak of an atomic counter -------- */

enum { HIGH = 10 };

static void make_with_peak(void)
{
    tsc_counter_attr_t *attr;

    ck_assert_int_eq(tsc_counter_attr_create(&attr), 0);
    ck_assert_int_eq(tsc_counter_attr_set_track_peak(attr, 1), 0);
    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, INITIAL), 0);
    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_ATOMIC, attr), 0);
    tsc_counter_attr_destroy(attr);
}

static void read_peak(void *peak)
{
    tsc_counter_get_peak(counter, peak);
}

static int lower_by_add(void)
{
    return tsc_counter_add(counter, -1);
}

static int lower_by_fetch_add(void)
{
    int64_t previous;

    return tsc_counter_fetch_add(counter, -1, &previous);
}

static int lower_by_exchange(void)
{
    int64_t previous;

    return tsc_counter_exchange(counter, 0, &previous);
}

static int lower_by_compare_exchange(void)
{
    int64_t expected = HIGH;

    return tsc_counter_compare_exchange(counter, &expected, 0) - 1;
}

static int (*const ways_to_lower[])(void) = {lower_by_add, lower_by_fetch_add, lower_by_exchange,
                                             lower_by_compare_exchange};

/* The value that is lowered was held: there is no moment at which it is in neither number. */
START_TEST(peak_is_read_while_the_value_falls)
{
    uint64_t step = 0;
    bool acted;

    do {
        int64_t peak = HIGH;

        make_with_peak();
        ck_assert_int_eq(tsc_counter_add(counter, HIGH - INITIAL), 0);
        stepper_begin(++step, read_peak, &peak);
        ck_assert_int_eq(ways_to_lower[_i](), 0);
        acted = stepper_end();
        ck_assert_int_eq(peak, HIGH);
        ck_assert_int_lt(value_at_the_end(), HIGH);
    } while (acted);
    ck_assert_uint_gt(step, 10);
}
END_TEST

static void subtract_for_another(void *arg)
{
    (void)arg;
    tsc_counter_dec(counter);
}

/* Then the addition begins anew, and what it would have made of the value was never held. */
START_TEST(value_falls_while_it_is_raised)
{
    uint64_t step = 0;
    bool acted;

    do {
        int64_t previous = -1;
        int64_t peak = -1;

        make_with_peak();
        stepper_begin(++step, subtract_for_another, NULL);
        tsc_counter_fetch_add(counter, 1, &previous);
        acted = stepper_end();
        read_peak(&peak);
        ck_assert_int_eq(peak, previous + 1 > INITIAL ? previous + 1 : INITIAL);
        tsc_counter_unref(counter);
    } while (acted);
    ck_assert_uint_gt(step, 10);
}
END_TEST

static void rise_and_fall(void *arg)
{
    (void)arg;
    tsc_counter_add(counter, HIGH - INITIAL);
    tsc_counter_dec(counter);
}

/* It was the highest value before, or is that now. */
START_TEST(value_rises_and_falls_while_the_peak_is_read)
{
    uint64_t step = 0;
    bool acted;

    do {
        int64_t peak = -1;

        make_with_peak();
        stepper_begin(++step, rise_and_fall, NULL);
        tsc_counter_get_peak(counter, &peak);
        acted = stepper_end();
        ck_assert_msg(peak == HIGH || peak == INITIAL, "%jd", (intmax_t)peak);
        tsc_counter_unref(counter);
    } while (acted);
    ck_assert_uint_gt(step, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("windows");
    TCase *tcase = support_add_case(suite, "windows", 30);

    tcase_add_test(tcase, lock_is_taken_by_another);
    tcase_add_test(tcase, watch_is_armed_by_another);
    tcase_add_test(tcase, parker_is_gone_before_unpark_returns);
    tcase_add_test(tcase, value_changes_under_an_exchange);
    tcase_add_test(tcase, value_changes_under_a_compare_exchange);
    tcase_add_test(tcase, value_changes_under_an_addition);
    tcase_add_loop_test(tcase, peak_is_read_while_the_value_falls, 0,
                        sizeof ways_to_lower / sizeof *ways_to_lower);
    tcase_add_test(tcase, value_falls_while_it_is_raised);
    tcase_add_test(tcase, value_rises_and_falls_while_the_peak_is_read);
    return stepper_run_suite(suite);
}
