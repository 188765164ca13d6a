/* SPDX-License-Identifier: MIT */
/* Bounds under load: a limit is never exceeded, and the accepted and refused changes add up. */
#include <errno.h>
#include <stdlib.h>

#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

enum { LIMIT = 10, READERS = 2, STRIDE_MOST = 5 };

static const struct policy {
    uint32_t policy;
    int refusal;
} policies[] = {{TSC_BOUNDS_REJECT, -ERANGE}, {TSC_BOUNDS_CLAMP, 1}};

enum { POLICIES = sizeof policies / sizeof *policies };

struct tally {
    uint64_t accepted;
    uint64_t refused;
    int64_t net;
};

struct load {
    struct subject subject;
    size_t writers;
    uint64_t calls;
    int refusal;
    int64_t max;
    atomic_int_fast64_t inside; /* a second count, of the threads that the counter admitted */
    atomic_size_t writers_left;
    struct tally *tallies;
};

static void load_open(struct load *load, int index, const struct policy *policy, int64_t initial, int64_t max)
{
    const struct variant *variant = &variants[index];
    tsc_counter_attr_t *attr = variant_attr(variant);

    *load = (struct load){
        .writers = stress_threads(), .calls = variant_calls(variant), .refusal = policy->refusal, .max = max};
    atomic_init(&load->writers_left, load->writers);
    load->tallies = calloc(load->writers, sizeof *load->tallies);
    ck_assert_ptr_nonnull(load->tallies);
    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, initial), 0);
    ck_assert_int_eq(tsc_counter_attr_set_bounds(attr, 0, max, policy->policy), 0);
    subject_open(&load->subject, variant, attr);
}

/* A variant with bounds makes the same counter as one without, because the test sets the bounds. */
static void with_each_policy(int index, void (*check)(int index, const struct policy *policy))
{
    if (variants[index].bounded)
        return;
    for (size_t i = 0; i < POLICIES; i++)
        check(index, &policies[i]);
}

static struct tally load_tally(const struct load *load)
{
    struct tally sum = {0};

    for (size_t i = 0; i < load->writers; i++) {
        sum.accepted += load->tallies[i].accepted;
        sum.refused += load->tallies[i].refused;
        sum.net += load->tallies[i].net;
    }
    return sum;
}

static void load_close(struct load *load)
{
    free(load->tallies);
    subject_close(&load->subject);
}

static bool tally_add(struct load *load, size_t index, const char *what, int result)
{
    if (result == 0) {
        load->tallies[index].accepted++;
        return true;
    }
    witness_equal(&load->subject.witness, what, result, load->refusal);
    load->tallies[index].refused++;
    return false;
}

static void read_within_bounds(struct load *load)
{
    struct witness *witness = &load->subject.witness;

    while (atomic_load_explicit(&load->writers_left, memory_order_relaxed) != 0) {
        int64_t value = 0;

        witness_equal(witness, "get", tsc_counter_get(load->subject.counter, &value), 0);
        witness_between(witness, "a value within bounds", value, 0, load->max);
    }
}

static void ask_for_admission(struct load *load, size_t index)
{
    struct witness *witness = &load->subject.witness;

    for (uint64_t i = 0; i < load->calls; i++) {
        int64_t inside;

        if (!tally_add(load, index, "admission", tsc_counter_inc(load->subject.counter)))
            continue;
        inside = atomic_fetch_add_explicit(&load->inside, 1, memory_order_relaxed) + 1;
        witness_between(witness, "how many are inside", inside, 1, LIMIT);
        atomic_fetch_sub_explicit(&load->inside, 1, memory_order_relaxed);
        witness_equal(witness, "dec", tsc_counter_dec(load->subject.counter), 0);
    }
}

static void ask_or_read(size_t index, void *arg)
{
    struct load *load = arg;

    if (index >= load->writers) {
        read_within_bounds(load);
        return;
    }
    ask_for_admission(load, index);
    atomic_fetch_sub_explicit(&load->writers_left, 1, memory_order_relaxed);
}

static void limit_is_never_passed(int index, const struct policy *policy)
{
    struct load load;
    struct tally tally;

    load_open(&load, index, policy, 0, LIMIT);
    crew_run(load.writers + READERS, ask_or_read, &load);
    tally = load_tally(&load);
    ck_assert_uint_eq(tally.accepted + tally.refused, load.writers * load.calls);
    ck_assert_uint_ge(tally.accepted, 1);
    subject_assert_value(&load.subject, 0);
    load_close(&load);
}

START_TEST(test_limit_is_never_passed)
{
    with_each_policy(_i, limit_is_never_passed);
}
END_TEST

