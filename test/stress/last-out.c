/* SPDX-License-Identifier: MIT */
/*
 * Two threads change a counter at the same time, and each reads it after its own change. The later one must see
 * both changes. If a read does not wait for its own thread's addition, each addition is still in flight when the
 * other thread reads. Then both threads miss the other's change.
 */
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <tscounter/tscounter.h>

#include "support/backends.h"
#include "support/late-stores.h"
#include "support/suite.h"
#include "support/threads.h"

enum { BATCH = 500, ALTERNATIVES = 4, LOOKS_BETWEEN_YIELDS = 1000 };

struct meeting {
    tsc_counter_t *counter;
    atomic_uint arrived;
    int64_t seen[2];
};

struct meetings {
    const struct contest *contest;
    struct meeting batch[BATCH];
    struct support_lines lines[2];
};

/* The deltas of the two threads. */
struct contest {
    int64_t initial;
    int64_t delta[2];
};

static const struct contest contests[] = {
    {2, {-1, -1}}, /* the last one out */
    {0, {1, 1}},
    {0, {1, -1}},
};

enum { CONTESTS = sizeof contests / sizeof *contests };

static int64_t both_changes(const struct contest *contest)
{
    return contest->initial + contest->delta[0] + contest->delta[1];
}

static void meet(struct meeting *meeting)
{
    atomic_fetch_add(&meeting->arrived, 1);
    for (unsigned int looks = 1; atomic_load(&meeting->arrived) < 2; looks++)
        if (looks % LOOKS_BETWEEN_YIELDS == 0)
            sched_yield();
}

/*
 * A thread may see the value after both changes, or after its own only. A poll with a threshold between the two
 * tells which.
 */
static int64_t poll_for_either_value(tsc_counter_t *counter, const struct contest *contest, int64_t alone)
{
    int64_t both = both_changes(contest);
    int64_t threshold = both < alone ? both : alone;
    bool is_low = tsc_counter_wait_at_most(counter, threshold, 0) == 0;

    return is_low == (both < alone) ? both : alone;
}

static int64_t read_in_some_way(tsc_counter_t *counter, size_t way, const struct contest *contest, int64_t alone)
{
    int64_t low = INT64_MIN;
    int64_t high = INT64_MIN;
    int64_t cursor = 0;

    switch (way) {
    case 0:
        tsc_counter_get(counter, &low);
        return low;
    case 1:
        tsc_counter_get_interval(counter, &low, &high);
        return low == high ? low : both_changes(contest);
    case 2:
        tsc_counter_get_delta(counter, &cursor, &low);
        return low;
    default:
        return poll_for_either_value(counter, contest, alone);
    }
}

static void change_and_read(size_t index, void *arg)
{
    struct meetings *meetings = arg;
    const struct contest *contest = meetings->contest;

    support_stay_on_processor(index);
    for (size_t i = 0; i < BATCH; i++) {
        struct meeting *meeting = &meetings->batch[i];

        meet(meeting);
        support_delay_stores(&meetings->lines[index]);
        tsc_counter_add(meeting->counter, contest->delta[index]);
        meeting->seen[index] = read_in_some_way(meeting->counter, i % ALTERNATIVES, contest,
                                                contest->initial + contest->delta[index]);
    }
}

static void prepare(struct meetings *meetings, tsc_backend_t backend, tsc_counter_attr_t *attr)
{
    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, meetings->contest->initial), 0);
    for (size_t i = 0; i < BATCH; i++) {
        meetings->batch[i] = (struct meeting){.counter = NULL};
        ck_assert_int_eq(tsc_counter_create(&meetings->batch[i].counter, backend, attr), 0);
    }
}

static size_t count_missed(struct meetings *meetings)
{
    int64_t both = both_changes(meetings->contest);
    size_t missed = 0;

    for (size_t i = 0; i < BATCH; i++) {
        struct meeting *meeting = &meetings->batch[i];

        missed += meeting->seen[0] != both && meeting->seen[1] != both;
        tsc_counter_unref(meeting->counter);
    }
    return missed;
}

static size_t hold_contest(struct meetings *meetings, tsc_backend_t backend)
{
    uint64_t batches = support_ops(300) / 100 + 1;
    size_t missed = 0;
    tsc_counter_attr_t *attr;
    tsc_owner_t *owner = NULL;

    ck_assert_int_eq(tsc_counter_attr_create(&attr), 0);
    if (backend == TSC_BACKEND_QUEUE) {
        ck_assert_int_eq(tsc_owner_create(&owner, NULL), 0);
        ck_assert_int_eq(tsc_counter_attr_set_owner(attr, owner), 0);
    }
    for (uint64_t batch = 0; batch < batches; batch++) {
        prepare(meetings, backend, attr);
        support_run_threads(2, change_and_read, meetings);
        missed += count_missed(meetings);
    }
    tsc_counter_attr_destroy(attr);
    tsc_owner_unref(owner);
    return missed;
}

START_TEST(test_the_later_of_two_sees_both_changes)
{
    struct meetings *meetings = calloc(1, sizeof *meetings);

    ck_assert_ptr_nonnull(meetings);
    for (size_t i = 0; i < CONTESTS; i++) {
        meetings->contest = &contests[i];
        ck_assert_uint_eq(hold_contest(meetings, (tsc_backend_t)_i), 0);
    }
    free(meetings);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("last-out");
    TCase *tcase = support_add_case(suite, "last-out", 120);

    for (tsc_backend_t backend = 0; backend < TSC_BACKEND_COUNT; backend++)
        if (support_is_built(backend))
            tcase_add_loop_test(tcase, test_the_later_of_two_sees_both_changes, (int)backend, (int)backend + 1);
    return support_run_suite(suite);
}
