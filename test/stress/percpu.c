/* SPDX-License-Identifier: MIT */
/* The bounds of the per-CPU backend's reads, while threads move between CPUs; and the memory of many counters. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tscounter/tscounter.h>

#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

enum { HOPPERS = 4, READERS = 2, FLOOR = 1 };

/* FLOOR is added once, and each hopper is in or out. So the true value is from FLOOR to FLOOR + HOPPERS. */
struct hall {
    tsc_counter_t *counter;
    atomic_bool closing;
    uint64_t reads;
    atomic_uint_fast64_t too_low;
    atomic_uint_fast64_t missed;
    atomic_uint_fast64_t inexact;
};

static void hop(unsigned int step)
{
    cpu_set_t allowed;
    cpu_set_t next;
    int wanted;

    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    wanted = (int)(step % (unsigned int)CPU_COUNT(&allowed));
    CPU_ZERO(&next);
    for (int processor = 0; processor < CPU_SETSIZE; processor++)
        if (CPU_ISSET(processor, &allowed) && wanted-- == 0)
            CPU_SET(processor, &next);
    sched_setaffinity(0, sizeof next, &next);
    sched_setaffinity(0, sizeof allowed, &allowed);
}

static void go_in_and_out(struct hall *hall, size_t index)
{
    unsigned int step = (unsigned int)index;

    while (!atomic_load(&hall->closing)) {
        tsc_counter_inc(hall->counter);
        if (++step % 16 == 0)
            hop(step / 16);
        tsc_counter_dec(hall->counter);
    }
}

static void read_honestly(struct hall *hall)
{
    for (uint64_t read = 0; read < hall->reads; read++) {
        int64_t value = 0;
        int64_t low = 0;
        int64_t high = 0;

        tsc_counter_get(hall->counter, &value);
        tsc_counter_get_interval(hall->counter, &low, &high);
        if (value < FLOOR)
            atomic_fetch_add(&hall->too_low, 1);
        if (low > high || high < FLOOR || low > FLOOR + HOPPERS)
            atomic_fetch_add(&hall->missed, 1);
        if (low == high && (low < FLOOR || low > FLOOR + HOPPERS))
            atomic_fetch_add(&hall->inexact, 1);
    }
}

static void visit(size_t index, void *arg)
{
    static atomic_uint readers_done;
    struct hall *hall = arg;

    if (index < HOPPERS) {
        go_in_and_out(hall, index);
        return;
    }
    read_honestly(hall);
    if (atomic_fetch_add(&readers_done, 1) + 1 == READERS)
        atomic_store(&hall->closing, true);
}

START_TEST(test_reads_are_never_below_and_intervals_never_miss)
{
    struct hall hall = {.reads = support_ops(300) * 2000};
    int64_t value = 0;

    ck_assert_int_eq(tsc_counter_create(&hall.counter, TSC_BACKEND_PERCPU, NULL), 0);
    ck_assert_int_eq(tsc_counter_inc(hall.counter), 0);
    support_run_threads(HOPPERS + READERS, visit, &hall);
    ck_assert_uint_eq(atomic_load(&hall.too_low), 0);
    ck_assert_uint_eq(atomic_load(&hall.missed), 0);
    ck_assert_uint_eq(atomic_load(&hall.inexact), 0);
    ck_assert_int_eq(tsc_counter_get(hall.counter, &value), 0);
    ck_assert_int_eq(value, FLOOR);
    tsc_counter_unref(hall.counter);
}
END_TEST

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid /* glibc before 2.41 */
#endif

enum { TARGETS = 2, SIGNAL_INTERVAL_NS = 10000 };

/* Threads count while a timer of their own interrupts them, as often as a fast profiler. */
struct barrage {
    tsc_counter_t *counter;
    uint64_t signals;
    uint64_t rounds[TARGETS];
    int error[TARGETS];
};

static _Thread_local volatile uint64_t signals_handled;

static void count_signal(int signal_number)
{
    (void)signal_number;
    signals_handled++;
}

