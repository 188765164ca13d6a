/* SPDX-License-Identifier: MIT */
/* Threads with small stacks, and the clock. Workers record what they see; only the test thread asserts. */
#ifndef SUPPORT_THREADS_H
#define SUPPORT_THREADS_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Runs `body` in this many threads and joins them. None begins before all are alive. The test fails if a thread
 * cannot be started.
 */
void support_run_threads(size_t threads, void (*body)(size_t index, void *arg), void *arg);

/* Starts one thread, which the caller joins. The test fails if it cannot be started. */
pthread_t support_start_thread(void *(*body)(void *arg), void *arg);

/* sem_wait, retried on EINTR. Keeps errno, so a callback may call it. */
void support_sem_wait(sem_t *semaphore);

/* A positive count from the environment, or else the fallback. */
uint64_t support_count(const char *variable, uint64_t fallback);

/* The number of threads, and of operations for each: TSC_TEST_THREADS and TSC_TEST_OPS, or else the fallback. */
size_t support_threads(size_t fallback);
uint64_t support_ops(uint64_t fallback);

/* How many times slower this machine is (valgrind, emulators): TSC_TEST_TIMEOUT_SCALE, or else 1. */
uint64_t support_timeout_scale(void);

/* Binds the calling thread to one of its allowed CPUs: the one at index `place`, modulo their number. */
void support_stay_on_processor(size_t place);

int64_t support_now_ns(void);      /* monotonic */
int64_t support_cpu_time_ns(void); /* of the whole process */

#define SUPPORT_SECOND_NS INT64_C(1000000000)
#define SUPPORT_MILLISECOND_NS INT64_C(1000000)

/*
 * Polls until `condition` holds; false after a generous timeout. For actions of another thread that nothing
 * signals.
 */
bool support_eventually(bool (*condition)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif
