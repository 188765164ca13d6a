/* SPDX-License-Identifier: MIT */
/*
 * The per-CPU backend on other machines than this one. They have CPU numbers beyond the count, no restartable
 * sequences, or a getcpu that is a slow system call. Each test has its own process.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tscounter/tscounter.h>

#include "percpu/add.h"
#include "support/backends.h"
#include "support/results.h"
#include "support/suite.h"
#include "support/threads.h"
#include "sync/spin.h"
#include "unit/give-back.h"

enum { THREADS = 8, ADDS = 20000, SLOW_CALL_NS = 200, FAR_NUMBER = 5000 };

/* The simulated machine's CPUs, as the system reports them. */
static struct {
    const char *possible; /* the content of the file; NULL: no file */
    bool is_unreadable;
    long configured;
    int allowed; /* the one CPU that a thread may run on; -1: unknown */
} machine;

static bool is_simulated; /* otherwise the real machine's values are used */
static bool checks_lock;
static bool getcpu_is_slow;
static int getcpu_result = -1; /* -1: the real one */
static atomic_uint getcpu_calls;
static atomic_uint lock_checks;

int __real_sched_getcpu(void);
int __wrap_sched_getcpu(void);
long __real_sysconf(int name);
long __wrap_sysconf(int name);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_sched_getaffinity(pid_t process, size_t size, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t process, size_t size, cpu_set_t *set);
void *__real_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int file, off_t offset);
int __real_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size);

static void take_long(void)
{
    int64_t until = support_now_ns() + SLOW_CALL_NS;

    while (support_now_ns() < until)
        ;
}

static void *create_another(void *arg)
{
    tsc_counter_t *counter;

    if (tsc_counter_create(&counter, TSC_BACKEND_PERCPU, NULL) == 0)
        tsc_counter_unref(counter);
    return arg;
}

/*
 * Each creation acquires the lock that the library also holds over a fork: so this hangs if the lock is held. The
 * other thread completes its own discovery and mappings before this one goes on.
 */
static void check_lock(void)
{
    static atomic_bool is_checking;

    if (!checks_lock || atomic_exchange(&is_checking, true))
        return;
    atomic_fetch_add(&lock_checks, 1);
    pthread_join(support_start_thread(create_another, NULL), NULL);
    atomic_store(&is_checking, false);
}

int __wrap_sched_getcpu(void)
{
    atomic_fetch_add(&getcpu_calls, 1);
    check_lock();
    if (getcpu_is_slow)
        take_long();
    return getcpu_result >= 0 ? getcpu_result : __real_sched_getcpu();
}

long __wrap_sysconf(int name)
{
    return name == _SC_NPROCESSORS_CONF && is_simulated ? machine.configured : __real_sysconf(name);
}

static int open_simulated(void)
{
    int ends[2];

    if (machine.possible == NULL || pipe(ends) != 0) {
        errno = ENOENT;
        return -1;
    }
    (void)!write(ends[1], machine.possible, strlen(machine.possible));
    close(ends[machine.is_unreadable ? 0 : 1]);
    return ends[machine.is_unreadable ? 1 : 0];
}

/* The library opens no other file. */
int __wrap_open(const char *path, int flags, ...)
{
    check_lock();
    return is_simulated ? open_simulated() : __real_open(path, flags);
}

int __wrap_open64(const char *path, int flags, ...)
{
    return __wrap_open(path, flags);
}

int __wrap_sched_getaffinity(pid_t process, size_t size, cpu_set_t *set)
{
    if (!is_simulated)
        return __real_sched_getaffinity(process, size, set);
    if (machine.allowed < 0) {
        errno = EINVAL;
        return -1;
    }
    CPU_SET_S((size_t)machine.allowed, size, set);
    return 0;
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    check_lock();
    return __real_mmap(address, size, protection, flags, file, offset);
}

void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    return __wrap_mmap(address, size, protection, flags, file, offset);
}

int __wrap_munmap(void *address, size_t size)
{
    check_lock();
    return __real_munmap(address, size);
}

/* Creates the process's first counter on the simulated machine. */
static tsc_counter_t *create_on_machine(const char *possible)
{
    tsc_counter_t *counter;

    machine.possible = possible;
    machine.configured = 1;
    machine.allowed = -1;
    is_simulated = true;
    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_PERCPU, NULL), 0);
    is_simulated = false;
    return counter;
}

