/* SPDX-License-Identifier: MIT */
/*
 * Requests in flight, counted by a scope guard: it decrements on every way out of the scope.
 *
 *     cc in-flight-guard.c -o in-flight-guard $(pkg-config --cflags --libs libtscounter) -pthread
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <tscounter/guard.h>
#include <tscounter/tscounter.h>

enum { THREADS = 8, REQUESTS = 10000 };

static tsc_counter_t *in_flight;

static int serve(int request)
{
    TSC_SCOPED_INC(in_flight);

    if (request % 7 == 0)
        return -1; /* decrements here */
    if (request % 5 == 0)
        return 1; /* and here */
    return 0;     /* and here */
}

static void *work(void *arg)
{
    for (int request = 0; request < REQUESTS; request++)
        (void)serve(request);
    return arg;
}

int main(void)
{
    pthread_t threads[THREADS];
    int64_t left;

    if (tsc_counter_create(&in_flight, TSC_BACKEND_ATOMIC, NULL) != 0)
        return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    tsc_counter_get(in_flight, &left);
    printf("%d requests served, %" PRId64 " still inside\n", THREADS * REQUESTS, left);
    tsc_counter_unref(in_flight);
    return left == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
