/* SPDX-License-Identifier: MIT */
/*
 * A reader sees the stores that precede an add which its value includes. A peak is not below a
 * value that was read before. The deltas that a reader gets add up.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

enum { MAILS = 24, ROUNDS = 40, CURSORS = 4 };

static int add_in_update(int64_t *value, void *arg)
{
    const int64_t *delta = arg;

    *value += *delta;
    return 0;
}

static int note_and_abandon(int64_t *value, void *arg)
{
    int64_t *noted = arg;

    *noted = *value;
    return -ECANCELED;
}

static int change_by_sub(tsc_counter_t *counter, int64_t delta)
{
    return tsc_counter_sub(counter, -delta);
}

static int change_by_try_add(tsc_counter_t *counter, int64_t delta)
{
    int result = tsc_counter_try_add(counter, delta);

    return result == -EAGAIN || result == -ENOTSUP ? tsc_counter_add(counter, delta) : result;
}

static int change_by_fetch_add(tsc_counter_t *counter, int64_t delta)
{
    int64_t previous;

    return tsc_counter_fetch_add(counter, delta, &previous);
}

static int change_by_compare_exchange(tsc_counter_t *counter, int64_t delta)
{
    int64_t expected = 0;
    int result;

    while ((result = tsc_counter_compare_exchange(counter, &expected, expected + delta)) == 0)
        ;
    return result == 1 ? 0 : result;
}

static int change_by_update(tsc_counter_t *counter, int64_t delta)
{
    return tsc_counter_update(counter, add_in_update, &delta);
}

static const struct {
    int (*change)(tsc_counter_t *counter, int64_t delta);
    uint64_t caps;
} changes[] = {
    {tsc_counter_add, 0},
    {change_by_sub, 0},
    {change_by_try_add, 0},
    {change_by_fetch_add, TSC_CAP_FETCH},
    {change_by_compare_exchange, TSC_CAP_FETCH},
    {change_by_update, TSC_CAP_UPDATE},
};

static int read_by_interval(tsc_counter_t *counter, int64_t *value)
{
    int64_t high;

    return tsc_counter_get_interval(counter, value, &high);
}

static int read_by_delta(tsc_counter_t *counter, int64_t *value)
{
    int64_t cursor = 0;

    return tsc_counter_get_delta(counter, &cursor, value);
}

static int read_by_fetch_add(tsc_counter_t *counter, int64_t *value)
{
    return tsc_counter_fetch_add(counter, 0, value);
}

/* The expected value never occurs. */
static int read_by_compare_exchange(tsc_counter_t *counter, int64_t *value)
{
    *value = -1;
    return tsc_counter_compare_exchange(counter, value, -1);
}

static int read_by_update(tsc_counter_t *counter, int64_t *value)
{
    int result = tsc_counter_update(counter, note_and_abandon, value);

    return result == -ECANCELED ? 0 : result;
}

static const struct {
    int (*read)(tsc_counter_t *counter, int64_t *value);
    uint64_t caps;
} reads[] = {
    {tsc_counter_get, 0},
    {read_by_interval, TSC_CAP_LINEARIZABLE},
    {read_by_delta, 0},
    {tsc_counter_get_peak, TSC_CAP_PEAK}, /* of a counter that only rises */
    {read_by_fetch_add, TSC_CAP_FETCH},
    {read_by_compare_exchange, TSC_CAP_FETCH},
    {read_by_update, TSC_CAP_UPDATE},
};

enum { CHANGES = sizeof changes / sizeof *changes, READS = sizeof reads / sizeof *reads };

/* Each writer has a bit of the value and a mail. The mail is plain memory; the bit says that it is written. */
struct post {
    struct subject subject;
    int64_t mails[MAILS];
};

static void send_mail(struct post *post, size_t index)
{
    const struct variant *variant = post->subject.variant;
    size_t way = index % CHANGES;
    int result;

    post->mails[index] = (int64_t)index + 1;
    if (!variant_has(variant, changes[way].caps))
        way = 0;
    result = changes[way].change(post->subject.counter, INT64_C(1) << index);
    witness_equal(&post->subject.witness, "a change", result, 0);
}

static void receive_mails(struct post *post, size_t way)
{
    struct witness *witness = &post->subject.witness;
    const int64_t all = (INT64_C(1) << MAILS) - 1;
    int64_t value = 0;

    if (!variant_has(post->subject.variant, reads[way].caps))
        way = 0;
    if (reads[way].caps == TSC_CAP_PEAK && !post->subject.variant->track_peak)
        way = 0;
    while (value != all) {
        int64_t last = value;

        witness_equal(witness, "a read", reads[way].read(post->subject.counter, &value), 0);
        witness_between(witness, "a value that only rises", value, last, all);
        for (size_t i = 0; i < MAILS; i++)
            if ((value >> i & 1) != 0)
                witness_equal(witness, "a mail", post->mails[i], (int64_t)i + 1);
        if (atomic_load_explicit(&witness->reports, memory_order_relaxed) != 0)
            return;
        sched_yield();
    }
}

