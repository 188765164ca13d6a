/* SPDX-License-Identifier: MIT */
/* Forks while many threads count: each child has a value that the counter had, with all adds that had returned. */
#include <time.h>

#include "crew.h"
#include "offspring.h"
#include "support/suite.h"
#include "support/threads.h"

enum {
    FORKERS = 3,
    FORKS = 2,
    CHURNERS = TEST_CHURNERS,
    RESTLESS = 4, /* add without a pause; the others pause, or a child would wait its turn among a thousand */
    PAUSE_NS = 20000000,
};

struct load {
    struct parent parent;
    atomic_size_t forkers_left;
};

static void work(struct load *load, size_t index)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};

    for (uint64_t turn = index; atomic_load(&load->forkers_left) != 0; turn++) {
        parent_add_one(&load->parent, index, turn);
        if (index >= RESTLESS)
            nanosleep(&pause, NULL);
    }
}

static void fork_now_and_again(struct load *load)
{
    for (int i = 0; i < FORKS; i++)
        parent_fork(&load->parent, i % 2 == 0);
    atomic_fetch_sub(&load->forkers_left, 1);
}

/* Counters that are created and freed meanwhile: a fork must not find one half made. */
static void make_and_drop(struct load *load)
{
    struct witness *witness = &load->parent.subject.witness;

    while (atomic_load(&load->forkers_left) != 0) {
        tsc_counter_t *counter;
        int64_t value = 0;

        witness_equal(witness, "create", tsc_counter_create(&counter, load->parent.subject.variant->backend, NULL),
                      0);
        witness_equal(witness, "inc", tsc_counter_inc(counter), 0);
        witness_equal(witness, "get", tsc_counter_get(counter, &value), 0);
        witness_equal(witness, "the value of a short-lived counter", value, 1);
        tsc_counter_unref(counter);
    }
}

static void take_part(size_t index, void *arg)
{
    struct load *load = arg;

    if (index < load->parent.workers)
        work(load, index);
    else if (index < load->parent.workers + CHURNERS)
        make_and_drop(load);
    else
        fork_now_and_again(load);
}

START_TEST(test_fork_under_load)
{
    size_t workers = support_threads(1000);
    struct load load;

    atomic_init(&load.forkers_left, FORKERS);
    parent_open(&load.parent, &variants[_i], workers);
    crew_run(workers + CHURNERS + FORKERS, take_part, &load);
    parent_close(&load.parent);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fork under load");
    TCase *tcase = support_add_case(suite, "fork under load", 90);

    offspring_prepare();
    add_variant_test(tcase, test_fork_under_load, 0);
    return support_run_suite(suite);
}
