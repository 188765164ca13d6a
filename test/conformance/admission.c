/* SPDX-License-Identifier: MIT */
/* tsc_counter_wait_add(): who gets in, in which order, and what ends a wait. */
#include "conformance.h"

#include "second_thread.h"
#include "support/backends.h"
#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

enum { LIMIT = 10 };

static const int64_t timeouts[] = {0, 1, SUPPORT_MILLISECOND_NS, INT64_MAX, -1, INT64_MIN};

enum { TIMEOUTS = sizeof timeouts / sizeof timeouts[0] };

/* With bounds 0 and LIMIT. */
static tsc_counter_t *make_limited(int variant, int64_t initial)
{
    return make_counter(&variants[variant],
                        &(struct options){.initial = initial, .bounded = true, .max = LIMIT, .track_peak = true});
}

/* -------- without waiting -------- */

static const struct {
    int64_t value;
    int64_t delta;
} fitting[] = {{0, LIMIT}, {LIMIT, -LIMIT}, {9, 1}, {1, -1}, {4, 6}, {4, -4}, {5, 0}, {0, 0}, {LIMIT, 0}};

START_TEST(number_that_fits_is_added_at_once)
{
    for (size_t i = 0; i < sizeof fitting / sizeof fitting[0]; i++) {
        for (size_t t = 0; t < TIMEOUTS; t++) {
            tsc_counter_t *counter = make_limited(_i, fitting[i].value);

            RETURNS(0, tsc_counter_wait_add(counter, fitting[i].delta, timeouts[t]));
            HOLDS(counter, fitting[i].value + fitting[i].delta);
            tsc_counter_unref(counter);
        }
    }
}
END_TEST

START_TEST(zero_timeout_only_tries)
{
    tsc_counter_t *counter = make_limited(_i, 4);

    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 7, 0));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, LIMIT, 0));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, -5, 0));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, -LIMIT, 0));
    HOLDS(counter, 4);
    RETURNS(0, tsc_counter_wait_add(counter, 6, 0));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 1, 0));
    RETURNS(0, tsc_counter_wait_add(counter, -LIMIT, 0));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, -1, 0));
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(admission_ends_at_its_timeout)
{
    static const int64_t short_timeouts[] = {1, SUPPORT_MILLISECOND_NS, 60 * SUPPORT_MILLISECOND_NS};
    int64_t tolerance = (int64_t)support_timeout_scale() * 2 * SUPPORT_SECOND_NS;
    tsc_counter_t *counter = make_limited(_i, 4);

    for (size_t i = 0; i < sizeof short_timeouts / sizeof short_timeouts[0]; i++) {
        int64_t begin = support_now_ns();
        int64_t elapsed;

        RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, i % 2 == 0 ? 7 : -5, short_timeouts[i]));
        elapsed = support_now_ns() - begin;
        ck_assert_int_ge(elapsed, short_timeouts[i]);
        ck_assert_int_lt(elapsed, short_timeouts[i] + tolerance);
    }
    HOLDS(counter, 4);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(waiting_for_admission_takes_no_cpu_time)
{
    const int64_t timeout = 300 * SUPPORT_MILLISECOND_NS;
    tsc_counter_t *counter = make_limited(_i, LIMIT);
    int64_t begin;

    RETURNS(0, tsc_counter_flush(counter));
    begin = support_cpu_time_ns();
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 1, timeout));
    ck_assert_int_lt(support_cpu_time_ns() - begin, timeout / 10 * (int64_t)support_timeout_scale());
    tsc_counter_unref(counter);
}
END_TEST

/* -------- errors -------- */

/* No value within the bounds admits the number. */
static const struct {
    int64_t min;
    int64_t max;
    int64_t value;
    int64_t delta;
} impossible[] = {
    {0, LIMIT, 4, LIMIT + 1},
    {0, LIMIT, 4, -LIMIT - 1},
    {0, LIMIT, 0, INT64_MAX},
    {0, LIMIT, LIMIT, INT64_MIN},
    {3, 3, 3, 1},
    {3, 3, 3, -1},
    {-5, -2, -5, 4},
    {-5, -2, -2, -4},
    {1, INT64_MAX, 1, INT64_MAX},
    {INT64_MIN, -1, -1, INT64_MIN},
    {0, INT64_MAX, INT64_MAX, INT64_MIN},
};

START_TEST(impossible_number_is_refused_at_once)
{
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
        const struct options options = {
            .initial = impossible[i].value, .bounded = true, .min = impossible[i].min, .max = impossible[i].max};
        tsc_counter_t *counter = make_counter(&variants[_i], &options);

        for (size_t t = 0; t < TIMEOUTS; t++)
            RETURNS(-ERANGE, tsc_counter_wait_add(counter, impossible[i].delta, timeouts[t]));
        HOLDS(counter, impossible[i].value);
        tsc_counter_unref(counter);
    }
}
END_TEST

