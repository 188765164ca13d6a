/* SPDX-License-Identifier: MIT */
#include "offspring.h"

#include <errno.h>
#include <stdlib.h>

#include "child.h"
#include "support/callbacks.h"
#include "support/suite.h"

enum { CHILD_ADDS = 40 };

struct moment {
    struct parent *parent;
    int64_t floor; /* adds that had returned before the fork began */
    bool fork_again;
};

/* Otherwise the child's only thread does their work. */
static bool children_start_threads;

void offspring_prepare(void)
{
    children_start_threads = !support_is_skipped("threads_in_children");
}

static int64_t count_begun(const struct parent *parent)
{
    int64_t begun = 0;

    for (size_t i = 0; i < parent->workers; i++)
        begun += atomic_load(&parent->progress[i].begun);
    return begun;
}

static int64_t count_returned(const struct parent *parent)
{
    int64_t returned = 0;

    for (size_t i = 0; i < parent->workers; i++)
        returned += atomic_load(&parent->progress[i].returned);
    return returned;
}

static int add_one(const struct subject *subject, uint64_t turn)
{
    int64_t previous;

    if (turn % 8 == 0 && variant_has(subject->variant, TSC_CAP_FETCH))
        return tsc_counter_fetch_add(subject->counter, 1, &previous);
    if (turn % 8 == 4 && variant_has(subject->variant, TSC_CAP_UPDATE))
        return tsc_counter_update(subject->counter, support_raise_by_one, NULL);
    return tsc_counter_inc(subject->counter);
}

void parent_open(struct parent *parent, const struct variant *variant, size_t workers)
{
    *parent = (struct parent){.workers = workers, .progress = calloc(workers, sizeof *parent->progress)};
    ck_assert_ptr_nonnull(parent->progress);
    subject_open(&parent->subject, variant, variant_attr(variant));
}

void parent_close(struct parent *parent)
{
    subject_assert_value(&parent->subject, count_returned(parent));
    subject_close(&parent->subject);
    free(parent->progress);
}

void parent_add_one(struct parent *parent, size_t index, uint64_t turn)
{
    struct progress *progress = &parent->progress[index];

    atomic_fetch_add(&progress->begun, 1);
    witness_equal(&parent->subject.witness, "an add", add_one(&parent->subject, turn), 0);
    atomic_fetch_add(&progress->returned, 1);
}

static void *add_in_child(void *arg)
{
    const struct subject *subject = arg;

    for (uint64_t turn = 0; turn < CHILD_ADDS; turn++)
        CHILD_CHECK(add_one(subject, turn) == 0);
    return NULL;
}

/* The child has no other thread: each step is exact. */
static int64_t count_in_child(const struct subject *subject, int64_t value)
{
    CHILD_CHECK(value_in_child(subject->counter) == value);
    CHILD_CHECK(tsc_counter_wait_at_most(subject->counter, value, 0) == 0);
    CHILD_CHECK(tsc_counter_wait_at_most(subject->counter, value - 1, 1000) == -ETIMEDOUT);
    for (uint64_t turn = 0; turn < CHILD_ADDS; turn++)
        CHILD_CHECK(add_one(subject, turn) == 0);
    if (children_start_threads) {
        child_run_threads(add_in_child, (void *)subject);
    } else {
        add_in_child((void *)subject);
        add_in_child((void *)subject);
    }
    CHILD_CHECK(tsc_counter_flush(subject->counter) == 0);
    CHILD_CHECK(value_in_child(subject->counter) == value + 3 * CHILD_ADDS);
    return value + 3 * CHILD_ADDS;
}

static void drain_in_child(struct subject *subject, int64_t value)
{
    CHILD_CHECK(tsc_counter_close(subject->counter) == 0);
    CHILD_CHECK(tsc_counter_inc(subject->counter) == -ESHUTDOWN);
    CHILD_CHECK(tsc_counter_wait_at_most(subject->counter, 0, 0) == -ETIMEDOUT);
    CHILD_CHECK(tsc_counter_add(subject->counter, -value) == 0);
    CHILD_CHECK(tsc_counter_wait_at_most(subject->counter, 0, -1) == 0);
    CHILD_CHECK(value_in_child(subject->counter) == 0);
    subject_drop_in_child(subject);
    child_check_owners(0);
}

static void live_in_grandchild(void *arg)
{
    struct moment *moment = arg;
    int64_t value = count_in_child(&moment->parent->subject, moment->floor);

    drain_in_child(&moment->parent->subject, value);
}

static void live_in_child(void *arg)
{
    struct moment *moment = arg;
    struct subject *subject = &moment->parent->subject;
    int64_t value = value_in_child(subject->counter);

    CHILD_CHECK(value >= moment->floor);
    CHILD_CHECK(value <= count_begun(moment->parent));
    value = count_in_child(subject, value);
    if (moment->fork_again) {
        moment->floor = value;
        CHILD_CHECK(child_run(live_in_grandchild, moment) == 0);
        value = count_in_child(subject, value);
    }
    drain_in_child(subject, value);
}

void parent_fork(struct parent *parent, bool child_forks_too)
{
    struct moment moment = {.parent = parent, .fork_again = child_forks_too};

    moment.floor = count_returned(parent);
    witness_equal(&parent->subject.witness, "the status of a child", child_run(live_in_child, &moment), 0);
}
