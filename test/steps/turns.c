/* SPDX-License-Identifier: MIT */
/*
 * Room is made at each instruction of a wait for admission, or a wait begins at each instruction of a call that
 * makes room. No wake-up is lost, and a thread that gives up or is cancelled takes none along. A lost wake-up is a
 * hang, which the trial reports.
 */
#include <errno.h>
#include <pthread.h>

#include "support/procfs.h"
#include "support/results.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "support/threads.h"
#include "walk.h"

enum { CASE_SECONDS = 240, MAX = 10, OTHERS_STRIDE = 23, CANCELLED_STRIDE = 5 };

struct meeting {
    struct walk walk;
    struct subject subject;
    const struct way *way;
    int waited;
    int released;
    int released_too;
    pthread_t walker;
    bool was_cancelled;
    pthread_t sleepers[2];
    int slept[2];
};

/* -------- the ways to make room for 1 -------- */

static int release_by_set(tsc_counter_t *counter)
{
    return tsc_counter_set(counter, MAX - 1);
}

static int release_by_compare_exchange(tsc_counter_t *counter)
{
    int64_t expected = MAX;

    return tsc_counter_compare_exchange(counter, &expected, MAX - 1) == 1 ? 0 : UNTOUCHED;
}

static int lower_by_one(int64_t *value, void *arg)
{
    (void)arg;
    *value -= 1;
    return 0;
}

static int release_by_update(tsc_counter_t *counter)
{
    return tsc_counter_update(counter, lower_by_one, NULL);
}

static int release_by_new_bounds(tsc_counter_t *counter)
{
    return tsc_counter_set_bounds(counter, 0, MAX + 1);
}

static int release_by_wait_add(tsc_counter_t *counter)
{
    return tsc_counter_wait_add(counter, -1, -1);
}

static const struct way {
    const char *name;
    int (*release)(tsc_counter_t *counter);
    uint64_t caps;
} ways[] = {
    {"dec", tsc_counter_dec, 0},
    {"set", release_by_set, TSC_CAP_FETCH},
    {"compare_exchange", release_by_compare_exchange, TSC_CAP_FETCH},
    {"update", release_by_update, TSC_CAP_UPDATE},
    {"set_bounds", release_by_new_bounds, 0},
    {"wait_add", release_by_wait_add, 0},
};

enum { WAYS = sizeof ways / sizeof *ways };

static uint64_t stride_of(const struct way *way)
{
    return way == ways || way->release == release_by_new_bounds ? 1 : walk_stride(OTHERS_STRIDE);
}

/* -------- the threads -------- */

static void wait_add(void *arg)
{
    struct meeting *meeting = arg;

    meeting->waited = tsc_counter_wait_add(meeting->subject.counter, 1, -1);
}

static void release(void *arg)
{
    struct meeting *meeting = arg;

    meeting->released = meeting->way->release(meeting->subject.counter);
}

static void *sleep_first(void *arg)
{
    struct meeting *meeting = arg;

    meeting->slept[0] = tsc_counter_wait_add(meeting->subject.counter, 1, -1);
    return NULL;
}

static void *sleep_second(void *arg)
{
    struct meeting *meeting = arg;

    meeting->slept[1] = tsc_counter_wait_add(meeting->subject.counter, 1, -1);
    return NULL;
}

static void start_sleepers(struct meeting *meeting, int count)
{
    pid_t id;

    meeting->sleepers[0] = support_start_sleeper(sleep_first, meeting, &id);
    if (count > 1)
        meeting->sleepers[1] = support_start_sleeper(sleep_second, meeting, &id);
}

static void open_meeting(struct meeting *meeting, int64_t initial)
{
    const struct variant *variant = meeting->walk.variant;
    tsc_counter_attr_t *attr = variant_attr(variant);

    ck_assert_int_eq(tsc_counter_attr_set_bounds(attr, 0, MAX, TSC_BOUNDS_REJECT), 0);
    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, initial), 0);
    subject_open(&meeting->subject, variant, attr);
    meeting->waited = meeting->released = meeting->released_too = UNTOUCHED;
    meeting->slept[0] = meeting->slept[1] = UNTOUCHED;
    meeting->was_cancelled = false;
}

