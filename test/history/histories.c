/* SPDX-License-Identifier: MIT */
/*
 * Threads call random operations on a counter, in many short rounds. The history of each round is checked: against
 * the sequential counter if the backend is linearizable, or else against the bounds of the contract.
 *   TSC_TEST_CALLS=10000000   calls on each backend (100,000)
 *   TSC_TEST_SEED=N           starts with the counter of this seed, which a failure prints
 */
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "excuses.h"
#include "linear.h"
#include "model.h"
#include "percpu.h"
#include "plan.h"
#include "record.h"
#include "support/backends.h"
#include "support/random.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "support/threads.h"

enum { COORDINATOR = PLAYERS_MAX, FINAL_CALLS = 3 };

/* The last value that a player has read from a counter. */
struct memory {
    int64_t value;
    int64_t cursor;
};

struct stage {
    tsc_backend_t backend;
    struct life life;
    struct round round;
    uint64_t seed; /* of the life */
    size_t rounds_played;
    tsc_counter_t *counters[COUNTERS_MAX];
    struct state states[COUNTERS_MAX];
    struct call final_calls[COUNTERS_MAX][FINAL_CALLS];
    struct history histories[COUNTERS_MAX];
    struct verdict verdict;

    pthread_barrier_t round_barrier; /* before and after each round */
    atomic_size_t ready;
    bool over;

    uint64_t calls;
    uint64_t checked_rounds;
    uint64_t overlapping_pairs;
    size_t most_configurations;
    bool failed;
};

static struct stage stage;

/* -------- players -------- */

static void resolve(struct step *step, const struct memory *memory)
{
    if (step->from_last)
        step->call.argument[0] = wrapping_sum(memory->value, step->call.argument[0]);
    if (step->call.operation == GET_DELTA)
        step->call.argument[0] = memory->cursor;
}

static void learn(const struct call *call, struct memory *memory)
{
    switch (call->operation) {
    case GET:
    case GET_INTERVAL:
    case COMPARE_EXCHANGE:
        memory->value = call->output[0];
        break;
    case GET_DELTA:
        memory->value = call->output[1];
        memory->cursor = call->output[1];
        break;
    case FETCH_ADD:
        if (call->result >= 0)
            memory->value = wrapping_sum(call->output[0], call->argument[0]);
        break;
    default:
        break;
    }
}

/* All players of the round are running before the first begins. */
static void wait_for_the_others(void)
{
    atomic_fetch_add_explicit(&stage.ready, 1, memory_order_relaxed);
    while (atomic_load_explicit(&stage.ready, memory_order_relaxed) < stage.round.players)
        sched_yield();
}

static void play_round(size_t player)
{
    struct memory memories[COUNTERS_MAX];

    for (size_t counter = 0; counter < COUNTERS_MAX; counter++)
        memories[counter] = (struct memory){.value = stage.states[counter].value};
    wait_for_the_others();
    for (size_t i = 0; i < stage.round.count[player]; i++) {
        struct step *step = &stage.round.steps[player][i];
        struct memory *memory = &memories[step->counter];

        resolve(step, memory);
        if (step->has_read_at_once) {
            resolve(step + 1, memory);
            record_at_once(stage.counters[step->counter], stage.backend, &step->call, &step[1].call);
            learn(&step[1].call, memory);
            i++;
        } else {
            record(stage.counters[step->counter], stage.backend, &step->call, step->stop);
            learn(&step->call, memory);
        }
    }
}

static void run_player(size_t player)
{
    for (;;) {
        pthread_barrier_wait(&stage.round_barrier);
        if (stage.over)
            return;
        if (player < stage.round.players)
            play_round(player);
        pthread_barrier_wait(&stage.round_barrier);
    }
}

/* -------- the coordinator -------- */

static int set_attributes(tsc_counter_attr_t *attr, const struct attributes *attributes, tsc_owner_t *owner)
{
    int error = tsc_counter_attr_set_initial(attr, attributes->initial);

    if (!error && attributes->total)
        error = tsc_counter_attr_set_kind(attr, TSC_KIND_TOTAL);
    if (!error && attributes->bounded)
        error = tsc_counter_attr_set_bounds(attr, attributes->min, attributes->max, attributes->policy);
    if (!error && attributes->track_peak)
        error = tsc_counter_attr_set_track_peak(attr, 1);
    if (!error && attributes->queue_capacity != 0)
        error = tsc_counter_attr_set_queue_capacity(attr, attributes->queue_capacity);
    if (!error && owner != NULL)
        error = tsc_counter_attr_set_owner(attr, owner);
    return error;
}

