/* SPDX-License-Identifier: MIT */
/*
 * Threads return, exit and are cancelled while several others fork at the same time. The parent loses no count,
 * and no child is blocked by an ended thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "offspring.h"
#include "support/suite.h"
#include "support/threads.h"

enum { FORKERS = 4, FORKS = 3, ALL_FORKS = FORKERS * FORKS, PAUSE_NS = 20000000 };

/* A thread that exits cancels the next one. */
enum ending { BY_RETURN, BY_EXIT, BY_CANCELLATION, ENDINGS };

struct load {
    struct parent parent;
    pthread_t *ids;
    pthread_barrier_t ids_known;
    pthread_barrier_t forkers_meet;
    atomic_size_t forks;
};

/* After each fork has begun, an equal share of the workers ends. */
static bool may_end(const struct load *load, size_t index)
{
    return index * ALL_FORKS < atomic_load(&load->forks) * load->parent.workers;
}

static void count(struct load *load, size_t index)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};

    for (uint64_t turn = index; !may_end(load, index); turn++) {
        parent_add_one(&load->parent, index, turn);
        nanosleep(&pause, NULL);
    }
}

/* Long enough for a fork to happen inside the callback. */
static int exit_inside(int64_t *value, void *arg)
{
    const struct timespec pause = {.tv_nsec = SUPPORT_MILLISECOND_NS};

    (void)arg;
    *value += 1;
    nanosleep(&pause, NULL);
    pthread_exit(NULL);
}

/* On the mutex, exits with the counter locked; the value stays unchanged. */
static void end_by_exit(struct load *load, size_t index)
{
    if (index + 1 < load->parent.workers)
        pthread_cancel(load->ids[index + 1]);
    if (load->parent.subject.variant->backend == TSC_BACKEND_MUTEX)
        (void)tsc_counter_update(load->parent.subject.counter, exit_inside, NULL);
    pthread_exit(NULL);
}

static void wait_until_cancelled(struct load *load)
{
    for (;;)
        witness_equal(&load->parent.subject.witness, "a wait that nothing ends",
                      tsc_counter_wait_at_most(load->parent.subject.counter, -1, -1), -ETIMEDOUT);
}

static void count_and_end(struct load *load, size_t index)
{
    load->ids[index] = pthread_self();
    pthread_barrier_wait(&load->ids_known);
    count(load, index);
    switch (index % ENDINGS) {
    case BY_EXIT:
        end_by_exit(load, index);
        break;
    case BY_CANCELLATION:
        wait_until_cancelled(load);
        break;
    default:
        break;
    }
}

static void fork_with_the_others(struct load *load)
{
    for (int i = 0; i < FORKS; i++) {
        pthread_barrier_wait(&load->forkers_meet);
        atomic_fetch_add(&load->forks, 1);
        parent_fork(&load->parent, i % 2 == 0);
    }
}

static void take_part(size_t index, void *arg)
{
    struct load *load = arg;

    if (index < load->parent.workers)
        count_and_end(load, index);
    else
        fork_with_the_others(load);
}

START_TEST(test_fork_while_threads_end)
{
    size_t workers = support_threads(1000);
    struct load load = {.ids = calloc(workers, sizeof *load.ids)};

    ck_assert_ptr_nonnull(load.ids);
    ck_assert_int_eq(pthread_barrier_init(&load.ids_known, NULL, (unsigned int)workers), 0);
    ck_assert_int_eq(pthread_barrier_init(&load.forkers_meet, NULL, FORKERS), 0);
    parent_open(&load.parent, &variants[_i], workers);
    support_run_threads(workers + FORKERS, take_part, &load);
    parent_close(&load.parent);
    pthread_barrier_destroy(&load.ids_known);
    pthread_barrier_destroy(&load.forkers_meet);
    free(load.ids);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fork while ending");
    TCase *tcase = support_add_case(suite, "fork while ending", 90);

    offspring_prepare();
    add_variant_test(tcase, test_fork_while_threads_end, 0);
    return support_run_suite(suite);
}
