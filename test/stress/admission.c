/* SPDX-License-Identifier: MIT */
/*
 * A thousand threads wait for admission: no more are inside than the limit, also while a controller changes it,
 * while threads give up or are cancelled, and until a close ends all waits.
 */
#include <errno.h>
#include <sched.h>

#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

/* Far longer than any wait: a thread that waits this long has been forgotten. */
#define FORGOTTEN_NS (30 * SUPPORT_SECOND_NS)

enum { LIMIT = 10, LEAST = 2, LOOKS = 5, CANCELLED = 50, VISITORS_TO_CANCEL = 4, BRIEFLY_NS = 300000 };

struct load {
    struct subject subject;
    size_t workers;
    uint64_t calls;
    int64_t forgotten_ns;
    atomic_int_fast64_t inside; /* a second count, of the threads that the counter admitted */
    atomic_uint_fast64_t admitted;
    atomic_size_t workers_left;
};

static void load_open(struct load *load, int index)
{
    const struct variant *variant = &variants[index];
    tsc_counter_attr_t *attr = variant_attr(variant);

    *load = (struct load){.workers = stress_threads(), .calls = variant_calls(variant)};
    load->forgotten_ns = FORGOTTEN_NS * (int64_t)support_timeout_scale();
    atomic_init(&load->workers_left, load->workers);
    ck_assert_int_eq(tsc_counter_attr_set_bounds(attr, 0, LIMIT, TSC_BOUNDS_REJECT), 0);
    subject_open(&load->subject, variant, attr);
}

/* A variant with bounds makes the same counter as one without, because the test sets the bounds. */
static bool is_the_same_as_another(int index)
{
    return variants[index].bounded;
}

/* After all, the whole limit is free at once. */
static void load_close(struct load *load)
{
    subject_assert_value(&load->subject, 0);
    ck_assert_int_eq(tsc_counter_set_bounds(load->subject.counter, 0, LIMIT), 0);
    ck_assert_int_eq(tsc_counter_wait_add(load->subject.counter, LIMIT, 0), 0);
    ck_assert_int_eq(tsc_counter_wait_add(load->subject.counter, -LIMIT, 0), 0);
    subject_close(&load->subject);
}

static void be_inside(struct load *load, int64_t count)
{
    struct witness *witness = &load->subject.witness;
    int64_t inside = atomic_fetch_add_explicit(&load->inside, count, memory_order_relaxed) + count;

    witness_between(witness, "how many are inside", inside, 1, LIMIT);
    atomic_fetch_add_explicit(&load->admitted, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&load->inside, count, memory_order_relaxed);
    witness_equal(witness, "sub", tsc_counter_sub(load->subject.counter, count), 0);
}

/* Some wait for ever, some for a short time, and some only try. Only those may give up. */
static void visit(struct load *load, uint64_t *random)
{
    int64_t count = 1 + (int64_t)(next_random(random) % LEAST);
    uint64_t kind = next_random(random) % 4;
    int64_t timeout = kind == 0 ? 0 : kind == 1 ? (int64_t)(next_random(random) % BRIEFLY_NS) : load->forgotten_ns;
    int result = tsc_counter_wait_add(load->subject.counter, count, timeout);

    if (result == 0)
        be_inside(load, count);
    else
        witness_equal(&load->subject.witness, "wait_add", result, kind < 2 ? -ETIMEDOUT : 0);
}

static void visit_often(struct load *load, size_t index)
{
    uint64_t random = index;

    for (uint64_t i = 0; i < load->calls; i++)
        visit(load, &random);
    atomic_fetch_sub_explicit(&load->workers_left, 1, memory_order_relaxed);
}

static bool are_workers_left(struct load *load)
{
    return atomic_load_explicit(&load->workers_left, memory_order_relaxed) != 0;
}

static int64_t read_value(struct load *load)
{
    int64_t value = -1;

    witness_equal(&load->subject.witness, "get", tsc_counter_get(load->subject.counter, &value), 0);
    return value;
}

/* -------- a limit that stays -------- */

static void visit_or_read(size_t index, void *arg)
{
    struct load *load = arg;

    if (index < load->workers)
        visit_often(load, index);
    else
        while (are_workers_left(load))
            witness_between(&load->subject.witness, "a value within bounds", read_value(load), 0, LIMIT);
}

START_TEST(test_limit_holds_for_threads_that_wait)
{
    struct load load;

    if (is_the_same_as_another(_i))
        return;
    load_open(&load, _i);
    crew_run(load.workers + 1, visit_or_read, &load);
    ck_assert_uint_ge(atomic_load(&load.admitted), load.workers / 4);
    load_close(&load);
}
END_TEST

/* -------- a limit that changes -------- */

/*
 * Once the call has returned, nobody is admitted above the new limit: a value above it only falls, and does not
 * rise above it again.
 */
