/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include "support/suite.h"
#include "support/threads.h"

START_TEST(counting_moves_the_value)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 40});

    RETURNS(0, tsc_counter_inc(counter));
    HOLDS(counter, 41);
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(0, tsc_counter_dec(counter));
    HOLDS(counter, 39);
    RETURNS(0, tsc_counter_add(counter, 11));
    HOLDS(counter, 50);
    RETURNS(0, tsc_counter_add(counter, -60));
    HOLDS(counter, -10);
    RETURNS(0, tsc_counter_sub(counter, 7));
    HOLDS(counter, -17);
    RETURNS(0, tsc_counter_sub(counter, -7));
    HOLDS(counter, -10);
    RETURNS(0, tsc_counter_try_add(counter, 25));
    HOLDS(counter, 15);
    RETURNS(0, tsc_counter_try_add(counter, -16));
    HOLDS(counter, -1);
    RETURNS(0, tsc_counter_add(counter, 0));
    RETURNS(0, tsc_counter_sub(counter, 0));
    RETURNS(0, tsc_counter_try_add(counter, 0));
    HOLDS(counter, -1);
    tsc_counter_unref(counter);
}
END_TEST

static const struct {
    int64_t initial;
    int64_t delta;
    int64_t sum;
} wraps[] = {
    {INT64_MAX, 1, INT64_MIN},         {INT64_MIN, -1, INT64_MAX}, {INT64_MAX, INT64_MAX, -2},
    {INT64_MIN, INT64_MIN, 0},         {-1, INT64_MIN, INT64_MAX}, {0, INT64_MIN, INT64_MIN},
    {INT64_MAX - 1, 3, INT64_MIN + 1},
};

static int64_t read_value(tsc_counter_t *counter)
{
    int64_t value;
    int error;

    errno = UNTOUCHED;
    value = tsc_counter_value(counter);
    error = errno;
    ck_assert_int_eq(error, UNTOUCHED);
    return value;
}

START_TEST(value_is_returned)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = INT64_MIN});

    ck_assert_int_eq(read_value(counter), INT64_MIN);
    RETURNS(0, tsc_counter_add(counter, INT64_MAX));
    ck_assert_int_eq(read_value(counter), -1);
    RETURNS(0, tsc_counter_close(counter));
    ck_assert_int_eq(read_value(counter), -1);
    tsc_counter_unref(counter);
    ck_assert_int_eq(read_value(NULL), 0);
}
END_TEST

START_TEST(arithmetic_wraps)
{
    for (size_t i = 0; i < sizeof wraps / sizeof wraps[0]; i++) {
        const struct options options = {.initial = wraps[i].initial};
        tsc_counter_t *added = make_counter(&variants[_i], &options);
        tsc_counter_t *tried = make_counter(&variants[_i], &options);

        RETURNS(0, tsc_counter_add(added, wraps[i].delta));
        HOLDS(added, wraps[i].sum);
        RETURNS(0, tsc_counter_try_add(tried, wraps[i].delta));
        HOLDS(tried, wraps[i].sum);
        tsc_counter_unref(tried);
        tsc_counter_unref(added);
    }
}
END_TEST

START_TEST(single_steps_wrap)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = INT64_MAX});

    RETURNS(0, tsc_counter_inc(counter));
    HOLDS(counter, INT64_MIN);
    RETURNS(0, tsc_counter_dec(counter));
    HOLDS(counter, INT64_MAX);
    tsc_counter_unref(counter);
}
END_TEST

static const struct {
    int64_t initial;
    int64_t amount;
    int64_t difference;
} wrapping_differences[] = {
    {INT64_MIN, 1, INT64_MAX},
    {INT64_MAX, -1, INT64_MIN},
    {-2, INT64_MAX, INT64_MAX},
    {1, -INT64_MAX, INT64_MIN},
};

START_TEST(subtraction_wraps)
{
    for (size_t i = 0; i < sizeof wrapping_differences / sizeof wrapping_differences[0]; i++) {
        const struct options options = {.initial = wrapping_differences[i].initial};
        tsc_counter_t *counter = make_counter(&variants[_i], &options);

        RETURNS(0, tsc_counter_sub(counter, wrapping_differences[i].amount));
        HOLDS(counter, wrapping_differences[i].difference);
        tsc_counter_unref(counter);
    }
}
END_TEST

