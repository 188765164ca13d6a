/* SPDX-License-Identifier: MIT */
/* A thousand threads add: the total is exact, and readers see correct values meanwhile. */
#include <errno.h>
#include <stdlib.h>

#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

/* Each delta is a multiple of this, so each sum has equal halves unless it is torn. */
#define TWIN_HALVES INT64_C(0x100000001)

enum { READERS = 3, ADDS_BETWEEN_READS = 64 };

struct load {
    struct subject subject;
    size_t writers;
    uint64_t adds;
    atomic_size_t writers_left;
    uint64_t *sums;
    bool linearizable;
};

static void load_open(struct load *load, int index)
{
    const struct variant *variant = &variants[index];

    *load = (struct load){.writers = stress_threads(), .adds = variant_adds(variant)};
    subject_open(&load->subject, variant, variant_attr(variant));
    atomic_init(&load->writers_left, load->writers);
    load->linearizable = variant_has(variant, TSC_CAP_LINEARIZABLE);
    load->sums = calloc(load->writers, sizeof *load->sums);
    ck_assert_ptr_nonnull(load->sums);
}

static void load_close(struct load *load)
{
    free(load->sums);
    subject_close(&load->subject);
}

static int64_t load_total(const struct load *load)
{
    uint64_t total = 0;

    for (size_t i = 0; i < load->writers; i++)
        total += load->sums[i];
    return (int64_t)total;
}

/* relaxed: readers' progress must not order anything. */
static bool load_goes_on(struct load *load)
{
    return atomic_load_explicit(&load->writers_left, memory_order_relaxed) != 0;
}

static void load_writer_done(struct load *load)
{
    atomic_fetch_sub_explicit(&load->writers_left, 1, memory_order_relaxed);
}

static int64_t read_value(struct load *load)
{
    int64_t value = 0;

    witness_equal(&load->subject.witness, "get", tsc_counter_get(load->subject.counter, &value), 0);
    return value;
}

/* Reads both ends. */
static void read_interval(struct load *load, int64_t *low, int64_t *high)
{
    struct witness *witness = &load->subject.witness;

    *low = *high = 0;
    witness_equal(witness, "get_interval", tsc_counter_get_interval(load->subject.counter, low, high), 0);
    witness_at_least(witness, "the high end of an interval", *high, *low);
    if (load->linearizable)
        witness_equal(witness, "the high end of an exact interval", *high, *low);
}

static int add_one(tsc_counter_t *counter, uint64_t turn)
{
    int result;

    if (turn % 3 == 0)
        return tsc_counter_inc(counter);
    if (turn % 3 == 1)
        return tsc_counter_add(counter, 1);
    result = tsc_counter_try_add(counter, 1);
    return result == -EAGAIN || result == -ENOTSUP ? tsc_counter_inc(counter) : result;
}

static void write_increments(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    int64_t last = 0;

    for (uint64_t done = 0; done < load->adds; done++) {
        witness_equal(witness, "an increment", add_one(load->subject.counter, done), 0);
        if (done % ADDS_BETWEEN_READS != 0)
            continue;
        if (last < (int64_t)done + 1)
            last = (int64_t)done + 1;
        witness_at_least(witness, "a value after own increments", read_value(load), last);
    }
}

static void read_increments(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    int64_t total = (int64_t)(load->writers * load->adds);
    int64_t last = 0;

    while (load_goes_on(load)) {
        int64_t value = read_value(load);
        int64_t low, high;

        witness_between(witness, "a value under increments", value, last, total);
        read_interval(load, &low, &high);
        witness_at_least(witness, "the high end under increments", high, value);
        witness_between(witness, "the low end under increments", low, 0, total);
        last = value;
    }
}

static void increment_or_read(size_t index, void *arg)
{
    struct load *load = arg;

    if (index >= load->writers) {
        read_increments(load);
        return;
    }
    write_increments(load);
    load_writer_done(load);
}

START_TEST(test_increments_add_up)
{
    struct load load;

    load_open(&load, _i);
    crew_run(load.writers + READERS, increment_or_read, &load);
    subject_assert_value(&load.subject, (int64_t)(load.writers * load.adds));
    load_close(&load);
}
END_TEST

static void write_pairs(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    int64_t most = load->linearizable ? (int64_t)load->writers : INT64_MAX;

    for (uint64_t done = 0; done < load->adds; done += 2) {
        witness_equal(witness, "inc", tsc_counter_inc(load->subject.counter), 0);
        if (done % ADDS_BETWEEN_READS == 0)
            witness_between(witness, "a value with the thread's own in flight", read_value(load), 1, most);
        witness_equal(witness, "dec", tsc_counter_dec(load->subject.counter), 0);
    }
}

static void read_pairs(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    int64_t most = (int64_t)load->writers;

    while (load_goes_on(load)) {
        int64_t low, high;

        witness_between(witness, "a value in flight", read_value(load), 0, load->linearizable ? most : INT64_MAX);
        read_interval(load, &low, &high);
        witness_at_least(witness, "the high end in flight", high, 0);
        witness_between(witness, "the low end in flight", low, INT64_MIN, most);
    }
}

static void pair_or_read(size_t index, void *arg)
{
    struct load *load = arg;

    if (index >= load->writers) {
        read_pairs(load);
        return;
    }
    write_pairs(load);
    load_writer_done(load);
}