/* Far apart bounds admit numbers that do not fit at present. */
START_TEST(possible_number_is_waited_for)
{
    const struct options options = {.initial = 1, .bounded = true, .min = INT64_MIN, .max = INT64_MAX};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);

    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, INT64_MAX, 1));
    RETURNS(0, tsc_counter_wait_add(counter, INT64_MIN, 1));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, INT64_MIN, 1));
    RETURNS(0, tsc_counter_wait_add(counter, INT64_MAX, 1));
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

/* From outside the bounds, a number that no value within them admits may fit now. */
START_TEST(number_that_fits_outside_is_added)
{
    tsc_counter_t *counter = make_counter(
        &variants[_i], &(struct options){.initial = 30, .bounded = true, .min = INT64_MIN, .max = INT64_MAX});

    RETURNS(0, tsc_counter_set_bounds(counter, 0, LIMIT));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 1, 0));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 1, SUPPORT_MILLISECOND_NS));
    RETURNS(-ERANGE, tsc_counter_wait_add(counter, -31, -1));
    RETURNS(0, tsc_counter_wait_add(counter, -15, 0));
    HOLDS(counter, 15);
    RETURNS(0, tsc_counter_wait_add(counter, -15, -1));
    RETURNS(-ERANGE, tsc_counter_wait_add(counter, -15, -1));
    RETURNS(0, tsc_counter_set_bounds(counter, 40, 40 + LIMIT));
    RETURNS(0, tsc_counter_wait_add(counter, 15, -1));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, -1, SUPPORT_MILLISECOND_NS));
    HOLDS(counter, 15);
    tsc_counter_unref(counter);
}
END_TEST

static void check_clamping(tsc_counter_t *counter)
{
    for (size_t t = 0; t < TIMEOUTS; t++)
        for (int64_t delta = -20; delta <= 20; delta += 10)
            RETURNS(-ENOTSUP, tsc_counter_wait_add(counter, delta, timeouts[t]));
    HOLDS(counter, 4);
}

START_TEST(clamping_bounds_admit_nobody)
{
    const struct options options = {.initial = 4, .bounded = true, .max = LIMIT, .policy = TSC_BOUNDS_CLAMP};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);

    check_clamping(counter);
    RETURNS(0, tsc_counter_close(counter));
    check_clamping(counter);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(closed_counter_admits_decrements)
{
    tsc_counter_t *counter = make_limited(_i, 4);

    RETURNS(0, tsc_counter_close(counter));
    for (size_t t = 0; t < TIMEOUTS; t++) {
        RETURNS(-ESHUTDOWN, tsc_counter_wait_add(counter, 1, timeouts[t]));
        RETURNS(-ESHUTDOWN, tsc_counter_wait_add(counter, LIMIT, timeouts[t]));
        RETURNS(-ESHUTDOWN, tsc_counter_wait_add(counter, LIMIT + 1, timeouts[t]));
        RETURNS(-ERANGE, tsc_counter_wait_add(counter, -LIMIT - 1, timeouts[t]));
        RETURNS(0, tsc_counter_wait_add(counter, 0, timeouts[t]));
    }
    RETURNS(0, tsc_counter_wait_add(counter, -3, -1));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, -2, SUPPORT_MILLISECOND_NS));
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
}
END_TEST

struct attempt {
    tsc_counter_t *on;
    int results[TIMEOUTS][3];
};

static int attempt_to_wait(int64_t *value, void *arg)
{
    struct attempt *attempt = arg;

    (void)value;
    for (size_t t = 0; t < TIMEOUTS; t++) {
        attempt->results[t][0] = tsc_counter_wait_add(attempt->on, 1, timeouts[t]);
        attempt->results[t][1] = tsc_counter_wait_add(attempt->on, LIMIT + 1, timeouts[t]);
        attempt->results[t][2] = tsc_counter_wait_add(attempt->on, 0, timeouts[t]);
    }
    return 0;
}

static void check_attempt(tsc_counter_t *inside, tsc_counter_t *on, int expected)
{
    struct attempt attempt = {.on = on};

    RETURNS(0, tsc_counter_update(inside, attempt_to_wait, &attempt));
    for (size_t t = 0; t < TIMEOUTS; t++)
        for (size_t i = 0; i < 3; i++)
            ck_assert_int_eq(attempt.results[t][i], expected);
    HOLDS(on, 0);
}

