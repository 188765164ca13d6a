/* SPDX-License-Identifier: MIT */
/* Signal handlers that fork whatever they interrupt, as those of crash reporters do. Their children only exit. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

enum { WORKERS = 4, FORKS = 60 };

struct load {
    struct subject subject;
    pthread_t workers[WORKERS];
    pthread_barrier_t known;
    atomic_uint_fast64_t added;
    atomic_bool enough;
};

static atomic_uint forked;
static atomic_uint failed;

static void fork_in_handler(int signal_number)
{
    int saved_errno = errno;
    int status = -1;
    pid_t child = fork();

    (void)signal_number;
    if (child == 0)
        _exit(0);
    while (child > 0 && waitpid(child, &status, 0) == -1 && errno == EINTR)
        ;
    atomic_fetch_add(&failed, status != 0);
    atomic_fetch_add(&forked, 1);
    errno = saved_errno;
}

static void interrupt_workers(struct load *load)
{
    for (unsigned int sent = 0; sent < FORKS; sent++) {
        pthread_kill(load->workers[sent % WORKERS], SIGUSR1);
        while (atomic_load(&forked) <= sent)
            sched_yield();
    }
    atomic_store(&load->enough, true);
}

static void count_or_interrupt(size_t index, void *arg)
{
    struct load *load = arg;
    int64_t value;

    if (index < WORKERS)
        load->workers[index] = pthread_self();
    pthread_barrier_wait(&load->known);
    if (index == WORKERS)
        interrupt_workers(load);
    while (!atomic_load(&load->enough)) {
        witness_equal(&load->subject.witness, "inc", tsc_counter_inc(load->subject.counter), 0);
        witness_equal(&load->subject.witness, "get", tsc_counter_get(load->subject.counter, &value), 0);
        atomic_fetch_add(&load->added, 1);
    }
    pthread_barrier_wait(&load->known);
}

START_TEST(test_fork_in_a_handler)
{
    const struct variant *variant = variant_at(_i, 0);
    struct sigaction action = {.sa_handler = fork_in_handler};
    struct load load = {.enough = false};

    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    ck_assert_int_eq(pthread_barrier_init(&load.known, NULL, WORKERS + 1), 0);
    subject_open(&load.subject, variant, variant_attr(variant));
    crew_run(WORKERS + 1, count_or_interrupt, &load);
    ck_assert_uint_eq(atomic_load(&forked), FORKS);
    ck_assert_uint_eq(atomic_load(&failed), 0);
    subject_assert_value(&load.subject, (int64_t)atomic_load(&load.added));
    subject_close(&load.subject);
    pthread_barrier_destroy(&load.known);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fork in a handler");
    TCase *tcase = support_add_case(suite, "fork in a handler", 60);

    add_variant_test(tcase, test_fork_in_a_handler, 0);
    return support_run_suite(suite);
}
