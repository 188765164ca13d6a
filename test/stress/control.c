/* SPDX-License-Identifier: MIT */
/*
 * The control: a plain int under the load of the other suites loses counts. If it does not, those suites prove
 * nothing here.
 */
#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

/* A load is short, and may happen to run on one CPU while others are busy: so it grows until it loses a count. */
enum { TIMES_THE_LOAD = 20 };

#if defined(__has_attribute)
#if __has_attribute(no_sanitize)
#define UNWATCHED __attribute__((noinline, no_sanitize("thread")))
#endif
#endif
#ifndef UNWATCHED
#define UNWATCHED
#endif

struct load {
    volatile int racy;
    uint64_t adds;
};

/* Not instrumented by ThreadSanitizer: the race is intended. */
UNWATCHED static void add_racily(struct load *load)
{
    for (uint64_t i = 0; i < load->adds; i++)
        load->racy = load->racy + 1;
}

static void add_to_the_int(size_t index, void *arg)
{
    (void)index;
    add_racily(arg);
}

static uint64_t lost_under_load(size_t threads, uint64_t adds)
{
    struct load load = {.adds = adds};

    crew_run(threads, add_to_the_int, &load);
    return threads * adds - (uint64_t)load.racy;
}

START_TEST(test_plain_int_loses_counts)
{
    size_t threads = stress_threads();
    uint64_t adds = support_ops(1000) * TIMES_THE_LOAD;
    uint64_t lost = 0;

    ck_assert_msg(threads * adds <= INT32_MAX, "%zu times %llu exceed an int", threads, (unsigned long long)adds);
    for (; lost == 0 && threads * adds <= INT32_MAX; adds *= 2)
        lost = lost_under_load(threads, adds);
    ck_assert_uint_gt(lost, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control");
    TCase *tcase = support_add_case(suite, "control", 60);

    if (!support_is_skipped(test_plain_int_loses_counts->name))
        tcase_add_test(tcase, test_plain_int_loses_counts);
    return support_run_suite(suite);
}