static void count_on_each_cpu(size_t index, void *counter)
{
    support_stay_on_processor(index);
    for (int i = 0; i < ADDS; i++) {
        tsc_counter_add(counter, 3);
        tsc_counter_dec(counter);
    }
}

static void count_with_all_in(tsc_counter_t *counter)
{
    int64_t low;
    int64_t high;

    support_run_threads(THREADS, count_on_each_cpu, counter);
    ck_assert_int_eq(tsc_counter_get_interval(counter, &low, &high), 0);
    ck_assert_int_eq(low, 2 * THREADS * ADDS);
    ck_assert_int_eq(high, 2 * THREADS * ADDS);
    ck_assert_int_eq(tsc_counter_close(counter), 0);
    ck_assert_int_eq(tsc_counter_inc(counter), -ESHUTDOWN);
    tsc_counter_unref(counter);
}

static void count_with_all(void)
{
    tsc_counter_t *counter;

    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_PERCPU, NULL), 0);
    count_with_all_in(counter);
}

START_TEST(numbers_beyond_the_count)
{
    tsc_counter_t *counter = create_on_machine("0\n");

    ck_assert_uint_eq(tsc_cpu_count, 1);
    count_with_all_in(counter);
}
END_TEST

START_TEST(numbers_with_gaps)
{
    tsc_counter_t *counter = create_on_machine("0,63\n");

    ck_assert_uint_eq(tsc_cpu_count, 64);
    count_with_all_in(counter);
}
END_TEST

/* Beyond the CPUs' slots is the overflow slot, which all threads must change atomically. */
START_TEST(no_thread_adds_plainly_beyond_the_count)
{
#ifdef TSC_HAVE_RSEQ_ADDITION
    tsc_counter_t *counter = create_on_machine("0\n");
    struct tsc_slots slots;

    ck_assert_int_eq(tsc_slots_acquire(&slots), 0);
    if (tsc_rseq_adds && sysconf(_SC_NPROCESSORS_ONLN) > 1) {
        support_stay_on_processor(1);
        ck_assert(!tsc_rseq_add(&slots, TSC_SLOT_IN, 1));
    }
    give_back(&slots);
    tsc_counter_unref(counter);
#endif
}
END_TEST

#define TEN_TIMES(text) text text text text text text text text text text

static const struct {
    const char *possible;
    bool is_unreadable;
    long configured;
    int allowed;
    uint32_t count;
} machines[] = {
    {"0\n", false, 1, 0, 1},       {"0-239\n", false, 4, 3, 240},
    {"0-3,8-11", false, 8, 0, 12}, {"0-3\n~", false, 4, 0, 4},
    {"0,2,4,6\n", false, 4, 0, 7}, {TEN_TIMES("0,2,4,6,8,10,12,") "1200-1279\n", false, 1, 0, 1280},
    {"\n", false, 6, 0, 6},        {"0-99999999\n", false, 6, 0, 6},
    {"0-239\n", true, 6, 0, 6},    {NULL, false, 6, 0, 6},
    {NULL, false, 2, 7, 8},        {"0-1\n", false, 2, 7, 8},
    {NULL, false, -1, -1, 1},      {NULL, false, 1, 16383, 16384},
};

enum { MACHINES = sizeof machines / sizeof *machines };

START_TEST(cpus_are_counted_to_the_highest_number)
{
    struct tsc_cpu_info processors;

    machine.possible = machines[_i].possible;
    machine.is_unreadable = machines[_i].is_unreadable;
    machine.configured = machines[_i].configured;
    machine.allowed = machines[_i].allowed;
    is_simulated = true;
    tsc_cpu_detect(&processors);
    is_simulated = false; /* also for the coverage data written at exit */
    ck_assert_uint_eq(processors.count, machines[_i].count);
}
END_TEST

static void *create_when_cancelled(void *counter)
{
    pthread_cancel(pthread_self());
    return tsc_counter_create(counter, TSC_BACKEND_PERCPU, NULL) == 0 ? NULL : counter;
}

START_TEST(the_first_creation_is_no_cancellation_point)
{
    tsc_counter_t *counter = NULL;
    void *result;

    ck_assert_int_eq(pthread_join(support_start_thread(create_when_cancelled, &counter), &result), 0);
    ck_assert_ptr_null(result);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(no_system_call_under_the_lock)
{
    tsc_counter_t *counter;

    checks_lock = true;
    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_PERCPU, NULL), 0);
    tsc_counter_unref(counter);
    checks_lock = false;
    ck_assert_uint_ge(atomic_load(&lock_checks), 4);
}
END_TEST

