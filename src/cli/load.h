/* SPDX-License-Identifier: MIT */
/* Many threads that do the same work on one counter. All are alive before the first begins. */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "progress.h"

enum { LOAD_MAX_THREADS = 100000 };

/* Distance between data of different writers: two cache lines, because CPUs may fetch them in pairs. */
enum { LOAD_LINE_BYTES = 128 };

struct load;

/* Does `rounds` of its work. Returns the number of calls that did not return 0. */
typedef uint64_t (*load_work_fn)(const struct load *load, size_t rounds);

struct load {
    load_work_fn work;
    /* Called by the last thread to end its work, before the clock stops; may be NULL. */
    void (*settle)(void *counter);
    void *counter;
    size_t threads;
    size_t rounds;             /* each thread's */
    unsigned read_percent;     /* of the rounds, for work that reads too */
    bool pinned;               /* each thread to one CPU, in turn */
    struct progress *progress; /* may be NULL */
};

struct load_result {
    size_t threads_started; /* fewer than requested after -EAGAIN or another error */
    uint64_t refused;       /* calls that did not return 0 */
    int64_t duration_ns;    /* from the start signal to the end of the last thread's work */
};

/* Returns 0 or a negative errno. */
int load_run(const struct load *load, struct load_result *result);

#endif
