/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include "second_thread.h"
#include "support/suite.h"

/* Every operation that changes by a delta, and every one that assigns. */
struct way {
    uint64_t needs;
    int done; /* the result on success */
    int (*change)(tsc_counter_t *counter, int64_t operand);
};

static int by_fetch_add(tsc_counter_t *counter, int64_t delta)
{
    int64_t value = UNTOUCHED;
    int64_t previous = UNTOUCHED;
    int result;

    RETURNS(0, tsc_counter_get(counter, &value));
    result = tsc_counter_fetch_add(counter, delta, &previous);
    ck_assert_int_eq(previous, result < 0 ? UNTOUCHED : value);
    return result;
}

static int by_single_step(tsc_counter_t *counter, int64_t delta)
{
    if (delta == 1)
        return tsc_counter_inc(counter);
    if (delta == -1)
        return tsc_counter_dec(counter);
    return tsc_counter_add(counter, delta);
}

static int by_sub(tsc_counter_t *counter, int64_t delta)
{
    return delta == INT64_MIN ? tsc_counter_add(counter, delta) : tsc_counter_sub(counter, -delta);
}

static const struct way ways_to_add[] = {
    {.change = tsc_counter_add},
    {.change = by_sub},
    {.change = tsc_counter_try_add},
    {.change = by_single_step},
    {.needs = TSC_CAP_FETCH, .change = by_fetch_add},
};

static int by_exchange(tsc_counter_t *counter, int64_t new_value)
{
    int64_t value = UNTOUCHED;
    int64_t previous = UNTOUCHED;
    int result;

    RETURNS(0, tsc_counter_get(counter, &value));
    result = tsc_counter_exchange(counter, new_value, &previous);
    ck_assert_int_eq(previous, result < 0 ? UNTOUCHED : value);
    return result;
}

static int by_compare_exchange(tsc_counter_t *counter, int64_t new_value)
{
    int64_t expected = UNTOUCHED;
    int64_t value;
    int result;

    RETURNS(0, tsc_counter_get(counter, &expected));
    value = expected;
    result = tsc_counter_compare_exchange(counter, &expected, new_value);
    ck_assert_int_eq(expected, value);
    return result;
}

static int by_update(tsc_counter_t *counter, int64_t new_value)
{
    return tsc_counter_update(counter, commit_value, &new_value);
}

static const struct way ways_to_assign[] = {
    {.needs = TSC_CAP_FETCH, .change = tsc_counter_set},
    {.needs = TSC_CAP_FETCH, .change = by_exchange},
    {.needs = TSC_CAP_FETCH, .done = 1, .change = by_compare_exchange},
    {.needs = TSC_CAP_UPDATE, .change = by_update},
};

/* A change, and its outcome with CLAMP: the sum, if that is inside the bounds. */
struct sum {
    int64_t initial;
    int64_t min;
    int64_t max;
    int64_t delta;
    int64_t clamped;
    bool inside;
};

static const struct sum sums[] = {
    {0, 0, 10, 10, 10, true},
    {10, 0, 10, -10, 0, true},
    {5, 0, 10, 0, 5, true},
    {9, 0, 10, 1, 10, true},
    {1, 0, 10, -1, 0, true},
    {0, INT64_MIN, INT64_MAX, INT64_MIN, INT64_MIN, true},
    {-1, INT64_MIN, INT64_MAX, INT64_MAX, INT64_MAX - 1, true},
    {INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN, -1, true},
    {INT64_MIN, INT64_MIN, INT64_MAX, INT64_MAX, -1, true},
    {0, 0, 10, -1, 0, false},
    {10, 0, 10, 1, 10, false},
    {5, 0, 10, 6, 10, false},
    {5, 0, 10, -6, 0, false},
    {5, 0, 10, INT64_MAX, 10, false},
    {5, 0, 10, INT64_MIN, 0, false},
    {3, 3, 3, 1, 3, false},
    {3, 3, 3, -1, 3, false},
    {-5, -10, -1, INT64_MIN, -10, false},
    {-5, -10, -1, INT64_MAX, -1, false},
    {-1, INT64_MIN, INT64_MAX, INT64_MIN, INT64_MIN, false},
    {1, INT64_MIN, INT64_MAX, INT64_MAX, INT64_MAX, false},
    {INT64_MAX, 0, INT64_MAX, 1, INT64_MAX, false},
    {INT64_MAX, INT64_MIN, INT64_MAX, 1, INT64_MAX, false},
    {INT64_MIN, INT64_MIN, INT64_MAX, -1, INT64_MIN, false},
    {INT64_MIN, INT64_MIN, 0, INT64_MIN, INT64_MIN, false},
};

