/* SPDX-License-Identifier: MIT */
/* What 10,000 named counters cost, in milliseconds: the best and the median of the rounds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tscounter/metrics.h>
#include <tscounter/tscounter.h>

enum { COUNTERS = 10000, ROUNDS = 21, NAME_BYTES = 64 };

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

static tsc_counter_t *counters[COUNTERS];

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int by_size(const void *first, const void *second)
{
    double one = *(const double *)first;
    double other = *(const double *)second;

    return (one > other) - (one < other);
}

static void print(const char *what, const char *names, double *times)
{
    qsort(times, ROUNDS, sizeof *times, by_size);
    printf("%-8s %-24s best %6.2f ms, median %6.2f ms\n", what, names, times[0], times[ROUNDS / 2]);
}

static tsc_counter_attr_t *new_attr(void)
{
    tsc_counter_attr_t *attr;

    CHECK(tsc_counter_attr_create(&attr) == 0);
    CHECK(tsc_counter_attr_set_help(attr, "Jobs begun and not done.") == 0);
    return attr;
}

/* With an owner that all queue counters share; NULL if the queue is not built. */
static tsc_counter_attr_t *new_queue_attr(void)
{
    tsc_counter_attr_t *attr = new_attr();
    tsc_owner_t *owner;

    if (tsc_owner_create(&owner, NULL) != 0) {
        tsc_counter_attr_destroy(attr);
        return NULL;
    }
    CHECK(tsc_counter_attr_set_owner(attr, owner) == 0);
    tsc_owner_unref(owner);
    return attr;
}

/* The built backends in turn. */
static void create(size_t number, const char *name, tsc_counter_attr_t *attr, tsc_counter_attr_t *queue_attr)
{
    for (size_t i = number;; i++) {
        tsc_backend_t backend = (tsc_backend_t)(i % 4);
        tsc_counter_attr_t *used = backend == TSC_BACKEND_QUEUE ? queue_attr : attr;

        if (used == NULL)
            continue;
        CHECK(tsc_counter_attr_set_name(used, name) == 0);
        if (tsc_counter_create(&counters[number], backend, used) == 0)
            return;
    }
}

static void create_all(const char *names)
{
    tsc_counter_attr_t *attr = new_attr();
    tsc_counter_attr_t *queue_attr = new_queue_attr();
    char name[NAME_BYTES];

    for (size_t i = 0; i < COUNTERS; i++) {
        snprintf(name, sizeof name, names, i);
        create(i, name, attr, queue_attr);
    }
    tsc_counter_attr_destroy(attr);
    tsc_counter_attr_destroy(queue_attr);
}

static void free_all(void)
{
    for (size_t i = 0; i < COUNTERS; i++)
        tsc_counter_unref(counters[i]);
}

static int take(const char *text, size_t bytes, void *arg)
{
    (void)text;
    *(size_t *)arg += bytes;
    return 0;
}

static void measure(const char *names)
{
    double creations[ROUNDS], writings[ROUNDS], ends[ROUNDS];
    size_t bytes = 0;

    for (size_t round = 0; round < ROUNDS; round++) {
        double begun = now_ms();
        double created, written;

        create_all(names);
        created = now_ms();
        CHECK(tsc_metrics_write(TSC_METRICS_OPENMETRICS, NULL, take, &bytes) == 0);
        written = now_ms();
        free_all();
        creations[round] = created - begun;
        writings[round] = written - created;
        ends[round] = now_ms() - written;
    }
    CHECK(bytes > 10 * COUNTERS);
    print("creation", names, creations);
    print("writing", names, writings);
    print("end", names, ends);
}

int main(void)
{
    measure("jobs{worker=\"%zu\"}");
    measure("jobs_%zu");
    return 0;
}
