/* SPDX-License-Identifier: MIT */
/*
 * What a counting semaphore costs: tsc_counter_wait_add(1) and tsc_counter_dec() against sem_wait() and
 * sem_post(). Prints one line for each, tab-separated: name, what, unit, median, quartiles. Of a pair by one
 * thread it prints the fastest slice. Rounds of all subjects are interleaved, and times are compared with those of
 * sem_t in the same round.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <tscounter/tscounter.h>

#include "bench-statistics.h"
#include "clock.h"

enum { LIMIT = 10, SLICES = 2000, PAIRS = 2000, ROUNDS = 9, THREADS_MOST = 1000, STACK_BYTES = 64 * 1024 };

#define WINDOW_NS INT64_C(150000000)
#define SHORT_HOLD_NS INT64_C(1000)
#define LONG_HOLD_NS INT64_C(1000000)

/* A semaphore, or a counter of a backend. */
struct subject {
    const char *name;
    tsc_counter_t *counter; /* NULL: the semaphore */
    sem_t semaphore;
};

enum { SUBJECTS_MOST = 8 };

static struct subject subjects[SUBJECTS_MOST]; /* the semaphore first */
static size_t subject_count;

static _Noreturn void fail(const char *what, int error)
{
    fprintf(stderr, "admission: %s: %s\n", what, strerror(error));
    exit(1);
}

static int64_t now_ns(void)
{
    return clock_now_ns(CLOCK_MONOTONIC);
}

static void sleep_ns(int64_t ns)
{
    const struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

    nanosleep(&time, NULL);
}

/* False once the subject is closed. */
static bool enter(struct subject *subject)
{
    if (subject->counter != NULL)
        return tsc_counter_wait_add(subject->counter, 1, -1) == 0;
    while (sem_wait(&subject->semaphore) != 0)
        ;
    return true;
}

static void leave(struct subject *subject)
{
    if (subject->counter != NULL)
        (void)tsc_counter_dec(subject->counter);
    else
        sem_post(&subject->semaphore);
}

static tsc_counter_t *make_counter(tsc_backend_t backend)
{
    tsc_counter_t *counter = NULL;
    tsc_counter_attr_t *attr;
    int error = tsc_counter_attr_create(&attr);

    if (error != 0)
        fail("cannot create attributes", -error);
    (void)tsc_counter_attr_set_bounds(attr, 0, LIMIT, TSC_BOUNDS_REJECT);
    error = tsc_counter_create(&counter, backend, attr);
    if (error != 0 && error != -ENOTSUP)
        fail("cannot create a counter", -error);
    tsc_counter_attr_destroy(attr);
    return counter;
}

static void open_subjects(void)
{
    subjects[0].name = "sem_t";
    sem_init(&subjects[0].semaphore, 0, LIMIT);
    subject_count = 1;
    for (tsc_backend_t backend = 0; tsc_backend_name(backend) != NULL && subject_count < SUBJECTS_MOST;
         backend++) {
        tsc_counter_t *counter = make_counter(backend);

        if (counter != NULL)
            subjects[subject_count++] = (struct subject){.name = tsc_backend_name(backend), .counter = counter};
    }
}

/* After a run that has closed it. */
static void renew(struct subject *subject)
{
    tsc_backend_t backend;

    if (subject->counter == NULL) {
        sem_destroy(&subject->semaphore);
        sem_init(&subject->semaphore, 0, LIMIT);
        return;
    }
    (void)tsc_counter_get_backend(subject->counter, &backend);
    tsc_counter_unref(subject->counter);
    subject->counter = make_counter(backend);
}

static void close_subjects(void)
{
    for (size_t i = 0; i < subject_count; i++)
        tsc_counter_unref(subjects[i].counter);
    sem_destroy(&subjects[0].semaphore);
}

/* -------- one thread -------- */

static double measure_slice(struct subject *subject)
{
    int64_t began = now_ns();

    for (size_t i = 0; i < PAIRS; i++) {
        (void)enter(subject);
        leave(subject);
    }
    return (double)(now_ns() - began) / PAIRS;
}

static void measure_pairs(void)
{
    double fastest[SUBJECTS_MOST];

    for (size_t slice = 0; slice < SLICES; slice++) {
        for (size_t i = 0; i < subject_count; i++) {
            double ns = measure_slice(&subjects[i]);

            if (slice == 0 || ns < fastest[i])
                fastest[i] = ns;
        }
    }
    for (size_t i = 0; i < subject_count; i++)
        printf("%s\tin and out, by one thread\tns\t%.2f\n", subjects[i].name, fastest[i]);
}

