/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

enum { MANY = 64, SEEN_BYTES = 4096 };

static tsc_counter_t *make_named(const struct variant *variant, const char *name)
{
    return make_counter(variant, &(struct options){.name = name});
}

/* The names in the order of the walk, each with a space behind it. */
static const char *walk(void)
{
    static char seen[SEEN_BYTES];
    tsc_counter_t *counter = NULL;
    size_t length = 0;
    int result;

    seen[0] = '\0';
    while ((result = tsc_counter_next(&counter)) == 1 && length < sizeof seen)
        length += (size_t)snprintf(seen + length, sizeof seen - length, "%s ", tsc_counter_get_name(counter));
    ck_assert_int_eq(result, 0);
    ck_assert_ptr_null(counter);
    return seen;
}

START_TEST(named_counters_in_the_order_of_their_creation)
{
    const struct variant *variant = &variants[_i];
    tsc_counter_t *counters[] = {
        make_named(variant, "c"), make_counter(variant, NULL), make_named(variant, "a"),
        make_named(variant, ""),  make_named(variant, "b"),    make_named(variant, "a"),
    };

    ck_assert_str_eq(walk(), "c a b a ");
    tsc_counter_unref(counters[2]);
    ck_assert_str_eq(walk(), "c b a ");
    tsc_counter_unref(counters[5]);
    ck_assert_str_eq(walk(), "c b ");
    counters[5] = make_named(variant, "d");
    tsc_counter_unref(counters[0]);
    ck_assert_str_eq(walk(), "b d ");
    tsc_counter_unref(counters[1]);
    tsc_counter_unref(counters[3]);
    tsc_counter_unref(counters[4]);
    tsc_counter_unref(counters[5]);
    ck_assert_str_eq(walk(), "");
}
END_TEST

