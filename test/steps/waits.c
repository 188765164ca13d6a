/* SPDX-License-Identifier: MIT */
/* The value falls at each instruction of a wait, or a wait begins at each instruction of a decrease. No wake-up is
 * lost, and a wait may be cancelled anywhere. A lost wake-up is a hang, which the trial reports. */
#include <errno.h>
#include <pthread.h>

#include "support/results.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "support/threads.h"
#include "walk.h"

enum { CASE_SECONDS = 240, OTHERS_STRIDE = 23, CANCELLED_STRIDE = 5 };

static int lower_by_fetch_add(tsc_counter_t *counter)
{
    int64_t previous;

    return tsc_counter_fetch_add(counter, -1, &previous);
}

static int lower_by_set(tsc_counter_t *counter)
{
    return tsc_counter_set(counter, 0);
}

static int lower_by_compare_exchange(tsc_counter_t *counter)
{
    int64_t expected = 1;

    return tsc_counter_compare_exchange(counter, &expected, 0) == 1 ? 0 : UNTOUCHED;
}

static int set_to_zero(int64_t *value, void *arg)
{
    (void)arg;
    *value = 0;
    return 0;
}

static int lower_by_update(tsc_counter_t *counter)
{
    return tsc_counter_update(counter, set_to_zero, NULL);
}

static const struct way {
    const char *name;
    int (*lower)(tsc_counter_t *counter);
    uint64_t caps;
} ways[] = {
    {"dec", tsc_counter_dec, 0},
    {"fetch_add", lower_by_fetch_add, TSC_CAP_FETCH},
    {"set", lower_by_set, TSC_CAP_FETCH},
    {"compare_exchange", lower_by_compare_exchange, TSC_CAP_FETCH},
    {"update", lower_by_update, TSC_CAP_UPDATE},
};

enum { WAYS = sizeof ways / sizeof *ways };

struct meeting {
    struct walk walk;
    struct subject subject;
    const struct way *way;
    int waited;
    int lowered;
};

static void wait_for_zero(void *arg)
{
    struct meeting *meeting = arg;

    meeting->waited = tsc_counter_wait_at_most(meeting->subject.counter, 0, -1);
}

static void lower(void *arg)
{
    struct meeting *meeting = arg;

    meeting->lowered = meeting->way->lower(meeting->subject.counter);
}

static void open_meeting(struct meeting *meeting)
{
    subject_open(&meeting->subject, meeting->walk.variant, variant_attr(meeting->walk.variant));
    ck_assert_int_eq(tsc_counter_inc(meeting->subject.counter), 0);
    ck_assert_int_eq(tsc_counter_flush(meeting->subject.counter), 0);
    meeting->waited = meeting->lowered = UNTOUCHED;
}

static void close_meeting(struct meeting *meeting)
{
    WALK_CHECK(&meeting->walk, meeting->waited == 0 && meeting->lowered == 0);
    subject_assert_value(&meeting->subject, 0);
    subject_close(&meeting->subject);
}

static uint64_t stride_of(const struct way *way)
{
    return way == ways ? 1 : walk_stride(OTHERS_STRIDE);
}

static void lower_at_each_instruction(struct meeting *meeting)
{
    struct walk *walk = &meeting->walk;

    walk_begin(walk, walk->variant, meeting->way->name, "during a wait", stride_of(meeting->way));
    while (walk_next(walk)) {
        open_meeting(meeting);
        walk_visit_waiter(walk, wait_for_zero, lower, meeting);
        walk_end_visit(walk);
        close_meeting(meeting);
    }
}

static void wait_at_each_instruction(struct meeting *meeting)
{
    struct walk *walk = &meeting->walk;

    walk_begin(walk, walk->variant, meeting->way->name, "and a wait begins", stride_of(meeting->way));
    while (walk_next(walk)) {
        open_meeting(meeting);
        if (!walk_visit(walk, lower, wait_for_zero, meeting))
            wait_for_zero(meeting);
        walk_end_visit(walk);
        close_meeting(meeting);
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

START_TEST(test_a_waiter_wakes_whenever_the_value_falls)
{
    for_each_way(&variants[_i], lower_at_each_instruction);
}
END_TEST

START_TEST(test_a_waiter_wakes_whenever_it_begins)
{
    for_each_way(&variants[_i], wait_at_each_instruction);
}
END_TEST

struct cancelled {
    struct walk walk;
    struct subject subject;
    pthread_t waiter;
    bool was_cancelled;
};

static void wait_for_ever(void *arg)
{
    struct cancelled *cancelled = arg;

    (void)tsc_counter_wait_at_most(cancelled->subject.counter, -1, -1);
}

static void cancel(void *arg)
{
    struct cancelled *cancelled = arg;

    pthread_cancel(cancelled->waiter);
}

static void note_cancellation(void *arg)
{
    struct cancelled *cancelled = arg;

    cancelled->was_cancelled = true;
}

/* The cleanup handler notes a cancellation; glibc may not report it to pthread_join(). */
static void *wait_until_cancelled(void *arg)
{
    struct cancelled *cancelled = arg;

    cancelled->waiter = pthread_self();
    pthread_cleanup_push(note_cancellation, cancelled);
    walk_visit_waiter(&cancelled->walk, wait_for_ever, cancel, cancelled);
    pthread_cleanup_pop(0);
    return NULL;
}

/* The cancelled waiter is gone, and later waits work. */
static void check_after_cancellation(struct cancelled *cancelled)
{
    tsc_counter_t *counter = cancelled->subject.counter;

    WALK_CHECK(&cancelled->walk, cancelled->was_cancelled);
    WALK_CHECK(&cancelled->walk, tsc_counter_inc(counter) == 0);
    WALK_CHECK(&cancelled->walk, tsc_counter_wait_at_most(counter, 0, 1) == -ETIMEDOUT);
    WALK_CHECK(&cancelled->walk, tsc_counter_dec(counter) == 0);
    WALK_CHECK(&cancelled->walk, tsc_counter_wait_at_most(counter, 0, -1) == 0);
}

START_TEST(test_waits_are_cancelled_anywhere)
{
    const struct variant *variant = &variants[_i];
    struct cancelled cancelled;
    struct walk *walk = &cancelled.walk;

    if (!walk_is_distinct(variant))
        return;
    walk_begin(walk, variant, "wait_at_most", "is cancelled", walk_stride(CANCELLED_STRIDE));
    while (walk_next(walk)) {
        subject_open(&cancelled.subject, variant, variant_attr(variant));
        cancelled.was_cancelled = false;
        pthread_join(support_start_thread(wait_until_cancelled, &cancelled), NULL);
        walk_end_visit(walk);
        check_after_cancellation(&cancelled);
        subject_close(&cancelled.subject);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waits");
    TCase *tcase = support_add_case(suite, "waits", CASE_SECONDS);

    add_variant_test(tcase, test_a_waiter_wakes_whenever_the_value_falls, 0);
    add_variant_test(tcase, test_a_waiter_wakes_whenever_it_begins, 0);
    add_variant_test(tcase, test_waits_are_cancelled_anywhere, 0);
    return stepper_run_suite(suite);
}
