/* SPDX-License-Identifier: MIT */
/*
 * The per-CPU backend on machines that are not like this one: fewer processors configured than there are numbers,
 * no restartable sequences, and a getcpu that is a slow system call. Each test has a process of its own.
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include <tscounter/tscounter.h>

#include "percpu/add.h"
#include "support/backends.h"
#include "support/suite.h"
#include "support/threads.h"
#include "sync/spin.h"

enum { THREADS = 8, ADDS = 20000, SLOW_CALL_NS = 200, FAR_NUMBER = 5000 };

static long configured; /* 0: as many as there are */
static bool getcpu_is_slow;
static int getcpu_answer = -1; /* -1: what it is */
static atomic_uint getcpu_calls;

int __real_sched_getcpu(void);
int __wrap_sched_getcpu(void);
long __real_sysconf(int name);
long __wrap_sysconf(int name);

static void take_long(void)
{
    int64_t until = support_now_ns() + SLOW_CALL_NS;

    while (support_now_ns() < until)
        ;
}

int __wrap_sched_getcpu(void)
{
    atomic_fetch_add(&getcpu_calls, 1);
    if (getcpu_is_slow)
        take_long();
    return getcpu_answer >= 0 ? getcpu_answer : __real_sched_getcpu();
}

long __wrap_sysconf(int name)
{
    return name == _SC_NPROCESSORS_CONF && configured != 0 ? configured : __real_sysconf(name);
}

static void count_on_each_processor(size_t index, void *counter)
{
    support_stay_on_processor(index);
    for (int i = 0; i < ADDS; i++) {
        tsc_counter_add(counter, 3);
        tsc_counter_dec(counter);
    }
}

static tsc_counter_t *count_with_all(void)
{
    tsc_counter_t *counter;
    int64_t low;
    int64_t high;

    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_PERCPU, NULL), 0);
    support_run_threads(THREADS, count_on_each_processor, counter);
    ck_assert_int_eq(tsc_counter_get_interval(counter, &low, &high), 0);
    ck_assert_int_eq(low, 2 * THREADS * ADDS);
    ck_assert_int_eq(high, 2 * THREADS * ADDS);
    ck_assert_int_eq(tsc_counter_close(counter), 0);
    ck_assert_int_eq(tsc_counter_inc(counter), -ESHUTDOWN);
    return counter;
}

START_TEST(numbers_beyond_what_is_configured)
{
    tsc_counter_t *counter;

    if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
        return; /* there is no number beyond 0 */
    configured = 1;
    counter = count_with_all();
    ck_assert_uint_eq(tsc_processor_count, 1);
    tsc_counter_unref(counter);
}
END_TEST

/* What lies behind the slots of processors is added to atomically, by all alike. */
START_TEST(nobody_adds_plainly_beyond_the_count)
{
#ifdef TSC_HAVE_RSEQ_ADDITION
    struct tsc_slots slots;

    configured = 1;
    ck_assert_int_eq(tsc_slots_take(&slots), 0);
    if (tsc_rseq_adds && sysconf(_SC_NPROCESSORS_ONLN) > 1) {
        support_stay_on_processor(1);
        ck_assert(!tsc_rseq_add(tsc_slots_word(&slots, 0, TSC_SLOT_IN), 1));
    }
    tsc_slots_give_back(&slots);
#endif
}
END_TEST

START_TEST(numbers_far_beyond_that_getcpu_answers)
{
    getcpu_answer = FAR_NUMBER;
    tsc_counter_unref(count_with_all());
}
END_TEST

/* It is asked once, to measure it, and never by a thread that counts. With restartable sequences none would ask.
 */
START_TEST(slow_getcpu_is_left_alone)
{
    tsc_counter_t *counter;
    unsigned int calls_to_measure;

    getcpu_is_slow = true;
    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_PERCPU, NULL), 0);
    calls_to_measure = atomic_load(&getcpu_calls);
    ck_assert_uint_gt(calls_to_measure, 0);
    tsc_counter_unref(count_with_all());
    ck_assert_uint_eq(atomic_load(&getcpu_calls), calls_to_measure);
    tsc_counter_unref(counter);
}
END_TEST

/* With an rseq area it is the processor's number, folded where it lies beyond the count; else any below that. */
START_TEST(slow_way_finds_the_processor_too)
{
    configured = _i;
    tsc_processor_init();
    support_stay_on_processor(1);
    ck_assert_uint_lt(tsc_processor_slow(), tsc_processor_count);
#ifdef TSC_HAVE_RSEQ
    if (tsc_rseq_cpu_offset != 0)
        ck_assert_uint_eq(tsc_processor_slow(), (uint32_t)__real_sched_getcpu() % tsc_processor_count);
#endif
}
END_TEST

/* Who waits does not spin: whom it waits for could not run. */
START_TEST(one_processor_is_enough)
{
    tsc_counter_t *counter;
    int64_t value;

    if (!support_is_built(TSC_BACKEND_QUEUE))
        return;
    support_stay_on_processor(0);
    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_QUEUE, NULL), 0);
    support_run_threads(THREADS, count_on_each_processor, counter);
    ck_assert_int_eq(tsc_counter_get(counter, &value), 0);
    ck_assert_int_eq(value, 2 * THREADS * ADDS);
    ck_assert(!tsc_spin_pays());
    tsc_counter_unref(counter);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("processor");
    TCase *tcase = support_add_case(suite, "processor", 60);

    tcase_add_test(tcase, numbers_beyond_what_is_configured);
    tcase_add_test(tcase, nobody_adds_plainly_beyond_the_count);
    tcase_add_test(tcase, numbers_far_beyond_that_getcpu_answers);
    tcase_add_test(tcase, slow_getcpu_is_left_alone);
    tcase_add_loop_test(tcase, slow_way_finds_the_processor_too, 0, 2);
    tcase_add_test(tcase, one_processor_is_enough);
    return support_run_suite(suite);
}