START_TEST(a_walk_leaks_no_reference)
{
    tsc_counter_t *counters[] = {make_named(&variants[_i], "first"), make_named(&variants[_i], "second")};
    tsc_counter_t *counter = NULL;

    for (int round = 0; round < 3; round++)
        ck_assert_str_eq(walk(), "first second ");
    RETURNS(1, tsc_counter_next(&counter));
    ck_assert_ptr_eq(counter, counters[0]);
    tsc_counter_unref(counter);
    tsc_counter_unref(counters[0]);
    ck_assert_str_eq(walk(), "second ");
    tsc_counter_unref(counters[1]);
    ck_assert_str_eq(walk(), "");
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

/* The walk holds the last reference: the counter is listed, keeps its place, and ends with the next step. */
START_TEST(a_walk_keeps_its_counter)
{
    tsc_counter_t *counters[] = {make_named(&variants[_i], "first"), make_named(&variants[_i], "second"),
                                 make_named(&variants[_i], "third")};
    tsc_counter_t *counter = NULL;

    RETURNS(1, tsc_counter_next(&counter));
    RETURNS(1, tsc_counter_next(&counter));
    tsc_counter_unref(counters[1]);
    tsc_counter_unref(counters[0]);
    HOLDS(counter, 0);
    ck_assert_str_eq(walk(), "second third ");
    RETURNS(1, tsc_counter_next(&counter));
    ck_assert_ptr_eq(counter, counters[2]);
    ck_assert_str_eq(walk(), "third ");
    tsc_counter_unref(counters[2]);
    RETURNS(0, tsc_counter_next(&counter));
    ck_assert_ptr_null(counter);
    ck_assert_str_eq(walk(), "");
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

START_TEST(a_walk_sees_counters_that_are_made_meanwhile)
{
    tsc_counter_t *first = make_named(&variants[_i], "first");
    tsc_counter_t *second;
    tsc_counter_t *counter = NULL;

    RETURNS(1, tsc_counter_next(&counter));
    second = make_named(&variants[_i], "second");
    RETURNS(1, tsc_counter_next(&counter));
    ck_assert_ptr_eq(counter, second);
    RETURNS(0, tsc_counter_next(&counter));
    tsc_counter_unref(first);
    tsc_counter_unref(second);
}
END_TEST

START_TEST(errors_of_next)
{
    tsc_counter_t *unnamed = make_counter(&variants[_i], NULL);
    tsc_counter_t *counter = unnamed;

    RETURNS(-EINVAL, tsc_counter_next(NULL));
    RETURNS(-EINVAL, tsc_counter_next(&counter));
    ck_assert_ptr_eq(counter, unnamed);
    HOLDS(unnamed, 0);
    tsc_counter_unref(unnamed);
}
END_TEST

static int walk_inside(int64_t *value, void *arg)
{
    tsc_counter_t *counter = NULL;

    *value = 0;
    while (tsc_counter_next(&counter) == 1) {
        if (*value == 0)
            tsc_counter_unref(arg);
        *value += 1;
    }
    return 0;
}

/* Steps onto the counter of the callback, and gives back the last references to others: none waits. */
START_TEST(a_walk_inside_a_callback)
{
    tsc_counter_t *other = make_named(&variants[_i], "other");
    tsc_counter_t *counter = make_named(&variants[_i], "on");

    RETURNS(0, tsc_counter_update(counter, walk_inside, other));
    HOLDS(counter, 2);
    tsc_counter_unref(counter);
    ck_assert(support_threads_named_become("tscounter", 0));
    ck_assert_str_eq(walk(), "");
}
END_TEST

static int unref_inside(int64_t *value, void *arg)
{
    tsc_counter_t *counter = NULL;

    tsc_counter_unref(arg);
    *value = tsc_counter_next(&counter);
    return 0;
}

/* The update that is running holds a reference. */
START_TEST(a_counter_is_listed_while_its_update_runs)
{
    tsc_counter_t *counter = make_named(&variants[_i], "on");

    tsc_counter_ref(counter);
    RETURNS(0, tsc_counter_update(counter, unref_inside, counter));
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
}
END_TEST

struct crowd {
    const struct variant *variant;
    tsc_counter_t *kept[MANY];
    uint64_t rounds;
    atomic_size_t wrong;
};

/* Those that are kept are seen once in each walk, in their order, whatever comes and goes between them. */
static void count_kept(struct crowd *crowd)
{
    tsc_counter_t *counter = NULL;
    size_t seen = 0;

    while (tsc_counter_next(&counter) == 1) {
        if (strncmp(tsc_counter_get_name(counter), "kept", 4) != 0)
            continue;
        if (seen >= MANY || counter != crowd->kept[seen])
            atomic_fetch_add(&crowd->wrong, 1);
        seen++;
    }
    if (seen != MANY || counter != NULL)
        atomic_fetch_add(&crowd->wrong, 1);
}

static void come_and_go(struct crowd *crowd)
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *counters[3];
    int result = tsc_counter_attr_create(&attr);

    if (result == 0)
        result = tsc_counter_attr_set_name(attr, "passing");
    for (size_t i = 0; i < 3 && result == 0; i++)
        result = tsc_counter_create(&counters[i], crowd->variant->backend, attr);
    if (result != 0) {
        atomic_fetch_add(&crowd->wrong, 1);
        return;
    }
    tsc_counter_unref(counters[1]);
    tsc_counter_unref(counters[0]);
    tsc_counter_unref(counters[2]);
    tsc_counter_attr_destroy(attr);
}

static void walk_or_pass(size_t index, void *arg)
{
    struct crowd *crowd = arg;

    for (uint64_t i = 0; i < crowd->rounds; i++) {
        if (index % 2 == 0)
            count_kept(crowd);
        else
            come_and_go(crowd);
    }
}

START_TEST(counters_come_and_go_during_walks)
{
    struct crowd crowd = {.variant = &variants[_i], .rounds = support_ops(50)};

    for (size_t i = 0; i < MANY; i++)
        crowd.kept[i] = make_named(crowd.variant, "kept");
    support_run_threads(support_threads(6), walk_or_pass, &crowd);
    ck_assert_uint_eq(atomic_load(&crowd.wrong), 0);
    count_kept(&crowd);
    ck_assert_uint_eq(atomic_load(&crowd.wrong), 0);
    for (size_t i = 0; i < MANY; i++)
        tsc_counter_unref(crowd.kept[i]);
    ck_assert_str_eq(walk(), "");
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

void add_listing_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "listing", 60);

    add_test(tcase, named_counters_in_the_order_of_their_creation, 0);
    add_test(tcase, a_walk_leaks_no_reference, 0);
    add_test(tcase, a_walk_keeps_its_counter, 0);
    add_test(tcase, a_walk_sees_counters_that_are_made_meanwhile, 0);
    add_test(tcase, errors_of_next, 0);
    add_test(tcase, a_walk_inside_a_callback, TSC_CAP_UPDATE);
    add_test(tcase, a_counter_is_listed_while_its_update_runs, TSC_CAP_UPDATE);
    add_test(tcase, counters_come_and_go_during_walks, 0);
}
