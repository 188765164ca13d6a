/* SPDX-License-Identifier: MIT */
/* Signals: handlers that count, if the backend allows it, and interrupted calls that return normally. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

enum { BLOCKED = 8, SIGNALS_EACH = 50, TIMED_WAIT_NS = 100000000 };

struct load {
    struct subject subject;
    size_t threads;
    uint64_t calls;
    pthread_t *ids;
    pthread_barrier_t ids_known;
    atomic_size_t working;
    uint64_t *done;
    atomic_bool all_may_end;
};

/* The handlers' counter; lock-free, so they may use it. */
static tsc_counter_t *handlers_counter;
static struct witness *handlers_witness;
static atomic_uint_fast64_t handled;

static void count_in_handler(int signal_number)
{
    int64_t value = 0;

    (void)signal_number;
    atomic_fetch_add_explicit(&handled, 1, memory_order_relaxed);
    witness_equal(handlers_witness, "inc in a handler", tsc_counter_inc(handlers_counter), 0);
    witness_equal(handlers_witness, "add in a handler", tsc_counter_add(handlers_counter, 2), 0);
    witness_equal(handlers_witness, "try_add in a handler", tsc_counter_try_add(handlers_counter, 3), 0);
    witness_equal(handlers_witness, "dec in a handler", tsc_counter_dec(handlers_counter), 0);
    witness_equal(handlers_witness, "get in a handler", tsc_counter_get(handlers_counter, &value), 0);
    witness_at_least(handlers_witness, "the value in a handler", value, 5);
}

static void only_interrupt(int signal_number)
{
    (void)signal_number;
    atomic_fetch_add_explicit(&handled, 1, memory_order_relaxed);
}

/* Without SA_RESTART: system calls are interrupted. */
static void install(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};

    atomic_store(&handled, 0);
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
}

static void load_open(struct load *load, const struct variant *variant, size_t threads)
{
    *load = (struct load){.threads = threads, .calls = variant_adds(variant)};
    load->ids = calloc(threads, sizeof *load->ids);
    load->done = calloc(threads, sizeof *load->done);
    ck_assert(load->ids != NULL && load->done != NULL);
    ck_assert_int_eq(pthread_barrier_init(&load->ids_known, NULL, (unsigned int)threads), 0);
    atomic_init(&load->working, threads);
    subject_open(&load->subject, variant, variant_attr(variant));
    handlers_counter = load->subject.counter;
    handlers_witness = &load->subject.witness;
}

static void load_close(struct load *load)
{
    pthread_barrier_destroy(&load->ids_known);
    free(load->ids);
    free(load->done);
    subject_close(&load->subject);
}

/* All threads stay until all have sent, so no signal goes to an ended thread. */
static void count_and_interrupt_the_next(size_t index, void *arg)
{
    struct load *load = arg;
    struct witness *witness = &load->subject.witness;

    load->ids[index] = pthread_self();
    pthread_barrier_wait(&load->ids_known);
    for (uint64_t i = 0; i < load->calls; i++) {
        if (i % (load->calls / SIGNALS_EACH + 1) == 0)
            pthread_kill(load->ids[(index + 1) % load->threads], SIGUSR1);
        witness_equal(witness, "inc", tsc_counter_inc(load->subject.counter), 0);
    }
    pthread_barrier_wait(&load->ids_known);
}

START_TEST(test_handlers_count)
{
    const struct variant *variant = &variants[_i];
    struct load load;

    install(count_in_handler);
    load_open(&load, variant, stress_threads());
    crew_run(load.threads, count_and_interrupt_the_next, &load);
    ck_assert_uint_ge(atomic_load(&handled), load.threads);
    subject_assert_value(&load.subject, (int64_t)(load.threads * load.calls + 5 * atomic_load(&handled)));
    load_close(&load);
}
END_TEST

static void take_last_in_handler(int signal_number)
{
    (void)signal_number;
    witness_equal(handlers_witness, "dec in a handler", tsc_counter_dec(handlers_counter), 0);
}

static void wait_for_nothing(size_t index, void *arg)
{
    struct load *load = arg;

    if (index + 1 < load->threads)
        witness_equal(&load->subject.witness, "wait_at_most",
                      tsc_counter_wait_at_most(load->subject.counter, 0, -1), 0);
    else
        raise(SIGUSR1);
}

START_TEST(test_handlers_wake_waiters)
{
    const struct variant *variant = &variants[_i];

    install(take_last_in_handler);
    for (int round = 0; round < SIGNALS_EACH; round++) {
        struct load load;

        load_open(&load, variant, BLOCKED);
        ck_assert_int_eq(tsc_counter_inc(load.subject.counter), 0);
        crew_run(BLOCKED, wait_for_nothing, &load);
        subject_assert_value(&load.subject, 0);
        load_close(&load);
    }
}
END_TEST

