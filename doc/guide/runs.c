/* SPDX-License-Identifier: MIT */
/*
 * One run of a count of requests in flight, for the figures of the guide:
 *   runs int|mutex|atomic|queue|percpu [MS]
 * Clients send requests for MS milliseconds, pause for half as long, and do both once more. Every 20 ms the
 * program prints the time in ms, the number of requests in flight, and the value of the counter. The number of
 * requests is the sum of flags with one writer each. It is read before the counter, so under load the two differ a
 * little.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <tscounter/tscounter.h>

enum {
    CLIENTS = 64,
    LONGEST_WORK = 4096,
    IDLE_NS = 1000000,
    SAMPLE_NS = 20000000,
    DEFAULT_BUSY_MS = 2000,
    BURSTS = 2
};

struct client {
    _Alignas(64) atomic_bool is_inside;
    uint32_t random;
    pthread_t thread;
};

static struct client clients[CLIENTS];
static atomic_bool is_busy;
static atomic_bool is_over;

static tsc_counter_t *counter; /* NULL: the plain int counts */
static int plain;

static void enter(void)
{
    if (counter == NULL)
        plain++;
    else
        tsc_counter_inc(counter);
}

static void leave(void)
{
    if (counter == NULL)
        plain--;
    else
        tsc_counter_dec(counter);
}

static void sleep_ns(long ns)
{
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

/* Some microseconds at most; the length varies. */
static void work(struct client *client)
{
    uint32_t random = client->random;
    uint32_t length;

    random ^= random << 13;
    random ^= random >> 17;
    random ^= random << 5;
    client->random = random;
    length = random % LONGEST_WORK;
    for (volatile uint32_t i = 0; i < length; i++)
        ;
}

static void *send_requests(void *arg)
{
    struct client *client = arg;

    (void)setpriority(PRIO_PROCESS, 0, 10); /* of this thread only, so that samples are in time */
    while (!is_over) {
        if (!is_busy) {
            sleep_ns(IDLE_NS);
            continue;
        }
        enter();
        client->is_inside = true;
        work(client);
        leave();
        client->is_inside = false;
        work(client);
    }
    return NULL;
}

static int count_inside(void)
{
    int inside = 0;

    for (int i = 0; i < CLIENTS; i++)
        inside += clients[i].is_inside;
    return inside;
}

static int64_t read_counter(void)
{
    int64_t value = plain;

    if (counter != NULL)
        tsc_counter_get(counter, &value);
    return value;
}

static long ms_since(const struct timespec *start)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
}

/* At least once. */
static void sample_until(long end_ms, const struct timespec *start)
{
    do {
        int inside = count_inside();

        printf("%ld\t%d\t%" PRId64 "\n", ms_since(start), inside, read_counter());
        sleep_ns(SAMPLE_NS);
    } while (ms_since(start) < end_ms);
}

static int create_counter(const char *name)
{
    tsc_backend_t backend;
    int error;

    if (strcmp(name, "int") == 0)
        return 0;
    error = tsc_backend_from_name(name, &backend);
    return error ? error : tsc_counter_create(&counter, backend, NULL);
}

static void run(long busy_ms)
{
    struct timespec start;
    long end_ms = 0;

    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int burst = 0; burst < BURSTS; burst++) {
        is_busy = true;
        sample_until(end_ms += busy_ms, &start);
        is_busy = false;
        sample_until(end_ms += busy_ms / 2, &start);
    }
    is_over = true;
}

int main(int argc, char **argv)
{
    int error = argc < 2 ? -EINVAL : create_counter(argv[1]);

    if (error) {
        fprintf(stderr, "runs int|mutex|atomic|queue|percpu [MS]: %s\n", strerror(-error));
        return EXIT_FAILURE;
    }
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].random = (uint32_t)i + 1;
        if (pthread_create(&clients[i].thread, NULL, send_requests, &clients[i]) != 0)
            return EXIT_FAILURE;
    }
    run(argc > 2 ? atol(argv[2]) : DEFAULT_BUSY_MS);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    printf("# in the end\t%d\t%" PRId64 "\n", count_inside(), read_counter());
    tsc_counter_unref(counter);
    return EXIT_SUCCESS;
}
