/* SPDX-License-Identifier: MIT */
/*
 * At most ten requests at a time: an upper bound refuses the eleventh, and the peak proves it.
 *
 *     cc admission-limit.c -o admission-limit $(pkg-config --cflags --libs libtscounter) -pthread
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <tscounter/tscounter.h>

enum { LIMIT = 10, THREADS = 40, TRIES = 1000 };

static tsc_counter_t *admitted;
static tsc_counter_t *refused;

static void *work(void *arg)
{
    for (int i = 0; i < TRIES; i++) {
        if (tsc_counter_inc(admitted) == -ERANGE) {
            tsc_counter_inc(refused);
            continue;
        }
        sched_yield(); /* the work */
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
    return error ? error : tsc_counter_create(&refused, TSC_BACKEND_PERCPU, NULL);
}

int main(void)
{
    pthread_t threads[THREADS];
    int64_t peak;
    int64_t turned_away;

    if (create_counters() != 0)
        return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    tsc_counter_get_peak(admitted, &peak);
    tsc_counter_get(refused, &turned_away);
    printf("at most %" PRId64 " at a time, of %d allowed; %" PRId64 " of %d tries refused\n", peak, LIMIT,
           turned_away, THREADS * TRIES);
    tsc_counter_unref(admitted);
    tsc_counter_unref(refused);
    return peak <= LIMIT ? EXIT_SUCCESS : EXIT_FAILURE;
}