START_TEST(waits_inside_a_callback_return_edeadlk)
{
    tsc_counter_t *counter = make_limited(_i, 0);
    struct options clamping = {.bounded = true, .max = LIMIT, .policy = TSC_BOUNDS_CLAMP};
    tsc_counter_t *clamped = make_counter(&variants[_i], &clamping);

    check_attempt(counter, counter, -EDEADLK);
    RETURNS(0, tsc_counter_close(counter));
    check_attempt(counter, counter, -EDEADLK);
    check_attempt(clamped, clamped, -ENOTSUP);
    tsc_counter_unref(clamped);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(waits_on_the_same_owner_return_edeadlk)
{
    struct options options = {.bounded = true, .max = LIMIT};
    tsc_counter_t *counter;
    tsc_counter_t *other;

    RETURNS(0, tsc_owner_create(&options.owner, NULL));
    counter = make_counter(&variants[_i], &options);
    other = make_counter(&variants[_i], &options);
    check_attempt(counter, other, -EDEADLK);
    tsc_counter_unref(other);
    tsc_counter_unref(counter);
    tsc_owner_unref(options.owner);
}
END_TEST

static int wait_elsewhere(int64_t *value, void *arg)
{
    (void)value;
    return tsc_counter_wait_add(arg, 3, -1);
}

START_TEST(waits_on_an_unrelated_counter_work_in_a_callback)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    tsc_counter_t *other = make_limited(_i, 0);

    RETURNS(0, tsc_counter_update(counter, wait_elsewhere, other));
    HOLDS(other, 3);
    tsc_counter_unref(other);
    tsc_counter_unref(counter);
}
END_TEST

/* The value of a total never falls, so nobody waits for it to. */
START_TEST(total_admits_at_once_or_never)
{
    const struct options options = {.kind = TSC_KIND_TOTAL, .initial = 4, .bounded = true, .max = LIMIT};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);

    for (size_t t = 0; t < TIMEOUTS; t++) {
        RETURNS(-ERANGE, tsc_counter_wait_add(counter, -1, timeouts[t]));
        RETURNS(-ERANGE, tsc_counter_wait_add(counter, INT64_MIN, timeouts[t]));
        RETURNS(0, tsc_counter_wait_add(counter, 0, timeouts[t]));
        RETURNS(-ERANGE, tsc_counter_wait_add(counter, LIMIT - 3, timeouts[t]));
    }
    RETURNS(0, tsc_counter_wait_add(counter, LIMIT - 4, -1));
    RETURNS(-ERANGE, tsc_counter_wait_add(counter, 2, -1));
    RETURNS(0, tsc_counter_set_bounds(counter, 0, LIMIT + 2));
    RETURNS(0, tsc_counter_wait_add(counter, 2, -1));
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ERANGE, tsc_counter_wait_add(counter, -1, -1));
    RETURNS(-ESHUTDOWN, tsc_counter_wait_add(counter, 1, -1));
    HOLDS(counter, LIMIT + 2);
    tsc_counter_unref(counter);
}
END_TEST

static int wait_to_lower(int64_t *value, void *arg)
{
    (void)value;
    return tsc_counter_wait_add(arg, -1, -1);
}

START_TEST(other_errors_come_before_the_range_of_a_total)
{
    struct options options = {.kind = TSC_KIND_TOTAL, .bounded = true, .max = LIMIT};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);

    RETURNS(-EDEADLK, tsc_counter_update(counter, wait_to_lower, counter));
    tsc_counter_unref(counter);
    options.policy = TSC_BOUNDS_CLAMP;
    counter = make_counter(&variants[_i], &options);
    RETURNS(-ENOTSUP, tsc_counter_wait_add(counter, -1, -1));
    tsc_counter_unref(counter);
}
END_TEST

/* -------- what lets a thread in -------- */

static int lower_by_dec(tsc_counter_t *counter)
{
    return tsc_counter_dec(counter);
}

static int lower_by_sub(tsc_counter_t *counter)
{
    return tsc_counter_sub(counter, 1);
}

/* The adder may hold the mutex at that moment. */
static int lower_by_try_add(tsc_counter_t *counter)
{
    int result;

    do
        result = tsc_counter_try_add(counter, -1);
    while (result == -EAGAIN);
    return result == -ENOTSUP ? tsc_counter_dec(counter) : result;
}

static int lower_by_fetch_add(tsc_counter_t *counter)
{
    int64_t previous;

    return tsc_counter_fetch_add(counter, -1, &previous);
}

static int lower_by_set(tsc_counter_t *counter)
{
    return tsc_counter_set(counter, LIMIT - 1);
}

static int lower_by_exchange(tsc_counter_t *counter)
{
    int64_t previous;

    return tsc_counter_exchange(counter, LIMIT - 1, &previous);
}

static int lower_by_compare_exchange(tsc_counter_t *counter)
{
    int64_t expected = LIMIT;

    return tsc_counter_compare_exchange(counter, &expected, LIMIT - 1) - 1;
}

static int lower_by_update(tsc_counter_t *counter)
{
    int64_t value = LIMIT - 1;

    return tsc_counter_update(counter, commit_value, &value);
}

static int lower_by_waiting(tsc_counter_t *counter)
{
    return tsc_counter_wait_add(counter, -1, -1);
}

static int raise_the_limit(tsc_counter_t *counter)
{
    return tsc_counter_set_bounds(counter, 0, LIMIT + 1);
}

