/* SPDX-License-Identifier: MIT */
/*
 * Costs of a counter besides the increments that `tscounter bench` measures: reads, operations with a result,
 * creation, memory, and the time to wake a waiter. Prints one line for each, tab-separated: backend, name, unit,
 * median, quartiles.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tscounter/tscounter.h>

#include "bench-statistics.h"
#include "clock.h"

enum { ROUNDS = 31, CALLS = 20000, LIVES = 200, WAKEUPS = 201, MOST_COUNTERS = 100000 };

static const struct timespec long_enough_to_sleep = {.tv_nsec = 500000};

static int64_t now_ns(void)
{
    return clock_now_ns(CLOCK_MONOTONIC);
}

static _Noreturn void fail(const char *what, int error)
{
    fprintf(stderr, "costs: %s: %s\n", what, strerror(-error));
    exit(1);
}

static tsc_counter_t *create(tsc_backend_t backend, const tsc_counter_attr_t *attr)
{
    tsc_counter_t *counter;
    int error = tsc_counter_create(&counter, backend, attr);

    if (error != 0)
        fail("cannot make a counter", error);
    return counter;
}

static void print_row(tsc_backend_t backend, const char *what, const char *unit, double *samples, size_t count)
{
    struct quartiles quartiles = quartiles_of(samples, count);

    printf("%s\t%s\t%s\t%.4g\t%.4g\t%.4g\n", tsc_backend_name(backend), what, unit, quartiles.median,
           quartiles.lower, quartiles.upper);
    fflush(stdout);
}

/* -------- calls -------- */

typedef void (*call_fn)(tsc_counter_t *counter);

static void inc(tsc_counter_t *counter)
{
    (void)tsc_counter_inc(counter);
}

static void get(tsc_counter_t *counter)
{
    int64_t value;

    (void)tsc_counter_get(counter, &value);
}

static void fetch_add(tsc_counter_t *counter)
{
    int64_t previous;

    (void)tsc_counter_fetch_add(counter, 1, &previous);
}

static int raise_by_one(int64_t *value, void *arg)
{
    (void)arg;
    ++*value;
    return 0;
}

static void update(tsc_counter_t *counter)
{
    (void)tsc_counter_update(counter, raise_by_one, NULL);
}

static void add_until_applied(tsc_counter_t *counter)
{
    (void)tsc_counter_inc(counter);
    (void)tsc_counter_flush(counter);
}

static void measure_calls(tsc_counter_t *counter, const char *what, call_fn call, size_t calls)
{
    tsc_backend_t backend;
    double samples[ROUNDS];

    (void)tsc_counter_get_backend(counter, &backend);
    for (size_t round = 0; round < ROUNDS; round++) {
        int64_t began = now_ns();

        for (size_t i = 0; i < calls; i++)
            call(counter);
        samples[round] = (double)(now_ns() - began) / (double)calls;
    }
    print_row(backend, what, "ns", samples, ROUNDS);
}

struct writer {
    tsc_counter_t *counter;
    pthread_t thread;
    atomic_bool enough;
};

static void *write_on(void *arg)
{
    struct writer *writer = arg;

    while (!atomic_load_explicit(&writer->enough, memory_order_relaxed))
        (void)tsc_counter_inc(writer->counter);
    return NULL;
}

static void measure_get_beside_a_writer(tsc_counter_t *counter)
{
    struct writer writer = {.counter = counter};

    pthread_create(&writer.thread, NULL, write_on, &writer);
    measure_calls(counter, "get beside a thread that increments", get, CALLS / 10);
    atomic_store(&writer.enough, true);
    pthread_join(writer.thread, NULL);
}

static void measure_operations(tsc_backend_t backend)
{
    tsc_counter_t *counter = create(backend, NULL);
    uint64_t caps = 0;

    (void)tsc_backend_get_caps(backend, &caps);
    measure_calls(counter, "get", get, CALLS);
    measure_get_beside_a_writer(counter);
    measure_calls(counter, "inc until applied", add_until_applied, CALLS);
    if (caps & TSC_CAP_FETCH)
        measure_calls(counter, "fetch_add", fetch_add, CALLS);
    if (caps & TSC_CAP_UPDATE)
        measure_calls(counter, "update", update, CALLS / 20);
    tsc_counter_unref(counter);
}

/* -------- creation and release -------- */

