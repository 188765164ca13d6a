/* SPDX-License-Identifier: MIT */
/* The control: a plain int under the load of the other suites loses counts. If it does not, they prove nothing
 * here. */
#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

/* So many that threads are sure to meet, where two run at a time. */
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

START_TEST(test_plain_int_loses_counts)
{
    struct load load = {.adds = support_ops(1000) * TIMES_THE_LOAD};
    size_t threads = stress_threads();
    uint64_t total = threads * load.adds;

    ck_assert_msg(total <= INT32_MAX, "%llu do not fit into the int", (unsigned long long)total);
    crew_run(threads, add_to_the_int, &load);
    ck_assert_msg((uint64_t)load.racy < total, "the plain int lost nothing of %llu", (unsigned long long)total);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control");
    TCase *tcase = support_add_case(suite, "control", 60);

    tcase_add_test(tcase, test_plain_int_loses_counts);
    return support_run_suite(suite);
}
