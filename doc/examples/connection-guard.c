/* SPDX-License-Identifier: MIT */
/*
 * Open connections, counted by a guard in each: whichever of five places closes a connection first decrements.
 *
 *     cc connection-guard.c -o connection-guard $(pkg-config --cflags --libs libtscounter) -pthread
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <tscounter/guard.h>
#include <tscounter/tscounter.h>

enum { THREADS = 4, CONNECTIONS = 1000, LONGEST_REQUEST = 5 };

struct connection {
    int number;
    tsc_guard_t counted; /* zero bytes: nothing is counted */
};

static tsc_counter_t *connected;

/* Each return before the last one decrements. */
static int accept_connection(struct connection *connection, int number)
{
    TSC_SCOPED_INC_OK(guard, connected);

    if (tsc_guard_error(&guard) != 0)
        return tsc_guard_error(&guard);
    if (number % 10 == 0)
        return -ENOMEM;
    connection->number = number;
    connection->counted = tsc_guard_take(&guard);
    return 0;
}

static void on_input(struct connection *connection, int bytes)
{
    if (bytes < 0)
        tsc_guard_leave(&connection->counted); /* 1: the network failed */
    else if (bytes == 0)
        tsc_guard_leave(&connection->counted); /* 2: the peer closed it */
    else if (bytes > LONGEST_REQUEST)
        tsc_guard_leave(&connection->counted); /* 3: a bad request */
}

static void on_timeout(struct connection *connection)
{
    tsc_guard_leave(&connection->counted); /* 4 */
}

/* It visits all connections, also those that were refused or are closed already. */
static void on_shutdown(struct connection *connections)
{
    for (int i = 0; i < CONNECTIONS; i++)
        tsc_guard_leave(&connections[i].counted); /* 5 */
}

static void *work(void *arg)
{
    struct connection *connections = calloc(CONNECTIONS, sizeof(*connections));

    if (connections == NULL)
        return arg;
    for (int i = 0; i < CONNECTIONS; i++) {
        if (accept_connection(&connections[i], i) != 0)
            continue;
        on_input(&connections[i], i % 8 - 1);
        if (i % 3 == 0)
            on_timeout(&connections[i]);
    }
    on_shutdown(connections);
    free(connections);
    return arg;
}

int main(void)
{
    pthread_t threads[THREADS];
    int64_t left;

    if (tsc_counter_create(&connected, TSC_BACKEND_PERCPU, NULL) != 0)
        return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    tsc_counter_get(connected, &left);
    printf("%d connections, %" PRId64 " still open\n", THREADS * CONNECTIONS, left);
    tsc_counter_unref(connected);
    return left == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
