/* SPDX-License-Identifier: MIT */
/* An update changes other data together with the value; no thread sees them half changed. */
#include <errno.h>

#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

/* Adds change the upper half, updates the lower one: both work on one value. */
#define ADDED (INT64_C(1) << 32)
#define LOWER_HALF (ADDED - 1)

enum { READERS = 3, CANCELLED = -ECANCELED, INVALID_RESULT = 1 };

struct load {
    struct subject subject;
    size_t writers;
    uint64_t calls;
    atomic_size_t writers_left;
    /* Protected by the counter's updates. */
    int64_t second_number;
    int64_t time_stamp;
    int64_t time_stamp_again;
};

static void check_both(struct load *load, int64_t value)
{
    struct witness *witness = &load->subject.witness;

    witness_equal(witness, "the second number", load->second_number, value & LOWER_HALF);
    witness_equal(witness, "the time stamp", load->time_stamp, load->time_stamp_again);
}

static int change_both(int64_t *value, void *arg)
{
    struct load *load = arg;
    int64_t now = support_now_ns();

    check_both(load, *value);
    witness_at_least(&load->subject.witness, "a later time stamp", now, load->time_stamp);
    load->time_stamp = now;
    *value += 1;
    load->second_number++;
    load->time_stamp_again = now;
    return 0;
}

static int check_and_cancel(int64_t *value, void *arg)
{
    check_both(arg, *value);
    *value = -1;
    return CANCELLED;
}

static int check_and_return_nonsense(int64_t *value, void *arg)
{
    check_both(arg, *value);
    *value = -1;
    return INVALID_RESULT;
}

static void write_both(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    tsc_counter_t *counter = load->subject.counter;

    for (uint64_t i = 0; i < load->calls; i++) {
        witness_equal(witness, "update", tsc_counter_update(counter, change_both, load), 0);
        witness_equal(witness, "add", tsc_counter_add(counter, ADDED), 0);
    }
}

static void read_both(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    tsc_counter_t *counter = load->subject.counter;

    while (atomic_load_explicit(&load->writers_left, memory_order_relaxed) != 0) {
        int64_t value = 0;

        witness_equal(witness, "a cancelled update", tsc_counter_update(counter, check_and_cancel, load),
                      CANCELLED);
        witness_equal(witness, "an update with an invalid callback result",
                      tsc_counter_update(counter, check_and_return_nonsense, load), -EINVAL);
        witness_equal(witness, "get", tsc_counter_get(counter, &value), 0);
        witness_at_least(witness, "a value during updates", value, 0);
    }
}

static void write_or_read(size_t index, void *arg)
{
    struct load *load = arg;

    if (index >= load->writers) {
        read_both(load);
        return;
    }
    write_both(load);
    atomic_fetch_sub_explicit(&load->writers_left, 1, memory_order_relaxed);
}

START_TEST(test_value_and_time_stamp_are_never_torn)
{
    const struct variant *variant = &variants[_i];
    struct load load = {.writers = stress_threads(), .calls = variant_calls(variant)};
    int64_t total;

    atomic_init(&load.writers_left, load.writers);
    subject_open(&load.subject, variant, variant_attr(variant));
    crew_run(load.writers + READERS, write_or_read, &load);
    total = (int64_t)(load.writers * load.calls);
    ck_assert_int_eq(load.second_number, total);
    subject_assert_value(&load.subject, total * ADDED + total);
    subject_close(&load.subject);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("update");
    TCase *tcase = support_add_case(suite, "update", 60);

    add_variant_test(tcase, test_value_and_time_stamp_are_never_torn, TSC_CAP_UPDATE);
    return support_run_suite(suite);
}
