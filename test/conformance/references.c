/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

START_TEST(last_reference_ends_the_counter)
{
    tsc_counter_t *counter =
        make_counter(&variants[_i], &(struct options){.initial = 1, .name = "kept", .help = "is kept"});

    ck_assert_ptr_eq(tsc_counter_ref(counter), counter);
    ck_assert_ptr_eq(tsc_counter_ref(counter), counter);
    tsc_counter_unref(counter);
    tsc_counter_unref(counter);
    HOLDS(counter, 1);
    ck_assert_str_eq(tsc_counter_get_name(counter), "kept");
    ck_assert_str_eq(tsc_counter_get_help(counter), "is kept");
    tsc_counter_unref(counter);
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

START_TEST(unref_right_after_adds)
{
    for (int round = 0; round < 20; round++) {
        tsc_counter_t *counter = make_counter(&variants[_i], NULL);

        for (int i = 0; i < 200; i++)
            RETURNS(0, tsc_counter_inc(counter));
        tsc_counter_unref(counter);
    }
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

struct sharing {
    tsc_counter_t *counter;
    uint64_t rounds;
};

/* Each thread has a reference of its own, and drops it last. */
static void share(size_t index, void *arg)
{
    const struct sharing *sharing = arg;

    (void)index;
    for (uint64_t i = 0; i < sharing->rounds; i++) {
        tsc_counter_t *counter = tsc_counter_ref(sharing->counter);

        tsc_counter_inc(counter);
        tsc_counter_unref(counter);
    }
    tsc_counter_unref(sharing->counter);
}

START_TEST(threads_share_references)
{
    struct sharing sharing = {.counter = make_counter(&variants[_i], NULL), .rounds = support_ops(300)};
    size_t threads = support_threads(4);

    for (size_t i = 0; i < threads; i++)
        tsc_counter_ref(sharing.counter);
    support_run_threads(threads, share, &sharing);
    HOLDS(sharing.counter, (int64_t)(threads * sharing.rounds));
    tsc_counter_unref(sharing.counter);
    sharing.counter = make_counter(&variants[_i], NULL);
    for (size_t i = 1; i < threads; i++)
        tsc_counter_ref(sharing.counter);
    support_run_threads(threads, share, &sharing);
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

START_TEST(no_counter)
{
    ck_assert_ptr_null(tsc_counter_ref(NULL));
    ck_assert_ptr_null(tsc_counter_get_name(NULL));
    ck_assert_ptr_null(tsc_counter_get_help(NULL));
    tsc_counter_unref(NULL);
    tsc_counter_attr_destroy(NULL);
    ck_assert_ptr_null(tsc_owner_ref(NULL));
    tsc_owner_unref(NULL);
    tsc_owner_attr_destroy(NULL);
}
END_TEST

START_TEST(freeing_leaves_errno_alone)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);

    errno = UNTOUCHED;
    tsc_counter_unref(tsc_counter_ref(counter));
    tsc_counter_unref(counter);
    ck_assert_int_eq(errno, UNTOUCHED);
}
END_TEST

void add_reference_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "references", 30);

    add_test(tcase, last_reference_ends_the_counter, 0);
    add_test(tcase, unref_right_after_adds, 0);
    add_test(tcase, threads_share_references, 0);
    add_test(tcase, freeing_leaves_errno_alone, 0);
    tcase_add_test(tcase, no_counter);
}
