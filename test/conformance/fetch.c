/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include <stdlib.h>

#include "support/suite.h"
#include "support/threads.h"

START_TEST(fetch_add_outputs_the_previous_value)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = INT64_MAX});
    int64_t previous = UNTOUCHED;

    RETURNS(0, tsc_counter_fetch_add(counter, 2, &previous));
    ck_assert_int_eq(previous, INT64_MAX);
    RETURNS(0, tsc_counter_fetch_add(counter, INT64_MIN, &previous));
    ck_assert_int_eq(previous, INT64_MIN + 1);
    RETURNS(0, tsc_counter_fetch_add(counter, -5, &previous));
    ck_assert_int_eq(previous, 1);
    RETURNS(0, tsc_counter_fetch_add(counter, 0, &previous));
    ck_assert_int_eq(previous, -4);
    RETURNS(0, tsc_counter_add(counter, 4));
    RETURNS(0, tsc_counter_fetch_add(counter, 1, &previous));
    ck_assert_int_eq(previous, 0);
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(set_and_exchange_replace_the_value)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    int64_t previous = UNTOUCHED;

    RETURNS(0, tsc_counter_add(counter, 3));
    RETURNS(0, tsc_counter_set(counter, INT64_MIN));
    HOLDS(counter, INT64_MIN);
    RETURNS(0, tsc_counter_exchange(counter, INT64_MAX, &previous));
    ck_assert_int_eq(previous, INT64_MIN);
    RETURNS(0, tsc_counter_exchange(counter, 7, &previous));
    ck_assert_int_eq(previous, INT64_MAX);
    HOLDS(counter, 7);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(compare_exchange_needs_the_expected_value)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = -1});
    int64_t expected = 0;

    RETURNS(0, tsc_counter_compare_exchange(counter, &expected, 50));
    ck_assert_int_eq(expected, -1);
    HOLDS(counter, -1);
    RETURNS(1, tsc_counter_compare_exchange(counter, &expected, INT64_MAX));
    ck_assert_int_eq(expected, -1);
    HOLDS(counter, INT64_MAX);
    RETURNS(0, tsc_counter_compare_exchange(counter, &expected, 50));
    ck_assert_int_eq(expected, INT64_MAX);
    RETURNS(1, tsc_counter_compare_exchange(counter, &expected, INT64_MAX));
    HOLDS(counter, INT64_MAX);
    tsc_counter_unref(counter);
}
END_TEST

struct tickets {
    tsc_counter_t *counter;
    uint64_t draws;
    uint64_t limit;
    unsigned char
        *drawn; /* by ticket; each is written only by the thread that drew it, if the tickets are unique */
    unsigned char *threads_failed;
};

static void draw_by_fetch_add(size_t index, void *arg)
{
    struct tickets *tickets = arg;

    for (uint64_t i = 0; i < tickets->draws; i++) {
        int64_t ticket = -1;
        int result = tsc_counter_fetch_add(tickets->counter, 1, &ticket);

        if (result != 0 || ticket < 0 || (uint64_t)ticket >= tickets->limit || tickets->drawn[ticket]++ != 0)
            tickets->threads_failed[index] = 1;
    }
}

static void draw_by_compare_exchange(size_t index, void *arg)
{
    struct tickets *tickets = arg;
    int64_t ticket = 0;

    for (uint64_t i = 0; i < tickets->draws; i++) {
        int result;

        do
            result = tsc_counter_compare_exchange(tickets->counter, &ticket, ticket + 1);
        while (result == 0);
        if (result != 1 || (uint64_t)ticket >= tickets->limit || tickets->drawn[ticket]++ != 0)
            tickets->threads_failed[index] = 1;
    }
}

static void (*const ways_to_draw[])(size_t index, void *arg) = {draw_by_fetch_add, draw_by_compare_exchange};

START_TEST(tickets_are_unique)
{
    size_t threads = support_threads(4);

    for (size_t i = 0; i < sizeof ways_to_draw / sizeof ways_to_draw[0]; i++) {
        struct tickets tickets = {.counter = make_counter(&variants[_i], NULL), .draws = support_ops(500)};

        tickets.limit = threads * tickets.draws;
        tickets.drawn = calloc(tickets.limit, 1);
        tickets.threads_failed = calloc(threads, 1);
        support_run_threads(threads, ways_to_draw[i], &tickets);
        for (size_t t = 0; t < threads; t++)
            ck_assert_int_eq(tickets.threads_failed[t], 0);
        HOLDS(tickets.counter, (int64_t)tickets.limit);
        free(tickets.threads_failed);
        free(tickets.drawn);
        tsc_counter_unref(tickets.counter);
    }
}
END_TEST

void add_fetch_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "fetch", 20);

    add_test(tcase, fetch_add_outputs_the_previous_value, TSC_CAP_FETCH);
    add_test(tcase, set_and_exchange_replace_the_value, TSC_CAP_FETCH);
    add_test(tcase, compare_exchange_needs_the_expected_value, TSC_CAP_FETCH);
    add_test(tcase, tickets_are_unique, TSC_CAP_FETCH);
}
