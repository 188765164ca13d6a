/* SPDX-License-Identifier: MIT */
#include "conformance.h"

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

void add_bounds_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "bounds", 20);

    add_test(tcase, sums_stay_inside, TSC_CAP_BOUNDS);
    add_test(tcase, assignments_stay_inside, TSC_CAP_BOUNDS);
    add_test(tcase, bounds_are_read, TSC_CAP_BOUNDS);
    add_test(tcase, failed_compare_exchange_sees_no_bounds, TSC_CAP_BOUNDS | TSC_CAP_FETCH);
    add_test(tcase, counter_works_on_after_a_refusal, TSC_CAP_BOUNDS);
}
