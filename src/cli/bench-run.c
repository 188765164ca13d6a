/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

enum {
    MIN_ROUNDS = 5,
    /* Each thread's operations are a multiple of it, so that the share of reads is exact. */
    OPS_STEP = 100,
    MAX_GROWTH = 8,
};

/* A measurement is long enough to make the start of its threads negligible. */
static const int64_t ns_of_measurement = 20000000;
static const int64_t ns_of_measurement_per_thread = 30000;

static const size_t max_ops_per_thread = 1000000000;

static int64_t now_ns(void)
{
    return clock_now_ns(CLOCK_MONOTONIC);
}

static int out_of_memory(void)
{
    return machine_error("cannot store the measurements: %s", strerror(ENOMEM));
}

static int measure(struct bench *bench, size_t index, size_t threads, size_t ops_per_thread, int64_t *duration_ns)
{
    const struct contender *contender = &bench->lineup.contenders[index];
    unsigned read_percent = (unsigned)bench->options.read_percent;
    const struct load load = {
        .work = read_percent == 0 ? contender->count : contender->count_or_read,
        .settle = contender->settle,
        .counter = contender->counter,
        .threads = threads,
        .rounds = ops_per_thread,
        .read_percent = read_percent,
        .pinned = bench->options.pinned,
    };
    struct load_result result;
    int error = load_run(&load, &result);

    if (error != 0) {
        progress_clear(&bench->progress);
        return threads_error(result.threads_started, load.threads, error);
    }
    bench->expected[index] += (int64_t)(threads * ops_per_thread / 100 * (100 - read_percent));
    bench->refused[index] += result.refused;
    *duration_ns = result.duration_ns;
    return STATUS_OK;
}

static size_t rounded_ops(double ops)
{
    if (ops < OPS_STEP)
        return OPS_STEP;
    if (ops > (double)max_ops_per_thread)
        return max_ops_per_thread;
    return (size_t)ops / OPS_STEP * OPS_STEP;
}

/*
 * Warms up, and finds the number of operations that fill a measurement. They must fill one twice in a row, because
 * something else may have had the CPU once.
 */
static int calibrate(struct bench *bench, struct bench_series *series, size_t index)
{
    int64_t target_ns = ns_of_measurement + ns_of_measurement_per_thread * (int64_t)series->threads;
    size_t ops_per_thread = OPS_STEP;
    int filled = 0;

    while (filled < 2) {
        int64_t duration_ns = 0;
        double growth;
        int status = measure(bench, index, series->threads, ops_per_thread, &duration_ns);

        if (status != STATUS_OK)
            return status;
        growth = (double)target_ns / (double)duration_ns;
        filled = growth < 2 || ops_per_thread == max_ops_per_thread ? filled + 1 : 0;
        ops_per_thread = rounded_ops((double)ops_per_thread * (growth < MAX_GROWTH ? growth : MAX_GROWTH));
    }
    series->ops[index] = series->threads * ops_per_thread;
    return STATUS_OK;
}

static struct bench_round *add_round(struct bench_series *series)
{
    if (series->round_count == series->round_capacity) {
        size_t capacity = series->round_capacity == 0 ? 64 : 2 * series->round_capacity;
        struct bench_round *rounds = realloc(series->rounds, capacity * sizeof(rounds[0]));

        if (rounds == NULL)
            return NULL;
        series->rounds = rounds;
        series->round_capacity = capacity;
    }
    return &series->rounds[series->round_count++];
}

/* Each begins with another contender, so that disturbances of the machine affect all alike. */
static int run_round(struct bench *bench, struct bench_series *series)
{
    size_t first = series->round_count % bench->lineup.count;
    struct bench_round *round = add_round(series);

    if (round == NULL)
        return out_of_memory();
    for (size_t i = 0; i < bench->lineup.count; i++) {
        size_t index = (first + i) % bench->lineup.count;
        int status = measure(bench, index, series->threads, series->ops[index] / series->threads,
                             &round->durations_ns[index]);

        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static double ns_per_op(const struct bench_series *series, size_t round, size_t index)
{
    return (double)series->rounds[round].durations_ns[index] / (double)series->ops[index];
}

static struct quartiles summarize_times(const struct bench_series *series, size_t index, double *samples)
{
    for (size_t i = 0; i < series->round_count; i++)
        samples[i] = ns_per_op(series, i, index);
    return quartiles_of(samples, series->round_count);
}

/* Round by round, so that slow rounds of the machine do not matter. */
static struct quartiles summarize_ratios(const struct bench_series *series, size_t index, size_t against,
                                         double *samples)
{
    for (size_t i = 0; i < series->round_count; i++)
        samples[i] = ns_per_op(series, i, index) / ns_per_op(series, i, against);
    return quartiles_of(samples, series->round_count);
}

static int summarize(const struct bench *bench, struct bench_series *series)
{
    double *samples = malloc(series->round_count * sizeof(samples[0]));

    if (samples == NULL)
        return out_of_memory();
    for (size_t i = 0; i < bench->lineup.count; i++) {
        struct bench_summary *summary = &series->summaries[i];

        summary->ns_per_op = summarize_times(series, i, samples);
        if (i >= bench->lineup.inline_count)
            summary->ratio = summarize_ratios(series, i, bench->against[i], samples);
    }
    free(samples);
    return STATUS_OK;
}

static void draw_progress(const struct bench *bench, int64_t passed_ns)
{
    int64_t budget_ns = (int64_t)bench->options.seconds * NS_PER_SECOND;

    progress_draw(&bench->progress, (uint64_t)(passed_ns < budget_ns ? passed_ns : budget_ns));
}

int bench_run(struct bench *bench, struct bench_series *series)
{
    int64_t started_ns = now_ns();
    int64_t end_ns = started_ns + (int64_t)bench->options.seconds * NS_PER_SECOND;
    int status = STATUS_OK;

    for (size_t i = 0; i < bench->lineup.count && status == STATUS_OK; i++) {
        draw_progress(bench, now_ns() - started_ns);
        status = calibrate(bench, series, i);
    }
    while (status == STATUS_OK && (now_ns() < end_ns || series->round_count < MIN_ROUNDS)) {
        draw_progress(bench, now_ns() - started_ns);
        status = run_round(bench, series);
    }
    return status == STATUS_OK ? summarize(bench, series) : status;
}
