/* SPDX-License-Identifier: MIT */
/* What Linux reports about the threads of this process. */
#ifndef SUPPORT_PROCFS_H
#define SUPPORT_PROCFS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

pid_t support_thread_id(void);

bool support_is_asleep(pid_t thread_id);

/* Waits until the thread sleeps in the kernel; false after a generous timeout. */
bool support_falls_asleep(pid_t thread_id);

/* The same for a thread with this name. */
bool support_thread_named_falls_asleep(const char *name);

/*
 * Starts a thread, which the caller joins, and waits until it sleeps in the kernel. After a generous timeout the
 * test fails.
 */
pthread_t support_start_sleeper(void *(*body)(void *arg), void *arg, pid_t *thread_id);

size_t support_count_threads_named(const char *name);

/* Waits until `count` threads have this name; false after a generous timeout. */
bool support_threads_named_become(const char *name, size_t count);

/* The signals that a thread with this name blocks: bit 0 is signal 1. 0 if there is no such thread. */
uint64_t support_signals_blocked_by(const char *name);

#ifdef __cplusplus
}
#endif

#endif