static const struct {
    uint64_t needs;
    int (*make_room)(tsc_counter_t *counter);
} ways_to_make_room[] = {
    {0, lower_by_dec},
    {0, lower_by_sub},
    {0, lower_by_try_add},
    {TSC_CAP_FETCH, lower_by_fetch_add},
    {TSC_CAP_FETCH, lower_by_set},
    {TSC_CAP_FETCH, lower_by_exchange},
    {TSC_CAP_FETCH, lower_by_compare_exchange},
    {TSC_CAP_UPDATE, lower_by_update},
    {0, lower_by_waiting},
    {0, raise_the_limit},
};

static void check_admission(int variant, int (*make_room)(tsc_counter_t *counter), int64_t timeout)
{
    tsc_counter_t *counter = make_limited(variant, LIMIT);
    struct sleeper adder;

    adder_start(&adder, counter, 1, timeout);
    RETURNS(0, make_room(counter));
    ck_assert_int_eq(sleeper_join(&adder), 0);
    HOLDS(counter, make_room == raise_the_limit ? LIMIT + 1 : LIMIT);
    tsc_counter_unref(counter);
}

START_TEST(every_way_to_make_room_admits)
{
    uint64_t caps = caps_of(&variants[_i]);

    for (size_t i = 0; i < sizeof ways_to_make_room / sizeof ways_to_make_room[0]; i++) {
        if ((caps & ways_to_make_room[i].needs) != ways_to_make_room[i].needs)
            continue;
        check_admission(_i, ways_to_make_room[i].make_room, -1);
        check_admission(_i, ways_to_make_room[i].make_room, INT64_MAX);
    }
}
END_TEST

static int raise_by_inc(tsc_counter_t *counter)
{
    return tsc_counter_inc(counter);
}

static int raise_by_set(tsc_counter_t *counter)
{
    return tsc_counter_set(counter, 1);
}

static int raise_by_waiting(tsc_counter_t *counter)
{
    return tsc_counter_wait_add(counter, 1, -1);
}

static int lower_the_lower_bound(tsc_counter_t *counter)
{
    return tsc_counter_set_bounds(counter, -1, LIMIT);
}

static int (*const ways_to_admit_down[])(tsc_counter_t *) = {raise_by_inc, raise_by_set, raise_by_waiting,
                                                             lower_the_lower_bound};

START_TEST(decrement_waits_for_the_lower_bound)
{
    for (size_t i = 0; i < sizeof ways_to_admit_down / sizeof ways_to_admit_down[0]; i++) {
        tsc_counter_t *counter = make_limited(_i, 0);
        struct sleeper adder;

        adder_start(&adder, counter, -1, -1);
        RETURNS(0, ways_to_admit_down[i](counter));
        ck_assert_int_eq(sleeper_join(&adder), 0);
        HOLDS(counter, ways_to_admit_down[i] == lower_the_lower_bound ? -1 : 0);
        tsc_counter_unref(counter);
    }
}
END_TEST

