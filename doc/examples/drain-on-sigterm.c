/* SPDX-License-Identifier: MIT */
/*
 * A service that drains on SIGTERM: it refuses new requests, and waits for those in flight. After a timeout it
 * reports the late requests and ends. Send it SIGTERM, or press Ctrl-C.
 *
 *     cc drain-on-sigterm.c -o drain-on-sigterm $(pkg-config --cflags --libs libtscounter) -pthread
 *     ./drain-on-sigterm [MILLISECONDS]     the timeout; 5000 by default
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <tscounter/tscounter.h>

enum { THREADS = 8 };

static tsc_counter_t *in_flight;

static struct worker {
    pthread_t thread;
    atomic_int request; /* its number; 0: idle */
} workers[THREADS];

static void serve_a_request(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static void *work(void *arg)
{
    struct worker *self = arg;

    for (int number = 1; tsc_counter_inc(in_flight) != -ESHUTDOWN; number++) {
        atomic_store(&self->request, number);
        serve_a_request();
        atomic_store(&self->request, 0);
        tsc_counter_dec(in_flight);
    }
    return NULL;
}

/* All threads block the signals and one waits for them, so no handler is needed. */
static void wait_for_the_end(const sigset_t *ends)
{
    int signal_number;

    while (sigwait(ends, &signal_number) != 0)
        ;
}

static void report_late(void)
{
    int64_t late = 0;

    tsc_counter_get(in_flight, &late);
    printf("late: %" PRId64 "\n", late);
    for (int i = 0; i < THREADS; i++) {
        int request = atomic_load(&workers[i].request);

        if (request != 0)
            printf("worker %d is in its request %d\n", i, request);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int64_t timeout_ns = INT64_C(1000000) * (argc > 1 ? atoi(argv[1]) : 5000);
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    if (tsc_counter_create(&in_flight, TSC_BACKEND_ATOMIC, NULL) != 0)
        return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            return EXIT_FAILURE;
    puts("serving");
    fflush(stdout);

    wait_for_the_end(&ends);
    tsc_counter_close(in_flight);
    if (tsc_counter_wait_at_most(in_flight, 0, timeout_ns) != 0) {
        report_late();
        _exit(EXIT_FAILURE); /* late threads still use the counter: free nothing, join no thread */
    }
    puts("drained");

    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    tsc_counter_unref(in_flight);
    return EXIT_SUCCESS;
}
