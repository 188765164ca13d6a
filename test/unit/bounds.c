/* SPDX-License-Identifier: MIT */
/*
 * src/bounds.h, for every small value, bound and change, near 0 and at both ends of int64_t. The reference walks
 * from the value in steps of 1. Positions are counted from a base, so the walk itself never overflows.
 */
#include "bounds.h"

#include "support/results.h"
#include "support/suite.h"

enum { FIRST = 0, LAST = 7 };

/* The number of the first position. The last two ranges end at the ends of int64_t. */
static const int64_t bases[] = {-4, INT64_MIN, INT64_MAX - LAST};

enum { BASES = sizeof bases / sizeof bases[0] };

static const int64_t deltas[] = {
    INT64_MIN, INT64_MIN + 1, -9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, INT64_MAX};

/* Bounds from position min to max. */
struct range {
    int min;
    int max;
};

static int distance(struct range range, int position)
{
    return position < range.min ? range.min - position : position > range.max ? position - range.max : 0;
}

/* Walks until the next step would leave the range, or take a position outside further away. */
static int walk(struct range range, int from, bool upwards, uint64_t steps, bool *arrived)
{
    int position = from;

    *arrived = false;
    for (uint64_t step = 0; step < steps; step++) {
        int next = upwards ? position + 1 : position - 1;

        if (distance(range, next) > 0 && distance(range, next) >= distance(range, position))
            return position;
        position = next;
    }
    *arrived = true;
    return position;
}

static uint64_t magnitude(int64_t delta)
{
    return delta < 0 ? -(uint64_t)delta : (uint64_t)delta;
}

static struct tsc_bounds bounds_of(int64_t base, struct range range, bool clamp, bool total)
{
    return (struct tsc_bounds){
        .min = base + range.min, .max = base + range.max, .bounded = true, .clamp = clamp, .total = total};
}

/* Compares the outcome of a change of `delta` from position `from`. */
static void check(const struct tsc_bounds *bounds, struct range range, int64_t base, int from, int64_t delta,
                  int result, int64_t stored)
{
    bool arrived;
    int end = walk(range, from, delta > 0, magnitude(delta), &arrived);
    int expected = arrived ? 0 : bounds->clamp ? 1 : -ERANGE;

    ck_assert_msg(result == expected && stored == (expected < 0 ? UNTOUCHED : base + end),
                  "base %lld, bounds %d to %d, clamp %d, total %d, from %d by %lld: %d, %lld", (long long)base,
                  range.min, range.max, bounds->clamp, bounds->total, from, (long long)delta, result,
                  (long long)stored);
}

static void check_sums(const struct tsc_bounds *bounds, struct range range, int64_t base, int from)
{
    for (size_t i = 0; i < sizeof deltas / sizeof deltas[0]; i++) {
        int64_t stored = UNTOUCHED;
        int result;

        if (bounds->total && deltas[i] < 0)
            continue;
        result = tsc_bounds_add(bounds, base + from, deltas[i], &stored);
        check(bounds, range, base, from, deltas[i], result, stored);
    }
}

static void check_assignments(const struct tsc_bounds *bounds, struct range range, int64_t base, int from)
{
    for (int to = FIRST; to <= LAST; to++) {
        int64_t stored = UNTOUCHED;
        int result = tsc_bounds_set(bounds, base + from, base + to, &stored);

        if (!bounds->total || to >= from) {
            check(bounds, range, base, from, to - from, result, stored);
        } else {
            ck_assert_int_eq(result, -ERANGE);
            ck_assert_int_eq(stored, UNTOUCHED);
        }
    }
}

static void check_changes(const struct tsc_bounds *bounds, struct range range, int64_t base)
{
    for (int from = FIRST; from <= LAST; from++) {
        check_sums(bounds, range, base, from);
        check_assignments(bounds, range, base, from);
    }
}