static bool can_change(const struct variant *variant, const struct way *way)
{
    bool waits_for_verdict = variant->backend == TSC_BACKEND_QUEUE && way->change == tsc_counter_try_add;

    return !waits_for_verdict && (caps_of(variant) & way->needs) == way->needs;
}

static int result_at_bound(uint32_t policy)
{
    return policy == TSC_BOUNDS_CLAMP ? 1 : -ERANGE;
}

static void check_sum(const struct variant *variant, const struct way *way, const struct sum *sum, uint32_t policy)
{
    const struct options options = {
        .initial = sum->initial, .bounded = true, .min = sum->min, .max = sum->max, .policy = policy};
    tsc_counter_t *counter = make_counter(variant, &options);

    RETURNS(sum->inside ? way->done : result_at_bound(policy), way->change(counter, sum->delta));
    HOLDS(counter, sum->inside || policy == TSC_BOUNDS_CLAMP ? sum->clamped : sum->initial);
    tsc_counter_unref(counter);
}

START_TEST(sums_stay_inside)
{
    for (size_t w = 0; w < sizeof ways_to_add / sizeof ways_to_add[0]; w++) {
        if (!can_change(&variants[_i], &ways_to_add[w]))
            continue;
        for (size_t s = 0; s < sizeof sums / sizeof sums[0]; s++) {
            check_sum(&variants[_i], &ways_to_add[w], &sums[s], TSC_BOUNDS_REJECT);
            check_sum(&variants[_i], &ways_to_add[w], &sums[s], TSC_BOUNDS_CLAMP);
        }
    }
}
END_TEST

static const struct {
    int64_t value;
    int64_t clamped;
} assignments[] = {
    {-3, -3}, {8, 8}, {0, 0}, {-4, -3}, {9, 8}, {INT64_MIN, -3}, {INT64_MAX, 8},
};

static void check_assignments(const struct variant *variant, const struct way *way, uint32_t policy)
{
    const struct options options = {.initial = 2, .bounded = true, .min = -3, .max = 8, .policy = policy};

    for (size_t i = 0; i < sizeof assignments / sizeof assignments[0]; i++) {
        tsc_counter_t *counter = make_counter(variant, &options);
        bool inside = assignments[i].value == assignments[i].clamped;

        RETURNS(inside ? way->done : result_at_bound(policy), way->change(counter, assignments[i].value));
        HOLDS(counter, inside || policy == TSC_BOUNDS_CLAMP ? assignments[i].clamped : 2);
        tsc_counter_unref(counter);
    }
}

START_TEST(assignments_stay_inside)
{
    for (size_t w = 0; w < sizeof ways_to_assign / sizeof ways_to_assign[0]; w++) {
        if (!can_change(&variants[_i], &ways_to_assign[w]))
            continue;
        check_assignments(&variants[_i], &ways_to_assign[w], TSC_BOUNDS_REJECT);
        check_assignments(&variants[_i], &ways_to_assign[w], TSC_BOUNDS_CLAMP);
    }
}
END_TEST

static const struct options bounds_to_read[] = {
    {.bounded = true, .min = -3, .max = 8},
    {.bounded = true, .min = 0, .max = 0},
    {.bounded = true, .min = INT64_MIN, .max = INT64_MAX},
    {.bounded = true, .min = INT64_MIN, .max = 0, .policy = TSC_BOUNDS_CLAMP},
    {.bounded = true, .min = 0, .max = INT64_MAX, .policy = TSC_BOUNDS_CLAMP, .track_peak = true},
};

