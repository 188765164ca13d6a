/* SPDX-License-Identifier: MIT */
/* Signal handlers that fork whatever they interrupt, as those of crash reporters do. Their children only exit;
 * those of an ordinary fork at the same time go on counting. */
#include <errno.h>
#include <signal.h>

#include "child.h"
#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

enum { WORKERS = 4, FORKS = 40 };

struct load {
    struct subject subject;
    pthread_t workers[WORKERS];
    pthread_barrier_t known;
    unsigned int at_once; /* how many handlers fork at the same time */
    atomic_uint_fast64_t added;
    atomic_bool enough;
};

static atomic_uint forked;
static atomic_uint failed;

static void fork_in_handler(int signal_number)
{
    int saved_errno = errno;

    (void)signal_number;
    atomic_fetch_add(&failed, child_come_and_go() != 0);
    atomic_fetch_add(&forked, 1);
    errno = saved_errno;
}

static void interrupt_workers(struct load *load)
{
    for (unsigned int sent = 0; sent < FORKS;) {
        for (unsigned int i = 0; i < load->at_once; i++, sent++)
            pthread_kill(load->workers[sent % WORKERS], SIGUSR1);
        while (atomic_load(&forked) < sent)
            sched_yield();
    }
    atomic_store(&load->enough, true);
}

static void count_in_child(void *arg)
{
    const struct load *load = arg;
    int64_t before = -1;
    int64_t after = -1;

    CHILD_CHECK(tsc_counter_get(load->subject.counter, &before) == 0);
    CHILD_CHECK(tsc_counter_inc(load->subject.counter) == 0);
    CHILD_CHECK(tsc_counter_get(load->subject.counter, &after) == 0);
    CHILD_CHECK(after == before + 1);
}

static void fork_meanwhile(struct load *load)
{
    while (!atomic_load(&load->enough))
        witness_equal(&load->subject.witness, "how a child ended", child_run(count_in_child, load), 0);
}

static void count(struct load *load)
{
    int64_t value;

    while (!atomic_load(&load->enough)) {
        witness_equal(&load->subject.witness, "inc", tsc_counter_inc(load->subject.counter), 0);
        witness_equal(&load->subject.witness, "get", tsc_counter_get(load->subject.counter, &value), 0);
        atomic_fetch_add(&load->added, 1);
    }
}

static void count_fork_or_interrupt(size_t index, void *arg)
{
    struct load *load = arg;

    if (index < WORKERS)
        load->workers[index] = pthread_self();
    pthread_barrier_wait(&load->known);
    if (index < WORKERS)
        count(load);
    else if (index == WORKERS)
        interrupt_workers(load);
    else
        fork_meanwhile(load);
    pthread_barrier_wait(&load->known);
}

static void fork_in_handlers(const struct variant *variant, unsigned int at_once, size_t forkers)
{
    struct sigaction action = {.sa_handler = fork_in_handler};
    struct load load = {.at_once = at_once};
    size_t threads = WORKERS + 1 + forkers;

    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    ck_assert_int_eq(pthread_barrier_init(&load.known, NULL, (unsigned int)threads), 0);
    subject_open(&load.subject, variant, variant_attr(variant));
    crew_run(threads, count_fork_or_interrupt, &load);
    ck_assert_uint_eq(atomic_load(&forked), FORKS);
    ck_assert_uint_eq(atomic_load(&failed), 0);
    subject_assert_value(&load.subject, (int64_t)atomic_load(&load.added));
    subject_close(&load.subject);
    pthread_barrier_destroy(&load.known);
}

START_TEST(test_fork_in_a_handler)
{
    fork_in_handlers(variant_at(_i, 0), 1, 0);
}
END_TEST

/* One may have interrupted a thread that another one, or the ordinary fork, waits for. */
START_TEST(test_forks_in_handlers_at_once)
{
    fork_in_handlers(variant_at(_i, 0), WORKERS, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fork in a handler");
    TCase *tcase = support_add_case(suite, "fork in a handler", 60);

    add_variant_test(tcase, test_fork_in_a_handler, 0);
    add_variant_test(tcase, test_forks_in_handlers_at_once, 0);
    return support_run_suite(suite);
}
