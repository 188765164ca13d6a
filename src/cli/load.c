/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

enum { THREAD_STACK_BYTES = 128 * 1024, ROUNDS_BETWEEN_REPORTS = 1024 };

static const int64_t ns_per_second = 1000000000;
static const int64_t ns_between_draws = 100000000;

/* Waits for the last of many threads without waking for each of them, which would disturb the load. */
struct latch {
    atomic_size_t missing;
    sem_t complete;
};

struct worker {
    pthread_t thread;
    struct crew *crew;
    atomic_size_t rounds_done;
    uint64_t refused;
    int64_t finished_ns;
};

struct crew {
    const struct load *load;
    struct worker *workers;
    /* Held for writing until the start: opening it lets all readers in at once. */
    pthread_rwlock_t gate;
    bool abandoned;
    struct latch arrived;
    struct latch finished;
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * ns_per_second + now.tv_nsec;
}

static void latch_init(struct latch *latch, size_t threads)
{
    atomic_init(&latch->missing, threads);
    sem_init(&latch->complete, 0, 0);
}

static void latch_count(struct latch *latch)
{
    if (atomic_fetch_sub(&latch->missing, 1) == 1)
        sem_post(&latch->complete);
}

static bool latch_wait(struct latch *latch, int64_t timeout_ns)
{
    int64_t deadline_ns = now_ns(CLOCK_REALTIME) + timeout_ns;
    struct timespec deadline = {.tv_sec = deadline_ns / ns_per_second, .tv_nsec = deadline_ns % ns_per_second};

    return sem_timedwait(&latch->complete, &deadline) == 0;
}

static void work(struct worker *worker)
{
    const struct load *load = worker->crew->load;
    size_t done = 0;

    while (done < load->rounds) {
        size_t left = load->rounds - done;
        size_t rounds = left < ROUNDS_BETWEEN_REPORTS ? left : ROUNDS_BETWEEN_REPORTS;

        worker->refused += load->work(load->counter, rounds);
        done += rounds;
        atomic_store_explicit(&worker->rounds_done, done, memory_order_relaxed);
    }
    worker->finished_ns = now_ns(CLOCK_MONOTONIC);
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct crew *crew = worker->crew;
    bool abandoned;

    latch_count(&crew->arrived);
    pthread_rwlock_rdlock(&crew->gate);
    abandoned = crew->abandoned;
    pthread_rwlock_unlock(&crew->gate);
    if (!abandoned)
        work(worker);
    latch_count(&crew->finished);
    return NULL;
}

static int start_workers(struct crew *crew, size_t *started)
{
    pthread_attr_t attr;
    int error;

    error = pthread_attr_init(&attr);
    if (error != 0)
        return -error;
    error = pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
    for (*started = 0; error == 0 && *started < crew->load->threads; ++*started) {
        struct worker *worker = &crew->workers[*started];

        worker->crew = crew;
        error = pthread_create(&worker->thread, &attr, worker_main, worker);
        if (error != 0)
            break;
    }
    pthread_attr_destroy(&attr);
    return -error;
}

static uint64_t rounds_done(const struct crew *crew)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < crew->load->threads; i++)
        sum += atomic_load_explicit(&crew->workers[i].rounds_done, memory_order_relaxed);
    return sum;
}

static void collect(const struct crew *crew, int64_t started_ns, struct load_result *result)
{
    result->refused = 0;
    result->duration_ns = 0;
    for (size_t i = 0; i < crew->load->threads; i++) {
        int64_t duration_ns = crew->workers[i].finished_ns - started_ns;

        result->refused += crew->workers[i].refused;
        if (result->duration_ns < duration_ns)
            result->duration_ns = duration_ns;
    }
}

static int run_crew(struct crew *crew, struct load_result *result)
{
    int64_t started_ns;
    int error;

    pthread_rwlock_wrlock(&crew->gate);
    error = start_workers(crew, &result->threads_started);
    crew->abandoned = error != 0;
    while (!crew->abandoned && !latch_wait(&crew->arrived, ns_between_draws))
        continue;
    started_ns = now_ns(CLOCK_MONOTONIC);
    pthread_rwlock_unlock(&crew->gate);

    while (!crew->abandoned && !latch_wait(&crew->finished, ns_between_draws))
        progress_draw(crew->load->progress, rounds_done(crew));
    for (size_t i = 0; i < result->threads_started; i++)
        pthread_join(crew->workers[i].thread, NULL);
    if (error == 0)
        collect(crew, started_ns, result);
    return error;
}

int load_run(const struct load *load, struct load_result *result)
{
    struct crew crew = {.load = load};
    int error;

    result->threads_started = 0;
    crew.workers = calloc(load->threads, sizeof(crew.workers[0]));
    if (crew.workers == NULL)
        return -ENOMEM;
    latch_init(&crew.arrived, load->threads);
    latch_init(&crew.finished, load->threads);
    pthread_rwlock_init(&crew.gate, NULL);

    error = run_crew(&crew, result);

    pthread_rwlock_destroy(&crew.gate);
    sem_destroy(&crew.arrived.complete);
    sem_destroy(&crew.finished.complete);
    free(crew.workers);
    return error;
}