static void has_bounds(tsc_counter_t *counter, const struct options *options)
{
    int64_t min = UNTOUCHED;
    int64_t max = UNTOUCHED;

    RETURNS(0, tsc_counter_get_bounds(counter, &min, &max));
    ck_assert_int_eq(min, options->min);
    ck_assert_int_eq(max, options->max);
}

START_TEST(bounds_are_read)
{
    for (size_t i = 0; i < sizeof bounds_to_read / sizeof bounds_to_read[0]; i++) {
        const struct options *options = &bounds_to_read[i];
        tsc_counter_t *counter = make_counter(&variants[_i], options);

        has_bounds(counter, options);
        (void)tsc_counter_add(counter, INT64_MAX);
        has_bounds(counter, options);
        RETURNS(0, tsc_counter_close(counter));
        has_bounds(counter, options);
        tsc_counter_unref(counter);
    }
}
END_TEST

/* Of a compare_exchange that fails. The expected value may lie outside the bounds, too, on either side. */
static const struct {
    int64_t expected;
    int64_t desired;
} guesses[] = {{1, 100}, {1, -100}, {200, 100}, {100, 200}, {-200, -100}, {-100, -200}};

static void check_guesses(const struct variant *variant, uint32_t policy)
{
    const struct options options = {.initial = 2, .bounded = true, .min = 0, .max = 3, .policy = policy};
    tsc_counter_t *counter = make_counter(variant, &options);

    for (size_t i = 0; i < sizeof guesses / sizeof guesses[0]; i++) {
        int64_t expected = guesses[i].expected;

        RETURNS(0, tsc_counter_compare_exchange(counter, &expected, guesses[i].desired));
        ck_assert_int_eq(expected, 2);
        HOLDS(counter, 2);
    }
    tsc_counter_unref(counter);
}

START_TEST(failed_compare_exchange_sees_no_bounds)
{
    check_guesses(&variants[_i], TSC_BOUNDS_REJECT);
    check_guesses(&variants[_i], TSC_BOUNDS_CLAMP);
}
END_TEST

START_TEST(counter_works_on_after_a_refusal)
{
    const struct options options = {.bounded = true, .min = 0, .max = 2};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);

    RETURNS(-ERANGE, tsc_counter_dec(counter));
    RETURNS(0, tsc_counter_inc(counter));
    RETURNS(0, tsc_counter_inc(counter));
    RETURNS(-ERANGE, tsc_counter_inc(counter));
    RETURNS(-ERANGE, tsc_counter_add(counter, -3));
    RETURNS(0, tsc_counter_add(counter, -2));
    RETURNS(-ERANGE, tsc_counter_dec(counter));
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- tsc_counter_set_bounds() -------- */

static tsc_counter_t *make_counter_outside(const struct variant *variant, int64_t value, int64_t min, int64_t max,
                                           uint32_t policy)
{
    const struct options options = {.initial = value,
                                    .bounded = true,
                                    .min = INT64_MIN,
                                    .max = INT64_MAX,
                                    .policy = policy,
                                    .track_peak = true};
    tsc_counter_t *counter = make_counter(variant, &options);

    RETURNS(0, tsc_counter_set_bounds(counter, min, max));
    return counter;
}

