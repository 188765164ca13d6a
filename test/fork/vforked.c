/* SPDX-License-Identifier: MIT */
/* A child of vfork, in its parent's memory, counts while the parent's other threads count. */
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tscounter/tscounter.h>

#include "support/backends.h"
#include "support/suite.h"
#include "support/threads.h"

enum { CHILDREN = 50, COUNTS_OF_CHILD = 20000 };

struct family {
    tsc_counter_t *counter;
    atomic_bool is_over;
    int64_t counted;
};

static void *count_in_parent(void *arg)
{
    struct family *family = arg;

    while (!atomic_load(&family->is_over))
        family->counted += tsc_counter_inc(family->counter) == 0;
    return NULL;
}

/* Not inlined: a child of vfork shares its parent's frame. */
static __attribute__((noinline)) void count_in_child(tsc_counter_t *counter)
{
    for (int i = 0; i < COUNTS_OF_CHILD; i++)
        if (tsc_counter_inc(counter) != 0)
            _exit(1);
    _exit(0);
}

static void wait_for(pid_t child)
{
    int status;

    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

START_TEST(a_child_of_vfork_counts)
{
    struct family family = {.counted = 0};
    pthread_t thread;
    int64_t value;

    ck_assert_int_eq(tsc_counter_create(&family.counter, (tsc_backend_t)_i, NULL), 0);
    thread = support_start_thread(count_in_parent, &family);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = vfork();

        if (child == 0)
            count_in_child(family.counter);
        wait_for(child);
    }
    atomic_store(&family.is_over, true);
    pthread_join(thread, NULL);
    ck_assert_int_eq(tsc_counter_get(family.counter, &value), 0);
    ck_assert_int_eq(value, family.counted + CHILDREN * COUNTS_OF_CHILD);
    tsc_counter_unref(family.counter);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vforked");
    TCase *tcase = support_add_case(suite, "vforked", 60);

    for (tsc_backend_t backend = TSC_BACKEND_MUTEX; backend <= TSC_BACKEND_ATOMIC; backend++)
        if (support_is_built(backend))
            tcase_add_loop_test(tcase, a_child_of_vfork_counts, (int)backend, (int)backend + 1);
    return support_run_suite(suite);
}
