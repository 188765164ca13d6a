/* SPDX-License-Identifier: MIT */
/* Kinds of counters: what a total refuses, and what a counter can do. */
#include "conformance.h"

#include <tscounter/guard.h>

#include "second_thread.h"
#include "support/suite.h"

/* Totals that hold FULL: without bounds, and with bounds of either policy whose max is FULL. */
enum { FULL = 10 };

static const struct frame {
    uint64_t needs;
    struct options options;
} frames[] = {
    {.options = {.kind = TSC_KIND_TOTAL, .initial = FULL}},
    {.needs = TSC_CAP_PEAK, .options = {.kind = TSC_KIND_TOTAL, .initial = FULL, .track_peak = true}},
    {.needs = TSC_CAP_BOUNDS,
     .options = {.kind = TSC_KIND_TOTAL, .initial = FULL, .bounded = true, .min = 3, .max = FULL}},
    {.needs = TSC_CAP_BOUNDS,
     .options = {.kind = TSC_KIND_TOTAL,
                 .initial = FULL,
                 .bounded = true,
                 .min = 3,
                 .max = FULL,
                 .policy = TSC_BOUNDS_CLAMP}},
};

enum { FRAMES = sizeof frames / sizeof frames[0] };

static bool has(const struct variant *variant, uint64_t caps)
{
    return (caps_of(variant) & caps) == caps;
}

/* Changes that would lower a counter that holds FULL. */
static int lower_by_dec(tsc_counter_t *counter)
{
    return tsc_counter_dec(counter);
}

static int lower_by_add(tsc_counter_t *counter)
{
    return tsc_counter_add(counter, -1);
}

/* The sum would be below the lower bound. */
static int lower_by_add_of_the_smallest(tsc_counter_t *counter)
{
    return tsc_counter_add(counter, INT64_MIN);
}

static int lower_by_sub(tsc_counter_t *counter)
{
    return tsc_counter_sub(counter, 1);
}

static int lower_by_sub_of_the_largest(tsc_counter_t *counter)
{
    return tsc_counter_sub(counter, INT64_MAX);
}

static int lower_by_try_add(tsc_counter_t *counter)
{
    return tsc_counter_try_add(counter, -2);
}

static int lower_by_fetch_add(tsc_counter_t *counter)
{
    int64_t previous = UNTOUCHED;
    int result = tsc_counter_fetch_add(counter, -1, &previous);

    ck_assert_int_eq(previous, UNTOUCHED);
    return result;
}

static int lower_by_set(tsc_counter_t *counter)
{
    return tsc_counter_set(counter, FULL - 1);
}

static int lower_by_set_below_the_bounds(tsc_counter_t *counter)
{
    return tsc_counter_set(counter, INT64_MIN);
}

static int lower_by_exchange(tsc_counter_t *counter)
{
    int64_t previous = UNTOUCHED;
    int result = tsc_counter_exchange(counter, FULL - 1, &previous);

    ck_assert_int_eq(previous, UNTOUCHED);
    return result;
}

static int lower_by_compare_exchange(tsc_counter_t *counter)
{
    int64_t expected = FULL;
    int result = tsc_counter_compare_exchange(counter, &expected, 0);

    ck_assert_int_eq(expected, FULL);
    return result;
}

static int lower_by_update(tsc_counter_t *counter)
{
    int64_t lower = FULL - 1;

    return tsc_counter_update(counter, commit_value, &lower);
}

static const struct lowering {
    const char *name;
    uint64_t needs;
    int (*change)(tsc_counter_t *counter);
    int when_closed;
} lowerings[] = {
    {"dec", 0, lower_by_dec, -ERANGE},
    {"add", 0, lower_by_add, -ERANGE},
    {"add of the smallest", 0, lower_by_add_of_the_smallest, -ERANGE},
    {"sub", 0, lower_by_sub, -ERANGE},
    {"sub of the largest", 0, lower_by_sub_of_the_largest, -ERANGE},
    {"try_add", 0, lower_by_try_add, -ERANGE},
    {"fetch_add", TSC_CAP_FETCH, lower_by_fetch_add, -ERANGE},
    {"set", TSC_CAP_FETCH, lower_by_set, -ESHUTDOWN},
    {"set below the bounds", TSC_CAP_FETCH, lower_by_set_below_the_bounds, -ESHUTDOWN},
    {"exchange", TSC_CAP_FETCH, lower_by_exchange, -ESHUTDOWN},
    {"compare_exchange", TSC_CAP_FETCH, lower_by_compare_exchange, -ESHUTDOWN},
    {"update", TSC_CAP_UPDATE, lower_by_update, -ERANGE},
};