static void change_the_limit(struct load *load, int64_t limit)
{
    struct witness *witness = &load->subject.witness;
    int64_t most = LIMIT;

    witness_equal(witness, "set_bounds", tsc_counter_set_bounds(load->subject.counter, 0, limit), 0);
    for (int i = 0; i < LOOKS; i++) {
        int64_t value = read_value(load);

        witness_between(witness, "a value after a change of the limit", value, 0, most);
        most = value > limit ? value : limit;
    }
}

static void visit_or_control(size_t index, void *arg)
{
    struct load *load = arg;
    uint64_t random = index;

    if (index < load->workers) {
        visit_often(load, index);
        return;
    }
    while (are_workers_left(load))
        change_the_limit(load, LEAST + (int64_t)(next_random(&random) % (LIMIT - LEAST + 1)));
}

START_TEST(test_nobody_is_admitted_above_a_lowered_limit)
{
    struct load load;

    if (is_the_same_as_another(_i))
        return;
    load_open(&load, _i);
    crew_run(load.workers + 1, visit_or_control, &load);
    ck_assert_uint_ge(atomic_load(&load.admitted), load.workers / 4);
    load_close(&load);
}
END_TEST

/* -------- cancelled threads -------- */

static void *visit_until_cancelled(void *arg)
{
    struct load *load = arg;

    for (;;) {
        int result = tsc_counter_wait_add(load->subject.counter, 1, load->forgotten_ns);

        witness_equal(&load->subject.witness, "wait_add of a thread to be cancelled", result, 0);
        if (result == 0)
            be_inside(load, 1);
    }
    return NULL;
}

/* The crew's threads do not end, so each of these starts others and cancels them. */
static void visit_or_cancel(size_t index, void *arg)
{
    struct load *load = arg;

    if (index < load->workers) {
        visit_often(load, index);
        return;
    }
    for (int i = 0; i < CANCELLED; i++) {
        void *result = NULL;
        pthread_t thread;

        if (pthread_create(&thread, NULL, visit_until_cancelled, load) != 0)
            continue;
        for (int yields = i % 8; yields > 0; yields--)
            sched_yield();
        pthread_cancel(thread);
        pthread_join(thread, &result);
        witness_equal(&load->subject.witness, "whether a thread was cancelled", result == PTHREAD_CANCELED, true);
    }
}

START_TEST(test_cancelled_threads_take_no_room_along)
{
    struct load load;

    if (is_the_same_as_another(_i))
        return;
    load_open(&load, _i);
    crew_run(load.workers + VISITORS_TO_CANCEL, visit_or_cancel, &load);
    load_close(&load);
}
END_TEST

/* -------- a close -------- */

static void visit_until_closed(struct load *load)
{
    int result;

    while ((result = tsc_counter_wait_add(load->subject.counter, 1, load->forgotten_ns)) == 0)
        be_inside(load, 1);
    witness_equal(&load->subject.witness, "wait_add on a closed counter", result, -ESHUTDOWN);
}

static void visit_or_close(size_t index, void *arg)
{
    struct load *load = arg;
    struct witness *witness = &load->subject.witness;

    if (index < load->workers) {
        visit_until_closed(load);
        return;
    }
    while (atomic_load_explicit(&load->admitted, memory_order_relaxed) < load->workers)
        sched_yield();
    witness_equal(witness, "close", tsc_counter_close(load->subject.counter), 0);
    witness_equal(witness, "the drain", tsc_counter_wait_at_most(load->subject.counter, 0, load->forgotten_ns), 0);
    witness_equal(witness, "how many are inside after the drain", read_value(load), 0);
}

START_TEST(test_close_ends_all_waits)
{
    struct load load;

    if (is_the_same_as_another(_i))
        return;
    load_open(&load, _i);
    crew_run(load.workers + 1, visit_or_close, &load);
    subject_assert_value(&load.subject, 0);
    subject_close(&load.subject);
}
END_TEST

/* -------- both directions -------- */

/* Those that go up wait for those that go down: nobody is forgotten, and what went in came out. */
static void go_up_or_down(size_t index, void *arg)
{
    struct load *load = arg;
    int64_t delta = index % 2 == 0 ? 3 : -3;

    for (uint64_t i = 0; i < load->calls; i++)
        witness_equal(&load->subject.witness, "wait_add in one direction",
                      tsc_counter_wait_add(load->subject.counter, delta, load->forgotten_ns), 0);
}

START_TEST(test_both_directions_let_each_other_in)
{
    struct load load;

    if (is_the_same_as_another(_i))
        return;
    load_open(&load, _i);
    crew_run(load.workers + load.workers % 2, go_up_or_down, &load);
    load_close(&load);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admission");
    TCase *tcase = support_add_case(suite, "admission", 90);

    add_variant_test(tcase, test_limit_holds_for_threads_that_wait, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_nobody_is_admitted_above_a_lowered_limit, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_cancelled_threads_take_no_room_along, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_close_ends_all_waits, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_both_directions_let_each_other_in, TSC_CAP_BOUNDS);
    return support_run_suite(suite);
}