static int make_owner(const struct attributes *attributes, tsc_owner_t **owner)
{
    tsc_owner_attr_t *attr;
    int error = tsc_owner_attr_create(&attr);

    if (error)
        return error;
    error = tsc_owner_attr_set_queue_capacity(attr, attributes->queue_capacity);
    if (!error)
        error = tsc_owner_create(owner, attr);
    tsc_owner_attr_destroy(attr);
    return error;
}

static int make_counters(const struct attributes *attributes)
{
    tsc_counter_attr_t *attr;
    tsc_owner_t *owner = NULL;
    int error = attributes->counters > 1 ? make_owner(attributes, &owner) : 0;

    if (!error)
        error = tsc_counter_attr_create(&attr);
    if (error)
        return error;
    error = set_attributes(attr, attributes, owner);
    for (size_t counter = 0; !error && counter < attributes->counters; counter++)
        error = tsc_counter_create(&stage.counters[counter], attributes->backend, attr);
    tsc_counter_attr_destroy(attr);
    tsc_owner_unref(owner);
    return error;
}

static void drop_counters(void)
{
    for (size_t counter = 0; counter < COUNTERS_MAX; counter++) {
        tsc_counter_unref(stage.counters[counter]);
        stage.counters[counter] = NULL;
    }
}

/* Reads the values that the round has left, after all players have stopped. */
static void make_final_calls(size_t counter)
{
    static const enum operation operations[FINAL_CALLS] = {GET, GET_PEAK, GET_BOUNDS};

    for (size_t i = 0; i < FINAL_CALLS; i++) {
        stage.final_calls[counter][i].operation = operations[i];
        record(stage.counters[counter], stage.backend, &stage.final_calls[counter][i], (struct stop){0});
    }
}

static void add_call(struct history *history, size_t thread, const struct call *call)
{
    history->calls[thread][history->count[thread]++] = call;
}

static bool is_held_by_an_update(size_t own_player, const struct call *call)
{
    for (size_t player = 0; player < stage.round.players; player++) {
        for (size_t i = 0; player != own_player && i < stage.round.count[player]; i++) {
            const struct call *other = &stage.round.steps[player][i].call;

            if (other->operation == UPDATE && other->invoked <= call->returned && call->invoked <= other->returned)
                return true;
        }
    }
    return false;
}

static bool may_be_held(const struct call *call)
{
    return stage.backend == TSC_BACKEND_QUEUE || call->operation == WAIT_ADD;
}

/* All counters of a round have one owner. */
static void find_held_calls(void)
{
    for (size_t player = 0; player < stage.round.players; player++) {
        for (size_t i = 0; i < stage.round.count[player]; i++) {
            struct call *call = &stage.round.steps[player][i].call;

            call->is_held = may_be_held(call) && is_held_by_an_update(player, call);
        }
    }
}

static void write_histories(void)
{
    for (size_t counter = 0; counter < stage.life.attributes.counters; counter++) {
        struct history *history = &stage.histories[counter];

        history->attributes = &stage.life.attributes;
        history->before = stage.states[counter];
        history->threads = THREADS_MAX;
        for (size_t thread = 0; thread < THREADS_MAX; thread++)
            history->count[thread] = 0;
        for (size_t i = 0; i < FINAL_CALLS; i++)
            add_call(history, COORDINATOR, &stage.final_calls[counter][i]);
    }
    find_held_calls();
    for (size_t player = 0; player < stage.round.players; player++)
        for (size_t i = 0; i < stage.round.count[player]; i++)
            add_call(&stage.histories[stage.round.steps[player][i].counter], player,
                     &stage.round.steps[player][i].call);
}

static void report(const struct history *history)
{
    stage.failed = true;
    fprintf(stderr, "%s: TSC_TEST_SEED=%" PRIu64 ", round %zu: ", tsc_backend_name(stage.backend), stage.seed,
            stage.rounds_played);
    verdict_print(&stage.verdict, history);
}

static void check_history(size_t counter)
{
    const struct history *history = &stage.histories[counter];

    if (model_has(stage.backend, TSC_CAP_LINEARIZABLE))
        linear_check(history, &stage.verdict);
    else
        percpu_check(history, &stage.verdict);
    if (stage.verdict.finding == RIGHT && counter == 0)
        excuses_check(stage.histories, stage.life.attributes.counters, &stage.verdict);
    if (stage.verdict.finding != RIGHT)
        report(history);
    if (stage.verdict.configurations > stage.most_configurations)
        stage.most_configurations = stage.verdict.configurations;
    for (size_t thread = 0; thread < history->threads; thread++)
        stage.calls += history->count[thread];
    stage.overlapping_pairs += history_overlapping_pairs(history);
}

