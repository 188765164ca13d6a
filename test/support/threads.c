/* SPDX-License-Identifier: MIT */
#include "threads.h"

#include <check.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STACK_BYTES = 128 * 1024 };

/*
 * A cancelled thread leaves the redzones of its frames on its stack. AddressSanitizer then reports its own use of
 * that stack. So locals lie elsewhere, and threads have no signal stack that it removes.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "use_sigaltstack=0:detect_stack_use_after_return=1";
}

enum gate_state { GATE_SHUT, GATE_OPEN, GATE_CALLED_OFF };

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t arrived;
    size_t expected;
    enum gate_state state;
};

struct worker {
    pthread_t thread;
    size_t index;
    struct gate *gate;
    void (*body)(size_t index, void *arg);
    void *arg;
};

static bool gate_pass(struct gate *gate)
{
    bool open;

    pthread_mutex_lock(&gate->lock);
    if (++gate->arrived == gate->expected) {
        gate->state = GATE_OPEN;
        pthread_cond_broadcast(&gate->changed);
    }
    while (gate->state == GATE_SHUT)
        pthread_cond_wait(&gate->changed, &gate->lock);
    open = gate->state == GATE_OPEN;
    pthread_mutex_unlock(&gate->lock);
    return open;
}

static void gate_call_off(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->state = GATE_CALLED_OFF;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static void *run_worker(void *arg)
{
    struct worker *worker = arg;

    if (gate_pass(worker->gate))
        worker->body(worker->index, worker->arg);
    return NULL;
}

static int start_thread(pthread_t *thread, void *(*body)(void *arg), void *arg)
{
    pthread_attr_t attr;
    int error = pthread_attr_init(&attr);

    if (error != 0)
        return error;
    error = pthread_attr_setstacksize(&attr, STACK_BYTES);
    if (error == 0)
        error = pthread_create(thread, &attr, body, arg);
    pthread_attr_destroy(&attr);
    return error;
}

void support_run_threads(size_t threads, void (*body)(size_t index, void *arg), void *arg)
{
    struct gate gate = {
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER,
        .expected = threads,
        .state = GATE_SHUT,
    };
    struct worker *workers = calloc(threads, sizeof *workers);
    size_t started;
    int error = 0;

    ck_assert_ptr_nonnull(workers);
    for (started = 0; started < threads; started++) {
        workers[started] = (struct worker){.index = started, .gate = &gate, .body = body, .arg = arg};
        error = start_thread(&workers[started].thread, run_worker, &workers[started]);
        if (error != 0)
            break;
    }
    if (error != 0)
        gate_call_off(&gate);
    for (size_t i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    free(workers);
    ck_assert_msg(error == 0, "started %zu of %zu threads: %s", started, threads, strerror(error));
}

pthread_t support_start_thread(void *(*body)(void *arg), void *arg)
{
    pthread_t thread;
    int error = start_thread(&thread, body, arg);

    ck_assert_msg(error == 0, "cannot start a thread: %s", strerror(error));
    return thread;
}

/* Also used outside a running test, where Check cannot report a failure. */
void support_sem_wait(sem_t *semaphore)
{
    int saved_errno = errno;

    while (sem_wait(semaphore) != 0)
        ;
    errno = saved_errno;
}

uint64_t support_count(const char *variable, uint64_t fallback)
{
    const char *text = getenv(variable);
    char *end;
    unsigned long long count;

    if (text == NULL || *text == '\0')
        return fallback;
    errno = 0;
    count = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || count == 0 || *text == '-') {
        fprintf(stderr, "%s=%s is not a count\n", variable, text);
        exit(EXIT_FAILURE);
    }
    return count;
}

size_t support_threads(size_t fallback)
{
    return (size_t)support_count("TSC_TEST_THREADS", fallback);
}

uint64_t support_ops(uint64_t fallback)
{
    return support_count("TSC_TEST_OPS", fallback);
}

uint64_t support_timeout_scale(void)
{
    return support_count("TSC_TEST_TIMEOUT_SCALE", 1);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * SUPPORT_SECOND_NS + now.tv_nsec;
}

int64_t support_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t support_cpu_time_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

bool support_eventually(bool (*condition)(void *arg), void *arg)
{
    const struct timespec pause = {.tv_nsec = SUPPORT_MILLISECOND_NS};
    int64_t deadline = support_now_ns() + (int64_t)support_timeout_scale() * 10 * SUPPORT_SECOND_NS;

    while (!condition(arg)) {
        if (support_now_ns() >= deadline)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

void support_stay_on_processor(size_t place)
{
    cpu_set_t allowed;
    size_t wanted;

    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof allowed, &allowed);
    wanted = place % (size_t)CPU_COUNT(&allowed);
    for (int processor = 0; processor < CPU_SETSIZE; processor++)
        if (CPU_ISSET(processor, &allowed) && wanted-- != 0)
            CPU_CLR(processor, &allowed);
    sched_setaffinity(0, sizeof allowed, &allowed);
}