/* Sums of a value that may lie outside. They are inside, or refused, or clamped. */
static const struct sum sums_outside[] = {
    {20, 0, 10, 0, 20, true},
    {20, 0, 10, -1, 19, true},
    {20, 0, 10, -10, 10, true},
    {20, 0, 10, -20, 0, true},
    {20, 0, 10, -21, 0, false},
    {20, 0, 10, INT64_MIN, 0, false},
    {20, 0, 10, 1, 20, false},
    {20, 0, 10, INT64_MAX, 20, false},
    {-20, 0, 10, 0, -20, true},
    {-20, 0, 10, 1, -19, true},
    {-20, 0, 10, 20, 0, true},
    {-20, 0, 10, 30, 10, true},
    {-20, 0, 10, 31, 10, false},
    {-20, 0, 10, INT64_MAX, 10, false},
    {-20, 0, 10, -1, -20, false},
    {-20, 0, 10, INT64_MIN, -20, false},
    {INT64_MAX, INT64_MIN, 0, -1, INT64_MAX - 1, true},
    {INT64_MAX, INT64_MIN, 0, INT64_MIN, -1, true},
    {INT64_MAX, INT64_MIN, 0, 1, INT64_MAX, false},
    {INT64_MIN, 0, INT64_MAX, INT64_MAX, -1, true},
    {INT64_MIN, 0, INT64_MAX, 1, INT64_MIN + 1, true},
    {INT64_MIN, 0, INT64_MAX, -1, INT64_MIN, false},
    {7, 7, 7, 1, 7, false},
    {8, 7, 7, -1, 7, true},
    {8, 7, 7, -2, 7, false},
    {8, 7, 7, 1, 8, false},
    {6, 7, 7, 1, 7, true},
    {6, 7, 7, 2, 7, false},
    {6, 7, 7, -1, 6, false},
};

static void check_sum_outside(const struct variant *variant, const struct way *way, const struct sum *sum,
                              uint32_t policy)
{
    tsc_counter_t *counter = make_counter_outside(variant, sum->initial, sum->min, sum->max, policy);

    RETURNS(sum->inside ? way->done : result_at_bound(policy), way->change(counter, sum->delta));
    HOLDS(counter, sum->inside || policy == TSC_BOUNDS_CLAMP ? sum->clamped : sum->initial);
    tsc_counter_unref(counter);
}

START_TEST(sums_outside_move_towards_the_bounds)
{
    for (size_t w = 0; w < sizeof ways_to_add / sizeof ways_to_add[0]; w++) {
        if (!can_change(&variants[_i], &ways_to_add[w]))
            continue;
        for (size_t s = 0; s < sizeof sums_outside / sizeof sums_outside[0]; s++) {
            check_sum_outside(&variants[_i], &ways_to_add[w], &sums_outside[s], TSC_BOUNDS_REJECT);
            check_sum_outside(&variants[_i], &ways_to_add[w], &sums_outside[s], TSC_BOUNDS_CLAMP);
        }
    }
}
END_TEST

/* With bounds 0 and 10. */
static const struct {
    int64_t from;
    int64_t value;
    int64_t clamped;
} assignments_outside[] = {
    {20, 20, 20},          {20, 19, 19},  {20, 10, 10},        {20, 0, 0},           {20, -1, 0},
    {20, INT64_MIN, 0},    {20, 21, 20},  {20, INT64_MAX, 20}, {-20, -20, -20},      {-20, -19, -19},
    {-20, 0, 0},           {-20, 10, 10}, {-20, 11, 10},       {-20, INT64_MAX, 10}, {-20, -21, -20},
    {-20, INT64_MIN, -20}, {20, -20, 0},  {-20, 20, 10},
};

static void check_assignments_outside(const struct variant *variant, const struct way *way, uint32_t policy)
{
    for (size_t i = 0; i < sizeof assignments_outside / sizeof assignments_outside[0]; i++) {
        int64_t from = assignments_outside[i].from;
        int64_t value = assignments_outside[i].value;
        tsc_counter_t *counter = make_counter_outside(variant, from, 0, 10, policy);
        bool allowed = value == assignments_outside[i].clamped;

        RETURNS(allowed ? way->done : result_at_bound(policy), way->change(counter, value));
        HOLDS(counter, allowed || policy == TSC_BOUNDS_CLAMP ? assignments_outside[i].clamped : from);
        tsc_counter_unref(counter);
    }
}

START_TEST(assignments_outside_move_towards_the_bounds)
{
    for (size_t w = 0; w < sizeof ways_to_assign / sizeof ways_to_assign[0]; w++) {
        if (!can_change(&variants[_i], &ways_to_assign[w]))
            continue;
        check_assignments_outside(&variants[_i], &ways_to_assign[w], TSC_BOUNDS_REJECT);
        check_assignments_outside(&variants[_i], &ways_to_assign[w], TSC_BOUNDS_CLAMP);
    }
}
END_TEST

