/* SPDX-License-Identifier: MIT */
/* Forks while many threads count: each child has a value that the counter had, with all adds that had returned. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "child.h"
#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

enum {
    FORKERS = 3,
    FORKS = 2,
    CHURNERS = 2,
    RESTLESS =
        4, /* add without a pause; the others pause, or a child would have to wait its turn among a thousand */
    PAUSE_NS = 20000000,
    CHILD_ADDS = 40,
};

/* Written by one worker alone; the child of a fork sees them as they were then. */
struct progress {
    atomic_int_fast64_t begun;
    atomic_int_fast64_t returned;
};

struct load {
    struct subject subject;
    size_t workers;
    struct progress *progress;
    atomic_size_t forkers_left;
};

struct moment {
    struct load *load;
    int64_t floor; /* adds that had returned before the fork began */
    bool fork_again;
};

static int64_t count_begun(const struct load *load)
{
    int64_t begun = 0;

    for (size_t i = 0; i < load->workers; i++)
        begun += atomic_load(&load->progress[i].begun);
    return begun;
}

static int64_t count_returned(const struct load *load)
{
    int64_t returned = 0;

    for (size_t i = 0; i < load->workers; i++)
        returned += atomic_load(&load->progress[i].returned);
    return returned;
}

static int raise_by_one(int64_t *value, void *arg)
{
    (void)arg;
    *value += 1;
    return 0;
}

static int add_one(const struct subject *subject, uint64_t turn)
{
    int64_t previous;

    if (turn % 8 == 0 && variant_has(subject->variant, TSC_CAP_FETCH))
        return tsc_counter_fetch_add(subject->counter, 1, &previous);
    if (turn % 8 == 4 && variant_has(subject->variant, TSC_CAP_UPDATE))
        return tsc_counter_update(subject->counter, raise_by_one, NULL);
    return tsc_counter_inc(subject->counter);
}

static void work(struct load *load, size_t index)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    struct progress *progress = &load->progress[index];

    for (uint64_t turn = index; atomic_load(&load->forkers_left) != 0; turn++) {
        atomic_fetch_add(&progress->begun, 1);
        witness_equal(&load->subject.witness, "an add", add_one(&load->subject, turn), 0);
        atomic_fetch_add(&progress->returned, 1);
        if (index >= RESTLESS)
            nanosleep(&pause, NULL);
    }
}

static void *add_in_child(void *arg)
{
    const struct subject *subject = arg;

    for (uint64_t turn = 0; turn < CHILD_ADDS; turn++)
        CHILD_CHECK(add_one(subject, turn) == 0);
    return NULL;
}

static int64_t value_in_child(const struct subject *subject)
{
    int64_t value = -1;

    CHILD_CHECK(tsc_counter_get(subject->counter, &value) == 0);
    return value;
}

/* Nobody else is there: every step is exact. */
static int64_t count_in_child(const struct subject *subject, int64_t value)
{
    CHILD_CHECK(value_in_child(subject) == value);
    CHILD_CHECK(tsc_counter_wait_at_most(subject->counter, value, 0) == 0);
    CHILD_CHECK(tsc_counter_wait_at_most(subject->counter, value - 1, 1000) == -ETIMEDOUT);
    for (uint64_t turn = 0; turn < CHILD_ADDS; turn++)
        CHILD_CHECK(add_one(subject, turn) == 0);
    child_run_threads(add_in_child, (void *)subject);
    CHILD_CHECK(tsc_counter_flush(subject->counter) == 0);
    CHILD_CHECK(value_in_child(subject) == value + 3 * CHILD_ADDS);
    return value + 3 * CHILD_ADDS;
}

static void drain_in_child(struct subject *subject, int64_t value)
{
    CHILD_CHECK(tsc_counter_close(subject->counter) == 0);
    CHILD_CHECK(tsc_counter_inc(subject->counter) == -ESHUTDOWN);
    CHILD_CHECK(tsc_counter_wait_at_most(subject->counter, 0, 0) == -ETIMEDOUT);
    CHILD_CHECK(tsc_counter_add(subject->counter, -value) == 0);
    CHILD_CHECK(tsc_counter_wait_at_most(subject->counter, 0, -1) == 0);
    CHILD_CHECK(value_in_child(subject) == 0);
    subject_drop_in_child(subject);
    child_check_owners(0);
}

static void live_in_grandchild(void *arg)
{
    struct moment *moment = arg;
    int64_t value = count_in_child(&moment->load->subject, moment->floor);

    drain_in_child(&moment->load->subject, value);
}

static void live_in_child(void *arg)
{
    struct moment *moment = arg;
    struct subject *subject = &moment->load->subject;
    int64_t value = value_in_child(subject);

    CHILD_CHECK(value >= moment->floor);
    CHILD_CHECK(value <= count_begun(moment->load));
    value = count_in_child(subject, value);
    if (moment->fork_again) {
        moment->floor = value;
        CHILD_CHECK(child_run(live_in_grandchild, moment) == 0);
        value = count_in_child(subject, value);
    }
    drain_in_child(subject, value);
}

static void fork_now_and_again(struct load *load)
{
    for (int i = 0; i < FORKS; i++) {
        struct moment moment = {.load = load, .fork_again = i % 2 == 0};

        moment.floor = count_returned(load);
        witness_equal(&load->subject.witness, "how a child ended", child_run(live_in_child, &moment), 0);
    }
    atomic_fetch_sub(&load->forkers_left, 1);
}

/* Counters that are made and dropped meanwhile: a fork must not find one of them half made. */
static void make_and_drop(struct load *load)
{
    struct witness *witness = &load->subject.witness;

    while (atomic_load(&load->forkers_left) != 0) {
        tsc_counter_t *counter;
        int64_t value = 0;

        witness_equal(witness, "create", tsc_counter_create(&counter, load->subject.variant->backend, NULL), 0);
        witness_equal(witness, "inc", tsc_counter_inc(counter), 0);
        witness_equal(witness, "get", tsc_counter_get(counter, &value), 0);
        witness_equal(witness, "the value of a short-lived counter", value, 1);
        tsc_counter_unref(counter);
    }
}

static void take_part(size_t index, void *arg)
{
    struct load *load = arg;

    if (index < load->workers)
        work(load, index);
    else if (index < load->workers + CHURNERS)
        make_and_drop(load);
    else
        fork_now_and_again(load);
}

START_TEST(test_fork_under_load)
{
    const struct variant *variant = variant_at(_i, 0);
    struct load load = {.workers = support_threads(1000)};

    load.progress = calloc(load.workers, sizeof *load.progress);
    ck_assert_ptr_nonnull(load.progress);
    atomic_init(&load.forkers_left, FORKERS);
    subject_open(&load.subject, variant, variant_attr(variant));
    crew_run(load.workers + CHURNERS + FORKERS, take_part, &load);
    subject_assert_value(&load.subject, count_returned(&load));
    subject_close(&load.subject);
    free(load.progress);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fork under load");
    TCase *tcase = support_add_case(suite, "fork under load", 90);

    add_variant_test(tcase, test_fork_under_load, 0);
    return support_run_suite(suite);
}
