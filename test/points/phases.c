/* SPDX-License-Identifier: MIT */
/* Careful changes of the atomic backend, and threads that change their rules, stop at named points. Each test
 * kills mutations of test/mutate. */
#include <errno.h>
#include <string.h>

#include "fork/child.h"
#include "point.h"
#include "stopped.h"
#include "support/results.h"
#include "support/suite.h"

enum { CASE_SECONDS = 10, MIDDLE = 5, MAX = 10 };

static tsc_counter_t *make(bool track_peak)
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *counter;

    ck_assert_int_eq(tsc_counter_attr_create(&attr), 0);
    ck_assert_int_eq(tsc_counter_attr_set_bounds(attr, 0, MAX, TSC_BOUNDS_REJECT), 0);
    ck_assert_int_eq(tsc_counter_attr_set_track_peak(attr, track_peak), 0);
    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, MIDDLE), 0);
    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_ATOMIC, attr), 0);
    tsc_counter_attr_destroy(attr);
    return counter;
}

static int compare_exchange(struct call *call)
{
    call->output = MIDDLE;
    return tsc_counter_compare_exchange(call->counter, &call->output, call->operand) - 1;
}

static int wait_add(struct call *call)
{
    return tsc_counter_wait_add(call->counter, call->operand, -1);
}

static int (*const changes[])(struct call *call) = {call_add, call_exchange, compare_exchange, wait_add};

enum { CHANGES = sizeof changes / sizeof *changes };

static int (*const controls[])(struct call *call) = {call_set_max, call_take_peak, call_close};

enum { CONTROLS = sizeof controls / sizeof *controls };

static int64_t peak_of(tsc_counter_t *counter)
{
    int64_t peak = UNTOUCHED;

    RETURNS(0, tsc_counter_get_peak(counter, &peak));
    return peak;
}

static int64_t taken_from(tsc_counter_t *counter)
{
    int64_t peak = UNTOUCHED;

    RETURNS(0, tsc_counter_take_peak(counter, &peak));
    return peak;
}

/* -------- phases -------- */

