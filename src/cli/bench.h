/* SPDX-License-Identifier: MIT */
/* Shared by the parts of the bench command. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bench-statistics.h"
#include "lineup.h"
#include "progress.h"

enum { BENCH_MAX_SERIES = 32 };

struct bench_options {
    uint32_t backends;
    size_t threads[BENCH_MAX_SERIES];
    size_t series_count; /* one for each number of threads */
    uint64_t read_percent;
    uint64_t seconds; /* for each series */
    bool pinned;
    const char *json_path; /* "-": standard output; NULL: no JSON */
};

/* Of one contender. */
struct bench_round {
    int64_t durations_ns[LINEUP_MAX];
};

struct bench_summary {
    struct quartiles ns_per_op;
    struct quartiles ratio; /* to the integer that it is compared with; only of backends */
};

/* The measurements with one number of threads. */
struct bench_series {
    char name[PROGRESS_NAME_WIDTH + 1];
    size_t threads;
    size_t ops[LINEUP_MAX]; /* of each contender in a round, over all threads */
    struct bench_round *rounds;
    size_t round_count;
    size_t round_capacity;
    struct bench_summary summaries[LINEUP_MAX];
};

struct bench {
    struct bench_options options;
    struct lineup lineup;                    /* an inline integer's index is its number */
    enum inline_integer against[LINEUP_MAX]; /* the integer that each backend is compared with */
    struct bench_series series[BENCH_MAX_SERIES];
    int64_t expected[LINEUP_MAX]; /* the expected values of the counters */
    uint64_t refused[LINEUP_MAX];
    struct progress progress;
};

/* Measures every contender with that many threads, and summarizes. Returns a status, after a message on errors. */
int bench_run(struct bench *bench, struct bench_series *series);

void bench_print_head(const struct bench *bench);
void bench_print_series(const struct bench *bench, const struct bench_series *series);
void bench_print_foot(const struct bench *bench);
void bench_write_json(const struct bench *bench, FILE *out);

#endif
