/* SPDX-License-Identifier: MIT */
/*
 * Another thread closes at each instruction of a change, or changes the value at each instruction of a close. A
 * change that checks the state only before it adds fails here in milliseconds.
 */
#include <errno.h>
#include <sched.h>

#include "support/results.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "walk.h"

enum { CASE_SECONDS = 240, OTHERS_STRIDE = 5 };

/* A call with its own instructions. */
struct way {
    const char *name;
    int (*change)(tsc_counter_t *counter, int64_t delta);
    bool (*has)(const struct variant *variant);
};

struct meeting {
    struct walk walk;
    struct subject subject;
    const struct way *way;
    int64_t delta;
    int result;
    int decremented;
    bool drained_inside;

    int closed;
    int refused;
    int waited;
    atomic_bool drained;
};

static int by_one(tsc_counter_t *counter, int64_t delta)
{
    return delta > 0 ? tsc_counter_inc(counter) : tsc_counter_dec(counter);
}

static int by_fetch_add(tsc_counter_t *counter, int64_t delta)
{
    int64_t previous;

    return tsc_counter_fetch_add(counter, delta, &previous);
}

static int change_by(int64_t *value, void *delta)
{
    *value += *(int64_t *)delta;
    return 0;
}

static int by_update(tsc_counter_t *counter, int64_t delta)
{
    return tsc_counter_update(counter, change_by, &delta);
}

static int by_wait_add(tsc_counter_t *counter, int64_t delta)
{
    return tsc_counter_wait_add(counter, delta, -1);
}

static bool always(const struct variant *variant)
{
    (void)variant;
    return true;
}

static bool has_own_try_add(const struct variant *variant)
{
    return !variant_has(variant, TSC_CAP_SIGNAL_SAFE) && !variant->bounded;
}

static bool has_fetch_add(const struct variant *variant)
{
    return variant_has(variant, TSC_CAP_FETCH);
}

static bool has_bounds(const struct variant *variant)
{
    return variant->bounded;
}

static bool has_update(const struct variant *variant)
{
    return variant_has(variant, TSC_CAP_UPDATE);
}

static const struct way ways[] = {
    {"inc or dec", by_one, always},
    {"try_add", tsc_counter_try_add, has_own_try_add},
    {"fetch_add", by_fetch_add, has_fetch_add},
    {"update", by_update, has_update},
    {"wait_add", by_wait_add, has_bounds},
};

enum { WAYS = sizeof ways / sizeof *ways };

/* The others share most instructions with the first; an addition of wait_add is no message of a queue. */
static uint64_t stride_of(const struct way *way)
{
    return way == ways || way->change == by_wait_add ? 1 : walk_stride(OTHERS_STRIDE);
}

/* The change adds to 0, or subtracts from 1. */
static void open_meeting(struct meeting *meeting)
{
    subject_open(&meeting->subject, meeting->walk.variant, variant_attr(meeting->walk.variant));
    ck_assert_int_eq(tsc_counter_add(meeting->subject.counter, meeting->delta < 0), 0);
    ck_assert_int_eq(tsc_counter_flush(meeting->subject.counter), 0);
    meeting->decremented = 0;
    meeting->result = meeting->closed = meeting->refused = meeting->waited = UNTOUCHED;
    atomic_store(&meeting->drained, false);
}

static void change(void *arg)
{
    struct meeting *meeting = arg;

    meeting->result = meeting->way->change(meeting->subject.counter, meeting->delta);
    meeting->drained_inside = atomic_load(&meeting->drained);
}

static void close_it(void *arg)
{
    struct meeting *meeting = arg;

    meeting->closed = tsc_counter_close(meeting->subject.counter);
}

/* -EAGAIN only means that the other thread holds the mutex: it continues once this thread has waited for it. */
static int change_after_close(struct meeting *meeting)
{
    int result = meeting->way->change(meeting->subject.counter, 1);

    while (result == -EAGAIN) {
        sched_yield();
        result = meeting->way->change(meeting->subject.counter, 1);
    }
    return result;
}

static void close_and_check(void *arg)
{
    struct meeting *meeting = arg;

    close_it(meeting);
    meeting->refused = change_after_close(meeting);
    meeting->waited = tsc_counter_wait_at_most(meeting->subject.counter, 0, 0);
    atomic_store(&meeting->drained, meeting->waited == 0);
}

static void close_and_drain(void *arg)
{
    struct meeting *meeting = arg;

    close_it(meeting);
    meeting->refused = change_after_close(meeting);
    meeting->waited = tsc_counter_wait_at_most(meeting->subject.counter, 0, -1);
    atomic_store(&meeting->drained, true);
}

/* An increment that was admitted is taken back: the drain waits for that. */
static void take_back(struct meeting *meeting)
{
    if (meeting->delta > 0 && meeting->result == 0)
        meeting->decremented = tsc_counter_dec(meeting->subject.counter);
}

