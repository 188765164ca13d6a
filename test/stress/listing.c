/* SPDX-License-Identifier: MIT */
/*
 * Threads create and free named counters while others walk, or write them. Each counter that lives throughout is
 * seen once in each walk, in the order of creation, and is in each text. Nothing is leaked.
 */
#include <errno.h>
#include <string.h>

#include <tscounter/metrics.h>

#include "subject.h"
#include "support/backends.h"
#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

enum { KEPT = 16, ROLES = 8, STEPS = 3 };

struct crowd {
    const struct variant *variant;
    tsc_counter_attr_t *attr;
    tsc_counter_t *kept[KEPT];
    uint64_t rounds;
    struct witness witness;
};

static void walk(struct crowd *crowd)
{
    struct witness *witness = &crowd->witness;
    tsc_counter_t *counter = NULL;
    int64_t value = 0;
    size_t seen = 0;
    int result;

    while ((result = tsc_counter_next(&counter)) == 1) {
        witness_equal(witness, "the value of a listed counter", tsc_counter_get(counter, &value), 0);
        if (strcmp(tsc_counter_get_name(counter), "kept") != 0)
            continue;
        witness_equal(witness, "the place of a kept counter", seen < KEPT && counter == crowd->kept[seen], 1);
        seen++;
    }
    witness_equal(witness, "the end of a walk", result, 0);
    witness_equal(witness, "kept counters in a walk", (int64_t)seen, KEPT);
}

/* The kept counters are one sample, in a line of its own. */
static int find_kept(const char *text, size_t bytes, void *arg)
{
    static const char line[] = "\nkept 0\n";
    size_t *matched = arg;

    for (size_t i = 0; i < bytes && *matched < sizeof line - 1; i++)
        *matched = text[i] == line[*matched] ? *matched + 1 : text[i] == '\n';
    return 0;
}

static void write_text(struct crowd *crowd)
{
    size_t matched = 0;
    int result = tsc_metrics_write(TSC_METRICS_TEXT, NULL, find_kept, &matched);

    witness_equal(&crowd->witness, "the result of a writing", result, TEST_BUILT_METRICS ? 0 : -ENOTSUP);
    witness_equal(&crowd->witness, "the text of the kept counters", (int64_t)matched, TEST_BUILT_METRICS ? 8 : 0);
}

/* Leaves early, possibly with the last reference to a counter of another thread. */
static void step(struct crowd *crowd)
{
    tsc_counter_t *counter = NULL;

    for (int i = 0; i < STEPS; i++)
        witness_equal(&crowd->witness, "a step", tsc_counter_next(&counter), 1);
    tsc_counter_unref(counter);
}

static void pass(struct crowd *crowd)
{
    tsc_counter_t *counter = NULL;

    witness_equal(&crowd->witness, "create", tsc_counter_create(&counter, crowd->variant->backend, crowd->attr),
                  0);
    witness_equal(&crowd->witness, "inc", tsc_counter_inc(counter), 0);
    step(crowd);
    tsc_counter_unref(counter);
}

static void play_a_role(size_t index, void *arg)
{
    struct crowd *crowd = arg;

    for (uint64_t i = 0; i < crowd->rounds; i++) {
        if (index % ROLES == 0)
            walk(crowd);
        else if (index % ROLES == 1)
            write_text(crowd);
        else
            pass(crowd);
    }
}

static void open_crowd(struct crowd *crowd, const struct variant *variant)
{
    *crowd = (struct crowd){.variant = variant, .rounds = variant_calls(variant) / 20 + 1};
    crowd->attr = variant_attr(variant);
    ck_assert_int_eq(tsc_counter_attr_set_name(crowd->attr, "kept"), 0);
    for (size_t i = 0; i < KEPT; i++)
        ck_assert_int_eq(tsc_counter_create(&crowd->kept[i], variant->backend, crowd->attr), 0);
    ck_assert_int_eq(tsc_counter_attr_set_name(crowd->attr, "passing"), 0);
}

static void close_crowd(struct crowd *crowd)
{
    tsc_counter_t *counter = NULL;

    for (size_t i = 0; i < KEPT; i++)
        tsc_counter_unref(crowd->kept[i]);
    ck_assert_int_eq(tsc_counter_next(&counter), 0);
    tsc_counter_attr_destroy(crowd->attr);
    ck_assert(support_threads_named_become("tscounter", 0));
    witness_assert_none(&crowd->witness, crowd->variant->name);
}

START_TEST(test_counters_come_and_go_during_walks)
{
    struct crowd crowd;

    open_crowd(&crowd, &variants[_i]);
    support_run_threads(stress_threads(), play_a_role, &crowd);
    walk(&crowd);
    close_crowd(&crowd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("listing");
    TCase *tcase = support_add_case(suite, "listing", 120);

    add_variant_test(tcase, test_counters_come_and_go_during_walks, 0);
    return support_run_suite(suite);
}
