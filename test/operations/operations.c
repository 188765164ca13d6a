/* SPDX-License-Identifier: MIT */
/*
 * Every operation of a backend, from several threads, with only the C library: for tools that need every function
 * instrumented. operations BACKEND... [--awake]
 * With --awake no thread sleeps until the value is low enough.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tscounter/guard.h>
#include <tscounter/tscounter.h>

#include "support/backends.h"

enum { THREADS = 8, ROUNDS = 100, STAY_NS = 1000 };

static int failures;
static bool awake;

/* Only the main thread asserts. The others count failures, which the main thread checks after they end. */
#define EXPECT(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            failures++; \
        } \
    } while (0)

struct worker {
    pthread_t thread;
    tsc_counter_t *counter;
    uint64_t caps;
    bool careful; /* with bounds and a peak, if the backend supports them */
    uint64_t unexpected;
};

static int add_two(int64_t *value, void *arg)
{
    (void)arg;
    *value += 2;
    return 0;
}

/* 0 if the backend has the capability, or else -ENOTSUP. */
static int expected(uint64_t caps, uint64_t needed)
{
    return (caps & needed) == needed ? 0 : -ENOTSUP;
}

static int peak_result(const struct worker *worker)
{
    return worker->careful ? expected(worker->caps, TSC_CAP_PEAK) : -ENOTSUP;
}

static int bounds_result(const struct worker *worker)
{
    return worker->careful ? expected(worker->caps, TSC_CAP_BOUNDS) : -ENOTSUP;
}

static void read_all(struct worker *worker, int64_t *cursor)
{
    int64_t low = 0;
    int64_t high = 0;
    int64_t value = 0;

    worker->unexpected += tsc_counter_get(worker->counter, &value) != 0;
    worker->unexpected += tsc_counter_get_interval(worker->counter, &low, &high) != 0 || low > high;
    worker->unexpected += tsc_counter_get_delta(worker->counter, cursor, &value) != 0;
    worker->unexpected += tsc_counter_get_peak(worker->counter, &value) != peak_result(worker);
    worker->unexpected += tsc_counter_get_bounds(worker->counter, &low, &high) != bounds_result(worker);
    worker->unexpected += tsc_counter_notify_at_most(worker->counter, -1000000, STDERR_FILENO) != 0;
    worker->unexpected += tsc_counter_notify_at_most(worker->counter, -1000000, -1) != 0;
    value = tsc_counter_wait_at_most(worker->counter, -1000000, STAY_NS);
    worker->unexpected += value != -ETIMEDOUT;
}

/* The changes sum up to 0. */
static void change_all(struct worker *worker)
{
    int64_t previous = 0;
    int result;

    worker->unexpected += tsc_counter_inc(worker->counter) != 0;
    worker->unexpected += tsc_counter_dec(worker->counter) != 0;
    worker->unexpected += tsc_counter_add(worker->counter, 8) != 0;
    worker->unexpected += tsc_counter_sub(worker->counter, 3) != 0;
    do
        result = tsc_counter_try_add(worker->counter, -5);
    while (result == -EAGAIN);
    if (result == -ENOTSUP && worker->careful && (worker->caps & TSC_CAP_ASYNC))
        result = tsc_counter_add(worker->counter, -5);
    worker->unexpected += result != 0;
    worker->unexpected += tsc_counter_flush(worker->counter) != 0;
    {
        TSC_SCOPED_INC_OK(guard, worker->counter);
        worker->unexpected += tsc_guard_error(&guard) != 0;
    }
    result = tsc_counter_fetch_add(worker->counter, 3, &previous);
    worker->unexpected += result != expected(worker->caps, TSC_CAP_FETCH);
    if (result == 0) {
        while (tsc_counter_compare_exchange(worker->counter, &previous, previous - 3) == 0)
            ;
    }
    result = tsc_counter_update(worker->counter, add_two, NULL);
    worker->unexpected += result != expected(worker->caps, TSC_CAP_UPDATE);
    if (result == 0)
        worker->unexpected += tsc_counter_add(worker->counter, -2) != 0;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    tsc_counter_t *reference = tsc_counter_ref(worker->counter);
    int64_t cursor = 0;

    for (int round = 0; round < ROUNDS; round++) {
        change_all(worker);
        read_all(worker, &cursor);
    }
    tsc_counter_unref(reference);
    return NULL;
}