START_TEST(changes_stay_inside_or_move_towards_the_bounds)
{
    struct range range;

    for (range.min = FIRST; range.min <= LAST; range.min++) {
        for (range.max = range.min; range.max <= LAST; range.max++) {
            for (int way = 0; way < 4; way++) {
                struct tsc_bounds bounds = bounds_of(bases[_i], range, way & 1, way & 2);

                check_changes(&bounds, range, bases[_i]);
            }
        }
    }
}
END_TEST

/* Without bounds a sum wraps, and only an assignment that lowers a total is refused. */
static void check_without_bounds(const struct tsc_bounds *bounds, int64_t from, int64_t to)
{
    int64_t delta = (int64_t)((uint64_t)to - (uint64_t)from);
    bool refused = bounds->total && to < from;
    int64_t stored = UNTOUCHED;

    RETURNS(0, tsc_bounds_add(bounds, from, delta, &stored));
    ck_assert_int_eq(stored, to);
    stored = UNTOUCHED;
    RETURNS(refused ? -ERANGE : 0, tsc_bounds_set(bounds, from, to, &stored));
    ck_assert_int_eq(stored, refused ? UNTOUCHED : to);
}

START_TEST(sums_wrap_without_bounds)
{
    static const int64_t values[] = {INT64_MIN, INT64_MIN + 1, -2, -1, 0, 1, 2, INT64_MAX - 1, INT64_MAX};
    const struct tsc_bounds bounds = {.total = _i == 1};
    size_t count = sizeof values / sizeof values[0];

    for (size_t pair = 0; pair < count * count; pair++)
        check_without_bounds(&bounds, values[pair / count], values[pair % count]);
}
END_TEST

/* -------- additions behind others -------- */

typedef __int128 wide;

static void check_behind(const struct tsc_bounds *bounds, int64_t value, int64_t delta, int64_t ahead)
{
    wide together = (wide)delta + ahead;
    bool overflows = together > INT64_MAX || together < INT64_MIN;
    bool fits = !overflows && (delta > 0 ? value + together <= bounds->max : value + together >= bounds->min);
    bool ever_fits =
        delta > 0 ? (wide)bounds->min + delta <= bounds->max : (wide)bounds->max + delta >= bounds->min;
    int64_t stored = UNTOUCHED;

    RETURNS(fits ? 0 : ever_fits ? -EAGAIN : -ERANGE, tsc_bounds_add_behind(bounds, value, delta, ahead, &stored));
    ck_assert_int_eq(stored, fits ? value + delta : UNTOUCHED);
}

/* `delta` is not 0, and `ahead` has its sign or is 0. */
START_TEST(addition_behind_others_leaves_room_for_them)
{
    static const int64_t values[] = {INT64_MIN, INT64_MIN + 1, -5, -1, 0, 1, 5, INT64_MAX - 1, INT64_MAX};
    static const struct tsc_bounds ranges[] = {
        {.min = INT64_MIN, .max = INT64_MAX, .bounded = true},
        {.min = -4, .max = 4, .bounded = true},
        {.min = 0, .max = INT64_MAX, .bounded = true},
        {.min = INT64_MIN, .max = 0, .bounded = true},
    };
    const struct tsc_bounds *bounds = &ranges[_i];
    size_t count = sizeof values / sizeof values[0];

    for (size_t value = 0; value < count; value++)
        for (size_t delta = 0; delta < count; delta++)
            for (size_t ahead = 0; ahead < count; ahead++)
                if (values[delta] != 0 && (values[ahead] == 0 || (values[ahead] > 0) == (values[delta] > 0)))
                    check_behind(bounds, values[value], values[delta], values[ahead]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bounds");
    TCase *tcase = support_add_case(suite, "bounds", 10);

    tcase_add_loop_test(tcase, changes_stay_inside_or_move_towards_the_bounds, 0, BASES);
    tcase_add_loop_test(tcase, sums_wrap_without_bounds, 0, 2);
    tcase_add_loop_test(tcase, addition_behind_others_leaves_room_for_them, 0, 4);
    return support_run_suite(suite);
}
