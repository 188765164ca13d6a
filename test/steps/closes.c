/* SPDX-License-Identifier: MIT */
/*
 * Another thread closes at each instruction of a change, and something changes at each instruction of a close. A
 * close that looks, then adds, fails here in milliseconds.
 */
#include <errno.h>
#include <sched.h>

#include "support/answers.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "walk.h"

enum { CASE_SECONDS = 240, OTHERS_STRIDE = 5 };

/* A call that has instructions of its own. */
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
    int answer;
    int left;
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

static bool always(const struct variant *variant)
{
    (void)variant;
    return true;
}

static bool has_try_add_of_its_own(const struct variant *variant)
{
    return !variant_has(variant, TSC_CAP_SIGNAL_SAFE) && !variant->bounded;
}

static bool has_fetch_add(const struct variant *variant)
{
    return variant_has(variant, TSC_CAP_FETCH);
}

static bool has_update(const struct variant *variant)
{
    return variant_has(variant, TSC_CAP_UPDATE);
}

static const struct way ways[] = {
    {"inc or dec", by_one, always},
    {"try_add", tsc_counter_try_add, has_try_add_of_its_own},
    {"fetch_add", by_fetch_add, has_fetch_add},
    {"update", by_update, has_update},
};

enum { WAYS = sizeof ways / sizeof *ways };

/* Most of the others' instructions are those of the first as well. */
static uint64_t stride_of(const struct way *way)
{
    return way == ways ? 1 : walk_stride(OTHERS_STRIDE);
}

/* Adds to 0, or takes away from 1. */
static void open_meeting(struct meeting *meeting)
{
    subject_open(&meeting->subject, meeting->walk.variant, variant_attr(meeting->walk.variant));
    ck_assert_int_eq(tsc_counter_add(meeting->subject.counter, meeting->delta < 0), 0);
    ck_assert_int_eq(tsc_counter_flush(meeting->subject.counter), 0);
    meeting->left = 0;
    meeting->answer = meeting->closed = meeting->refused = meeting->waited = UNTOUCHED;
    atomic_store(&meeting->drained, false);
}

static void change(void *arg)
{
    struct meeting *meeting = arg;

    meeting->answer = meeting->way->change(meeting->subject.counter, meeting->delta);
    meeting->drained_inside = atomic_load(&meeting->drained);
}

static void close_it(void *arg)
{
    struct meeting *meeting = arg;

    meeting->closed = tsc_counter_close(meeting->subject.counter);
}

/* Where the other thread, which goes on once this one has waited for it, has the mutex at the moment, that is no
 * answer to the close. */
static int change_after_close(struct meeting *meeting)
{
    int answer = meeting->way->change(meeting->subject.counter, 1);

    while (answer == -EAGAIN) {
        sched_yield();
        answer = meeting->way->change(meeting->subject.counter, 1);
    }
    return answer;
}

static void close_and_look(void *arg)
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

/* Who came in goes out again: it is for that that a drain waits. */
static void go_out(struct meeting *meeting)
{
    if (meeting->delta > 0 && meeting->answer == 0)
        meeting->left = tsc_counter_dec(meeting->subject.counter);
}

/* Whether the thread that closed may have waited for the one that stood still: nobody does where there is no lock
 * and nothing has to be admitted. */
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
    WALK_CHECK(walk, meeting->answer == 0 || (meeting->answer == -ESHUTDOWN && meeting->delta > 0));
    WALK_CHECK(walk, meeting->answer != 0 || meeting->delta < 0 || !meeting->drained_inside);
    WALK_CHECK(walk, meeting->left == 0);
    WALK_CHECK(walk, tsc_counter_get(counter, &value) == 0 && value == 0);
    WALK_CHECK(walk, tsc_counter_inc(counter) == -ESHUTDOWN);
    WALK_CHECK(walk, tsc_counter_wait_at_most(counter, 0, 0) == 0);
}

static void meet_at_each_instruction(struct meeting *meeting, const char *what, walk_fn visit, int last_answer)
{
    struct walk *walk = &meeting->walk;

    walk_begin(walk, walk->variant, meeting->way->name, what, stride_of(meeting->way));
    while (walk_on(walk)) {
        bool met;

        open_meeting(meeting);
        met = walk_visit(walk, change, visit, meeting);
        WALK_CHECK(walk, !walk->had_to_wait || visit == close_and_drain || may_wait(walk->variant));
        go_out(meeting);
        walk_see_off(walk);
        if (met) {
            WALK_CHECK(walk, meeting->waited == 0 || meeting->waited == last_answer);
            check_meeting(meeting);
        }
        subject_close(&meeting->subject);
    }
}

static void meet_in_both_directions(struct meeting *meeting)
{
    meeting->delta = 1;
    meet_at_each_instruction(meeting, "coming in, closed and looked at", close_and_look, -ETIMEDOUT);
    meet_at_each_instruction(meeting, "coming in, closed and drained", close_and_drain, 0);
    meeting->delta = -1;
    meet_at_each_instruction(meeting, "going out, closed and looked at", close_and_look, -ETIMEDOUT);
    meet_at_each_instruction(meeting, "going out, closed and drained", close_and_drain, 0);
}

START_TEST(test_a_close_meets_each_change)
{
    const struct variant *variant = variant_at(_i, 0);
    struct meeting meeting = {.walk = {.variant = variant}};

    for (size_t i = 0; i < WAYS && walk_is_worth(variant); i++) {
        meeting.way = &ways[i];
        if (ways[i].has(variant))
            meet_in_both_directions(&meeting);
    }
}
END_TEST

static bool may_find_it_locked(const struct meeting *meeting)
{
    return meeting->answer == -EAGAIN && meeting->way->change == tsc_counter_try_add &&
           meeting->subject.variant->backend == TSC_BACKEND_MUTEX;
}

/* Who comes in while a counter is being closed is in it, or is refused. */
static void come_in_at_each_instruction(struct meeting *meeting)
{
    struct walk *walk = &meeting->walk;

    walk_begin(walk, walk->variant, meeting->way->name, "while one closes", stride_of(meeting->way));
    while (walk_on(walk)) {
        int64_t value = UNTOUCHED;
        bool met;

        open_meeting(meeting);
        met = walk_visit(walk, close_it, change, meeting);
        walk_see_off(walk);
        WALK_CHECK(walk, meeting->closed == 0);
        WALK_CHECK(walk,
                   !met || meeting->answer == 0 || meeting->answer == -ESHUTDOWN || may_find_it_locked(meeting));
        WALK_CHECK(walk, tsc_counter_get(meeting->subject.counter, &value) == 0);
        WALK_CHECK(walk, value == (met && meeting->answer == 0));
        WALK_CHECK(walk, tsc_counter_inc(meeting->subject.counter) == -ESHUTDOWN);
        subject_close(&meeting->subject);
    }
}

START_TEST(test_a_change_meets_each_close)
{
    const struct variant *variant = variant_at(_i, 0);
    struct meeting meeting = {.walk = {.variant = variant}, .delta = 1};

    for (size_t i = 0; i < WAYS && walk_is_worth(variant); i++) {
        meeting.way = &ways[i];
        if (ways[i].has(variant))
            come_in_at_each_instruction(&meeting);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("closes");
    TCase *tcase = support_add_case(suite, "closes", CASE_SECONDS);

    add_variant_test(tcase, test_a_close_meets_each_change, 0);
    add_variant_test(tcase, test_a_change_meets_each_close, 0);
    return stepper_run_suite(suite);
}
