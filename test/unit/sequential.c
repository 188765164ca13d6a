/* SPDX-License-Identifier: MIT */
/* src/sequential.h: additions in turn, new bounds and taken peaks. The other changes are in the suite conformance.
 */
#include "sequential.h"

#include "support/results.h"
#include "support/suite.h"

enum { MAX = 10 };

static struct tsc_sequential state;

static void begin(int64_t initial)
{
    const struct tsc_counter_attr attr = {
        .initial = initial, .bounds = {.max = MAX, .bounded = true}, .track_peak = true};

    tsc_sequential_init(&state, &attr);
}

static void value_and_peak_are(int64_t value, int64_t peak)
{
    ck_assert_int_eq(tsc_sequential_read(&state), value);
    ck_assert_int_eq(atomic_load(&state.peak), peak);
}

START_TEST(addition_in_turn_leaves_room_for_those_ahead)
{
    begin(3);
    RETURNS(-EAGAIN, tsc_sequential_add_behind(&state, 3, 5, false));
    value_and_peak_are(3, 3);
    RETURNS(0, tsc_sequential_add_behind(&state, 3, 4, false));
    value_and_peak_are(6, 6);
    RETURNS(-EAGAIN, tsc_sequential_add_behind(&state, -3, -4, false));
    RETURNS(0, tsc_sequential_add_behind(&state, -3, -3, false));
    value_and_peak_are(3, 6);
}
END_TEST

START_TEST(closed_refuses_an_increment_whether_it_fits_or_not)
{
    begin(3);
    RETURNS(-ESHUTDOWN, tsc_sequential_add_behind(&state, 1, 0, true));
    RETURNS(-ESHUTDOWN, tsc_sequential_add_behind(&state, MAX, 0, true));
    RETURNS(0, tsc_sequential_add_behind(&state, -1, 0, true));
    value_and_peak_are(2, 3);
}
END_TEST

START_TEST(taken_peak_begins_at_the_value)
{
    begin(8);
    RETURNS(0, tsc_sequential_add_behind(&state, -7, 0, false));
    ck_assert_int_eq(tsc_sequential_take_peak(&state), 8);
    value_and_peak_are(1, 1);
    RETURNS(0, tsc_sequential_add_behind(&state, 4, 0, false));
    RETURNS(0, tsc_sequential_add_behind(&state, -5, 0, false));
    ck_assert_int_eq(tsc_sequential_take_peak(&state), 5);
    value_and_peak_are(0, 0);
}
END_TEST

START_TEST(new_bounds_leave_the_value)
{
    begin(8);
    tsc_sequential_set_bounds(&state, 2, 5);
    value_and_peak_are(8, 8);
    RETURNS(-EAGAIN, tsc_sequential_add_behind(&state, 1, 0, false));
    RETURNS(0, tsc_sequential_add_behind(&state, -1, 0, false));
    RETURNS(-ERANGE, tsc_sequential_add_behind(&state, -6, 0, false));
    RETURNS(0, tsc_sequential_add_behind(&state, -5, 0, false));
    value_and_peak_are(2, 8);
}
END_TEST

/* As between the two stores of a change. */
START_TEST(peak_is_never_below_the_value)
{
    begin(3);
    ck_assert_int_eq(tsc_sequential_read_peak(&state), 3);
    atomic_store(&state.value, 5);
    ck_assert_int_eq(tsc_sequential_read_peak(&state), 5);
    atomic_store(&state.value, 2);
    ck_assert_int_eq(tsc_sequential_read_peak(&state), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sequential");
    TCase *tcase = support_add_case(suite, "sequential", 10);

    tcase_add_test(tcase, addition_in_turn_leaves_room_for_those_ahead);
    tcase_add_test(tcase, closed_refuses_an_increment_whether_it_fits_or_not);
    tcase_add_test(tcase, taken_peak_begins_at_the_value);
    tcase_add_test(tcase, new_bounds_leave_the_value);
    tcase_add_test(tcase, peak_is_never_below_the_value);
    return support_run_suite(suite);
}