/* -------- many threads -------- */

struct run {
    struct subject *subject;
    int64_t hold_ns;
    atomic_bool stop;
    atomic_int inside;
    atomic_int most_inside;
    atomic_uint_fast64_t admissions;
};

static void hold(int64_t ns)
{
    int64_t end;

    if (ns >= LONG_HOLD_NS) {
        sleep_ns(ns);
        return;
    }
    end = now_ns() + ns;
    while (now_ns() < end)
        ;
}

static void *come_and_go(void *arg)
{
    struct run *run = arg;

    while (enter(run->subject)) {
        int inside;

        if (atomic_load_explicit(&run->stop, memory_order_relaxed))
            break;
        inside = atomic_fetch_add(&run->inside, 1) + 1;
        if (inside > atomic_load_explicit(&run->most_inside, memory_order_relaxed))
            atomic_store_explicit(&run->most_inside, inside, memory_order_relaxed);
        hold(run->hold_ns);
        atomic_fetch_sub(&run->inside, 1);
        atomic_fetch_add_explicit(&run->admissions, 1, memory_order_relaxed);
        leave(run->subject);
    }
    return NULL;
}

/* Lets all threads in, to end. */
static void end_run(struct run *run, pthread_t *threads, size_t count)
{
    atomic_store(&run->stop, true);
    if (run->subject->counter != NULL)
        (void)tsc_counter_close(run->subject->counter);
    for (size_t i = 0; i < count && run->subject->counter == NULL; i++)
        sem_post(&run->subject->semaphore);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    if (atomic_load(&run->most_inside) > LIMIT)
        fail("more threads inside than the limit", ERANGE);
    renew(run->subject);
}

struct sample {
    double us;       /* per admission */
    double switches; /* per admission */
};

static double context_switches(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_nvcsw + usage.ru_nivcsw);
}

static struct sample measure_window(struct run *run)
{
    uint64_t before = atomic_load(&run->admissions);
    double switches = context_switches();
    int64_t began = now_ns();
    double admissions;

    sleep_ns(WINDOW_NS);
    admissions = (double)(atomic_load(&run->admissions) - before + 1);
    return (struct sample){.us = (double)(now_ns() - began) / 1e3 / admissions,
                           .switches = (context_switches() - switches) / admissions};
}

static struct sample measure_run(struct subject *subject, size_t count, int64_t hold_ns)
{
    struct run run = {.subject = subject, .hold_ns = hold_ns};
    pthread_t threads[THREADS_MOST];
    pthread_attr_t attr;
    struct sample sample;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    for (size_t i = 0; i < count; i++) {
        int error = pthread_create(&threads[i], &attr, come_and_go, &run);

        if (error != 0)
            fail("cannot start a thread", error);
    }
    pthread_attr_destroy(&attr);
    sleep_ns(WINDOW_NS / 3);
    sample = measure_window(&run);
    end_run(&run, threads, count);
    return sample;
}

static void print_row(const char *name, size_t count, const char *held, const char *what, double *samples)
{
    struct quartiles quartiles = quartiles_of(samples, ROUNDS);

    printf("%s\t%s, %zu threads, %s\t\t%.3g\t%.3g\t%.3g\n", name, what, count, held, quartiles.median,
           quartiles.lower, quartiles.upper);
}

static void measure_crowd(size_t count, int64_t hold_ns, const char *held)
{
    static double times[SUBJECTS_MOST][ROUNDS];
    static double ratios[SUBJECTS_MOST][ROUNDS];
    static double switches[SUBJECTS_MOST][ROUNDS];

    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < subject_count; i++) {
            struct sample sample = measure_run(&subjects[i], count, hold_ns);

            times[i][round] = sample.us;
            ratios[i][round] = sample.us / times[0][round];
            switches[i][round] = sample.switches;
        }
    }
    for (size_t i = 0; i < subject_count; i++) {
        print_row(subjects[i].name, count, held, "microseconds for each admission", times[i]);
        print_row(subjects[i].name, count, held, "the same, in times that of sem_t", ratios[i]);
        print_row(subjects[i].name, count, held, "context switches for each admission", switches[i]);
    }
    fflush(stdout);
}

int main(void)
{
    static const size_t counts[] = {8, 200, THREADS_MOST};

    open_subjects();
    measure_pairs();
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        measure_crowd(counts[i], LONG_HOLD_NS, "each asleep for 1 ms");
        measure_crowd(counts[i], SHORT_HOLD_NS, "each busy for 1 us");
    }
    close_subjects();
    return 0;
}
