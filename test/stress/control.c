/* SPDX-License-Identifier: MIT */
/* The control: a plain int under the load of the other suites loses counts. If it does not, they prove nothing
 * here. */
#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

/* A load is short, and may happen to run on one processor while others are busy. It is to lose in one of many. */
enum { TIMES_THE_LOAD = 20, LOADS = 100 };

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

/* ThreadSanitizer must not watch it: the race is the purpose. */
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

static uint64_t lost_under_load(void)
{
    struct load load = {.adds = support_ops(1000) * TIMES_THE_LOAD};
    size_t threads = stress_threads();
    uint64_t total = threads * load.adds;

    ck_assert_msg(total <= INT32_MAX, "%llu do not fit into the int", (unsigned long long)total);
    crew_run(threads, add_to_the_int, &load);
    return total - (uint64_t)load.racy;
}

START_TEST(test_plain_int_loses_counts)
{
    uint64_t lost = 0;

    for (int load = 0; load < LOADS && lost == 0; load++)
        lost = lost_under_load();
    ck_assert_uint_gt(lost, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control");
    TCase *tcase = support_add_case(suite, "control", 60);

    tcase_add_test(tcase, test_plain_int_loses_counts);
    return support_run_suite(suite);
}
