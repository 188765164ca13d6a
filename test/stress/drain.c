/* SPDX-License-Identifier: MIT */
/* Close, then wait for 0: the drain never returns early, and no increment succeeds after it. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"
#include "ways.h"

enum { FEW = 3, ROUNDS = 120, LARGE_ROUNDS = 2, CLOSERS = 3, STANDING = 100, LATEST_CLOSE = 40 };

struct place {
    int64_t visits; /* plain: only the drain orders it */
};

struct load {
    struct subject subject;
    size_t workers;
    uint64_t close_after; /* after this many visits */
    atomic_uint_fast64_t visits;
    atomic_bool drained;
    struct place *places;
    int64_t visits_at_the_drain;
};

static void visit_until_closed(struct load *load, size_t index)
{
    struct witness *witness = &load->subject.witness;
    uint64_t way = index;
    int result;

    while ((result = enter(&load->subject, way++)) == 0) {
        witness_equal(witness, "a visit after the drain", atomic_load(&load->drained), false);
        load->places[index].visits++;
        atomic_fetch_add_explicit(&load->visits, 1, memory_order_relaxed);
        witness_equal(witness, "dec", tsc_counter_dec(load->subject.counter), 0);
    }
    witness_equal(witness, "a refused increment", result, -ESHUTDOWN);
}

static int64_t count_visits(const struct load *load)
{
    int64_t visits = 0;

    for (size_t i = 0; i < load->workers; i++)
        visits += load->places[i].visits;
    return visits;
}

static void close_and_drain(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    tsc_counter_t *counter = load->subject.counter;
    int64_t value = -1;

    while (atomic_load_explicit(&load->visits, memory_order_relaxed) < load->close_after)
        sched_yield();
    witness_equal(witness, "close", tsc_counter_close(counter), 0);
    for (uint64_t way = 0; way < WAYS_IN; way++)
        witness_equal(witness, "an increment after the close", enter(&load->subject, way), -ESHUTDOWN);
    witness_equal(witness, "the drain", tsc_counter_wait_at_most(counter, 0, -1), 0);
    atomic_store(&load->drained, true);
    load->visits_at_the_drain = count_visits(load);
    witness_equal(witness, "get after the drain", tsc_counter_get(counter, &value), 0);
    if (load->subject.variant->backend != TSC_BACKEND_ATOMIC &&
        load->subject.variant->backend != TSC_BACKEND_PERCPU)
        witness_equal(witness, "the value after the drain", value, 0);
}

static void close_meanwhile(struct load *load)
{
    while (atomic_load_explicit(&load->visits, memory_order_relaxed) < load->close_after)
        sched_yield();
    witness_equal(&load->subject.witness, "close again", tsc_counter_close(load->subject.counter), 0);
}

/* The workers start first, so they are running when the last thread closes. */
static void visit_or_close(size_t index, void *arg)
{
    struct load *load = arg;

    if (index < load->workers)
        visit_until_closed(load, index);
    else if (index + 1 < load->workers + CLOSERS)
        close_meanwhile(load);
    else
        close_and_drain(load);
}

static void drain_once(int index, size_t workers, uint64_t close_after)
{
    const struct variant *variant = &variants[index];
    struct load load = {.workers = workers, .close_after = close_after};

    load.places = calloc(workers, sizeof *load.places);
    ck_assert_ptr_nonnull(load.places);
    subject_open(&load.subject, variant, variant_attr(variant));
    crew_run(workers + CLOSERS, visit_or_close, &load);
    ck_assert_int_eq(count_visits(&load), load.visits_at_the_drain);
    ck_assert_int_eq(tsc_counter_wait_at_most(load.subject.counter, 0, 0), 0);
    subject_assert_value(&load.subject, 0);
    free(load.places);
    subject_close(&load.subject);
}