static tsc_counter_t *make_counter(tsc_backend_t backend, uint64_t caps, bool careful)
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *counter;

    EXPECT(tsc_counter_attr_create(&attr) == 0);
    EXPECT(tsc_counter_attr_set_name(attr, "everything") == 0);
    EXPECT(tsc_counter_attr_set_help(attr, "The sum of everything.") == 0);
    EXPECT(tsc_counter_attr_set_initial(attr, 7) == 0);
    if (careful && (caps & TSC_CAP_PEAK))
        EXPECT(tsc_counter_attr_set_track_peak(attr, 1) == 0);
    if (careful && (caps & TSC_CAP_BOUNDS))
        EXPECT(tsc_counter_attr_set_bounds(attr, -1000000, 1000000, TSC_BOUNDS_REJECT) == 0);
    EXPECT(tsc_counter_create(&counter, backend, attr) == 0);
    tsc_counter_attr_destroy(attr);
    return counter;
}

static void *wait_for_zero(void *arg)
{
    struct worker *waiter = arg;

    waiter->unexpected += tsc_counter_wait_at_most(waiter->counter, 0, -1) != 0;
    return NULL;
}

static void wake_a_waiter(tsc_counter_t *counter)
{
    struct worker waiter = {.counter = counter};

    if (!awake)
        EXPECT(pthread_create(&waiter.thread, NULL, wait_for_zero, &waiter) == 0);
    for (int i = 0; i < 7; i++)
        EXPECT(tsc_counter_dec(counter) == 0);
    if (!awake)
        pthread_join(waiter.thread, NULL);
    EXPECT(waiter.unexpected == 0);
}

static void try_alone(tsc_counter_t *counter, uint64_t caps)
{
    int64_t value = 0;

    EXPECT(tsc_counter_set(counter, 7) == expected(caps, TSC_CAP_FETCH));
    EXPECT(tsc_counter_exchange(counter, 7, &value) == expected(caps, TSC_CAP_FETCH));
    wake_a_waiter(counter);
    EXPECT(tsc_counter_close(counter) == 0);
    EXPECT(tsc_counter_inc(counter) == -ESHUTDOWN);
    EXPECT(strcmp(tsc_counter_get_name(counter), "everything") == 0);
    EXPECT(strcmp(tsc_counter_get_help(counter), "The sum of everything.") == 0);
}

static void try_backend(tsc_backend_t backend, bool careful)
{
    struct worker workers[THREADS];
    tsc_counter_t *counter;
    uint64_t caps = 0;
    int64_t value = 0;

    EXPECT(tsc_backend_get_caps(backend, &caps) == 0);
    counter = make_counter(backend, caps, careful);
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.counter = counter, .caps = caps, .careful = careful};
        EXPECT(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        EXPECT(workers[i].unexpected == 0);
    }
    EXPECT(tsc_counter_get(counter, &value) == 0 && value == 7);
    try_alone(counter, caps);
    tsc_counter_unref(counter);
}

static bool is_asked_for(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    int tried = 0;

    awake = is_asked_for(argc, argv, "--awake");
    for (tsc_backend_t backend = 0; backend < TSC_BACKEND_COUNT; backend++) {
        if (support_is_built(backend) && is_asked_for(argc, argv, tsc_backend_name(backend))) {
            int before = failures;

            try_backend(backend, false);
            try_backend(backend, true);
            tried++;
            printf("%s %s\n", failures == before ? "ok  " : "FAIL", tsc_backend_name(backend));
        }
    }
    return failures != 0 || tried == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
