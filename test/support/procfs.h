/* SPDX-License-Identifier: MIT */
/* What Linux tells about the threads of this process. */
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

/* Waits until the thread sleeps in the kernel; false if it does not within a generous time. */
bool support_falls_asleep(pid_t thread_id);

/* The same of a thread with this name. */
bool support_thread_named_falls_asleep(const char *name);

/* Starts a thread, which the caller joins, and waits until it sleeps in the kernel. The test fails if it does not
 * within a generous time. */
pthread_t support_start_sleeper(void *(*body)(void *arg), void *arg, pid_t *thread_id);

size_t support_count_threads_named(const char *name);

/* Waits until there are `count` threads with this name; false if there are not within a generous time. */
bool support_threads_named_become(const char *name, size_t count);

/* The signals that a thread with this name blocks, bit 0 for signal 1; 0 if there is no such thread. */
uint64_t support_signals_blocked_by(const char *name);

#ifdef __cplusplus
}
#endif

#endif
