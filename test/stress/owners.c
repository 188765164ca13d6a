/* SPDX-License-Identifier: MIT */
/*
 * Many counters on one owner: all messages have one order, and owners and counters are created and freed
 * meanwhile.
 */
#include <stddef.h>

#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

enum { PAIRS = 4, READERS = 3, LIVES = 5, SMALL_QUEUE = 16, LARGE_QUEUE = 1024 };

struct load {
    tsc_owner_t *owner;
    size_t threads;
    uint64_t adds;
    tsc_counter_t *first[PAIRS];
    tsc_counter_t *second[PAIRS];
    atomic_size_t writers_left;
    struct witness witness;
};

static tsc_owner_t *make_owner(size_t capacity)
{
    tsc_owner_attr_t *attr;
    tsc_owner_t *owner;

    ck_assert_int_eq(tsc_owner_attr_create(&attr), 0);
    ck_assert_int_eq(tsc_owner_attr_set_queue_capacity(attr, capacity), 0);
    ck_assert_int_eq(tsc_owner_create(&owner, attr), 0);
    tsc_owner_attr_destroy(attr);
    return owner;
}

/* Also for workers: returns NULL on failure. */
static tsc_counter_t *make_counter_on(tsc_owner_t *owner)
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *counter;

    if (tsc_counter_attr_create(&attr) != 0)
        return NULL;
    if (tsc_counter_attr_set_owner(attr, owner) != 0 || tsc_counter_create(&counter, TSC_BACKEND_QUEUE, attr) != 0)
        counter = NULL;
    tsc_counter_attr_destroy(attr);
    return counter;
}

static void write_pairs(struct load *load)
{
    for (uint64_t i = 0; i < load->adds; i++) {
        witness_equal(&load->witness, "the first add", tsc_counter_inc(load->first[i % PAIRS]), 0);
        witness_equal(&load->witness, "the second add", tsc_counter_inc(load->second[i % PAIRS]), 0);
    }
}

/*
 * Every thread adds to the first counter first. So a reader that reads the second one first never sees more in it.
 */
static void read_pairs(struct load *load)
{
    while (atomic_load_explicit(&load->writers_left, memory_order_relaxed) != 0) {
        for (size_t i = 0; i < PAIRS; i++) {
            int64_t first = 0;
            int64_t second = 0;

            witness_equal(&load->witness, "get", tsc_counter_get(load->second[i], &second), 0);
            witness_equal(&load->witness, "get", tsc_counter_get(load->first[i], &first), 0);
            witness_at_least(&load->witness, "the counter that is changed first", first, second);
        }
    }
}

static void write_or_read(size_t index, void *arg)
{
    struct load *load = arg;

    if (index >= load->threads) {
        read_pairs(load);
        return;
    }
    write_pairs(load);
    atomic_fetch_sub_explicit(&load->writers_left, 1, memory_order_relaxed);
}

START_TEST(test_counters_of_an_owner_share_one_order)
{
    struct load load = {
        .owner = make_owner(SMALL_QUEUE), .threads = stress_threads(), .adds = support_ops(1000) / PAIRS * PAIRS};
    int64_t each = (int64_t)(load.threads * load.adds / PAIRS);

    atomic_init(&load.writers_left, load.threads);
    for (size_t i = 0; i < PAIRS; i++) {
        load.first[i] = make_counter_on(load.owner);
        load.second[i] = make_counter_on(load.owner);
        ck_assert(load.first[i] != NULL && load.second[i] != NULL);
    }
    tsc_owner_unref(load.owner);
    crew_run(load.threads + READERS, write_or_read, &load);
    for (size_t i = 0; i < PAIRS; i++) {
        int64_t value;

        ck_assert_int_eq(tsc_counter_get(load.first[i], &value), 0);
        ck_assert_int_eq(value, each);
        ck_assert_int_eq(tsc_counter_get(load.second[i], &value), 0);
        ck_assert_int_eq(value, each);
        tsc_counter_unref(load.first[i]);
        tsc_counter_unref(load.second[i]);
    }
    witness_assert_none(&load.witness, "pairs");
}
END_TEST

static int take_reference_away(int64_t *value, void *arg)
{
    tsc_counter_t **other = arg;

    *value += 1;
    tsc_counter_unref(*other);
    *other = NULL;
    return 0;
}

/* The last reference is dropped on the owner's thread. The thread must not wait for itself, and must still end. */
static void end_inside_a_callback(struct load *load, tsc_counter_t *counter)
{
    tsc_counter_t *other = make_counter_on(load->owner);
    int64_t value = 0;

    if (other == NULL) {
        witness_report(&load->witness, "creation of a counter", 0, 1, 1);
        return;
    }
    witness_equal(&load->witness, "inc", tsc_counter_inc(other), 0);
    witness_equal(&load->witness, "update", tsc_counter_update(counter, take_reference_away, &other), 0);
    witness_equal(&load->witness, "get", tsc_counter_get(counter, &value), 0);
    witness_equal(&load->witness, "the value after the update", value, 1);
}

static void live(size_t index, void *arg)
{
    struct load *load = arg;
    tsc_owner_t *owner = tsc_owner_ref(load->owner);

    (void)index;
    for (int life = 0; life < LIVES; life++) {
        tsc_counter_t *counter = make_counter_on(owner);

        if (counter == NULL) {
            witness_report(&load->witness, "creation of a counter", 0, 1, 1);
            break;
        }
        end_inside_a_callback(load, counter);
        for (uint64_t i = 0; i < SMALL_QUEUE; i++)
            witness_equal(&load->witness, "inc", tsc_counter_inc(counter), 0);
        tsc_counter_unref(counter);
    }
    tsc_owner_unref(owner);
}

/* A thousand threads create counters on one owner, and drop them with messages still queued. */
START_TEST(test_counters_come_and_go)
{
    struct load load = {.owner = make_owner(SMALL_QUEUE), .threads = stress_threads()};

    crew_run(load.threads, live, &load);
    tsc_owner_unref(load.owner);
    witness_assert_none(&load.witness, "counters that come and go");
}
END_TEST

static void keep_one_counter(size_t index, void *arg)
{
    struct load *load = arg;
    tsc_counter_t *counter = make_counter_on(load->owner);
    int64_t value = 0;

    if (counter == NULL) {
        witness_report(&load->witness, "creation of a counter", 0, 1, 1);
        return;
    }
    for (uint64_t i = 0; i < load->adds; i++)
        witness_equal(&load->witness, "add", tsc_counter_add(counter, (int64_t)index), 0);
    witness_equal(&load->witness, "get", tsc_counter_get(counter, &value), 0);
    witness_equal(&load->witness, "the value", value, (int64_t)(load->adds * index));
    tsc_counter_unref(counter);
}

START_TEST(test_a_counter_for_each_thread)
{
    struct load load = {
        .owner = make_owner(SMALL_QUEUE), .threads = stress_threads(), .adds = support_ops(1000) / 10 + 1};

    crew_run(load.threads, keep_one_counter, &load);
    tsc_owner_unref(load.owner);
    witness_assert_none(&load.witness, "a counter for each thread");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("owners");
    TCase *tcase = support_add_case(suite, "owners", 60);

    tcase_add_test(tcase, test_counters_of_an_owner_share_one_order);
    tcase_add_test(tcase, test_counters_come_and_go);
    tcase_add_test(tcase, test_a_counter_for_each_thread);
    return support_run_suite(suite);
}