static void call_and_be_interrupted(struct load *load, size_t index)
{
    struct witness *witness = &load->subject.witness;
    tsc_counter_t *counter = load->subject.counter;
    int64_t start = support_now_ns();
    int64_t value;

    switch (index % 4) {
    case 0:
        witness_equal(witness, "get, interrupted", tsc_counter_get(counter, &value), 0);
        break;
    case 1:
        witness_equal(witness, "flush, interrupted", tsc_counter_flush(counter), 0);
        break;
    case 2:
        for (uint64_t i = 0; i < load->calls; i++) {
            witness_equal(witness, "inc, interrupted", tsc_counter_inc(counter), 0);
            load->done[index]++;
        }
        break;
    default:
        witness_equal(witness, "wait_at_most, interrupted", tsc_counter_wait_at_most(counter, -1, TIMED_WAIT_NS),
                      -ETIMEDOUT);
        witness_at_least(witness, "the time that it took", support_now_ns() - start, TIMED_WAIT_NS);
    }
}

static void be_interrupted(size_t index, void *arg)
{
    struct load *load = arg;

    load->ids[index] = pthread_self();
    pthread_barrier_wait(&load->ids_known);
    errno = 0;
    call_and_be_interrupted(load, index);
    witness_equal(&load->subject.witness, "errno", errno, 0);
    atomic_fetch_sub(&load->working, 1);
    while (!atomic_load(&load->all_may_end))
        sched_yield();
}

static void interrupt_all(struct load *load)
{
    const struct timespec pause = {.tv_nsec = SUPPORT_MILLISECOND_NS};

    for (size_t i = 0; i + 1 < load->threads; i++)
        pthread_kill(load->ids[i], SIGUSR1);
    nanosleep(&pause, NULL);
}

struct siege {
    struct load *load;
    struct hold *hold;
};

/* The last thread interrupts the others, first with the counter held, and then until all have returned. */
static void be_interrupted_or_interrupt(size_t index, void *arg)
{
    struct siege *siege = arg;
    struct load *load = siege->load;

    if (index + 1 < load->threads) {
        be_interrupted(index, load);
        return;
    }
    pthread_barrier_wait(&load->ids_known);
    for (int i = 0; i < SIGNALS_EACH; i++)
        interrupt_all(load);
    if (siege->hold != NULL)
        witness_equal(&load->subject.witness, "the update that held the counter", hold_end(siege->hold), 0);
    while (atomic_load(&load->working) > 1)
        interrupt_all(load);
    atomic_store(&load->all_may_end, true);
}

static uint64_t sum_of_done(const struct load *load)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < load->threads; i++)
        sum += load->done[i];
    return sum;
}

/* While a callback holds the counter, all other threads sleep in a call. */
START_TEST(test_interrupted_calls_go_on)
{
    const struct variant *variant = &variants[_i];
    struct load load;
    struct siege siege = {.load = &load};

    install(only_interrupt);
    load_open(&load, variant, BLOCKED + 1);
    if (variant_has(variant, TSC_CAP_UPDATE))
        siege.hold = hold_begin(load.subject.counter, 0);
    crew_run(load.threads, be_interrupted_or_interrupt, &siege);
    ck_assert_uint_ge(atomic_load(&handled), BLOCKED);
    subject_assert_value(&load.subject, (int64_t)sum_of_done(&load));
    load_close(&load);
}
END_TEST

/* A signal to the process that all other threads block stays pending: no thread of the library accepts it. */
START_TEST(test_threads_of_the_library_block_signals)
{
    const struct variant *variant = &variants[_i];
    struct load load;
    sigset_t set;
    int taken;

    if (variant->shared_owner)
        return;
    crew_dismiss();
    install(only_interrupt);
    load_open(&load, variant, 1);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
    for (uint64_t i = 0; i < load.calls; i++)
        ck_assert_int_eq(tsc_counter_inc(load.subject.counter), 0);
    subject_assert_value(&load.subject, (int64_t)load.calls);
    ck_assert_uint_eq(atomic_load(&handled), 0);
    ck_assert_int_eq(sigwait(&set, &taken), 0);
    ck_assert_int_eq(taken, SIGUSR1);
    ck_assert_int_eq(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
    load_close(&load);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("signals");
    TCase *tcase = support_add_case(suite, "signals", 60);

    add_variant_test(tcase, test_handlers_count, TSC_CAP_SIGNAL_SAFE);
    add_variant_test(tcase, test_handlers_wake_waiters, TSC_CAP_SIGNAL_SAFE);
    add_variant_test(tcase, test_interrupted_calls_go_on, 0);
    add_variant_test(tcase, test_threads_of_the_library_block_signals, 0);
    return support_run_suite(suite);
}
