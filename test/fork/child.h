/* SPDX-License-Identifier: MIT */
/* Children of a fork: each makes its checks, and is killed after a deadline. */
#ifndef FORK_CHILD_H
#define FORK_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include <tscounter/tscounter.h>

/*
 * Forks, runs `body` in the child and waits for it. 0 if it returned; not 0 if a check failed, the child did not
 * end in time, or fork failed.
 */
int child_run(void (*body)(void *arg), void *arg);

/* The same in two halves, for a child that continues its parent's code. child_begin returns what fork returns. */
pid_t child_begin(void);
int child_await(pid_t child);

/* In a child: ends it without exit handlers, which are the parent's; coverage data are written. */
_Noreturn void child_leave(int status);

/* In a child: prints the failed condition and ends it. Check's own assertions work only in the test's process. */
#define CHILD_CHECK(condition) ((condition) ? (void)0 : child_fail(__FILE__, __LINE__, #condition))

_Noreturn void child_fail(const char *file, int line, const char *condition);

/* In a child: runs `body` in two threads at the same time. */
void child_run_threads(void *(*body)(void *arg), void *arg);

/* In a child: checks the number of owners' threads, or that it soon is `expected`. */
void child_check_owners(int expected);

/* In a child: reads a counter. */
int64_t value_in_child(tsc_counter_t *counter);

/*
 * Before a fork: runs an update that leaves the value unchanged, so the owner's thread has certainly started. A
 * thread that starts during a fork leaves AddressSanitizer's allocator locked in the child.
 */
void wait_for_owner(tsc_counter_t *counter);

#endif