static void send_or_receive(size_t index, void *arg)
{
    if (index < MAILS)
        send_mail(arg, index);
    else
        receive_mails(arg, index - MAILS);
}

START_TEST(test_a_reader_of_an_add_sees_earlier_stores)
{
    const struct variant *variant = &variants[_i];

    for (int round = 0; round < ROUNDS; round++) {
        struct post post = {0};

        subject_open(&post.subject, variant, variant_attr(variant));
        crew_run(MAILS + READS, send_or_receive, &post);
        subject_close(&post.subject);
    }
}
END_TEST

struct load {
    struct subject subject;
    size_t threads;
    uint64_t calls;
    pthread_barrier_t all_in;
    atomic_size_t writers_left;
    int64_t sums[CURSORS];
    int64_t cursors[CURSORS];
};

static void check_peak(struct load *load, int64_t seen)
{
    int64_t peak = 0;

    witness_equal(&load->subject.witness, "get_peak", tsc_counter_get_peak(load->subject.counter, &peak), 0);
    witness_between(&load->subject.witness, "a peak", peak, seen, (int64_t)load->threads);
}

static void go_in_and_out(size_t index, void *arg)
{
    struct load *load = arg;
    struct witness *witness = &load->subject.witness;
    tsc_counter_t *counter = load->subject.counter;

    (void)index;
    for (uint64_t i = 0; i < load->calls; i++) {
        int64_t value = 0;

        witness_equal(witness, "fetch_add", tsc_counter_fetch_add(counter, 1, &value), 0);
        check_peak(load, value + 1);
        witness_equal(witness, "get", tsc_counter_get(counter, &value), 0);
        check_peak(load, value);
        witness_equal(witness, "dec", tsc_counter_dec(counter), 0);
    }
}

static void go_in_together(size_t index, void *arg)
{
    struct load *load = arg;
    struct witness *witness = &load->subject.witness;

    (void)index;
    witness_equal(witness, "inc", tsc_counter_inc(load->subject.counter), 0);
    pthread_barrier_wait(&load->all_in);
    witness_equal(witness, "dec", tsc_counter_dec(load->subject.counter), 0);
}

START_TEST(test_peak_is_the_highest_value)
{
    const struct variant *variant = &variants[_i];
    struct load load = {.threads = stress_threads(), .calls = variant_calls(variant) / 4 + 1};
    int64_t peak;

    if (!variant->track_peak)
        return;
    ck_assert_int_eq(pthread_barrier_init(&load.all_in, NULL, (unsigned int)load.threads), 0);
    subject_open(&load.subject, variant, variant_attr(variant));
    crew_run(load.threads, go_in_and_out, &load);
    crew_run(load.threads, go_in_together, &load);
    ck_assert_int_eq(tsc_counter_get_peak(load.subject.counter, &peak), 0);
    ck_assert_int_eq(peak, (int64_t)load.threads);
    subject_assert_value(&load.subject, 0);
    subject_close(&load.subject);
    pthread_barrier_destroy(&load.all_in);
}
END_TEST

static void collect(struct load *load, size_t reader)
{
    struct witness *witness = &load->subject.witness;
    int64_t *cursor = &load->cursors[reader];
    int64_t delta = 0;

    witness_equal(witness, "get_delta", tsc_counter_get_delta(load->subject.counter, cursor, &delta), 0);
    witness_at_least(witness, "a delta under increments", delta, 0);
    load->sums[reader] += delta;
    witness_equal(witness, "a cursor", *cursor, load->sums[reader]);
}

static void add_or_collect(size_t index, void *arg)
{
    struct load *load = arg;

    if (index >= load->threads) {
        while (atomic_load_explicit(&load->writers_left, memory_order_relaxed) != 0)
            collect(load, index - load->threads);
        return;
    }
    for (uint64_t i = 0; i < load->calls; i++)
        witness_equal(&load->subject.witness, "inc", tsc_counter_inc(load->subject.counter), 0);
    atomic_fetch_sub_explicit(&load->writers_left, 1, memory_order_relaxed);
}

START_TEST(test_each_reader_of_changes_sees_all_of_them)
{
    const struct variant *variant = &variants[_i];
    struct load load = {.threads = stress_threads(), .calls = variant_adds(variant)};

    atomic_init(&load.writers_left, load.threads);
    subject_open(&load.subject, variant, variant_attr(variant));
    crew_run(load.threads + CURSORS, add_or_collect, &load);
    for (size_t reader = 0; reader < CURSORS; reader++) {
        collect(&load, reader);
        ck_assert_int_eq(load.sums[reader], (int64_t)(load.threads * load.calls));
    }
    subject_close(&load.subject);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("readers");
    TCase *tcase = support_add_case(suite, "readers", 60);

    add_variant_test(tcase, test_a_reader_of_an_add_sees_earlier_stores, 0);
    add_variant_test(tcase, test_peak_is_the_highest_value, TSC_CAP_PEAK);
    add_variant_test(tcase, test_each_reader_of_changes_sees_all_of_them, 0);
    return support_run_suite(suite);
}