static void measure_life(tsc_backend_t backend)
{
    tsc_counter_t *counters[LIVES];
    double creates[ROUNDS];
    double unrefs[ROUNDS];

    for (size_t round = 0; round < ROUNDS; round++) {
        int64_t began = now_ns();
        int64_t made;

        for (size_t i = 0; i < LIVES; i++)
            counters[i] = create(backend, NULL);
        made = now_ns();
        for (size_t i = 0; i < LIVES; i++)
            tsc_counter_unref(counters[i]);
        creates[round] = (double)(made - began) / LIVES;
        unrefs[round] = (double)(now_ns() - made) / LIVES;
    }
    print_row(backend, "create", "ns", creates, ROUNDS);
    print_row(backend, "unref", "ns", unrefs, ROUNDS);
}

static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long pages = 0;

    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
        fail("cannot read /proc/self/statm", -EIO);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Queue counters share an owner: no user would have a hundred thousand threads. */
static void measure_memory(tsc_backend_t backend, size_t count)
{
    tsc_counter_t **counters = calloc(count, sizeof(*counters));
    tsc_counter_attr_t *attr;
    tsc_owner_t *owner = NULL;
    char what[64];
    double before;
    double bytes;

    if (tsc_counter_attr_create(&attr) != 0)
        fail("cannot create attributes", -ENOMEM);
    if (backend == TSC_BACKEND_QUEUE && tsc_owner_create(&owner, NULL) == 0)
        (void)tsc_counter_attr_set_owner(attr, owner);
    memset(counters, 1, count * sizeof(*counters)); /* so that the array itself does not count */
    before = resident_bytes();
    for (size_t i = 0; i < count; i++) {
        counters[i] = create(backend, attr);
        (void)tsc_counter_inc(counters[i]);
    }
    bytes = (resident_bytes() - before) / (double)count;
    for (size_t i = 0; i < count; i++)
        tsc_counter_unref(counters[i]);
    tsc_counter_attr_destroy(attr);
    tsc_owner_unref(owner);
    free(counters);
    snprintf(what, sizeof(what), "resident memory of each of %zu", count);
    print_row(backend, what, "bytes", &bytes, 1);
}

/* -------- waiters -------- */

struct waiter {
    tsc_counter_t *counter;
    pthread_barrier_t begin;
    pthread_barrier_t end;
    int64_t woken_ns;
};

static void *wait_again_and_again(void *arg)
{
    struct waiter *waiter = arg;

    for (size_t i = 0; i < WAKEUPS; i++) {
        pthread_barrier_wait(&waiter->begin);
        (void)tsc_counter_wait_at_most(waiter->counter, 0, -1);
        waiter->woken_ns = now_ns();
        pthread_barrier_wait(&waiter->end);
    }
    return NULL;
}

static void measure_wakeup(tsc_backend_t backend)
{
    struct waiter waiter = {.counter = create(backend, NULL)};
    double samples[WAKEUPS];
    pthread_t thread;

    pthread_barrier_init(&waiter.begin, NULL, 2);
    pthread_barrier_init(&waiter.end, NULL, 2);
    pthread_create(&thread, NULL, wait_again_and_again, &waiter);
    for (size_t i = 0; i < WAKEUPS; i++) {
        int64_t began;

        (void)tsc_counter_inc(waiter.counter);
        pthread_barrier_wait(&waiter.begin);
        nanosleep(&long_enough_to_sleep, NULL);
        began = now_ns();
        (void)tsc_counter_dec(waiter.counter);
        pthread_barrier_wait(&waiter.end);
        samples[i] = (double)(waiter.woken_ns - began);
    }
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&waiter.begin);
    pthread_barrier_destroy(&waiter.end);
    tsc_counter_unref(waiter.counter);
    print_row(backend, "dec until a waiter is awake", "ns", samples, WAKEUPS);
}

static void measure_idleness(tsc_backend_t backend)
{
    tsc_counter_t *counter = create(backend, NULL);
    const struct timespec second = {.tv_sec = 1};
    double used_ns;
    int64_t before;

    measure_calls(counter, "inc", inc, CALLS);
    nanosleep(&long_enough_to_sleep, NULL);
    before = clock_now_ns(CLOCK_PROCESS_CPUTIME_ID);
    nanosleep(&second, NULL);
    used_ns = (double)(clock_now_ns(CLOCK_PROCESS_CPUTIME_ID) - before);
    tsc_counter_unref(counter);
    print_row(backend, "processor time of an idle second", "ns", &used_ns, 1);
}

int main(void)
{
    for (tsc_backend_t backend = 0; tsc_backend_name(backend) != NULL; backend++) {
        tsc_counter_t *counter;

        if (tsc_counter_create(&counter, backend, NULL) == -ENOTSUP)
            continue;
        tsc_counter_unref(counter);
        measure_operations(backend);
        measure_life(backend);
        for (size_t count = 1; count <= MOST_COUNTERS; count *= count == 1 ? 1000 : 100)
            measure_memory(backend, count);
        measure_wakeup(backend);
        measure_idleness(backend);
    }
    return 0;
}