static void count_under_fire(size_t index, void *arg)
{
    struct barrage *barrage = arg;
    const struct itimerspec often = {{.tv_nsec = SIGNAL_INTERVAL_NS}, {.tv_nsec = SIGNAL_INTERVAL_NS}};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
    timer_t timer;

    event.sigev_notify_thread_id = support_thread_id();
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &often, NULL) != 0) {
        barrage->error[index] = errno;
        return;
    }
    while (signals_handled < barrage->signals) {
        tsc_counter_add(barrage->counter, 3);
        tsc_counter_dec(barrage->counter);
        barrage->rounds[index]++;
    }
    timer_delete(timer);
}

START_TEST(test_signals_lose_nothing)
{
    struct barrage barrage = {.signals = support_ops(300) * 20};
    const struct sigaction counting = {.sa_handler = count_signal};
    int64_t value = 0;

    ck_assert_int_eq(sigaction(SIGUSR1, &counting, NULL), 0);
    ck_assert_int_eq(tsc_counter_create(&barrage.counter, TSC_BACKEND_PERCPU, NULL), 0);
    support_run_threads(TARGETS, count_under_fire, &barrage);
    ck_assert_int_eq(barrage.error[0] | barrage.error[1], 0);
    ck_assert_int_eq(tsc_counter_get(barrage.counter, &value), 0);
    ck_assert_int_eq(value, (int64_t)(2 * (barrage.rounds[0] + barrage.rounds[1])));
    tsc_counter_unref(barrage.counter);
}
END_TEST

static int64_t resident_bytes(void)
{
    FILE *statm = fopen("/proc/self/statm", "r");
    long long size = 0;
    long long resident = 0;

    ck_assert_ptr_nonnull(statm);
    ck_assert_int_eq(fscanf(statm, "%lld %lld", &size, &resident), 2);
    fclose(statm);
    return resident * sysconf(_SC_PAGESIZE);
}

enum { MANY = 100000 };

static tsc_counter_t *many[MANY];

static void create_many(void)
{
    for (size_t i = 0; i < MANY; i++)
        ck_assert_int_eq(tsc_counter_create(&many[i], TSC_BACKEND_PERCPU, NULL), 0);
}

static void drop_many(void)
{
    for (size_t i = 0; i < MANY; i++)
        tsc_counter_unref(many[i]);
}

START_TEST(test_many_counters_take_little)
{
    const int64_t limit = INT64_C(64) * 1024 * 1024;
    int64_t before;

    memset(many, 0, sizeof many);
    before = resident_bytes();
    create_many();
    ck_assert_int_lt(resident_bytes() - before, limit);
    drop_many();
}
END_TEST

static void count_in_many_clean_ones(void)
{
    for (size_t i = 0; i < MANY; i++) {
        int64_t value = -1;

        ck_assert_int_eq(tsc_counter_get(many[i], &value), 0);
        ck_assert_int_eq(value, 0);
        ck_assert_int_eq(tsc_counter_add(many[i], (int64_t)i + 1), 0);
        ck_assert_int_eq(tsc_counter_dec(many[i]), 0);
    }
}

/* The kept counter keeps its chunk, so used slots are acquired again. */
START_TEST(test_slots_are_reused_and_clean)
{
    tsc_counter_t *stays;
    int64_t value = 0;

    create_many();
    count_in_many_clean_ones();
    stays = tsc_counter_ref(many[MANY - 1]);
    drop_many();
    create_many();
    count_in_many_clean_ones();
    drop_many();
    ck_assert_int_eq(tsc_counter_get(stays, &value), 0);
    ck_assert_int_eq(value, MANY - 1);
    tsc_counter_unref(stays);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("percpu");
    TCase *reads = support_add_case(suite, "reads", 120);
    TCase *signals = support_add_case(suite, "signals", 120);
    TCase *slots = support_add_case(suite, "slots", 60);

    tcase_add_test(reads, test_reads_are_never_below_and_intervals_never_miss);
    /* ThreadSanitizer defers signals. */
    if (!SANITIZED)
        tcase_add_test(signals, test_signals_lose_nothing);
    /* A sanitizer needs memory of its own for each allocation. */
    if (!SANITIZED && !support_is_skipped(test_many_counters_take_little->name))
        tcase_add_test(slots, test_many_counters_take_little);
    tcase_add_test(slots, test_slots_are_reused_and_clean);
    return support_run_suite(suite);
}