START_TEST(test_in_flight_pairs_end_at_0)
{
    struct load load;

    load_open(&load, _i);
    crew_run(load.writers + READERS, pair_or_read, &load);
    subject_assert_value(&load.subject, 0);
    load_close(&load);
}
END_TEST

static void write_twins(struct load *load, size_t index)
{
    uint64_t random = index;

    for (uint64_t done = 0; done < load->adds; done++) {
        int64_t delta = ((int64_t)(next_random(&random) % 201) - 100) * TWIN_HALVES;

        witness_equal(&load->subject.witness, "add", tsc_counter_add(load->subject.counter, delta), 0);
        load->sums[index] += (uint64_t)delta;
    }
}

static void read_twins(struct load *load)
{
    while (load_goes_on(load)) {
        int64_t low, high;

        witness_equal(&load->subject.witness, "the remainder of a value", read_value(load) % TWIN_HALVES, 0);
        read_interval(load, &low, &high);
        if (load->linearizable)
            witness_equal(&load->subject.witness, "the remainder of an end", low % TWIN_HALVES, 0);
    }
}

static void add_twins_or_read(size_t index, void *arg)
{
    struct load *load = arg;

    if (index >= load->writers) {
        read_twins(load);
        return;
    }
    write_twins(load, index);
    load_writer_done(load);
}

START_TEST(test_mixed_deltas_add_up_and_are_never_torn)
{
    struct load load;

    load_open(&load, _i);
    crew_run(load.writers + READERS, add_twins_or_read, &load);
    subject_assert_value(&load.subject, load_total(&load));
    load_close(&load);
}
END_TEST

static void add_anything(size_t index, void *arg)
{
    struct load *load = arg;
    uint64_t random = index;

    for (uint64_t done = 0; done < load->adds; done++) {
        int64_t delta = (int64_t)next_random(&random);
        int result = tsc_counter_add(load->subject.counter, delta);

        if (result == 0)
            load->sums[index] += (uint64_t)delta;
        else
            witness_equal(&load->subject.witness, "add of a large number", result,
                          load->subject.variant->bounded ? -ERANGE : 0);
    }
}

/* Without bounds the sum wraps many times; with bounds large deltas are refused. */
START_TEST(test_large_deltas_add_up)
{
    struct load load;

    load_open(&load, _i);
    crew_run(load.writers, add_anything, &load);
    subject_assert_value(&load.subject, load_total(&load));
    load_close(&load);
}
END_TEST

static void try_to_add(size_t index, void *arg)
{
    struct load *load = arg;
    int unwilling = load->subject.variant->backend == TSC_BACKEND_ATOMIC ? 0 : -EAGAIN;

    for (uint64_t done = 0; done < load->adds; done++) {
        int result = tsc_counter_try_add(load->subject.counter, 1);

        if (result == 0)
            load->sums[index]++;
        else
            witness_equal(&load->subject.witness, "try_add", result, unwilling);
    }
}

static bool has_no_try_add(const struct variant *variant)
{
    return variant->backend == TSC_BACKEND_QUEUE && variant->bounded;
}

START_TEST(test_try_add_counts_if_it_returns_0)
{
    struct load load;

    load_open(&load, _i);
    if (has_no_try_add(load.subject.variant))
        ck_assert_int_eq(tsc_counter_try_add(load.subject.counter, 1), -ENOTSUP);
    else
        crew_run(load.writers, try_to_add, &load);
    subject_assert_value(&load.subject, load_total(&load));
    load_close(&load);
}
END_TEST

/* The callback ends when all threads have returned from try_add: a try_add that waits hangs. */
START_TEST(test_try_add_never_waits_for_a_callback)
{
    const struct variant *variant = &variants[_i];
    struct load load;
    struct hold *hold;

    if (has_no_try_add(variant))
        return;
    load = (struct load){.writers = stress_threads(), .adds = 10};
    load.sums = calloc(load.writers, sizeof *load.sums);
    ck_assert_ptr_nonnull(load.sums);
    subject_open(&load.subject, variant, variant_attr(variant));
    hold = hold_begin(load.subject.counter, 0);
    crew_run(load.writers, try_to_add, &load);
    ck_assert_int_eq(hold_end(hold), 0);
    subject_assert_value(&load.subject, load_total(&load));
    if (variant->queue_capacity != 0)
        ck_assert_int_le(load_total(&load), (int64_t)variant->queue_capacity);
    if (variant->backend == TSC_BACKEND_QUEUE && variant->queue_capacity != 1)
        ck_assert_int_ge(load_total(&load), 1);
    load_close(&load);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("totals");
    TCase *tcase = support_add_case(suite, "totals", 60);

    add_variant_test(tcase, test_increments_add_up, 0);
    add_variant_test(tcase, test_in_flight_pairs_end_at_0, 0);
    add_variant_test(tcase, test_mixed_deltas_add_up_and_are_never_torn, 0);
    add_variant_test(tcase, test_large_deltas_add_up, 0);
    add_variant_test(tcase, test_try_add_counts_if_it_returns_0, 0);
    add_variant_test(tcase, test_try_add_never_waits_for_a_callback, TSC_CAP_UPDATE);
    return support_run_suite(suite);
}
