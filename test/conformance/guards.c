/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include <string.h>

#include <tscounter/guard.h>

#include "support/suite.h"

/* An object that outlives the scope in which it is counted. */
struct connection {
    int descriptor;
    tsc_guard_t in_flight;
};

#define IS_IDLE(guard) ck_assert_int_eq(tsc_guard_error(guard), -EINVAL)

START_TEST(second_leave_does_nothing)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 5});
    struct connection connection = {.in_flight = tsc_guard_enter(counter)};

    ck_assert_int_eq(tsc_guard_error(&connection.in_flight), 0);
    HOLDS(counter, 6);
    for (int i = 0; i < 3; i++) {
        tsc_guard_leave(&connection.in_flight);
        IS_IDLE(&connection.in_flight);
        HOLDS(counter, 5);
    }
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(guard_enters_again_after_it_left)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    tsc_guard_t guard = tsc_guard_enter(counter);

    tsc_guard_leave(&guard);
    guard = tsc_guard_enter(counter);
    HOLDS(counter, 1);
    tsc_guard_leave(&guard);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(taken_increment_is_decremented_once)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    tsc_guard_t from = tsc_guard_enter(counter);
    tsc_guard_t to = tsc_guard_take(&from);

    ck_assert_int_eq(tsc_guard_error(&to), 0);
    IS_IDLE(&from);
    tsc_guard_leave(&from);
    HOLDS(counter, 1);
    tsc_guard_leave(&to);
    tsc_guard_leave(&to);
    tsc_guard_leave(&from);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(increment_is_taken_out_of_a_scope)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    struct connection connection;

    {
        TSC_SCOPED_INC_OK(guard, counter);
        HOLDS(counter, 1);
        connection.in_flight = tsc_guard_take(&guard);
    }
    HOLDS(counter, 1);
    tsc_guard_leave(&connection.in_flight);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(guard_left_in_its_scope_does_not_decrement_again)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);

    {
        TSC_SCOPED_INC_OK(guard, counter);
        tsc_guard_leave(&guard);
        HOLDS(counter, 0);
    }
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(guard_taken_from_itself_still_counts)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    tsc_guard_t guard = tsc_guard_enter(counter);

    guard = tsc_guard_take(&guard);
    ck_assert_int_eq(tsc_guard_error(&guard), 0);
    tsc_guard_leave(&guard);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

/* The error moves along, and nothing is decremented on any way. */
static void check_refused(tsc_counter_t *counter, int error)
{
    tsc_guard_t from = tsc_guard_enter(counter);
    tsc_guard_t to;

    ck_assert_int_eq(tsc_guard_error(&from), error);
    to = tsc_guard_take(&from);
    ck_assert_int_eq(tsc_guard_error(&to), error);
    IS_IDLE(&from);
    tsc_guard_leave(&from);
    tsc_guard_leave(&to);
    IS_IDLE(&to);
    {
        TSC_SCOPED_INC_OK(guard, counter);
        ck_assert_int_eq(tsc_guard_error(&guard), error);
    }
}

START_TEST(guard_of_a_closed_counter)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    tsc_guard_t admitted = tsc_guard_enter(counter);

    RETURNS(0, tsc_counter_close(counter));
    check_refused(counter, -ESHUTDOWN);
    HOLDS(counter, 1);
    RETURNS(-ETIMEDOUT, tsc_counter_wait_at_most(counter, 0, 0));
    tsc_guard_leave(&admitted);
    RETURNS(0, tsc_counter_wait_at_most(counter, 0, 0));
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(guard_of_a_counter_at_its_limit)
{
    struct options options = {.initial = 3, .bounded = true, .max = 3, .policy = TSC_BOUNDS_REJECT};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);

    check_refused(counter, -ERANGE);
    HOLDS(counter, 3);
    tsc_counter_unref(counter);
    options.policy = TSC_BOUNDS_CLAMP;
    counter = make_counter(&variants[_i], &options);
    check_refused(counter, 1);
    HOLDS(counter, 3);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(guard_without_a_counter)
{
    check_refused(NULL, -EINVAL);
}
END_TEST

START_TEST(guard_of_zero_bytes_is_idle)
{
    tsc_guard_t guard;
    tsc_guard_t taken;

    memset(&guard, 0, sizeof(guard));
    IS_IDLE(&guard);
    tsc_guard_leave(&guard);
    IS_IDLE(&guard);
    taken = tsc_guard_take(&guard);
    IS_IDLE(&taken);
    IS_IDLE(&guard);
    tsc_guard_leave(&taken);
}
END_TEST

void add_guard_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "guard", 20);

    add_test(tcase, second_leave_does_nothing, 0);
    add_test(tcase, guard_enters_again_after_it_left, 0);
    add_test(tcase, taken_increment_is_decremented_once, 0);
    add_test(tcase, increment_is_taken_out_of_a_scope, 0);
    add_test(tcase, guard_left_in_its_scope_does_not_decrement_again, 0);
    add_test(tcase, guard_taken_from_itself_still_counts, 0);
    add_test(tcase, guard_of_a_closed_counter, 0);
    add_test(tcase, guard_of_a_counter_at_its_limit, TSC_CAP_BOUNDS);
    tcase_add_test(tcase, guard_without_a_counter);
    tcase_add_test(tcase, guard_of_zero_bytes_is_idle);
}