/* The final calls have been checked: the next round begins with their values. */
static void carry_on(size_t counter)
{
    struct state *state = &stage.states[counter];

    if (history_closed_at(&stage.histories[counter]) != INT64_MAX)
        state->closing = CLOSED;
    state->value = stage.final_calls[counter][0].output[0];
    if (stage.life.attributes.track_peak)
        state->rules.peak = stage.final_calls[counter][1].output[0];
    if (stage.life.attributes.bounded) {
        state->rules.min = stage.final_calls[counter][2].output[0];
        state->rules.max = stage.final_calls[counter][2].output[1];
    }
}

static void conduct_round(uint64_t *random)
{
    plan_round(random, &stage.life, stage.states, &stage.round);
    atomic_store_explicit(&stage.ready, 0, memory_order_relaxed);
    pthread_barrier_wait(&stage.round_barrier);
    pthread_barrier_wait(&stage.round_barrier);
    stage.rounds_played++;
    stage.checked_rounds++;
    for (size_t counter = 0; counter < stage.life.attributes.counters; counter++)
        make_final_calls(counter);
    write_histories();
    for (size_t counter = 0; counter < stage.life.attributes.counters && !stage.failed; counter++) {
        check_history(counter);
        carry_on(counter);
    }
}

static void conduct_life(void)
{
    uint64_t random = stage.seed;
    int error;

    plan_life(&random, stage.backend, &stage.life);
    stage.rounds_played = 0;
    for (size_t counter = 0; counter < COUNTERS_MAX; counter++)
        stage.states[counter] = state_at_first(&stage.life.attributes);
    error = make_counters(&stage.life.attributes);
    if (error) {
        fprintf(stderr, "TSC_TEST_SEED=%" PRIu64 ": cannot create the counter: %d\n", stage.seed, error);
        stage.failed = true;
    }
    while (!stage.failed && stage.rounds_played < stage.life.rounds)
        conduct_round(&random);
    drop_counters();
}

static void conduct(void)
{
    uint64_t calls = support_count("TSC_TEST_CALLS", 100000);

    for (; stage.calls < calls && !stage.failed; stage.seed++)
        conduct_life();
    stage.over = true;
    pthread_barrier_wait(&stage.round_barrier);
}

static void take_part(size_t index, void *arg)
{
    (void)arg;
    if (index == COORDINATOR)
        conduct();
    else
        run_player(index);
}

/* -------- tests -------- */

static void print_figures(int64_t began)
{
    fprintf(stderr,
            "%s: %" PRIu64 " calls in %" PRIu64
            " rounds, each overlapping with %.2f others; at most %zu configurations to "
            "remember; %.1f s\n",
            tsc_backend_name(stage.backend), stage.calls, stage.checked_rounds,
            2 * (double)stage.overlapping_pairs / (double)stage.calls, stage.most_configurations,
            (double)(support_now_ns() - began) / (double)SUPPORT_SECOND_NS);
}

START_TEST(histories_are_right)
{
    int64_t began = support_now_ns();

    if (!stepper_works())
        fprintf(stderr, "No call can be stopped in the middle here.\n");
    stage = (struct stage){.backend = (tsc_backend_t)_i, .seed = support_count("TSC_TEST_SEED", (uint64_t)began)};
    fprintf(stderr, "%s: TSC_TEST_SEED=%" PRIu64 "\n", tsc_backend_name(stage.backend), stage.seed);
    ck_assert_int_eq(pthread_barrier_init(&stage.round_barrier, NULL, THREADS_MAX), 0);
    support_run_threads(THREADS_MAX, take_part, NULL);
    pthread_barrier_destroy(&stage.round_barrier);
    print_figures(began);
    ck_assert(!stage.failed);
    if (!support_is_skipped("overlapping_calls"))
        ck_assert_uint_gt(stage.overlapping_pairs, stage.calls / 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history");
    double seconds = 60 + (double)support_count("TSC_TEST_CALLS", 1) / 2000;

    for (tsc_backend_t backend = 0; backend < TSC_BACKEND_COUNT; backend++) {
        TCase *tcase = support_add_case(suite, tsc_backend_name(backend), seconds);

        if (support_is_built(backend))
            tcase_add_loop_test(tcase, histories_are_right, (int)backend, (int)backend + 1);
    }
    return support_run_suite(suite);
}
