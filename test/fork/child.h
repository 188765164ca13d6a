/* SPDX-License-Identifier: MIT */
/* Children of a fork: each does its checks, and is gone within a deadline. */
#ifndef FORK_CHILD_H
#define FORK_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include <tscounter/tscounter.h>

/* Forks, runs `body` in the child and waits for it: 0 where it returned, something else where a check failed,
 * where it did not come to an end, or where there was no fork. */
int child_run(void (*body)(void *arg), void *arg);

/* The same in two halves, for a child that goes on with what its parent was at: child_begin answers what fork
 * answered. */
pid_t child_begin(void);
int child_await(pid_t child);

/* In a child: ends it. What a process does at its end is left to the parent; but what was covered is written. */
_Noreturn void child_leave(int status);

/* In a child: says what is wrong, and ends it. Check's own assertions are for the process that runs the tests. */
#define CHILD_CHECK(condition) ((condition) ? (void)0 : child_fail(__FILE__, __LINE__, #condition))

_Noreturn void child_fail(const char *file, int line, const char *condition);

/* In a child: runs `body` in two threads at once. */
void child_run_threads(void *(*body)(void *arg), void *arg);

/* In a child: the threads of owners that there are, or that there are soon. */
void child_check_owners(int expected);

/* In a child: reads a counter. */
int64_t value_in_child(tsc_counter_t *counter);

/* Before a fork: runs an update, which leaves the value. It is run on the owner's thread, which then has begun:
 * where a thread begins at a fork, AddressSanitizer's allocator stays locked in the child. */
void wait_for_owner(tsc_counter_t *counter);

#endif
