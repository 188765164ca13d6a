/* SPDX-License-Identifier: MIT */
/* Something happens at each instruction of a wait, or a wait begins at each instruction of what ends it: no
 * wake-up is lost, and a wait may be cancelled anywhere. One that is lost is a hang, and the trial says so. */
#include <errno.h>
#include <pthread.h>

#include "support/answers.h"
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

static int set_to_nothing(int64_t *value, void *arg)
{
    (void)arg;
    *value = 0;
    return 0;
}

static int lower_by_update(tsc_counter_t *counter)
{
    return tsc_counter_update(counter, set_to_nothing, NULL);
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

static void wait_for_nothing(void *arg)
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
    while (walk_on(walk)) {
        open_meeting(meeting);
        walk_visit_waiter(walk, wait_for_nothing, lower, meeting);
        walk_see_off(walk);
        close_meeting(meeting);
    }
}

static void wait_at_each_instruction(struct meeting *meeting)
{
    struct walk *walk = &meeting->walk;

    walk_begin(walk, walk->variant, meeting->way->name, "and a wait begins", stride_of(meeting->way));
    while (walk_on(walk)) {
        open_meeting(meeting);
        if (!walk_visit(walk, lower, wait_for_nothing, meeting))
            wait_for_nothing(meeting);
        walk_see_off(walk);
        close_meeting(meeting);
    }
}

static void with_each_way(const struct variant *variant, void (*walk_through)(struct meeting *meeting))
{
    struct meeting meeting = {.walk = {.variant = variant}};

    for (size_t i = 0; i < WAYS && walk_is_worth(variant); i++) {
        meeting.way = &ways[i];
        if (variant_has(variant, ways[i].caps))
            walk_through(&meeting);
    }
}

START_TEST(test_waiters_wake_whenever_the_value_falls)
{
    with_each_way(variant_at(_i, 0), lower_at_each_instruction);
}
END_TEST

START_TEST(test_waiters_wake_whenever_they_come)
{
    with_each_way(variant_at(_i, 0), wait_at_each_instruction);
}
END_TEST

struct doomed {
    struct walk walk;
    struct subject subject;
    pthread_t waiter;
    bool was_cancelled;
};

static void wait_in_vain(void *arg)
{
    struct doomed *doomed = arg;

    (void)tsc_counter_wait_at_most(doomed->subject.counter, -1, -1);
}

static void cancel(void *arg)
{
    struct doomed *doomed = arg;

    pthread_cancel(doomed->waiter);
}

static void note_cancellation(void *arg)
{
    struct doomed *doomed = arg;

    doomed->was_cancelled = true;
}

/* That, and not what a join tells: where a cancellation comes with the end of a time of none, glibc forgets it. */
static void *wait_until_cancelled(void *arg)
{
    struct doomed *doomed = arg;

    doomed->waiter = pthread_self();
    pthread_cleanup_push(note_cancellation, doomed);
    walk_visit_waiter(&doomed->walk, wait_in_vain, cancel, doomed);
    pthread_cleanup_pop(0);
    return NULL;
}

/* Nobody waits any more, and whoever waits after it is woken. */
static void check_after_cancellation(struct doomed *doomed)
{
    tsc_counter_t *counter = doomed->subject.counter;

    WALK_CHECK(&doomed->walk, doomed->was_cancelled);
    WALK_CHECK(&doomed->walk, tsc_counter_inc(counter) == 0);
    WALK_CHECK(&doomed->walk, tsc_counter_wait_at_most(counter, 0, 1) == -ETIMEDOUT);
    WALK_CHECK(&doomed->walk, tsc_counter_dec(counter) == 0);
    WALK_CHECK(&doomed->walk, tsc_counter_wait_at_most(counter, 0, -1) == 0);
}

START_TEST(test_waits_are_cancelled_anywhere)
{
    const struct variant *variant = variant_at(_i, 0);
    struct doomed doomed;
    struct walk *walk = &doomed.walk;

    if (!walk_is_worth(variant))
        return;
    walk_begin(walk, variant, "wait_at_most", "is cancelled", walk_stride(CANCELLED_STRIDE));
    while (walk_on(walk)) {
        subject_open(&doomed.subject, variant, variant_attr(variant));
        doomed.was_cancelled = false;
        pthread_join(support_start_thread(wait_until_cancelled, &doomed), NULL);
        walk_see_off(walk);
        check_after_cancellation(&doomed);
        subject_close(&doomed.subject);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waits");
    TCase *tcase = support_add_case(suite, "waits", CASE_SECONDS);

    add_variant_test(tcase, test_waiters_wake_whenever_the_value_falls, 0);
    add_variant_test(tcase, test_waiters_wake_whenever_they_come, 0);
    add_variant_test(tcase, test_waits_are_cancelled_anywhere, 0);
    return stepper_run_suite(suite);
}