START_TEST(controller_waits_for_each_change)
{
    tsc_counter_t *counter = make(true);
    struct call change = {.make = changes[_i / CONTROLS], .counter = counter, .operand = MIDDLE - 1};
    struct call control = {.make = controls[_i % CONTROLS], .counter = counter, .operand = MAX};

    ck_assert(call_stops(&change, "atomic_swapping"));
    call_falls_asleep(&control);
    call_continues(&change);
    ck_assert_int_eq(call_ends(&change), 0);
    ck_assert_int_eq(call_ends(&control), 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(controller_does_not_wait_for_the_next_phase)
{
    tsc_counter_t *counter = make(false);
    struct call former = {.make = call_add, .counter = counter, .operand = 1};
    struct call next = {.make = call_add, .counter = counter, .operand = 1};
    struct call setter = {.make = call_set_max, .counter = counter, .operand = MAX};

    ck_assert(call_stops(&former, "atomic_swapping"));
    call_falls_asleep(&setter);
    ck_assert(call_stops(&next, "atomic_swapping"));
    call_continues(&former);
    ck_assert_int_eq(call_ends(&former), 0);
    ck_assert_int_eq(call_ends(&setter), 0);
    call_continues(&next);
    ck_assert_int_eq(call_ends(&next), 0);
    HOLDS(counter, MIDDLE + 2);
    tsc_counter_unref(counter);
}
END_TEST

/* The change has read the number of a phase that then ends. It goes by the new rules, and leaves the former phase:
 * the second phase from now has the same count. */
START_TEST(late_change_goes_by_the_new_bounds)
{
    static const char *const points_before[] = {"phase_entering", "phase_counted"};
    tsc_counter_t *counter = make(false);
    struct call inc = {.make = call_add, .counter = counter, .operand = MAX - MIDDLE};
    struct call setter = {.make = call_set_max, .counter = counter, .operand = MAX - 1};

    ck_assert(call_stops(&inc, points_before[_i]));
    if (_i == 0)
        ck_assert(!call_stops(&setter, "eventcount_falling_asleep"));
    else
        call_falls_asleep(&setter);
    call_continues(&inc);
    ck_assert_int_eq(call_ends(&inc), -ERANGE);
    ck_assert_int_eq(call_ends(&setter), 0);
    RETURNS(0, tsc_counter_set_bounds(counter, 0, MAX - 1));
    RETURNS(0, tsc_counter_set_bounds(counter, 0, MAX));
    tsc_counter_unref(counter);
}
END_TEST

/* The change enters the phase that the close has begun, and is refused there. */
START_TEST(refused_change_leaves_its_phase)
{
    tsc_counter_t *counter = make(false);
    struct call inc = {.make = call_add, .counter = counter, .operand = 1};

    ck_assert(call_stops(&inc, "phase_entering"));
    RETURNS(0, tsc_counter_close(counter));
    call_continues(&inc);
    ck_assert_int_eq(call_ends(&inc), -ESHUTDOWN);
    RETURNS(0, tsc_counter_set_bounds(counter, 0, MAX));
    RETURNS(0, tsc_counter_set_bounds(counter, 0, MAX));
    tsc_counter_unref(counter);
}
END_TEST

/* A controller that is woken too early still finds the change inside, and sleeps again for ever. */
START_TEST(controller_is_woken_after_the_last_change_has_left)
{
    tsc_counter_t *counter = make(false);
    struct call inc = {.make = call_add, .counter = counter, .operand = 1};
    struct call setter = {.make = call_set_max, .counter = counter, .operand = MAX};

    ck_assert(call_stops(&inc, "atomic_swapping"));
    call_falls_asleep(&setter);
    ck_assert(call_stops_again(&inc, "phase_left"));
    call_stays_asleep(&setter);
    call_continues(&inc);
    ck_assert_int_eq(call_ends(&inc), 0);
    ck_assert_int_eq(call_ends(&setter), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* One controller at a time: the second has to begin the phase after that of the first. */
START_TEST(controllers_exclude_each_other)
{
    tsc_counter_t *counter = make(true);
    struct call inc = {.make = call_add, .counter = counter, .operand = 1};
    struct call first = {.make = call_set_max, .counter = counter, .operand = MAX + 1};
    struct call second = {.make = controls[_i], .counter = counter, .operand = MAX + 2};
    int64_t min;
    int64_t max = UNTOUCHED;

    ck_assert(call_stops(&inc, "atomic_swapping"));
    call_falls_asleep(&first);
    call_falls_asleep(&second);
    call_continues(&inc);
    ck_assert_int_eq(call_ends(&inc), 0);
    ck_assert_int_eq(call_ends(&first), 0);
    ck_assert_int_eq(call_ends(&second), 0);
    RETURNS(0, tsc_counter_get_bounds(counter, &min, &max));
    ck_assert_int_eq(max, second.make == call_set_max ? MAX + 2 : MAX + 1);
    tsc_counter_unref(counter);
}
END_TEST

/* It would double the cost of a decrement. */
START_TEST(decrement_without_a_peak_is_not_waited_for)
{
    tsc_counter_t *counter = make(false);
    struct call dec = {.make = call_add, .counter = counter, .operand = -1};

    RETURNS(0, tsc_counter_set_bounds(counter, 0, MAX + 1));
    ck_assert(call_stops(&dec, "atomic_swapping"));
    RETURNS(0, tsc_counter_set_bounds(counter, 0, MAX));
    RETURNS(0, tsc_counter_set_bounds(counter, 0, MAX));
    RETURNS(0, tsc_counter_close(counter));
    call_continues(&dec);
    ck_assert_int_eq(call_ends(&dec), 0);
    HOLDS(counter, MIDDLE - 1);
    tsc_counter_unref(counter);
}
END_TEST

/* Once the minimum has been changed, it may be raised again. */
START_TEST(decrement_is_waited_for_after_a_new_minimum)
{
    tsc_counter_t *counter = make(false);
    struct call dec = {.make = call_add, .counter = counter, .operand = -1};
    struct call setter = {.make = call_set_max, .counter = counter, .operand = MAX};

    RETURNS(0, tsc_counter_set_bounds(counter, -1, MAX));
    ck_assert(call_stops(&dec, "atomic_swapping"));
    call_falls_asleep(&setter);
    call_continues(&dec);
    ck_assert_int_eq(call_ends(&dec), 0);
    ck_assert_int_eq(call_ends(&setter), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- bounds -------- */

START_TEST(each_change_keeps_the_policy_and_the_former_rules_of_the_others)
{
    tsc_counter_t *counter = make(true);
    int64_t min = UNTOUCHED;
    int64_t max = UNTOUCHED;

    for (int64_t more = 1; more <= 3; more++) {
        RETURNS(0, tsc_counter_set_bounds(counter, -more, MAX + more));
        ck_assert_int_eq(taken_from(counter), MIDDLE);
        RETURNS(0, tsc_counter_get_bounds(counter, &min, &max));
        ck_assert_int_eq(min, -more);
        ck_assert_int_eq(max, MAX + more);
        RETURNS(-ERANGE, tsc_counter_add(counter, MAX + more - MIDDLE + 1));
    }
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(0, tsc_counter_get_bounds(counter, &min, &max));
    ck_assert_int_eq(min, -3);
    ck_assert_int_eq(max, MAX + 3);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- peaks -------- */

static void rise_and_fall(tsc_counter_t *counter, int64_t high, int64_t low)
{
    RETURNS(0, tsc_counter_set(counter, high));
    RETURNS(0, tsc_counter_set(counter, low));
}

/* Each peak is lower than the one before, so that a value which is kept shows. */
START_TEST(each_taken_peak_begins_at_the_value)
{
    tsc_counter_t *counter = make(true);

    rise_and_fall(counter, MAX, 1);
    ck_assert_int_eq(taken_from(counter), MAX);
    ck_assert_int_eq(taken_from(counter), 1);
    rise_and_fall(counter, 4, 1);
    ck_assert_int_eq(peak_of(counter), 4);
    ck_assert_int_eq(taken_from(counter), 4);
    rise_and_fall(counter, 3, 0);
    ck_assert_int_eq(taken_from(counter), 3);
    ck_assert_int_eq(peak_of(counter), 0);
    RETURNS(0, tsc_counter_inc(counter));
    ck_assert_int_eq(taken_from(counter), 1);
    tsc_counter_unref(counter);
}
END_TEST

/* Whichever of the two peaks is raised. */
START_TEST(new_bounds_and_a_close_keep_the_peak)
{
    tsc_counter_t *counter = make(true);

    for (int64_t high = MAX; high > MAX - 4; high--) {
        rise_and_fall(counter, high, 1);
        RETURNS(0, tsc_counter_set_bounds(counter, 0, MAX));
        ck_assert_int_eq(peak_of(counter), high);
        if (high > MAX - 3)
            ck_assert_int_eq(taken_from(counter), high);
    }
    RETURNS(0, tsc_counter_close(counter));
    ck_assert_int_eq(peak_of(counter), MAX - 3);
    tsc_counter_unref(counter);
}
END_TEST

/* The change replaces its value in the former phase: its value counts there and in no later peak. */
START_TEST(value_replaced_in_the_former_phase_counts_there)
{
    tsc_counter_t *counter = make(true);
    struct call dec = {.make = call_add, .counter = counter, .operand = -1};
    struct call taker = {.make = call_take_peak, .counter = counter};

    RETURNS(0, tsc_counter_set(counter, MAX));
    ck_assert_int_eq(taken_from(counter), MAX);
    ck_assert(call_stops(&dec, "atomic_raising"));
    call_falls_asleep(&taker);
    call_continues(&dec);
    ck_assert_int_eq(call_ends(&dec), 0);
    ck_assert_int_eq(call_ends(&taker), 0);
    ck_assert_int_eq(taker.output, MAX);
    ck_assert_int_eq(peak_of(counter), MAX - 1);
    tsc_counter_unref(counter);
}
END_TEST

/* A value that the next phase replaces during the call counts in both peaks. */
START_TEST(value_replaced_in_the_next_phase_counts_twice)
{
    tsc_counter_t *counter = make(true);
    struct call taker = {.make = call_take_peak, .counter = counter};

    ck_assert(call_stops(&taker, "phase_advanced"));
    rise_and_fall(counter, MAX, 1);
    call_continues(&taker);
    ck_assert_int_eq(call_ends(&taker), 0);
    ck_assert_int_eq(taker.output, MAX);
    ck_assert_int_eq(peak_of(counter), MAX);
    tsc_counter_unref(counter);
}
END_TEST

/* Until it returns, a reader sees the new peak and never less than the value. */
START_TEST(peak_is_read_while_it_is_taken)
{
    static const char *const moments[] = {"phase_advanced", "atomic_peak_begun"};
    tsc_counter_t *counter = make(true);
    struct call taker = {.make = call_take_peak, .counter = counter};

    rise_and_fall(counter, MAX, 1);
    ck_assert(call_stops(&taker, moments[_i]));
    ck_assert_int_eq(peak_of(counter), 1);
    call_continues(&taker);
    ck_assert_int_eq(call_ends(&taker), 0);
    ck_assert_int_eq(taker.output, MAX);
    ck_assert_int_eq(peak_of(counter), 1);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- forks -------- */

/* Nobody in the child has taken the peak. */
static void check_peak_in_child(void *arg)
{
    tsc_counter_t *counter = arg;

    int64_t peak = UNTOUCHED;

    CHILD_CHECK(tsc_counter_get_peak(counter, &peak) == 0 && peak == MAX);
    CHILD_CHECK(tsc_counter_add(counter, 1) == 0);
    CHILD_CHECK(tsc_counter_dec(counter) == 0);
    CHILD_CHECK(tsc_counter_set_bounds(counter, 0, MAX) == 0);
    CHILD_CHECK(tsc_counter_take_peak(counter, &peak) == 0 && peak == MAX);
    CHILD_CHECK(tsc_counter_take_peak(counter, &peak) == 0 && peak < MAX);
    CHILD_CHECK(tsc_counter_close(counter) == 0);
}

START_TEST(child_has_the_peak_that_its_parent_takes)
{
    static const char *const moments[] = {"phase_advanced", "atomic_peak_begun"};
    tsc_counter_t *counter = make(true);
    struct call taker = {.make = call_take_peak, .counter = counter};

    rise_and_fall(counter, MAX, 1);
    ck_assert(call_stops(&taker, moments[_i]));
    ck_assert_int_eq(child_run(check_peak_in_child, counter), 0);
    call_continues(&taker);
    ck_assert_int_eq(call_ends(&taker), 0);
    ck_assert_int_eq(taker.output, MAX);
    tsc_counter_unref(counter);
}
END_TEST

/* The change, the taker and its lock are not in the child. */
START_TEST(child_forgets_a_change_and_the_thread_that_waits_for_it)
{
    tsc_counter_t *counter = make(true);
    struct call inc = {.make = call_add, .counter = counter, .operand = 1};
    struct call taker = {.make = call_take_peak, .counter = counter};

    rise_and_fall(counter, MAX, 1);
    ck_assert(call_stops(&inc, "atomic_swapping"));
    call_falls_asleep(&taker);
    ck_assert_int_eq(child_run(check_peak_in_child, counter), 0);
    call_continues(&inc);
    ck_assert_int_eq(call_ends(&inc), 0);
    ck_assert_int_eq(call_ends(&taker), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* Runs the tests without forks or, with the argument "forks", only those with forks. */
int main(int argc, char **argv)
{
    Suite *suite = suite_create("phases");
    TCase *tcase = support_add_case(suite, "phases", CASE_SECONDS);

    if (argc > 1 && strcmp(argv[1], "forks") == 0) {
        tcase_add_loop_test(tcase, child_has_the_peak_that_its_parent_takes, 0, 2);
        tcase_add_test(tcase, child_forgets_a_change_and_the_thread_that_waits_for_it);
        return support_run_suite(suite);
    }
    tcase_add_loop_test(tcase, controller_waits_for_each_change, 0, CHANGES * CONTROLS);
    tcase_add_test(tcase, controller_does_not_wait_for_the_next_phase);
    tcase_add_loop_test(tcase, late_change_goes_by_the_new_bounds, 0, 2);
    tcase_add_test(tcase, refused_change_leaves_its_phase);
    tcase_add_test(tcase, controller_is_woken_after_the_last_change_has_left);
    tcase_add_loop_test(tcase, controllers_exclude_each_other, 0, CONTROLS);
    tcase_add_test(tcase, decrement_without_a_peak_is_not_waited_for);
    tcase_add_test(tcase, each_change_keeps_the_policy_and_the_former_rules_of_the_others);
    tcase_add_test(tcase, decrement_is_waited_for_after_a_new_minimum);
    tcase_add_test(tcase, new_bounds_and_a_close_keep_the_peak);
    tcase_add_test(tcase, each_taken_peak_begins_at_the_value);
    tcase_add_test(tcase, value_replaced_in_the_former_phase_counts_there);
    tcase_add_test(tcase, value_replaced_in_the_next_phase_counts_twice);
    tcase_add_loop_test(tcase, peak_is_read_while_it_is_taken, 0, 2);
    return support_run_suite(suite);
}