START_TEST(one_counter_on_many_cpus_takes_little_address_space)
{
    const size_t limit = (size_t)32 << 20;
    tsc_counter_t *counter = create_on_machine("0-4095\n");
    struct tsc_slots slots;

    ck_assert_int_eq(tsc_slots_acquire(&slots), 0);
    ck_assert_uint_lt(tsc_slot_count() * TSC_REGION_STRIDE, limit);
    give_back(&slots);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(numbers_far_beyond_from_getcpu)
{
    getcpu_result = FAR_NUMBER;
    count_with_all();
}
END_TEST

/*
 * getcpu is called once, to measure it, and never by a thread that counts. With restartable sequences it is never
 * called.
 */
START_TEST(slow_getcpu_is_not_called)
{
    tsc_counter_t *counter;
    unsigned int calls_to_measure;

    getcpu_is_slow = true;
    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_PERCPU, NULL), 0);
    calls_to_measure = atomic_load(&getcpu_calls);
    ck_assert_uint_gt(calls_to_measure, 0);
    count_with_all();
    ck_assert_uint_eq(atomic_load(&getcpu_calls), calls_to_measure);
    tsc_counter_unref(counter);
}
END_TEST

/* With an rseq area it is the CPU's number, modulo the count; otherwise any number below the count. */
START_TEST(slow_path_finds_the_cpu_too)
{
    struct tsc_cpu_info processors;

    machine.configured = 1;
    machine.allowed = -1;
    is_simulated = _i != 0;
    tsc_cpu_detect(&processors);
    is_simulated = false;
    tsc_cpu_use(&processors);
    support_stay_on_processor(1);
    ck_assert_uint_lt(tsc_cpu_current_slow(), tsc_cpu_count);
#ifdef TSC_HAVE_RSEQ
    if (tsc_rseq_cpu_offset != 0)
        ck_assert_uint_eq(tsc_cpu_current_slow(), (uint32_t)__real_sched_getcpu() % tsc_cpu_count);
#endif
}
END_TEST

/* On one CPU a waiter does not spin: the thread that it waits for could not run. */
START_TEST(one_cpu_is_enough)
{
    tsc_counter_t *counter;
    int64_t value;

    if (!support_is_built(TSC_BACKEND_QUEUE))
        return;
    support_stay_on_processor(0);
    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_QUEUE, NULL), 0);
    support_run_threads(THREADS, count_on_each_cpu, counter);
    ck_assert_int_eq(tsc_counter_get(counter, &value), 0);
    ck_assert_int_eq(value, 2 * THREADS * ADDS);
    ck_assert(!tsc_is_multiprocessor());
    tsc_counter_unref(counter);
}
END_TEST

/* A sandbox may refuse it; older C libraries fail on machines with more than 1024 CPUs. */
START_TEST(a_waiter_keeps_errno_where_affinity_is_refused)
{
    machine.allowed = -1;
    is_simulated = true;
    errno = UNTOUCHED;
    (void)tsc_is_multiprocessor();
    ck_assert_int_eq(errno, UNTOUCHED);
    is_simulated = false;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("processor");
    TCase *tcase = support_add_case(suite, "processor", 60);

    tcase_add_test(tcase, numbers_beyond_the_count);
    tcase_add_test(tcase, numbers_with_gaps);
    tcase_add_loop_test(tcase, cpus_are_counted_to_the_highest_number, 0, MACHINES);
    tcase_add_test(tcase, the_first_creation_is_no_cancellation_point);
    tcase_add_test(tcase, no_system_call_under_the_lock);
    tcase_add_test(tcase, one_counter_on_many_cpus_takes_little_address_space);
    tcase_add_test(tcase, no_thread_adds_plainly_beyond_the_count);
    tcase_add_test(tcase, numbers_far_beyond_from_getcpu);
    tcase_add_test(tcase, slow_getcpu_is_not_called);
    tcase_add_loop_test(tcase, slow_path_finds_the_cpu_too, 0, 2);
    tcase_add_test(tcase, one_cpu_is_enough);
    tcase_add_test(tcase, a_waiter_keeps_errno_where_affinity_is_refused);
    return support_run_suite(suite);
}
