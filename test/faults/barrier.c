/* SPDX-License-Identifier: MIT */
/*
 * The per-CPU backend if the system refuses the barrier on all threads: from the start, or after a counter was
 * made, as in a sandbox that is entered later. Each test has its own process.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include <tscounter/tscounter.h>

#include "arguments.h"
#include "percpu/add.h"
#include "support/suite.h"
#include "support/threads.h"

enum { ADDS = 1000 };

static atomic_bool refuses;
static atomic_uint refused;
static atomic_uint waits_to_interrupt;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* --wrap links each call of syscall to this. */
long __wrap_syscall(long number, ...)
{
    long arguments[ARGUMENTS_MAX] = {0};
    va_list list;

    if (number == SYS_membarrier && atomic_load(&refuses)) {
        atomic_fetch_add(&refused, 1);
        errno = EPERM;
        return -1;
    }
    if (number != SYS_membarrier && atomic_load(&waits_to_interrupt) != 0) {
        atomic_fetch_sub(&waits_to_interrupt, 1);
        errno = EINTR;
        return -1;
    }
    va_start(list, number);
    for (int i = 0; i < count_arguments(number); i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                          arguments[5]);
}

static void *count_out(void *counter)
{
    for (int i = 0; i < ADDS; i++)
        tsc_counter_dec(counter);
    return NULL;
}

static void use_to_the_end(tsc_counter_t *counter)
{
    int64_t value;
    pthread_t thread;

    for (int i = 0; i < ADDS; i++)
        ck_assert_int_eq(tsc_counter_inc(counter), 0);
    ck_assert_int_eq(tsc_counter_get(counter, &value), 0);
    ck_assert_int_eq(value, ADDS);
    errno = 77;
    ck_assert_int_eq(tsc_counter_close(counter), 0);
    ck_assert_int_eq(errno, 77);
    ck_assert_int_eq(tsc_counter_inc(counter), -ESHUTDOWN);
    thread = support_start_thread(count_out, counter);
    ck_assert_int_eq(tsc_counter_wait_at_most(counter, 0, -1), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(tsc_counter_get(counter, &value), 0);
    ck_assert_int_eq(value, 0);
    tsc_counter_unref(counter);
}

START_TEST(refused_from_the_beginning)
{
    tsc_counter_t *counter;

    atomic_store(&refuses, true);
    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_PERCPU, NULL), 0);
    ck_assert(!tsc_rseq_adds);
    use_to_the_end(counter);
}
END_TEST

START_TEST(refused_later)
{
    tsc_counter_t *counter;

    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_PERCPU, NULL), 0);
    atomic_store(&refuses, true);
    use_to_the_end(counter);
    ck_assert_int_eq(atomic_load(&refused) != 0, tsc_rseq_adds);
}
END_TEST

/* The wait in place of the barrier lasts its full time even if it is interrupted. */
START_TEST(refused_later_and_interrupted)
{
    tsc_counter_t *counter;
    int64_t before;

    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_PERCPU, NULL), 0);
    atomic_store(&refuses, true);
    atomic_store(&waits_to_interrupt, 3);
    before = support_now_ns();
    ck_assert_int_eq(tsc_counter_close(counter), 0);
    if (tsc_rseq_adds) {
        ck_assert_int_ge(support_now_ns() - before, 10 * SUPPORT_MILLISECOND_NS);
        ck_assert_uint_eq(atomic_load(&waits_to_interrupt), 0);
    }
    atomic_store(&waits_to_interrupt, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(granted)
{
    tsc_counter_t *counter;

    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_PERCPU, NULL), 0);
    use_to_the_end(counter);
    ck_assert_uint_eq(atomic_load(&refused), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("barrier");
    TCase *tcase = support_add_case(suite, "barrier", 30);

    tcase_add_test(tcase, refused_from_the_beginning);
    tcase_add_test(tcase, refused_later);
    tcase_add_test(tcase, refused_later_and_interrupted);
    tcase_add_test(tcase, granted);
    return support_run_suite(suite);
}
