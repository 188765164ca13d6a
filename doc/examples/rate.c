/* SPDX-License-Identifier: MIT */
/*
 * A rate: the requests since the last read, by the reader's own cursor. Two readers with different periods take
 * nothing from each other. A counter that each read reset to 0 would lie to both.
 *
 *     cc rate.c -o rate $(pkg-config --cflags --libs libtscounter) -pthread
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tscounter/tscounter.h>

enum { THREADS = 4, BURST = 1000, LOOKS = 10 };

static tsc_counter_t *requests;
static atomic_int is_over;

static void *work(void *arg)
{
    while (!atomic_load(&is_over)) {
        for (int i = 0; i < BURST; i++)
            tsc_counter_inc(requests);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return arg;
}

struct reader {
    const char *name;
    long period_ns;
    int64_t cursor;
    int64_t last_look_ns;
    int64_t total; /* of all deltas */
};

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* A sleep may take longer than asked, so the time is measured. */
static void look(struct reader *reader)
{
    int64_t now = now_ns();
    double seconds = (double)(now - reader->last_look_ns) / 1e9;
    int64_t delta;

    tsc_counter_get_delta(requests, &reader->cursor, &delta);
    reader->total += delta;
    reader->last_look_ns = now;
    printf("%-6s %8.0f requests/ms, over %4.1f ms\n", reader->name, (double)delta / seconds / 1e3, seconds * 1e3);
}

static void *watch(void *arg)
{
    struct reader *reader = arg;

    reader->last_look_ns = now_ns();
    for (int i = 0; i < LOOKS; i++) {
        nanosleep(&(struct timespec){.tv_nsec = reader->period_ns}, NULL);
        look(reader);
    }
    return NULL;
}

int main(void)
{
    struct reader readers[] = {{.name = "often", .period_ns = 10000000},
                               {.name = "seldom", .period_ns = 25000000}};
    pthread_t workers[THREADS];
    pthread_t watchers[2];
    int64_t all;

    if (tsc_counter_create(&requests, TSC_BACKEND_PERCPU, NULL) != 0)
        return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&workers[i], NULL, work, NULL) != 0)
            return EXIT_FAILURE;
    for (int i = 0; i < 2; i++)
        if (pthread_create(&watchers[i], NULL, watch, &readers[i]) != 0)
            return EXIT_FAILURE;
    for (int i = 0; i < 2; i++)
        pthread_join(watchers[i], NULL);
    atomic_store(&is_over, 1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i], NULL);
    for (int i = 0; i < 2; i++)
        look(&readers[i]);
    tsc_counter_get(requests, &all);
    printf("%" PRId64 " requests in all\n", all);
    tsc_counter_unref(requests);
    return readers[0].total == all && readers[1].total == all ? EXIT_SUCCESS : EXIT_FAILURE;
}