/* With few threads the value is often 0 at the close, and the drain has nothing to wait for. */
START_TEST(test_drain_is_never_early)
{
    uint64_t random = 0;

    for (int round = 0; round < ROUNDS; round++)
        drain_once(_i, FEW, next_random(&random) % LATEST_CLOSE);
}
END_TEST

START_TEST(test_drain_under_load_is_never_early)
{
    for (int round = 0; round < LARGE_ROUNDS; round++)
        drain_once(_i, stress_threads(), stress_threads());
}
END_TEST

static void retry_enter(size_t index, void *arg)
{
    struct load *load = arg;
    struct witness *witness = &load->subject.witness;
    tsc_counter_t *counter = load->subject.counter;
    bool fetches = variant_has(load->subject.variant, TSC_CAP_FETCH);
    int refusal = fetches ? -ESHUTDOWN : -ENOTSUP;

    for (uint64_t way = index; way < index + WAYS_IN; way++) {
        int64_t value = 0;
        int64_t expected = STANDING;

        witness_equal(witness, "an increment of a closed counter", enter(&load->subject, way), -ESHUTDOWN);
        witness_equal(witness, "set of a closed counter", tsc_counter_set(counter, 0), refusal);
        witness_equal(witness, "exchange of a closed counter", tsc_counter_exchange(counter, 0, &value), refusal);
        witness_equal(witness, "compare_exchange of a closed counter",
                      tsc_counter_compare_exchange(counter, &expected, 0), refusal);
        witness_equal(witness, "get", tsc_counter_get(counter, &value), 0);
        witness_equal(witness, "the value of a closed counter", value, STANDING);
    }
}

START_TEST(test_closed_counter_stands_still)
{
    const struct variant *variant = &variants[_i];
    struct load load = {.workers = stress_threads()};

    subject_open(&load.subject, variant, variant_attr(variant));
    ck_assert_int_eq(tsc_counter_add(load.subject.counter, STANDING), 0);
    ck_assert_int_eq(tsc_counter_close(load.subject.counter), 0);
    crew_run(load.workers, retry_enter, &load);
    ck_assert_int_eq(tsc_counter_wait_at_most(load.subject.counter, STANDING - 1, 0), -ETIMEDOUT);
    ck_assert_int_eq(tsc_counter_add(load.subject.counter, -STANDING), 0);
    ck_assert_int_eq(tsc_counter_wait_at_most(load.subject.counter, 0, 0), 0);
    subject_close(&load.subject);
}
END_TEST

static void retry_until_closed(struct load *load, size_t index)
{
    struct witness *witness = &load->subject.witness;
    uint64_t way = index;

    do {
        if (enter(&load->subject, way++) == 0)
            witness_equal(witness, "dec", tsc_counter_dec(load->subject.counter), 0);
    } while (!atomic_load(&load->drained));
}

static void retry_or_close(size_t index, void *arg)
{
    struct load *load = arg;

    if (index < load->workers) {
        retry_until_closed(load, index);
        return;
    }
    witness_equal(&load->subject.witness, "close", tsc_counter_close(load->subject.counter), 0);
    atomic_store(&load->drained, true);
}

/* Refused threads that retry for as long as the close takes do not keep it from returning. */
START_TEST(test_close_ends_while_others_retry)
{
    const struct variant *variant = &variants[_i];
    struct load load = {.workers = FEW};

    subject_open(&load.subject, variant, variant_attr(variant));
    crew_run(load.workers + 1, retry_or_close, &load);
    ck_assert_int_eq(tsc_counter_wait_at_most(load.subject.counter, 0, 0), 0);
    subject_assert_value(&load.subject, 0);
    subject_close(&load.subject);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drain");
    TCase *tcase = support_add_case(suite, "drain", 60);

    add_variant_test(tcase, test_drain_is_never_early, 0);
    add_variant_test(tcase, test_drain_under_load_is_never_early, 0);
    add_variant_test(tcase, test_closed_counter_stands_still, 0);
    add_variant_test(tcase, test_close_ends_while_others_retry, 0);
    return support_run_suite(suite);
}