START_TEST(admission_raises_the_peak)
{
    tsc_counter_t *counter = make_limited(_i, 2);
    int64_t peak = UNTOUCHED;
    struct sleeper adder;

    RETURNS(0, tsc_counter_wait_add(counter, 3, -1));
    RETURNS(0, tsc_counter_sub(counter, 3));
    RETURNS(0, tsc_counter_take_peak(counter, &peak));
    ck_assert_int_eq(peak, 5);
    adder_start(&adder, counter, 9, -1);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(sleeper_join(&adder), 0);
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(0, tsc_counter_take_peak(counter, &peak));
    ck_assert_int_eq(peak, LIMIT);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(thread_that_does_not_fit_sleeps_on)
{
    tsc_counter_t *counter = make_limited(_i, LIMIT);
    struct sleeper adder;

    adder_start(&adder, counter, 3, -1);
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(0, tsc_counter_inc(counter));
    RETURNS(0, tsc_counter_dec(counter));
    HOLDS(counter, LIMIT - 2);
    sleeper_sleeps_on(&adder);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(sleeper_join(&adder), 0);
    HOLDS(counter, LIMIT);
    tsc_counter_unref(counter);
}
END_TEST

/* Between the bounds and a value above them there is room for those who go down only. */
START_TEST(thread_waits_until_the_value_is_back_within)
{
    tsc_counter_t *counter = make_limited(_i, LIMIT);
    struct sleeper adder;

    RETURNS(0, tsc_counter_set_bounds(counter, 0, 3));
    adder_start(&adder, counter, 2, -1);
    RETURNS(0, tsc_counter_sub(counter, 8));
    sleeper_sleeps_on(&adder);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(sleeper_join(&adder), 0);
    HOLDS(counter, 3);
    tsc_counter_unref(counter);
}
END_TEST

enum { ADDERS = 8 };

START_TEST(raised_limit_admits_as_many_as_fit)
{
    tsc_counter_t *counter = make_limited(_i, LIMIT);
    struct sleeper adders[ADDERS];

    for (int i = 0; i < ADDERS; i++)
        adder_start(&adders[i], counter, 1, i % 2 == 0 ? -1 : INT64_MAX);
    RETURNS(0, tsc_counter_set_bounds(counter, 0, LIMIT + ADDERS - 2));
    for (int i = 0; i < ADDERS - 2; i++)
        ck_assert_int_eq(sleeper_join(&adders[i]), 0);
    sleeper_sleeps_on(&adders[ADDERS - 2]);
    sleeper_sleeps_on(&adders[ADDERS - 1]);
    HOLDS(counter, LIMIT + ADDERS - 2);
    RETURNS(0, tsc_counter_set_bounds(counter, 0, LIMIT + ADDERS));
    ck_assert_int_eq(sleeper_join(&adders[ADDERS - 2]), 0);
    ck_assert_int_eq(sleeper_join(&adders[ADDERS - 1]), 0);
    HOLDS(counter, LIMIT + ADDERS);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(one_decrement_admits_many)
{
    tsc_counter_t *counter = make_limited(_i, LIMIT);
    struct sleeper adders[ADDERS];

    for (int i = 0; i < ADDERS; i++)
        adder_start(&adders[i], counter, 1, -1);
    RETURNS(0, tsc_counter_sub(counter, ADDERS));
    for (int i = 0; i < ADDERS; i++)
        ck_assert_int_eq(sleeper_join(&adders[i]), 0);
    HOLDS(counter, LIMIT);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- what ends a wait -------- */

START_TEST(close_ends_waits_for_increments_only)
{
    tsc_counter_t *counter = make_limited(_i, 5);
    struct sleeper up[2];
    struct sleeper down;

    adder_start(&up[0], counter, 8, -1);
    adder_start(&up[1], counter, 1, INT64_MAX);
    adder_start(&down, counter, -7, -1);
    RETURNS(0, tsc_counter_close(counter));
    ck_assert_int_eq(sleeper_join(&up[0]), -ESHUTDOWN);
    ck_assert_int_eq(sleeper_join(&up[1]), -ESHUTDOWN);
    sleeper_sleeps_on(&down);
    HOLDS(counter, 5);
    RETURNS(0, tsc_counter_set_bounds(counter, -2, LIMIT));
    ck_assert_int_eq(sleeper_join(&down), 0);
    HOLDS(counter, -2);
    tsc_counter_unref(counter);
}
END_TEST

/* What has become impossible ends, and what is behind it goes on. */
START_TEST(new_bounds_end_impossible_waits)
{
    tsc_counter_t *counter = make_limited(_i, LIMIT);
    struct sleeper large;
    struct sleeper small;

    adder_start(&large, counter, 4, -1);
    adder_start(&small, counter, 3, -1);
    RETURNS(0, tsc_counter_set_bounds(counter, 0, 3));
    ck_assert_int_eq(sleeper_join(&large), -ERANGE);
    sleeper_sleeps_on(&small);
    RETURNS(0, tsc_counter_sub(counter, LIMIT));
    ck_assert_int_eq(sleeper_join(&small), 0);
    HOLDS(counter, 3);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(new_bounds_end_impossible_waits_for_decrements)
{
    tsc_counter_t *counter = make_limited(_i, 0);
    struct sleeper adder;

    adder_start(&adder, counter, -4, INT64_MAX);
    RETURNS(0, tsc_counter_set_bounds(counter, 7, LIMIT));
    ck_assert_int_eq(sleeper_join(&adder), -ERANGE);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

/* What a plain addition would take is taken, even if no value within the new bounds admits it. */
START_TEST(new_bounds_admit_what_fits_outside)
{
    tsc_counter_t *counter = make_limited(_i, 5);
    struct sleeper adder;

    adder_start(&adder, counter, 6, -1);
    RETURNS(0, tsc_counter_set_bounds(counter, 20, 22));
    ck_assert_int_eq(sleeper_join(&adder), 0);
    HOLDS(counter, 11);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- the order -------- */

START_TEST(threads_are_admitted_in_the_order_of_their_calls)
{
    tsc_counter_t *counter = make_limited(_i, LIMIT);
    struct sleeper adders[ADDERS];

    for (int i = 0; i < ADDERS; i++)
        adder_start(&adders[i], counter, 1 + i % 3, i % 2 == 0 ? -1 : INT64_MAX);
    for (int i = 0; i < ADDERS; i++) {
        RETURNS(0, tsc_counter_sub(counter, 1 + i % 3));
        ck_assert_int_eq(sleeper_join(&adders[i]), 0);
        for (int later = i + 1; later < ADDERS; later++)
            sleeper_sleeps_on(&adders[later]);
    }
    HOLDS(counter, LIMIT);
    tsc_counter_unref(counter);
}
END_TEST

/* A thread ahead that does not fit holds up those behind it. */
START_TEST(small_numbers_do_not_overtake_a_large_one)
{
    tsc_counter_t *counter = make_limited(_i, LIMIT);
    struct sleeper large;
    struct sleeper small[2];

    adder_start(&large, counter, 5, -1);
    adder_start(&small[0], counter, 1, -1);
    RETURNS(0, tsc_counter_sub(counter, 4));
    sleeper_sleeps_on(&large);
    sleeper_sleeps_on(&small[0]);
    adder_start(&small[1], counter, 1, INT64_MAX);
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 1, 0));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 1, SUPPORT_MILLISECOND_NS));
    RETURNS(-ERANGE, tsc_counter_wait_add(counter, LIMIT + 1, 0));
    RETURNS(0, tsc_counter_wait_add(counter, 0, 0));
    HOLDS(counter, 6);
    RETURNS(0, tsc_counter_inc(counter));
    RETURNS(0, tsc_counter_sub(counter, 4));
    ck_assert_int_eq(sleeper_join(&large), 0);
    ck_assert_int_eq(sleeper_join(&small[0]), 0);
    ck_assert_int_eq(sleeper_join(&small[1]), 0);
    HOLDS(counter, LIMIT);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(decrements_do_not_overtake_either)
{
    tsc_counter_t *counter = make_limited(_i, 0);
    struct sleeper large;
    struct sleeper small;

    adder_start(&large, counter, -5, -1);
    adder_start(&small, counter, -1, -1);
    RETURNS(0, tsc_counter_add(counter, 4));
    sleeper_sleeps_on(&large);
    sleeper_sleeps_on(&small);
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, -1, 0));
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(0, tsc_counter_add(counter, 3));
    ck_assert_int_eq(sleeper_join(&large), 0);
    ck_assert_int_eq(sleeper_join(&small), 0);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

/* Those that wait to go up hold up nobody that goes down, and one lets the other in. */
START_TEST(both_directions_wait_at_once)
{
    tsc_counter_t *counter = make_limited(_i, 5);
    struct sleeper up;
    struct sleeper down;

    adder_start(&up, counter, 8, -1);
    adder_start(&down, counter, -8, -1);
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 1, 0));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, -1, 0));
    RETURNS(0, tsc_counter_sub(counter, 3));
    ck_assert_int_eq(sleeper_join(&up), 0);
    ck_assert_int_eq(sleeper_join(&down), 0);
    HOLDS(counter, 2);
    adder_start(&up, counter, 9, -1);
    RETURNS(0, tsc_counter_wait_add(counter, -2, 0));
    ck_assert_int_eq(sleeper_join(&up), 0);
    HOLDS(counter, 9);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(thread_that_gives_up_lets_the_next_one_in)
{
    tsc_counter_t *counter = make_limited(_i, LIMIT - 1);
    struct sleeper large;

    adder_start(&large, counter, 5, 50 * SUPPORT_MILLISECOND_NS);
    RETURNS(0, tsc_counter_wait_add(counter, 1, -1));
    ck_assert_int_eq(sleeper_join(&large), -ETIMEDOUT);
    HOLDS(counter, LIMIT);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- cancellation -------- */

START_TEST(cancelled_thread_lets_the_next_one_in)
{
    tsc_counter_t *counter = make_limited(_i, LIMIT - 1);
    struct sleeper large;
    struct sleeper small;

    adder_start(&large, counter, 5, -1);
    adder_start(&small, counter, 1, -1);
    sleeper_cancel(&large);
    ck_assert_int_eq(sleeper_join(&small), 0);
    HOLDS(counter, LIMIT);
    tsc_counter_unref(counter);
}
END_TEST

/* The stacks of the cancelled threads are gone when there is room. */
START_TEST(cancelled_threads_are_passed_over)
{
    for (int cancelled = 0; cancelled < 3; cancelled++) {
        tsc_counter_t *counter = make_limited(_i, LIMIT);
        struct sleeper adders[3];

        for (int i = 0; i < 3; i++)
            adder_start(&adders[i], counter, 1, i == 1 ? INT64_MAX : -1);
        sleeper_cancel(&adders[cancelled]);
        HOLDS(counter, LIMIT);
        RETURNS(0, tsc_counter_sub(counter, 2));
        for (int i = 0; i < 3; i++)
            if (i != cancelled)
                ck_assert_int_eq(sleeper_join(&adders[i]), 0);
        HOLDS(counter, LIMIT);
        RETURNS(0, tsc_counter_sub(counter, LIMIT));
        RETURNS(0, tsc_counter_wait_add(counter, LIMIT, 0));
        tsc_counter_unref(counter);
    }
}
END_TEST

START_TEST(cancelled_adder_may_be_the_last_user)
{
    tsc_counter_t *counter = make_limited(_i, LIMIT);
    struct sleeper adder;

    adder_start(&adder, counter, 1, -1);
    sleeper_cancel(&adder);
    tsc_counter_unref(counter);
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

static void *add_while_cancelled(void *arg)
{
    struct sleeper *adder = arg;

    pthread_cancel(pthread_self());
    adder->result = tsc_counter_wait_add(adder->counter, adder->operands[0], adder->operands[1]);
    return NULL;
}

/* Even if the number fits, is impossible or is 0. */
START_TEST(pending_cancellation_acts_before_admission)
{
    static const int64_t deltas[] = {1, 0, -1, LIMIT, LIMIT + 1};

    for (size_t i = 0; i < sizeof deltas / sizeof deltas[0]; i++) {
        for (size_t t = 0; t < TIMEOUTS; t++) {
            struct sleeper adder = {
                .counter = make_limited(_i, 5), .operands = {deltas[i], timeouts[t]}, .result = UNTOUCHED};
            void *result = NULL;

            pthread_join(support_start_thread(add_while_cancelled, &adder), &result);
            ck_assert_ptr_eq(result, PTHREAD_CANCELED);
            ck_assert_int_eq(adder.result, UNTOUCHED);
            HOLDS(adder.counter, 5);
            RETURNS(0, tsc_counter_wait_add(adder.counter, 5, 0));
            tsc_counter_unref(adder.counter);
        }
    }
}
END_TEST

static void *add_with_cancellation_disabled(void *arg)
{
    struct sleeper *adder = arg;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cancel(pthread_self());
    adder->result = tsc_counter_wait_add(adder->counter, 1, 20 * SUPPORT_MILLISECOND_NS);
    return NULL;
}

START_TEST(disabled_cancellation_lets_an_adder_wait)
{
    struct sleeper adder = {.counter = make_limited(_i, LIMIT)};
    void *result = &adder;

    pthread_join(support_start_thread(add_with_cancellation_disabled, &adder), &result);
    ck_assert_ptr_null(result);
    ck_assert_int_eq(adder.result, -ETIMEDOUT);
    tsc_counter_unref(adder.counter);
}
END_TEST

/* -------- wake-ups -------- */

enum { CROWD = 32 };

/*
 * Each of many threads is admitted by a decrement of its own, so each is woken once. If a decrement woke all, they
 * would sleep CROWD / 2 times on average. On the queue a thread may also sleep until its messages are delivered.
 */
START_TEST(decrement_wakes_no_more_than_fit)
{
    bool sends_messages = variants[_i].backend == TSC_BACKEND_QUEUE;
    tsc_counter_t *counter = make_limited(_i, LIMIT);
    struct sleeper adders[CROWD];
    long sleeps = 0;

    for (int i = 0; i < CROWD; i++)
        adder_start(&adders[i], counter, 1, -1);
    for (int i = 0; i < CROWD; i++) {
        RETURNS(0, tsc_counter_dec(counter));
        ck_assert_int_eq(sleeper_join(&adders[i]), 0);
        sleeps += adders[i].sleeps;
    }
    ck_assert_int_ge(sleeps, CROWD);
    ck_assert_int_le(sleeps, sends_messages ? CROWD * 5 : CROWD * 3 / 2);
    tsc_counter_unref(counter);
}
END_TEST

struct race {
    tsc_counter_t *counter;
    int64_t timeout;
    _Atomic int64_t released;
    struct {
        int64_t deadline;
        int result;
    } adders[ADDERS];
};

static void wait_or_release(size_t index, void *arg)
{
    struct race *race = arg;
    int64_t begun = support_now_ns();

    if (index == ADDERS) {
        while (support_now_ns() < begun + race->timeout)
            ;
        (void)tsc_counter_sub(race->counter, ADDERS);
        atomic_store(&race->released, support_now_ns());
        return;
    }
    race->adders[index].deadline = begun + race->timeout;
    race->adders[index].result = tsc_counter_wait_add(race->counter, 1, race->timeout);
}

/* A change that returned before the deadline is never missed, whatever the threads ahead are doing meanwhile. */
START_TEST(release_before_the_deadline_is_not_missed)
{
    uint64_t rounds = support_ops(60);

    for (uint64_t round = 0; round < rounds; round++) {
        struct race race = {.counter = make_limited(_i, LIMIT),
                            .timeout = SUPPORT_MILLISECOND_NS + (int64_t)(round % 50) * 20000};
        int64_t admitted = 0;

        support_run_threads(ADDERS + 1, wait_or_release, &race);
        for (int i = 0; i < ADDERS; i++) {
            if (atomic_load(&race.released) < race.adders[i].deadline)
                ck_assert_int_eq(race.adders[i].result, 0);
            else
                ck_assert(race.adders[i].result == 0 || race.adders[i].result == -ETIMEDOUT);
            admitted += race.adders[i].result == 0;
        }
        HOLDS(race.counter, LIMIT - ADDERS + admitted);
        tsc_counter_unref(race.counter);
    }
}
END_TEST

/* -------- beside callbacks and other waits -------- */

/* A slow callback makes no wait longer than its timeout. */
START_TEST(admission_ends_at_its_timeout_during_a_callback)
{
    tsc_counter_t *counter = make_limited(_i, LIMIT);
    struct occupation occupation;
    struct sleeper early;
    struct sleeper late;

    adder_start(&early, counter, 1, 50 * SUPPORT_MILLISECOND_NS);
    occupation_begin(&occupation, counter);
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, -1, 0));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, -1, 20 * SUPPORT_MILLISECOND_NS));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 1, 0));
    ck_assert_int_eq(sleeper_join(&early), -ETIMEDOUT);
    adder_start(&late, counter, -1, -1);
    occupation_end(&occupation);
    ck_assert_int_eq(sleeper_join(&late), 0);
    HOLDS(counter, LIMIT - 1);
    RETURNS(0, tsc_counter_wait_add(counter, 1, 0));
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(threshold_and_admission_are_waited_for_together)
{
    tsc_counter_t *counter = make_limited(_i, LIMIT);
    struct sleeper waiter;
    struct sleeper adder;

    waiter_start(&waiter, counter, 5, -1);
    adder_start(&adder, counter, 3, -1);
    RETURNS(0, tsc_counter_sub(counter, 2));
    sleeper_sleeps_on(&waiter);
    sleeper_sleeps_on(&adder);
    RETURNS(0, tsc_counter_sub(counter, 6));
    ck_assert_int_eq(sleeper_join(&adder), 0);
    ck_assert_int_eq(sleeper_join(&waiter), 0);
    HOLDS(counter, 5);
    tsc_counter_unref(counter);
}
END_TEST

