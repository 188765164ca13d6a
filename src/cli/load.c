/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

enum {
    THREAD_STACK_BYTES = 128 * 1024,
    /* A multiple of 100, so that each piece of work has its exact share of reads. */
    ROUNDS_BETWEEN_REPORTS = 1000,
};

static const int64_t ns_between_draws = 100000000;

/* Waits for the last of many threads. A wake-up for each of them would disturb the load. */
struct latch {
    atomic_size_t missing;
    sem_t complete;
};

/* Held for writing until it opens; then all readers pass at once. */
struct gate {
    pthread_rwlock_t lock;
};

struct worker {
    _Alignas(LOAD_LINE_BYTES) pthread_t thread;
    struct crew *crew;
    atomic_size_t rounds_done;
    uint64_t refused;
    int64_t finished_ns;
};

struct crew {
    const struct load *load;
    struct worker *workers;
    bool abandoned;
    struct latch arrived;
    struct gate start;
    atomic_size_t working;
    struct latch finished;
    /* Threads end together: the end of a thread, more work than its start, would disturb the others. */
    struct gate end;
};

static void latch_init(struct latch *latch, size_t threads)
{
    atomic_init(&latch->missing, threads);
    sem_init(&latch->complete, 0, 0);
}

static bool count_down(atomic_size_t *missing)
{
    return atomic_fetch_sub(missing, 1) == 1;
}

static void latch_count(struct latch *latch)
{
    if (count_down(&latch->missing))
        sem_post(&latch->complete);
}

static bool latch_wait(struct latch *latch, int64_t timeout_ns)
{
    int64_t deadline_ns = clock_now_ns(CLOCK_REALTIME) + timeout_ns;
    struct timespec deadline = {.tv_sec = deadline_ns / NS_PER_SECOND, .tv_nsec = deadline_ns % NS_PER_SECOND};

    return sem_timedwait(&latch->complete, &deadline) == 0;
}

static void gate_init(struct gate *gate)
{
    pthread_rwlock_init(&gate->lock, NULL);
    pthread_rwlock_wrlock(&gate->lock);
}

static void gate_open(struct gate *gate)
{
    pthread_rwlock_unlock(&gate->lock);
}

static void gate_pass(struct gate *gate)
{
    pthread_rwlock_rdlock(&gate->lock);
    pthread_rwlock_unlock(&gate->lock);
}

static void work(struct worker *worker)
{
    const struct load *load = worker->crew->load;
    size_t done = 0;

    while (done < load->rounds) {
        size_t left = load->rounds - done;
        size_t rounds = left < ROUNDS_BETWEEN_REPORTS ? left : ROUNDS_BETWEEN_REPORTS;

        worker->refused += load->work(load, rounds);
        done += rounds;
        atomic_store_explicit(&worker->rounds_done, done, memory_order_relaxed);
    }
    if (count_down(&worker->crew->working) && load->settle != NULL)
        load->settle(load->counter);
    worker->finished_ns = clock_now_ns(CLOCK_MONOTONIC);
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct crew *crew = worker->crew;

    latch_count(&crew->arrived);
    gate_pass(&crew->start);
    if (!crew->abandoned)
        work(worker);
    latch_count(&crew->finished);
    gate_pass(&crew->end);
    return NULL;
}

/* Pins a thread to the CPU at that index of the set, modulo its size. Returns an errno. */
static int pin(pthread_t thread, const cpu_set_t *cpus, size_t number)
{
    size_t to_skip = number % (size_t)CPU_COUNT(cpus);
    cpu_set_t chosen;
    size_t cpu = 0;

    while (!CPU_ISSET(cpu, cpus) || to_skip-- > 0)
        cpu++;
    CPU_ZERO(&chosen);
    CPU_SET(cpu, &chosen);
    return pthread_setaffinity_np(thread, sizeof(chosen), &chosen);
}

static int start_each(struct crew *crew, const pthread_attr_t *attr, size_t *started)
{
    const struct load *load = crew->load;
    cpu_set_t cpus;

    if (load->pinned && sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
        return -errno;
    while (*started < load->threads) {
        struct worker *worker = &crew->workers[*started];
        int error;

        worker->crew = crew;
        error = -pthread_create(&worker->thread, attr, worker_main, worker);
        if (error != 0)
            return error;
        if (load->pinned)
            error = -pin(worker->thread, &cpus, *started);
        ++*started;
        if (error != 0)
            return error;
    }
    return 0;
}

static int start_workers(struct crew *crew, size_t *started)
{
    pthread_attr_t attr;
    int error;

    error = -pthread_attr_init(&attr);
    if (error != 0)
        return error;
    error = -pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
    if (error == 0)
        error = start_each(crew, &attr, started);
    pthread_attr_destroy(&attr);
    return error;
}

static void draw_progress(const struct crew *crew)
{
    uint64_t rounds_done = 0;

    if (crew->load->progress == NULL)
        return;
    for (size_t i = 0; i < crew->load->threads; i++)
        rounds_done += atomic_load_explicit(&crew->workers[i].rounds_done, memory_order_relaxed);
    progress_draw(crew->load->progress, rounds_done);
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

    error = start_workers(crew, &result->threads_started);
    crew->abandoned = error != 0;
    while (!crew->abandoned && !latch_wait(&crew->arrived, ns_between_draws))
        continue;
    started_ns = clock_now_ns(CLOCK_MONOTONIC);
    gate_open(&crew->start);

    while (!crew->abandoned && !latch_wait(&crew->finished, ns_between_draws))
        draw_progress(crew);
    gate_open(&crew->end);
    for (size_t i = 0; i < result->threads_started; i++)
        pthread_join(crew->workers[i].thread, NULL);
    if (error == 0)
        collect(crew, started_ns, result);
    return error;
}

int load_run(const struct load *load, struct load_result *result)
{
    size_t workers_size = load->threads * sizeof(struct worker);
    struct crew crew = {.load = load};
    int error;

    result->threads_started = 0;
    crew.workers = aligned_alloc(LOAD_LINE_BYTES, workers_size);
    if (crew.workers == NULL)
        return -ENOMEM;
    memset(crew.workers, 0, workers_size);
    latch_init(&crew.arrived, load->threads);
    gate_init(&crew.start);
    atomic_init(&crew.working, load->threads);
    latch_init(&crew.finished, load->threads);
    gate_init(&crew.end);

    error = run_crew(&crew, result);

    pthread_rwlock_destroy(&crew.end.lock);
    sem_destroy(&crew.finished.complete);
    pthread_rwlock_destroy(&crew.start.lock);
    sem_destroy(&crew.arrived.complete);
    free(crew.workers);
    return error;
}