START_TEST(bounds_that_are_set_are_read)
{
    for (size_t i = 0; i < sizeof bounds_to_read / sizeof bounds_to_read[0]; i++) {
        tsc_counter_t *counter = make_counter(&variants[_i], &bounds_to_read[i]);

        for (size_t s = 0; s < sizeof bounds_to_read / sizeof bounds_to_read[0]; s++) {
            RETURNS(0, tsc_counter_set_bounds(counter, bounds_to_read[s].min, bounds_to_read[s].max));
            has_bounds(counter, &bounds_to_read[s]);
            RETURNS(-EINVAL, tsc_counter_set_bounds(counter, 3, 2));
            has_bounds(counter, &bounds_to_read[s]);
        }
        RETURNS(0, tsc_counter_close(counter));
        RETURNS(0, tsc_counter_set_bounds(counter, -3, 8));
        has_bounds(counter, &bounds_to_read[0]);
        HOLDS(counter, 0);
        tsc_counter_unref(counter);
    }
}
END_TEST

/* A limit is lowered below the value and raised again, many times: each time at once. */
START_TEST(new_bounds_apply_at_once)
{
    static const uint32_t policies[] = {TSC_BOUNDS_REJECT, TSC_BOUNDS_CLAMP};

    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        const struct options options = {.bounded = true, .max = 10, .policy = policies[i]};
        tsc_counter_t *counter = make_counter(&variants[_i], &options);
        int refused = result_at_bound(policies[i]);

        for (int64_t max = 10; max > 2; max--) {
            RETURNS(0, tsc_counter_set_bounds(counter, 0, max));
            RETURNS(0, tsc_counter_add(counter, max));
            RETURNS(refused, tsc_counter_inc(counter));
            RETURNS(0, tsc_counter_set_bounds(counter, 0, 1));
            RETURNS(refused, tsc_counter_inc(counter));
            RETURNS(0, tsc_counter_dec(counter));
            RETURNS(refused, tsc_counter_inc(counter));
            HOLDS(counter, max - 1);
            RETURNS(0, tsc_counter_set_bounds(counter, -1, 1));
            RETURNS(0, tsc_counter_sub(counter, max));
            RETURNS(refused, tsc_counter_dec(counter));
            RETURNS(0, tsc_counter_inc(counter));
        }
        HOLDS(counter, 0);
        tsc_counter_unref(counter);
    }
}
END_TEST

/* The value outside stays a peak, and a closed counter moves towards the bounds from above only. */
START_TEST(closed_counter_moves_towards_its_bounds)
{
    static const uint32_t policies[] = {TSC_BOUNDS_REJECT, TSC_BOUNDS_CLAMP};

    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        tsc_counter_t *counter = make_counter_outside(&variants[_i], 20, 0, 10, policies[i]);
        int64_t peak = UNTOUCHED;

        RETURNS(0, tsc_counter_close(counter));
        RETURNS(-ESHUTDOWN, tsc_counter_inc(counter));
        RETURNS(0, tsc_counter_dec(counter));
        RETURNS(0, tsc_counter_set_bounds(counter, 30, 40));
        RETURNS(-ESHUTDOWN, tsc_counter_inc(counter));
        RETURNS(result_at_bound(policies[i]), tsc_counter_dec(counter));
        HOLDS(counter, 19);
        RETURNS(0, tsc_counter_get_peak(counter, &peak));
        ck_assert_int_eq(peak, 20);
        tsc_counter_unref(counter);
    }
}
END_TEST