/* The addition of a thread that waited wakes those that wait for a threshold. */
START_TEST(admitted_decrement_wakes_a_waiter)
{
    tsc_counter_t *counter = make_limited(_i, 2);
    struct sleeper waiter;
    struct sleeper adder;

    waiter_start(&waiter, counter, 1, -1);
    adder_start(&adder, counter, -3, -1);
    RETURNS(0, tsc_counter_add(counter, 2));
    ck_assert_int_eq(sleeper_join(&adder), 0);
    ck_assert_int_eq(sleeper_join(&waiter), 0);
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
}
END_TEST

void add_admission_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "admission", 30);
    const uint64_t caps = TSC_CAP_BOUNDS | TSC_CAP_PEAK;

    add_test(tcase, number_that_fits_is_added_at_once, caps);
    add_test(tcase, zero_timeout_only_tries, caps);
    add_test(tcase, admission_ends_at_its_timeout, caps);
    add_test(tcase, waiting_for_admission_takes_no_cpu_time, caps);
    add_test(tcase, impossible_number_is_refused_at_once, caps);
    add_test(tcase, possible_number_is_waited_for, caps);
    add_test(tcase, number_that_fits_outside_is_added, caps);
    add_test(tcase, clamping_bounds_admit_nobody, caps);
    add_test(tcase, closed_counter_admits_decrements, caps);
    add_test(tcase, waits_inside_a_callback_return_edeadlk, caps | TSC_CAP_UPDATE);
    if (TEST_BUILT_QUEUE)
        tcase_add_loop_test(tcase, waits_on_the_same_owner_return_edeadlk, TSC_BACKEND_QUEUE,
                            TSC_BACKEND_QUEUE + 1);
    add_test(tcase, waits_on_an_unrelated_counter_work_in_a_callback, caps | TSC_CAP_UPDATE);
    add_test(tcase, total_admits_at_once_or_never, caps);
    add_test(tcase, other_errors_come_before_the_range_of_a_total, caps | TSC_CAP_UPDATE);
    add_test(tcase, every_way_to_make_room_admits, caps);
    add_test(tcase, decrement_waits_for_the_lower_bound, caps | TSC_CAP_FETCH);
    add_test(tcase, admission_raises_the_peak, caps);
    add_test(tcase, thread_that_does_not_fit_sleeps_on, caps);
    add_test(tcase, thread_waits_until_the_value_is_back_within, caps);
    add_test(tcase, raised_limit_admits_as_many_as_fit, caps);
    add_test(tcase, one_decrement_admits_many, caps);
    add_test(tcase, close_ends_waits_for_increments_only, caps);
    add_test(tcase, new_bounds_end_impossible_waits, caps);
    add_test(tcase, new_bounds_end_impossible_waits_for_decrements, caps);
    add_test(tcase, new_bounds_admit_what_fits_outside, caps);
    add_test(tcase, threads_are_admitted_in_the_order_of_their_calls, caps);
    add_test(tcase, small_numbers_do_not_overtake_a_large_one, caps);
    add_test(tcase, decrements_do_not_overtake_either, caps);
    add_test(tcase, both_directions_wait_at_once, caps);
    add_test(tcase, thread_that_gives_up_lets_the_next_one_in, caps);
    add_test(tcase, cancelled_thread_lets_the_next_one_in, caps);
    add_test(tcase, cancelled_threads_are_passed_over, caps);
    add_test(tcase, cancelled_adder_may_be_the_last_user, caps);
    add_test(tcase, pending_cancellation_acts_before_admission, caps);
    add_test(tcase, disabled_cancellation_lets_an_adder_wait, caps);
    add_test(tcase, decrement_wakes_no_more_than_fit, caps);
    add_test(tcase, release_before_the_deadline_is_not_missed, caps);
    add_test(tcase, admission_ends_at_its_timeout_during_a_callback, caps | TSC_CAP_UPDATE);
    add_test(tcase, threshold_and_admission_are_waited_for_together, caps);
    add_test(tcase, admitted_decrement_wakes_a_waiter, caps);
}
