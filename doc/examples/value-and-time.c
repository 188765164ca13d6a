/* SPDX-License-Identifier: MIT */
/*
 * A value and the time of its last change, changed together: no reader sees one without the other.
 *
 *     cc value-and-time.c -o value-and-time $(pkg-config --cflags --libs libtscounter) -pthread
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tscounter/tscounter.h>

enum { THREADS = 8, CHANGES = 2000 };

struct sample {
    int64_t value;
    struct timespec changed;
};

static tsc_counter_t *connections;
static struct sample latest; /* accessed only by the callbacks, which run one at a time */

static int add_one(int64_t *value, void *arg)
{
    (void)arg;
    ++*value;
    latest.value = *value;
    clock_gettime(CLOCK_MONOTONIC, &latest.changed);
    return 0;
}

static int copy_sample(int64_t *value, void *sample)
{
    (void)value;
    *(struct sample *)sample = latest;
    return 0;
}

static int is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* Returns NULL unless it saw a higher value with an earlier time. */
static void *work(void *arg)
{
    struct sample before = {0};
    struct sample now;

    for (int i = 0; i < CHANGES; i++) {
        tsc_counter_update(connections, add_one, NULL);
        tsc_counter_update(connections, copy_sample, &now);
        if (now.value <= before.value || is_before(&now.changed, &before.changed))
            return &latest;
        before = now;
    }
    return arg;
}

int main(void)
{
    pthread_t threads[THREADS];
    int inconsistent = 0;

    if (tsc_counter_create(&connections, TSC_BACKEND_MUTEX, NULL) != 0)
        return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++) {
        void *found;

        pthread_join(threads[i], &found);
        inconsistent += found != NULL;
    }
    printf("%" PRId64 " at %lld.%09ld s\n", latest.value, (long long)latest.changed.tv_sec,
           latest.changed.tv_nsec);
    tsc_counter_unref(connections);
    return inconsistent == 0 && latest.value == THREADS * CHANGES ? EXIT_SUCCESS : EXIT_FAILURE;
}