static void take_and_keep(size_t index, void *arg)
{
    struct load *load = arg;

    for (uint64_t i = 0; i < load->calls; i++)
        tally_add(load, index, "a take", tsc_counter_inc(load->subject.counter));
}

static void take_away(size_t index, void *arg)
{
    struct load *load = arg;

    for (uint64_t i = 0; i < load->calls; i++)
        tally_add(load, index, "a decrement", tsc_counter_dec(load->subject.counter));
}

static void half_are_refused(int index, const struct policy *policy, void (*body)(size_t, void *), bool begin_full)
{
    const struct variant *variant = &variants[index];
    uint64_t asked = stress_threads() * variant_calls(variant);
    int64_t room = (int64_t)(asked / 2);
    struct load load;
    struct tally tally;

    load_open(&load, index, policy, begin_full ? room : 0, room);
    crew_run(load.writers, body, &load);
    tally = load_tally(&load);
    ck_assert_uint_eq(tally.accepted, (uint64_t)room);
    ck_assert_uint_eq(tally.refused, asked - (uint64_t)room);
    subject_assert_value(&load.subject, begin_full ? 0 : room);
    load_close(&load);
}

static void half_get_in(int index, const struct policy *policy)
{
    half_are_refused(index, policy, take_and_keep, false);
}

static void half_get_out(int index, const struct policy *policy)
{
    half_are_refused(index, policy, take_away, true);
}

/* Twice as many threads try as may enter: as many as the limit enter, and as many leave. */
START_TEST(test_no_more_enter_than_the_limit)
{
    with_each_policy(_i, half_get_in);
}
END_TEST

START_TEST(test_unmatched_decrements_are_found)
{
    with_each_policy(_i, half_get_out);
}
END_TEST

static void go_up_and_down(struct load *load, size_t index)
{
    uint64_t random = index;

    for (uint64_t i = 0; i < load->calls; i++) {
        int64_t step = next_random(&random) % 2 != 0 ? 1 : -1;

        if (tally_add(load, index, "a step", tsc_counter_add(load->subject.counter, step)))
            load->tallies[index].net += step;
    }
}

static void walk_or_read(size_t index, void *arg)
{
    struct load *load = arg;

    if (index >= load->writers) {
        read_within_bounds(load);
        return;
    }
    go_up_and_down(load, index);
    atomic_fetch_sub_explicit(&load->writers_left, 1, memory_order_relaxed);
}

static void walk_along_the_bound(int index, const struct policy *policy)
{
    struct load load;

    load_open(&load, index, policy, 0, INT64_MAX);
    crew_run(load.writers + READERS, walk_or_read, &load);
    subject_assert_value(&load.subject, load_tally(&load).net);
    load_close(&load);
}

/* With min 0 no thread sees a lower value; exactly the refused changes have no effect. */
START_TEST(test_unmatched_decrements_change_nothing)
{
    with_each_policy(_i, walk_along_the_bound);
}
END_TEST

static int64_t clamped(int64_t value)
{
    if (value < 0)
        return 0;
    return value > LIMIT ? LIMIT : value;
}

static void stride(size_t index, void *arg)
{
    struct load *load = arg;
    struct witness *witness = &load->subject.witness;
    uint64_t random = index;

    for (uint64_t i = 0; i < load->calls; i++) {
        int64_t delta = (int64_t)(next_random(&random) % (2 * STRIDE_MOST + 1)) - STRIDE_MOST;
        int64_t previous = 0;
        int result = tsc_counter_fetch_add(load->subject.counter, delta, &previous);
        int64_t becomes = clamped(previous + delta);

        witness_between(witness, "a value found by fetch_add", previous, 0, LIMIT);
        witness_equal(witness, "whether fetch_add was clamped", result, becomes != previous + delta);
        load->tallies[index].net += becomes - previous;
    }
}

/* fetch_add's outputs determine the sum, even if changes are clamped. */
START_TEST(test_changes_that_stop_at_a_bound_add_up)
{
    struct load load;

    load_open(&load, _i, &policies[TSC_BOUNDS_CLAMP], 0, LIMIT);
    crew_run(load.writers, stride, &load);
    subject_assert_value(&load.subject, load_tally(&load).net);
    load_close(&load);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits");
    TCase *tcase = support_add_case(suite, "limits", 60);

    add_variant_test(tcase, test_limit_is_never_passed, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_no_more_enter_than_the_limit, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_unmatched_decrements_are_found, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_unmatched_decrements_change_nothing, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_changes_that_stop_at_a_bound_add_up, TSC_CAP_BOUNDS | TSC_CAP_FETCH);
    return support_run_suite(suite);
}