enum { LOWERINGS = sizeof lowerings / sizeof lowerings[0] };

/* A queue counter with bounds would have to wait for the result of try_add. */
static bool is_supported(const struct variant *variant, const struct lowering *lowering, bool bounded)
{
    if (variant->backend == TSC_BACKEND_QUEUE && bounded && lowering->change == lower_by_try_add)
        return false;
    return has(variant, lowering->needs);
}

static void check_lowerings(tsc_counter_t *counter, const struct variant *variant, bool bounded, bool closed)
{
    for (size_t i = 0; i < LOWERINGS; i++) {
        int expected = closed ? lowerings[i].when_closed : -ERANGE;
        int result;

        if (!is_supported(variant, &lowerings[i], bounded))
            expected = -ENOTSUP;
        errno = UNTOUCHED;
        result = lowerings[i].change(counter);
        ck_assert_msg(result == expected, "%s: %d", lowerings[i].name, result);
        ck_assert_int_eq(errno, UNTOUCHED);
        HOLDS(counter, FULL);
    }
}

START_TEST(total_is_never_lowered)
{
    for (size_t i = 0; i < FRAMES; i++) {
        tsc_counter_t *counter;
        int64_t peak = UNTOUCHED;

        if (!has(&variants[_i], frames[i].needs))
            continue;
        counter = make_counter(&variants[_i], &frames[i].options);
        check_lowerings(counter, &variants[_i], frames[i].options.bounded, false);
        RETURNS(0, tsc_counter_close(counter));
        check_lowerings(counter, &variants[_i], frames[i].options.bounded, true);
        if (frames[i].options.track_peak) {
            RETURNS(0, tsc_counter_get_peak(counter, &peak));
            ck_assert_int_eq(peak, FULL);
        }
        tsc_counter_unref(counter);
    }
}
END_TEST

/* Changes by 0 pass, and so do assignments of the present value. */
static void check_changes_to_the_same(tsc_counter_t *counter, const struct variant *variant, bool bounded)
{
    int64_t value = FULL;
    int64_t previous = UNTOUCHED;

    RETURNS(0, tsc_counter_add(counter, 0));
    RETURNS(0, tsc_counter_sub(counter, 0));
    if (!(bounded && variant->backend == TSC_BACKEND_QUEUE))
        RETURNS(0, tsc_counter_try_add(counter, 0));
    if (has(variant, TSC_CAP_UPDATE))
        RETURNS(0, tsc_counter_update(counter, commit_value, &value));
    if (!has(variant, TSC_CAP_FETCH))
        return;
    RETURNS(0, tsc_counter_fetch_add(counter, 0, &previous));
    ck_assert_int_eq(previous, FULL);
    RETURNS(0, tsc_counter_set(counter, FULL));
    RETURNS(0, tsc_counter_exchange(counter, FULL, &previous));
    RETURNS(1, tsc_counter_compare_exchange(counter, &value, FULL));
}

START_TEST(total_keeps_its_value)
{
    for (size_t i = 0; i < FRAMES; i++) {
        tsc_counter_t *counter;

        if (!has(&variants[_i], frames[i].needs))
            continue;
        counter = make_counter(&variants[_i], &frames[i].options);
        check_changes_to_the_same(counter, &variants[_i], frames[i].options.bounded);
        HOLDS(counter, FULL);
        tsc_counter_unref(counter);
    }
}
END_TEST

