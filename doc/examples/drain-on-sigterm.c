/* SPDX-License-Identifier: MIT */
/*
 * A service that SIGTERM ends without hurry: nobody new comes in, those inside finish, and whoever takes longer
 * than five seconds is told of. Run it, and send it SIGTERM, or press Ctrl-C.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tscounter/tscounter.h>

enum { THREADS = 8 };

static const int64_t patience_ns = INT64_C(5000000000);

static tsc_counter_t *in_flight;

static void serve_a_request(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static void *work(void *arg)
{
    while (tsc_counter_inc(in_flight) != -ESHUTDOWN) {
        serve_a_request();
        tsc_counter_dec(in_flight);
    }
    return arg;
}

/* Blocked in all threads, and waited for in one: no handler is needed. */
static void wait_for_the_end(const sigset_t *ends)
{
    int signal_number;

    while (sigwait(ends, &signal_number) != 0)
        ;
}

int main(void)
{
    pthread_t threads[THREADS];
    sigset_t ends;
    int drained;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    if (tsc_counter_create(&in_flight, TSC_BACKEND_ATOMIC, NULL) != 0)
        return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return EXIT_FAILURE;
    puts("serving");
    fflush(stdout);

    wait_for_the_end(&ends);
    tsc_counter_close(in_flight);
    drained = tsc_counter_wait_at_most(in_flight, 0, patience_ns);
    puts(drained == 0 ? "drained" : "some requests are still inside");

    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    tsc_counter_unref(in_flight);
    return drained == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