static void close_meeting(struct meeting *meeting, int64_t value)
{
    subject_assert_value(&meeting->subject, value);
    subject_close(&meeting->subject);
}

/* -------- one wait and one release -------- */

static void close_pair(struct meeting *meeting)
{
    WALK_CHECK(&meeting->walk, meeting->waited == 0 && meeting->released == 0);
    close_meeting(meeting, meeting->way->release == release_by_new_bounds ? MAX + 1 : MAX);
}

static void release_at_each_instruction(struct meeting *meeting)
{
    struct walk *walk = &meeting->walk;

    walk_begin(walk, walk->variant, meeting->way->name, "during a wait for admission", stride_of(meeting->way));
    while (walk_next(walk)) {
        open_meeting(meeting, MAX);
        walk_visit_waiter(walk, wait_add, release, meeting);
        walk_end_visit(walk);
        close_pair(meeting);
    }
}

static void wait_at_each_instruction(struct meeting *meeting)
{
    struct walk *walk = &meeting->walk;

    walk_begin(walk, walk->variant, meeting->way->name, "and a wait for admission begins",
               stride_of(meeting->way));
    while (walk_next(walk)) {
        open_meeting(meeting, MAX);
        if (!walk_visit(walk, release, wait_add, meeting))
            wait_add(meeting);
        walk_end_visit(walk);
        close_pair(meeting);
    }
}

static void for_each_way(const struct variant *variant, void (*walk_through)(struct meeting *meeting))
{
    struct meeting meeting = {.walk = {.variant = variant}};

    for (size_t i = 0; i < WAYS && walk_is_distinct(variant); i++) {
        meeting.way = &ways[i];
        if (variant_has(variant, ways[i].caps))
            walk_through(&meeting);
    }
}

START_TEST(test_a_thread_is_admitted_whenever_room_is_made)
{
    for_each_way(&variants[_i], release_at_each_instruction);
}
END_TEST

START_TEST(test_a_thread_is_admitted_whenever_it_comes)
{
    for_each_way(&variants[_i], wait_at_each_instruction);
}
END_TEST

/* -------- checks that find the lock held -------- */

static void release_twice(void *arg)
{
    struct meeting *meeting = arg;

    meeting->released = tsc_counter_dec(meeting->subject.counter);
    pthread_join(meeting->sleepers[0], NULL);
    meeting->released_too = tsc_counter_dec(meeting->subject.counter);
}

/* The first thread sleeps. It is woken although the walked one, which queues behind it, may hold the lock. */
START_TEST(test_room_is_made_while_another_thread_queues)
{
    struct meeting meeting = {.walk = {.variant = &variants[_i]}};
    struct walk *walk = &meeting.walk;

    if (!walk_is_distinct(walk->variant))
        return;
    walk_begin(walk, walk->variant, "wait_add", "behind another, and room is made", 1);
    while (walk_next(walk)) {
        open_meeting(&meeting, MAX);
        start_sleepers(&meeting, 1);
        walk_visit_waiter(walk, wait_add, release_twice, &meeting);
        walk_end_visit(walk);
        WALK_CHECK(walk, meeting.slept[0] == 0 && meeting.waited == 0);
        WALK_CHECK(walk, meeting.released == 0 && meeting.released_too == 0);
        close_meeting(&meeting, MAX);
    }
}
END_TEST

static void release_too(void *arg)
{
    struct meeting *meeting = arg;

    meeting->released_too = tsc_counter_dec(meeting->subject.counter);
}