/* A closed counter refuses an update that would raise the value; one that clamping keeps where it is passes. */
START_TEST(closed_counter_is_updated_outside)
{
    int64_t above = 30;
    int64_t below = -30;
    tsc_counter_t *counter = make_counter_outside(&variants[_i], 20, 0, 10, TSC_BOUNDS_CLAMP);

    RETURNS(0, tsc_counter_close(counter));
    RETURNS(1, tsc_counter_update(counter, commit_value, &above));
    HOLDS(counter, 20);
    RETURNS(1, tsc_counter_update(counter, commit_value, &below));
    HOLDS(counter, 0);
    RETURNS(0, tsc_counter_set_bounds(counter, 5, 10));
    RETURNS(-ESHUTDOWN, tsc_counter_update(counter, commit_value, &above));
    RETURNS(1, tsc_counter_update(counter, commit_value, &below));
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
    counter = make_counter_outside(&variants[_i], 20, 0, 10, TSC_BOUNDS_REJECT);
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_update(counter, commit_value, &above));
    RETURNS(-ERANGE, tsc_counter_update(counter, commit_value, &below));
    HOLDS(counter, 20);
    tsc_counter_unref(counter);
}
END_TEST

/* A total outside its bounds does not move down towards them. */
START_TEST(total_outside_its_bounds_only_grows)
{
    const struct options options = {.kind = TSC_KIND_TOTAL, .initial = 20, .bounded = true, .max = 20};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);

    RETURNS(0, tsc_counter_set_bounds(counter, 0, 10));
    RETURNS(-ERANGE, tsc_counter_dec(counter));
    RETURNS(-ERANGE, tsc_counter_inc(counter));
    RETURNS(-ERANGE, tsc_counter_set(counter, 10));
    RETURNS(0, tsc_counter_set(counter, 20));
    RETURNS(0, tsc_counter_set_bounds(counter, 22, 23));
    RETURNS(0, tsc_counter_inc(counter));
    RETURNS(0, tsc_counter_add(counter, 2));
    RETURNS(-ERANGE, tsc_counter_inc(counter));
    HOLDS(counter, 23);
    tsc_counter_unref(counter);
}
END_TEST

static int set_bounds(tsc_counter_t *counter, int64_t *min, int64_t *max)
{
    return tsc_counter_set_bounds(counter, *min, *max + 5);
}

/* From another thread it waits for the callback, whose change is made by the former bounds. */
START_TEST(new_bounds_wait_for_a_callback)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.bounded = true, .max = 9});
    struct occupation occupation;
    struct sleeper setter;

    occupation_begin(&occupation, counter);
    sleeper_start(&setter, counter, set_bounds);
    occupation_end(&occupation);
    ck_assert_int_eq(sleeper_join(&setter), 0);
    RETURNS(-ERANGE, tsc_counter_add(counter, 6));
    RETURNS(0, tsc_counter_add(counter, 5));
    tsc_counter_unref(counter);
}
END_TEST

void add_bounds_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "bounds", 20);

    add_test(tcase, sums_stay_inside, TSC_CAP_BOUNDS);
    add_test(tcase, assignments_stay_inside, TSC_CAP_BOUNDS);
    add_test(tcase, bounds_are_read, TSC_CAP_BOUNDS);
    add_test(tcase, failed_compare_exchange_sees_no_bounds, TSC_CAP_BOUNDS | TSC_CAP_FETCH);
    add_test(tcase, counter_works_on_after_a_refusal, TSC_CAP_BOUNDS);
    add_test(tcase, sums_outside_move_towards_the_bounds, TSC_CAP_BOUNDS | TSC_CAP_PEAK);
    add_test(tcase, assignments_outside_move_towards_the_bounds, TSC_CAP_BOUNDS | TSC_CAP_PEAK);
    add_test(tcase, bounds_that_are_set_are_read, TSC_CAP_BOUNDS | TSC_CAP_PEAK);
    add_test(tcase, new_bounds_apply_at_once, TSC_CAP_BOUNDS);
    add_test(tcase, closed_counter_moves_towards_its_bounds, TSC_CAP_BOUNDS | TSC_CAP_PEAK);
    add_test(tcase, closed_counter_is_updated_outside, TSC_CAP_BOUNDS | TSC_CAP_PEAK | TSC_CAP_UPDATE);
    add_test(tcase, total_outside_its_bounds_only_grows, TSC_CAP_BOUNDS | TSC_CAP_FETCH);
    add_test(tcase, new_bounds_wait_for_a_callback, TSC_CAP_BOUNDS | TSC_CAP_UPDATE);
}
