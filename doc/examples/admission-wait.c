/* SPDX-License-Identifier: MIT */
/*
 * At most ten requests at a time: the eleventh waits for a place, and gives up after a timeout.
 *
 *     cc admission-wait.c -o admission-wait $(pkg-config --cflags --libs libtscounter) -pthread
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <tscounter/tscounter.h>

enum { LIMIT = 10, THREADS = 40, REQUESTS = 100 };

static const int64_t patience_ns = INT64_C(10000000000);

static tsc_counter_t *admitted;
static tsc_counter_t *served;

static void *work(void *arg)
{
    for (int i = 0; i < REQUESTS; i++) {
        if (tsc_counter_wait_add(admitted, 1, patience_ns) != 0)
            continue;  /* -ETIMEDOUT: too late for its client */
        sched_yield(); /* the work */
        tsc_counter_inc(served);
        tsc_counter_dec(admitted);
    }
    return arg;
}

static int create_counters(void)
{
    tsc_counter_attr_t *attr;
    int error = tsc_counter_attr_create(&attr);

    if (error)
        return error;
    tsc_counter_attr_set_bounds(attr, 0, LIMIT, TSC_BOUNDS_REJECT);
    tsc_counter_attr_set_track_peak(attr, 1);
    error = tsc_counter_create(&admitted, TSC_BACKEND_ATOMIC, attr);
    tsc_counter_attr_destroy(attr);
    return error ? error : tsc_counter_create(&served, TSC_BACKEND_PERCPU, NULL);
}

int main(void)
{
    pthread_t threads[THREADS];
    int64_t peak;
    int64_t all;

    if (create_counters() != 0)
        return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    tsc_counter_get_peak(admitted, &peak);
    tsc_counter_get(served, &all);
    printf("at most %" PRId64 " at a time, of %d allowed; %" PRId64 " of %d served\n", peak, LIMIT, all,
           THREADS * REQUESTS);
    tsc_counter_unref(admitted);
    tsc_counter_unref(served);
    return peak <= LIMIT && all == THREADS * REQUESTS ? EXIT_SUCCESS : EXIT_FAILURE;
}