START_TEST(total_grows)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.kind = TSC_KIND_TOTAL});

    RETURNS(0, tsc_counter_inc(counter));
    RETURNS(0, tsc_counter_add(counter, 2));
    RETURNS(0, tsc_counter_sub(counter, -3));
    RETURNS(0, tsc_counter_try_add(counter, 4));
    HOLDS(counter, 10);
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_inc(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_sub(counter, -1));
    HOLDS(counter, 10);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(total_grows_by_assignments)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.kind = TSC_KIND_TOTAL});
    int64_t previous = UNTOUCHED;
    int64_t expected = 8;

    RETURNS(0, tsc_counter_fetch_add(counter, 5, &previous));
    ck_assert_int_eq(previous, 0);
    RETURNS(0, tsc_counter_set(counter, 6));
    RETURNS(0, tsc_counter_exchange(counter, 8, &previous));
    ck_assert_int_eq(previous, 6);
    RETURNS(1, tsc_counter_compare_exchange(counter, &expected, INT64_MAX));
    HOLDS(counter, INT64_MAX);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(total_grows_by_updates)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.kind = TSC_KIND_TOTAL});
    int64_t higher = 7;

    RETURNS(0, tsc_counter_update(counter, commit_value, &higher));
    HOLDS(counter, 7);
    tsc_counter_unref(counter);
}
END_TEST

/* Only the upper bound ever clamps: a change to below the bounds would lower the value, and is refused. */
START_TEST(total_stops_at_its_upper_bound)
{
    static const uint32_t policies[] = {TSC_BOUNDS_REJECT, TSC_BOUNDS_CLAMP};

    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        const struct options options = {
            .kind = TSC_KIND_TOTAL, .initial = 4, .bounded = true, .min = 2, .max = 9, .policy = policies[i]};
        tsc_counter_t *counter = make_counter(&variants[_i], &options);
        bool clamps = policies[i] == TSC_BOUNDS_CLAMP;

        RETURNS(clamps ? 1 : -ERANGE, tsc_counter_add(counter, 6));
        HOLDS(counter, clamps ? 9 : 4);
        RETURNS(clamps ? 1 : 0, tsc_counter_add(counter, 5));
        RETURNS(clamps ? 1 : -ERANGE, tsc_counter_inc(counter));
        RETURNS(-ERANGE, tsc_counter_dec(counter));
        HOLDS(counter, 9);
        tsc_counter_unref(counter);
    }
}
END_TEST

/* The decrement of each guard is refused. */
START_TEST(total_counts_the_scopes_entered)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.kind = TSC_KIND_TOTAL});

    for (int i = 1; i <= 3; i++) {
        TSC_SCOPED_INC(counter);
        HOLDS(counter, i);
    }
    HOLDS(counter, 3);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(total_is_not_lowered_by_wait_add)
{
    const struct options options = {.kind = TSC_KIND_TOTAL, .initial = 5, .bounded = true, .min = 0, .max = 9};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);

    RETURNS(-ERANGE, tsc_counter_wait_add(counter, -1, -1));
    RETURNS(-ERANGE, tsc_counter_wait_add(counter, INT64_MIN, 0));
    RETURNS(0, tsc_counter_wait_add(counter, 0, -1));
    HOLDS(counter, 5);
    RETURNS(0, tsc_counter_wait_add(counter, 4, -1));
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ERANGE, tsc_counter_wait_add(counter, -1, -1));
    HOLDS(counter, 9);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(total_without_bounds_wraps)
{
    const struct options options = {.kind = TSC_KIND_TOTAL, .initial = INT64_MAX};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);

    RETURNS(0, tsc_counter_inc(counter));
    HOLDS(counter, INT64_MIN);
    RETURNS(-ERANGE, tsc_counter_dec(counter));
    RETURNS(0, tsc_counter_add(counter, INT64_MAX));
    RETURNS(0, tsc_counter_add(counter, 4));
    HOLDS(counter, 3);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(wrapped_total_is_set_from_where_it_is)
{
    const struct options options = {.kind = TSC_KIND_TOTAL, .initial = INT64_MAX};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);
    int64_t previous = UNTOUCHED;

    RETURNS(0, tsc_counter_fetch_add(counter, 3, &previous));
    ck_assert_int_eq(previous, INT64_MAX);
    RETURNS(-ERANGE, tsc_counter_set(counter, INT64_MIN + 1));
    RETURNS(0, tsc_counter_set(counter, INT64_MIN + 2));
    RETURNS(0, tsc_counter_set(counter, -1));
    HOLDS(counter, -1);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(failed_compare_exchange_does_not_lower)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.kind = TSC_KIND_TOTAL, .initial = 5});
    int64_t expected = 7;

    RETURNS(0, tsc_counter_compare_exchange(counter, &expected, 6));
    ck_assert_int_eq(expected, 5);
    expected = 7;
    RETURNS(0, tsc_counter_compare_exchange(counter, &expected, 1));
    ck_assert_int_eq(expected, 5);
    HOLDS(counter, 5);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(total_does_not_begin_below_0)
{
    static const int64_t negative[] = {-1, INT64_MIN};

    for (size_t i = 0; i < sizeof negative / sizeof negative[0]; i++) {
        struct options options = {.kind = TSC_KIND_TOTAL, .initial = negative[i]};
        tsc_counter_t *counter = (tsc_counter_t *)&counter;

        RETURNS(-ERANGE, try_make_counter(&counter, &variants[_i], &options));
        ck_assert_ptr_null(counter);
        options.bounded = true;
        options.min = INT64_MIN;
        RETURNS(has(&variants[_i], TSC_CAP_BOUNDS) ? -ERANGE : -ENOTSUP,
                try_make_counter(&counter, &variants[_i], &options));
        ck_assert_ptr_null(counter);
    }
}
END_TEST

