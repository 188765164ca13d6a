/* SPDX-License-Identifier: MIT */
/*
 * Each point, on each backend that passes it, with each action that is allowed there, under load. Runs the trials
 * without forks or, with the argument "forks", only those with forks.
 *
 *   TSC_TEST_VARIANTS=9   variants of each backend (1)
 *   TSC_TEST_OPS=3000     the amount: ten times as much (300)
 *   TSC_TEST_TRIAL=TEXT   only trials with this text in their names
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interference.h"
#include "load.h"
#include "point.h"
#include "support/backends.h"
#include "support/suite.h"
#include "support/threads.h"
#include "support/trial.h"

enum { LATEST_CLOSE = 60, IDLE_SECONDS = 30, PASSING_MAX = 16 };

/* The ops that ask for one more round, and for one more action. */
static const struct {
    enum action action;
    const char *name;
    uint64_t ops_per_round;
    uint64_t ops_per_action;
} actions[] = {
    {PAUSE, "pause", 300, 40},
    {YIELD, "yield", 300, 20},
    {SIGNAL, "signal", 300, 40},
    {FORK, "fork", 600, 300},
};

enum { ACTIONS = sizeof actions / sizeof *actions };

struct trial {
    struct tsc_test_point *point;
    const struct variant *variant;
    enum action action;
    uint64_t rounds;
    uint64_t times;
    char name[TRIAL_NAME_MAX];
};

/* Filled before the tests begin. */
static struct {
    const TTest *test;
    bool fork;
    struct trial *at;
    int count;
} trials;

static void keep(const struct trial *trial)
{
    trials.at = realloc(trials.at, ((size_t)trials.count + 1) * sizeof *trials.at);
    if (trials.at == NULL)
        abort();
    trials.at[trials.count++] = *trial;
}

static bool is_wanted(const struct trial *trial, const char *action)
{
    bool forks = trial->point->in_fork || trial->action == FORK;

    return forks == trials.fork && trial_is_asked_for(trial->name) &&
           !variant_is_skipped(trials.test, trial->variant) && !support_part_is_skipped(trials.test->name, action);
}

static void add_trial(struct tsc_test_point *point, const struct variant *variant, size_t action)
{
    struct trial trial = {
        .point = point,
        .variant = variant,
        .action = actions[action].action,
        .rounds = support_ops(300) / actions[action].ops_per_round + 1,
        .times = support_ops(300) / actions[action].ops_per_action + 1,
    };

    snprintf(trial.name, sizeof trial.name, "%s, %s at %s", variant->name, actions[action].name, point->name);
    if (is_wanted(&trial, actions[action].name))
        keep(&trial);
}

static void add_trials(struct tsc_test_point *point, const struct variant *variant)
{
    for (size_t action = 0; action < ACTIONS; action++)
        if (point->actions & actions[action].action)
            add_trial(point, variant, action);
}

/* Takes TSC_TEST_VARIANTS of the backend's variants, different ones at each point. */
static void find_trials_at(size_t point, tsc_backend_t backend)
{
    const struct variant *passing[PASSING_MAX];
    size_t count = 0;
    size_t wanted = support_count("TSC_TEST_VARIANTS", 1);

    for (int i = 0; i < variant_count; i++)
        if (variants[i].backend == backend && variant_is_built(&variants[i]) &&
            points[point]->is_passed_by(&variants[i]))
            passing[count++] = &variants[i];
    for (size_t i = 0; i < count && i < wanted; i++)
        add_trials(points[point], passing[(point + i) % count]);
}

static void find_trials(void)
{
    for (size_t point = 0; point < point_count; point++)
        for (tsc_backend_t backend = 0; backend < TSC_BACKEND_COUNT; backend++)
            find_trials_at(point, backend);
}

static void run_round(const struct trial *trial, uint64_t *random)
{
    struct load load;

    load_open(&load, trial->variant, next_random(random) % LATEST_CLOSE, trial->point->in_fork);
    interference_attach(&load);
    load_run(&load);
    interference_detach();
    load_close(&load, trial->name);
}

static void run_trial(const struct trial *trial)
{
    int64_t deadline = support_now_ns() + (int64_t)support_timeout_scale() * IDLE_SECONDS * SUPPORT_SECOND_NS;
    uint64_t random = 0;

    trial_begin(trial->name);
    interference_begin(trial->point, trial->action);
    for (uint64_t round = 0; round < trial->rounds || interference_done() < trial->times; round++) {
        ck_assert_msg(support_now_ns() < deadline || interference_done() != 0,
                      "%s: no action in %u passes and %" PRIu64 " rounds", trial->name, interference_passed(),
                      round);
        run_round(trial, &random);
    }
    interference_end();
    trial_end();
}

START_TEST(test_interference)
{
    run_trial(&trials.at[_i]);
}
END_TEST

START_TEST(test_interference_with_forks)
{
    run_trial(&trials.at[_i]);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("points");
    TCase *tcase = support_add_case(suite, "points", 2 * TRIAL_SECONDS);
    int failed;

    trials.fork = argc > 1 && strcmp(argv[1], "forks") == 0;
    trials.test = trials.fork ? test_interference_with_forks : test_interference;
    find_trials();
    tcase_add_loop_test(tcase, trials.test, 0, trials.count);
    failed = support_run_suite(suite);
    free(trials.at);
    return failed;
}