/* Its negation would be computed in 32 bits. */
START_TEST(unsigned_amounts_are_subtracted)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 10});
    uint32_t amount = 3;

    RETURNS(0, tsc_counter_sub(counter, amount));
    HOLDS(counter, 7);
    amount = UINT32_MAX;
    RETURNS(0, tsc_counter_sub(counter, amount));
    HOLDS(counter, 7 - (int64_t)UINT32_MAX);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(interval_is_exact_at_rest)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = -3});
    int64_t low = UNTOUCHED;
    int64_t high = UNTOUCHED;

    RETURNS(0, tsc_counter_add(counter, 10));
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(0, tsc_counter_get_interval(counter, &low, &high));
    ck_assert_int_eq(low, 6);
    ck_assert_int_eq(high, 6);
    tsc_counter_unref(counter);
}
END_TEST

struct interval_race {
    tsc_counter_t *counter;
    uint64_t reads;
    uint64_t unequal;
};

static void change_or_read_intervals(size_t index, void *arg)
{
    struct interval_race *race = arg;

    for (uint64_t i = 0; i < race->reads; i++) {
        int64_t low = 0;
        int64_t high = 1;

        if (index == 0) {
            tsc_counter_get_interval(race->counter, &low, &high);
            race->unequal += low != high;
        } else {
            tsc_counter_inc(race->counter);
        }
    }
}

START_TEST(interval_is_always_exact_if_linearizable)
{
    struct interval_race race = {.counter = make_counter(&variants[_i], NULL), .reads = support_ops(2000)};

    support_run_threads(3, change_or_read_intervals, &race);
    ck_assert_uint_eq(race.unequal, 0);
    tsc_counter_unref(race.counter);
}
END_TEST

START_TEST(each_cursor_sees_every_change)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 5});
    int64_t early = 0;
    int64_t late = 0;
    int64_t delta = UNTOUCHED;

    RETURNS(0, tsc_counter_get_delta(counter, &early, &delta));
    ck_assert_int_eq(delta, 5);
    ck_assert_int_eq(early, 5);
    RETURNS(0, tsc_counter_add(counter, 7));
    RETURNS(0, tsc_counter_get_delta(counter, &early, &delta));
    ck_assert_int_eq(delta, 7);
    RETURNS(0, tsc_counter_get_delta(counter, &late, &delta));
    ck_assert_int_eq(delta, 12);
    RETURNS(0, tsc_counter_add(counter, -20));
    RETURNS(0, tsc_counter_get_delta(counter, &late, &delta));
    ck_assert_int_eq(delta, -20);
    ck_assert_int_eq(late, -8);
    RETURNS(0, tsc_counter_get_delta(counter, &late, &delta));
    ck_assert_int_eq(delta, 0);
    RETURNS(0, tsc_counter_get_delta(counter, &early, &delta));
    ck_assert_int_eq(delta, -20);
    HOLDS(counter, -8);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(deltas_wrap)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = INT64_MAX});
    int64_t cursor = INT64_MIN;
    int64_t delta = UNTOUCHED;

    RETURNS(0, tsc_counter_get_delta(counter, &cursor, &delta));
    ck_assert_int_eq(delta, -1);
    ck_assert_int_eq(cursor, INT64_MAX);
    RETURNS(0, tsc_counter_add(counter, 2));
    RETURNS(0, tsc_counter_get_delta(counter, &cursor, &delta));
    ck_assert_int_eq(delta, 2);
    ck_assert_int_eq(cursor, INT64_MIN + 1);
    tsc_counter_unref(counter);
}
END_TEST

struct shared_count {
    tsc_counter_t *counter;
    uint64_t rounds;
};

static void count_up_and_down(size_t index, void *arg)
{
    const struct shared_count *count = arg;

    for (uint64_t i = 0; i < count->rounds; i++) {
        tsc_counter_inc(count->counter);
        tsc_counter_add(count->counter, (int64_t)index);
        tsc_counter_dec(count->counter);
    }
}

START_TEST(threads_add_up)
{
    struct shared_count count = {.counter = make_counter(&variants[_i], NULL), .rounds = support_ops(500)};
    int64_t threads = (int64_t)support_threads(8);

    support_run_threads((size_t)threads, count_up_and_down, &count);
    HOLDS(count.counter, threads * (threads - 1) / 2 * (int64_t)count.rounds);
    tsc_counter_unref(count.counter);
}
END_TEST

void add_arithmetic_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "arithmetic", 20);

    add_test(tcase, counting_moves_the_value, 0);
    add_test(tcase, value_is_returned, 0);
    add_test(tcase, arithmetic_wraps, 0);
    add_test(tcase, single_steps_wrap, 0);
    add_test(tcase, subtraction_wraps, 0);
    add_test(tcase, unsigned_amounts_are_subtracted, 0);
    add_test(tcase, interval_is_exact_at_rest, 0);
    add_test(tcase, interval_is_always_exact_if_linearizable, TSC_CAP_LINEARIZABLE);
    add_test(tcase, each_cursor_sees_every_change, 0);
    add_test(tcase, deltas_wrap, 0);
    add_test(tcase, threads_add_up, 0);
}
