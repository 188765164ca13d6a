/* SPDX-License-Identifier: MIT */
/* A thousand threads raise a total and try to lower it: no reader ever sees it fall, and the sum is exact. */
#include <errno.h>
#include <stdlib.h>

#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

enum { READERS = 3, WAYS_UP = 4, WAYS_DOWN = 9 };

struct load {
    struct subject subject;
    size_t writers;
    uint64_t calls;
    atomic_size_t writers_left;
    int64_t *raised; /* by each writer */
};

static void load_open(struct load *load, int index)
{
    const struct variant *variant = &variants[index];
    tsc_counter_attr_t *attr = variant_attr(variant);

    *load = (struct load){.writers = stress_threads(), .calls = variant_calls(variant)};
    atomic_init(&load->writers_left, load->writers);
    load->raised = calloc(load->writers, sizeof *load->raised);
    ck_assert_ptr_nonnull(load->raised);
    ck_assert_int_eq(tsc_counter_attr_set_kind(attr, TSC_KIND_TOTAL), 0);
    subject_open(&load->subject, variant, attr);
}

static void load_close(struct load *load)
{
    free(load->raised);
    subject_close(&load->subject);
}

static int64_t load_sum(const struct load *load)
{
    int64_t sum = 0;

    for (size_t i = 0; i < load->writers; i++)
        sum += load->raised[i];
    return sum;
}

static bool has(const struct load *load, uint64_t caps)
{
    return variant_has(load->subject.variant, caps);
}

static int64_t read_value(struct load *load)
{
    int64_t value = 0;

    witness_equal(&load->subject.witness, "get", tsc_counter_get(load->subject.counter, &value), 0);
    return value;
}

/* -------- up -------- */

static int64_t raise_by_fetch_add(struct load *load)
{
    int64_t previous = -1;

    witness_equal(&load->subject.witness, "fetch_add", tsc_counter_fetch_add(load->subject.counter, 2, &previous),
                  0);
    witness_at_least(&load->subject.witness, "the value before fetch_add", previous, 0);
    return 2;
}

/* The value may have passed the wanted one meanwhile; then the exchange is refused. */
static int64_t raise_by_exchange(struct load *load)
{
    int64_t wanted = read_value(load) + 3;
    int64_t previous = 0;
    int result = tsc_counter_exchange(load->subject.counter, wanted, &previous);

    witness_between(&load->subject.witness, "exchange", result, -ERANGE, 0);
    if (result != 0) {
        witness_equal(&load->subject.witness, "a refused exchange", result, -ERANGE);
        return 0;
    }
    witness_between(&load->subject.witness, "the value before an exchange", previous, 0, wanted);
    return wanted - previous;
}

static int64_t raise_by_compare_exchange(struct load *load)
{
    int64_t expected = read_value(load);
    int result = tsc_counter_compare_exchange(load->subject.counter, &expected, expected + 4);

    witness_between(&load->subject.witness, "compare_exchange", result, 0, 1);
    return result == 1 ? 4 : 0;
}

/* Returns by how much the value has risen. */
static int64_t raise(struct load *load, uint64_t way)
{
    if (way == 1 && has(load, TSC_CAP_FETCH))
        return raise_by_fetch_add(load);
    if (way == 2 && has(load, TSC_CAP_FETCH))
        return raise_by_exchange(load);
    if (way == 3 && has(load, TSC_CAP_FETCH))
        return raise_by_compare_exchange(load);
    witness_equal(&load->subject.witness, "inc", tsc_counter_inc(load->subject.counter), 0);
    return 1;
}

/* -------- down -------- */

static int lower_by_one(int64_t *value, void *arg)
{
    (void)arg;
    *value -= 1;
    return 0;
}

/* The result of a wrong success is 1, so only 0 says that another thread was first. */
static int compare_and_lower(struct load *load)
{
    int64_t expected = read_value(load);
    int result = tsc_counter_compare_exchange(load->subject.counter, &expected, expected - 1);

    return result == 0 ? -ERANGE : result;
}

static int try_to_lower(struct load *load, uint64_t way)
{
    tsc_counter_t *counter = load->subject.counter;
    int64_t previous;
    int result;

    switch (way) {
    case 0:
        return tsc_counter_dec(counter);
    case 1:
        return tsc_counter_add(counter, INT64_MIN);
    case 2:
        return tsc_counter_sub(counter, 1);
    case 3:
        result = tsc_counter_try_add(counter, -1);
        return result == -EAGAIN ? -ERANGE : result;
    case 4:
        return tsc_counter_fetch_add(counter, -1, &previous);
    case 5:
        return tsc_counter_set(counter, 0);
    case 6:
        return tsc_counter_exchange(counter, 0, &previous);
    case 7:
        return compare_and_lower(load);
    default:
        return tsc_counter_update(counter, lower_by_one, NULL);
    }
}

static bool is_supported(const struct load *load, uint64_t way)
{
    const struct variant *variant = load->subject.variant;

    if (way == 3 && variant->backend == TSC_BACKEND_QUEUE && variant->bounded)
        return false;
    if (way >= 4 && way <= 7)
        return has(load, TSC_CAP_FETCH);
    return way != 8 || has(load, TSC_CAP_UPDATE);
}

/* -------- threads -------- */

static void raise_and_try_to_lower(struct load *load, size_t index)
{
    uint64_t random = index;

    load->raised[index] = raise(load, 0);
    for (uint64_t i = 0; i < load->calls; i++) {
        uint64_t down = next_random(&random) % WAYS_DOWN;

        load->raised[index] += raise(load, next_random(&random) % WAYS_UP);
        witness_equal(&load->subject.witness, "a change that would lower a total", try_to_lower(load, down),
                      is_supported(load, down) ? -ERANGE : -ENOTSUP);
    }
}

static void read_a_growing_value(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    int64_t last = 0;

    while (atomic_load_explicit(&load->writers_left, memory_order_relaxed) != 0) {
        int64_t value = read_value(load);

        witness_at_least(witness, "a later value of a total", value, last);
        last = value;
    }
}

static void count_or_read(size_t index, void *arg)
{
    struct load *load = arg;

    if (index >= load->writers) {
        read_a_growing_value(load);
        return;
    }
    raise_and_try_to_lower(load, index);
    atomic_fetch_sub_explicit(&load->writers_left, 1, memory_order_relaxed);
}

START_TEST(test_a_total_only_grows)
{
    struct load load;

    load_open(&load, _i);
    crew_run(load.writers + READERS, count_or_read, &load);
    subject_assert_value(&load.subject, load_sum(&load));
    load_close(&load);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kinds");
    TCase *tcase = support_add_case(suite, "kinds", 60);

    add_variant_test(tcase, test_a_total_only_grows, 0);
    return support_run_suite(suite);
}