/* Whether a close may wait for the thread that stands still: not without a lock or admission. */
static bool may_wait(const struct variant *variant)
{
    return !variant_has(variant, TSC_CAP_LOCK_FREE) || variant->bounded || variant->track_peak;
}

static void check_meeting(struct meeting *meeting)
{
    struct walk *walk = &meeting->walk;
    tsc_counter_t *counter = meeting->subject.counter;
    int64_t value = UNTOUCHED;

    WALK_CHECK(walk, meeting->closed == 0);
    WALK_CHECK(walk, meeting->refused == -ESHUTDOWN);
    WALK_CHECK(walk, meeting->result == 0 || (meeting->result == -ESHUTDOWN && meeting->delta > 0));
    WALK_CHECK(walk, meeting->result != 0 || meeting->delta < 0 || !meeting->drained_inside);
    WALK_CHECK(walk, meeting->decremented == 0);
    WALK_CHECK(walk, tsc_counter_get(counter, &value) == 0 && value == 0);
    WALK_CHECK(walk, tsc_counter_inc(counter) == -ESHUTDOWN);
    WALK_CHECK(walk, tsc_counter_wait_at_most(counter, 0, 0) == 0);
}

static void close_at_each_instruction(struct meeting *meeting, const char *what, walk_fn visit, int last_result)
{
    struct walk *walk = &meeting->walk;

    walk_begin(walk, walk->variant, meeting->way->name, what, stride_of(meeting->way));
    while (walk_next(walk)) {
        bool visited;

        open_meeting(meeting);
        visited = walk_visit(walk, change, visit, meeting);
        WALK_CHECK(walk, !walk->visitor_waited || visit == close_and_drain || may_wait(walk->variant));
        take_back(meeting);
        walk_end_visit(walk);
        if (visited) {
            WALK_CHECK(walk, meeting->waited == 0 || meeting->waited == last_result);
            check_meeting(meeting);
        }
        subject_close(&meeting->subject);
    }
}

static void close_during_both_directions(struct meeting *meeting)
{
    meeting->delta = 1;
    close_at_each_instruction(meeting, "incremented, closed and checked", close_and_check, -ETIMEDOUT);
    close_at_each_instruction(meeting, "incremented, closed and drained", close_and_drain, 0);
    meeting->delta = -1;
    close_at_each_instruction(meeting, "decremented, closed and checked", close_and_check, -ETIMEDOUT);
    close_at_each_instruction(meeting, "decremented, closed and drained", close_and_drain, 0);
}

START_TEST(test_a_close_during_each_change)
{
    const struct variant *variant = &variants[_i];
    struct meeting meeting = {.walk = {.variant = variant}};

    for (size_t i = 0; i < WAYS && walk_is_distinct(variant); i++) {
        meeting.way = &ways[i];
        if (ways[i].has(variant))
            close_during_both_directions(&meeting);
    }
}
END_TEST

static bool may_find_the_lock_held(const struct meeting *meeting)
{
    return meeting->result == -EAGAIN && meeting->way->change == tsc_counter_try_add &&
           meeting->subject.variant->backend == TSC_BACKEND_MUTEX;
}

/* A change during a close is either counted or refused. */
static void change_at_each_instruction(struct meeting *meeting)
{
    struct walk *walk = &meeting->walk;

    walk_begin(walk, walk->variant, meeting->way->name, "during a close", stride_of(meeting->way));
    while (walk_next(walk)) {
        int64_t value = UNTOUCHED;
        bool visited;

        open_meeting(meeting);
        visited = walk_visit(walk, close_it, change, meeting);
        walk_end_visit(walk);
        WALK_CHECK(walk, meeting->closed == 0);
        WALK_CHECK(walk, !visited || meeting->result == 0 || meeting->result == -ESHUTDOWN ||
                             may_find_the_lock_held(meeting));
        WALK_CHECK(walk, tsc_counter_get(meeting->subject.counter, &value) == 0);
        WALK_CHECK(walk, value == (visited && meeting->result == 0));
        WALK_CHECK(walk, tsc_counter_inc(meeting->subject.counter) == -ESHUTDOWN);
        subject_close(&meeting->subject);
    }
}

START_TEST(test_a_change_during_each_close)
{
    const struct variant *variant = &variants[_i];
    struct meeting meeting = {.walk = {.variant = variant}, .delta = 1};

    for (size_t i = 0; i < WAYS && walk_is_distinct(variant); i++) {
        meeting.way = &ways[i];
        if (ways[i].has(variant))
            change_at_each_instruction(&meeting);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("closes");
    TCase *tcase = support_add_case(suite, "closes", CASE_SECONDS);

    add_variant_test(tcase, test_a_close_during_each_change, 0);
    add_variant_test(tcase, test_a_change_during_each_close, 0);
    return stepper_run_suite(suite);
}