/* Two threads sleep; both are woken. */
START_TEST(test_room_is_made_while_room_is_made)
{
    struct meeting meeting = {.walk = {.variant = &variants[_i]}, .way = ways};
    struct walk *walk = &meeting.walk;

    if (!walk_is_distinct(walk->variant))
        return;
    walk_begin(walk, walk->variant, "dec", "and another, for two threads", 1);
    while (walk_next(walk)) {
        open_meeting(&meeting, MAX);
        start_sleepers(&meeting, 2);
        if (!walk_visit(walk, release, release_too, &meeting))
            release_too(&meeting);
        walk_end_visit(walk);
        pthread_join(meeting.sleepers[0], NULL);
        pthread_join(meeting.sleepers[1], NULL);
        WALK_CHECK(walk, meeting.slept[0] == 0 && meeting.slept[1] == 0);
        WALK_CHECK(walk, meeting.released == 0 && meeting.released_too == 0);
        close_meeting(&meeting, MAX);
    }
}
END_TEST

static void release_in_handler(void *arg)
{
    release_too(arg);
}

static void wait_shortly(void *arg)
{
    struct meeting *meeting = arg;

    meeting->waited = tsc_counter_wait_add(meeting->subject.counter, 1, 1);
}

/* The handler interrupts a thread that may hold the lock, and does not wait for it. */
START_TEST(test_a_handler_makes_room)
{
    struct meeting meeting = {.walk = {.variant = &variants[_i]}};
    struct walk *walk = &meeting.walk;

    if (!walk_is_distinct(walk->variant))
        return;
    walk_begin(walk, walk->variant, "wait_add", "behind another, and a handler makes room", 1);
    while (walk_next(walk)) {
        open_meeting(&meeting, MAX);
        start_sleepers(&meeting, 1);
        if (!walk_interrupt(walk, wait_shortly, release_in_handler, &meeting))
            release_too(&meeting);
        pthread_join(meeting.sleepers[0], NULL);
        WALK_CHECK(walk, meeting.slept[0] == 0 && meeting.released_too == 0);
        WALK_CHECK(walk, meeting.waited == -ETIMEDOUT);
        close_meeting(&meeting, MAX);
    }
}
END_TEST

/* -------- cancellation -------- */

static void wait_for_too_much(void *arg)
{
    struct meeting *meeting = arg;

    (void)!tsc_counter_wait_add(meeting->subject.counter, 2, -1);
}

/* The other thread is behind the cancelled one, if that one is queued. */
static void cancel_and_wait(void *arg)
{
    struct meeting *meeting = arg;

    pthread_cancel(meeting->walker);
    wait_add(meeting);
}

static void note_cancellation(void *arg)
{
    struct meeting *meeting = arg;

    meeting->was_cancelled = true;
}

static void *wait_until_cancelled(void *arg)
{
    struct meeting *meeting = arg;

    meeting->walker = pthread_self();
    pthread_cleanup_push(note_cancellation, meeting);
    walk_visit_waiter(&meeting->walk, wait_for_too_much, cancel_and_wait, meeting);
    pthread_cleanup_pop(0);
    return NULL;
}

START_TEST(test_waits_for_admission_are_cancelled_anywhere)
{
    struct meeting meeting = {.walk = {.variant = &variants[_i]}};
    struct walk *walk = &meeting.walk;

    if (!walk_is_distinct(walk->variant))
        return;
    walk_begin(walk, walk->variant, "wait_add", "is cancelled", walk_stride(CANCELLED_STRIDE));
    while (walk_next(walk)) {
        open_meeting(&meeting, MAX - 1);
        pthread_join(support_start_thread(wait_until_cancelled, &meeting), NULL);
        walk_end_visit(walk);
        WALK_CHECK(walk, meeting.was_cancelled && meeting.waited == 0);
        WALK_CHECK(walk, tsc_counter_wait_add(meeting.subject.counter, 1, 0) == -ETIMEDOUT);
        WALK_CHECK(walk, tsc_counter_dec(meeting.subject.counter) == 0);
        WALK_CHECK(walk, tsc_counter_wait_add(meeting.subject.counter, 1, 0) == 0);
        close_meeting(&meeting, MAX);
    }
}
END_TEST

