/* SPDX-License-Identifier: MIT */
/*
 * A rate: what came in since the last look, by a cursor of one's own. Two readers look at different times, and
 * neither takes anything from the other: a counter that each look set back to 0 would lie to both.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tscounter/tscounter.h>

enum { THREADS = 4, REQUESTS = 200000, LOOKS = 10 };

static tsc_counter_t *requests;

static void *work(void *arg)
{
    for (int i = 0; i < REQUESTS; i++)
        tsc_counter_inc(requests);
    return arg;
}

struct reader {
    long period_ns;
    int64_t cursor;
    int64_t total; /* of all deltas */
};

static void look(struct reader *reader)
{
    int64_t delta;

    tsc_counter_get_delta(requests, &reader->cursor, &delta);
    reader->total += delta;
    printf("%10" PRId64 " in %3ld ms\n", delta, reader->period_ns / 1000000);
}

static void *watch(void *arg)
{
    struct reader *reader = arg;

    for (int i = 0; i < LOOKS; i++) {
        nanosleep(&(struct timespec){.tv_nsec = reader->period_ns}, NULL);
        look(reader);
    }
    return NULL;
}

int main(void)
{
    struct reader readers[] = {{.period_ns = 10000000}, {.period_ns = 25000000}};
    pthread_t workers[THREADS];
    pthread_t watchers[2];

    if (tsc_counter_create(&requests, TSC_BACKEND_PERCPU, NULL) != 0)
        return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&workers[i], NULL, work, NULL) != 0)
            return EXIT_FAILURE;
    for (int i = 0; i < 2; i++)
        if (pthread_create(&watchers[i], NULL, watch, &readers[i]) != 0)
            return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i], NULL);
    for (int i = 0; i < 2; i++) {
        pthread_join(watchers[i], NULL);
        look(&readers[i]);
    }
    tsc_counter_unref(requests);
    return readers[0].total == THREADS * REQUESTS && readers[1].total == THREADS * REQUESTS ? EXIT_SUCCESS
                                                                                            : EXIT_FAILURE;
}