/* The results of a callback that tries to lower its own counter. */
struct attempt {
    tsc_counter_t *counter;
    int results[LOWERINGS];
};

static int try_to_lower(int64_t *value, void *arg)
{
    struct attempt *attempt = arg;

    (void)value;
    for (size_t i = 0; i < LOWERINGS; i++)
        attempt->results[i] = lowerings[i].change(attempt->counter);
    return 0;
}

START_TEST(deadlock_comes_before_the_range)
{
    for (size_t i = 0; i < FRAMES; i++) {
        struct attempt attempt = {.counter = make_counter(&variants[_i], &frames[i].options)};

        RETURNS(0, tsc_counter_update(attempt.counter, try_to_lower, &attempt));
        for (size_t l = 0; l < LOWERINGS; l++) {
            bool supported = is_supported(&variants[_i], &lowerings[l], frames[i].options.bounded);

            ck_assert_msg(attempt.results[l] == (supported ? -EDEADLK : -ENOTSUP), "%s: %d", lowerings[l].name,
                          attempt.results[l]);
        }
        HOLDS(attempt.counter, FULL);
        tsc_counter_unref(attempt.counter);
    }
}
END_TEST

/* -EAGAIN comes first, too. */
START_TEST(held_lock_comes_before_the_range)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &frames[0].options);
    struct occupation occupation;

    occupation_begin(&occupation, counter);
    RETURNS(-EAGAIN, tsc_counter_try_add(counter, -1));
    occupation_end(&occupation);
    RETURNS(-ERANGE, tsc_counter_try_add(counter, -1));
    tsc_counter_unref(counter);
}
END_TEST

static const tsc_kind_t gauges[] = {TSC_KIND_GAUGE, TSC_KIND_HELD};

START_TEST(gauge_goes_up_and_down)
{
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.kind = gauges[i], .initial = -2});

        RETURNS(0, tsc_counter_inc(counter));
        RETURNS(0, tsc_counter_dec(counter));
        RETURNS(0, tsc_counter_sub(counter, 3));
        RETURNS(0, tsc_counter_try_add(counter, -4));
        RETURNS(0, tsc_counter_close(counter));
        RETURNS(0, tsc_counter_add(counter, -1));
        HOLDS(counter, -10);
        tsc_counter_unref(counter);
    }
}
END_TEST

START_TEST(gauge_is_lowered_by_assignments)
{
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.kind = gauges[i], .initial = 9});
        int64_t previous = UNTOUCHED;
        int64_t expected = 6;

        RETURNS(0, tsc_counter_fetch_add(counter, -1, &previous));
        RETURNS(0, tsc_counter_set(counter, 7));
        RETURNS(0, tsc_counter_exchange(counter, 6, &previous));
        RETURNS(1, tsc_counter_compare_exchange(counter, &expected, 5));
        HOLDS(counter, 5);
        tsc_counter_unref(counter);
    }
}
END_TEST