/* -------- a close -------- */

static void try_once(void *arg)
{
    struct meeting *meeting = arg;

    meeting->waited = tsc_counter_wait_add(meeting->subject.counter, 1, 0);
}

static void close_and_look(void *arg)
{
    struct meeting *meeting = arg;

    meeting->released = tsc_counter_close(meeting->subject.counter);
    meeting->released_too = tsc_counter_wait_at_most(meeting->subject.counter, 0, 0);
}

/* An addition that is admitted has been made when the close returns. */
START_TEST(test_a_close_meets_an_addition)
{
    struct meeting meeting = {.walk = {.variant = &variants[_i]}};
    struct walk *walk = &meeting.walk;

    if (!walk_is_distinct(walk->variant))
        return;
    walk_begin(walk, walk->variant, "wait_add", "and another thread closes and looks", 1);
    while (walk_next(walk)) {
        open_meeting(&meeting, 0);
        if (!walk_visit(walk, try_once, close_and_look, &meeting))
            close_and_look(&meeting);
        walk_end_visit(walk);
        WALK_CHECK(walk, meeting.released == 0);
        WALK_CHECK(walk, meeting.waited == 0 || meeting.waited == -ESHUTDOWN);
        WALK_CHECK(walk, meeting.released_too == (meeting.waited == 0 ? -ETIMEDOUT : 0));
        close_meeting(&meeting, meeting.waited == 0);
    }
}
END_TEST

/* -------- reading the bounds -------- */

struct pair {
    struct walk walk;
    struct subject subject;
    int64_t min;
    int64_t max;
    int result;
};

static void read_bounds(void *arg)
{
    struct pair *pair = arg;

    pair->result = tsc_counter_get_bounds(pair->subject.counter, &pair->min, &pair->max);
}

static void change_bounds_twice(void *arg)
{
    struct pair *pair = arg;

    (void)tsc_counter_set_bounds(pair->subject.counter, 1, MAX + 1);
    (void)tsc_counter_set_bounds(pair->subject.counter, 2, MAX + 2);
}

START_TEST(test_bounds_are_read_as_a_pair)
{
    struct pair pair = {.walk = {.variant = &variants[_i]}};
    struct walk *walk = &pair.walk;

    if (!walk_is_distinct(walk->variant))
        return;
    walk_begin(walk, walk->variant, "get_bounds", "and another thread sets them twice", 1);
    while (walk_next(walk)) {
        tsc_counter_attr_t *attr = variant_attr(walk->variant);

        ck_assert_int_eq(tsc_counter_attr_set_bounds(attr, 0, MAX, TSC_BOUNDS_REJECT), 0);
        subject_open(&pair.subject, walk->variant, attr);
        walk_visit(walk, read_bounds, change_bounds_twice, &pair);
        walk_end_visit(walk);
        WALK_CHECK(walk, pair.result == 0 && pair.min >= 0 && pair.min <= 2 && pair.max == pair.min + MAX);
        subject_close(&pair.subject);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("turns");
    TCase *tcase = support_add_case(suite, "turns", CASE_SECONDS);

    add_variant_test(tcase, test_a_thread_is_admitted_whenever_room_is_made, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_a_thread_is_admitted_whenever_it_comes, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_room_is_made_while_another_thread_queues, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_room_is_made_while_room_is_made, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_a_handler_makes_room, TSC_CAP_BOUNDS | TSC_CAP_SIGNAL_SAFE);
    add_variant_test(tcase, test_waits_for_admission_are_cancelled_anywhere, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_a_close_meets_an_addition, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_bounds_are_read_as_a_pair, TSC_CAP_BOUNDS);
    return stepper_run_suite(suite);
}