START_TEST(gauge_is_clamped_at_both_bounds)
{
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        const struct options options = {
            .kind = gauges[i], .initial = 4, .bounded = true, .min = 2, .max = 9, .policy = TSC_BOUNDS_CLAMP};
        tsc_counter_t *counter = make_counter(&variants[_i], &options);

        RETURNS(1, tsc_counter_sub(counter, 3));
        HOLDS(counter, 2);
        RETURNS(1, tsc_counter_add(counter, 8));
        HOLDS(counter, 9);
        tsc_counter_unref(counter);
    }
}
END_TEST

START_TEST(kind_is_read)
{
    for (tsc_kind_t kind = TSC_KIND_GAUGE; kind <= TSC_KIND_HELD; kind++) {
        tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.kind = kind});
        tsc_kind_t found = UNTOUCHED;

        RETURNS(0, tsc_counter_get_kind(counter, &found));
        ck_assert_uint_eq(found, kind);
        RETURNS(0, tsc_counter_close(counter));
        RETURNS(0, tsc_counter_get_kind(counter, &found));
        ck_assert_uint_eq(found, kind);
        tsc_counter_unref(counter);
    }
}
END_TEST

static void check_caps(const struct variant *variant, const struct options *options, uint64_t lacking)
{
    tsc_counter_t *counter = make_counter(variant, options);
    uint64_t caps = UNTOUCHED;

    RETURNS(0, tsc_counter_get_caps(counter, &caps));
    ck_assert_uint_eq(caps, caps_of(variant) & ~lacking);
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(0, tsc_counter_get_caps(counter, &caps));
    ck_assert_uint_eq(caps, caps_of(variant) & ~lacking);
    tsc_counter_unref(counter);
}

START_TEST(caps_are_those_of_the_counter)
{
    for (tsc_kind_t kind = TSC_KIND_GAUGE; kind <= TSC_KIND_HELD; kind++) {
        struct options options = {.kind = kind};

        check_caps(&variants[_i], &options, TSC_CAP_BOUNDS | TSC_CAP_PEAK);
        options.track_peak = true;
        if (has(&variants[_i], TSC_CAP_PEAK))
            check_caps(&variants[_i], &options, TSC_CAP_BOUNDS);
        options.bounded = true;
        if (has(&variants[_i], TSC_CAP_PEAK | TSC_CAP_BOUNDS))
            check_caps(&variants[_i], &options, TSC_CAP_ASYNC);
        options.track_peak = false;
        if (has(&variants[_i], TSC_CAP_BOUNDS))
            check_caps(&variants[_i], &options, TSC_CAP_PEAK | TSC_CAP_ASYNC);
    }
}
END_TEST

void add_kind_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "kinds", 20);

    add_test(tcase, total_is_never_lowered, 0);
    add_test(tcase, total_keeps_its_value, 0);
    add_test(tcase, total_grows, 0);
    add_test(tcase, total_grows_by_assignments, TSC_CAP_FETCH);
    add_test(tcase, total_grows_by_updates, TSC_CAP_UPDATE);
    add_test(tcase, total_stops_at_its_upper_bound, TSC_CAP_BOUNDS);
    add_test(tcase, total_counts_the_scopes_entered, 0);
    add_test(tcase, total_is_not_lowered_by_wait_add, TSC_CAP_BOUNDS);
    add_test(tcase, total_without_bounds_wraps, 0);
    add_test(tcase, wrapped_total_is_set_from_where_it_is, TSC_CAP_FETCH);
    add_test(tcase, failed_compare_exchange_does_not_lower, TSC_CAP_FETCH);
    add_test(tcase, total_does_not_begin_below_0, 0);
    add_test(tcase, deadlock_comes_before_the_range, TSC_CAP_UPDATE | TSC_CAP_PEAK | TSC_CAP_BOUNDS);
    if (variant_is_built(&variants[TSC_BACKEND_MUTEX]))
        tcase_add_loop_test(tcase, held_lock_comes_before_the_range, TSC_BACKEND_MUTEX, TSC_BACKEND_MUTEX + 1);
    add_test(tcase, gauge_goes_up_and_down, 0);
    add_test(tcase, gauge_is_lowered_by_assignments, TSC_CAP_FETCH);
    add_test(tcase, gauge_is_clamped_at_both_bounds, TSC_CAP_BOUNDS);
    add_test(tcase, kind_is_read, 0);
    add_test(tcase, caps_are_those_of_the_counter, 0);
}
