/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include <errno.h>
#include <string.h>

#include "model.h"
#include "support/random.h"

/* Different in each round. */
struct bias {
    unsigned int weights[OPERATIONS];
    unsigned int total_weight;
    bool rises; /* no call lowers the value */
    bool closes[COUNTERS_MAX];
};

/* How often each operation is drawn without a bias. Closes are drawn once for a round. */
static const unsigned int usual_weights[OPERATIONS] = {
    [INC] = 6,
    [DEC] = 6,
    [ADD] = 6,
    [SUB] = 3,
    [TRY_ADD] = 5,
    [GET] = 6,
    [GET_INTERVAL] = 2,
    [GET_DELTA] = 2,
    [GET_PEAK] = 2,
    [TAKE_PEAK] = 2,
    [GET_BOUNDS] = 1,
    [SET_BOUNDS] = 2,
    [WAIT_ADD] = 4,
    [FETCH_ADD] = 6,
    [SET] = 1,
    [EXCHANGE] = 2,
    [COMPARE_EXCHANGE] = 4,
    [UPDATE] = 3,
    [FLUSH] = 1,
    [WAIT_AT_MOST] = 1,
};

static bool one_in(uint64_t *random, uint64_t number)
{
    return next_random(random) % number == 0;
}

static int64_t between(uint64_t *random, int64_t low, int64_t high)
{
    return low + (int64_t)(next_random(random) % (uint64_t)(high - low + 1));
}

/* -------- numbers -------- */

static int64_t unit_of(const struct life *life)
{
    static const int64_t units[] = {
        [BY_ONE] = 1, [SMALL] = 1, [DISTINCT] = INT64_C(1) << 40, [WIDE] = INT64_C(1) << 60};

    return units[life->amounts];
}

static int64_t draw_extreme(uint64_t *random)
{
    static const int64_t extremes[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};

    return one_in(random, 2) ? extremes[next_random(random) % (sizeof extremes / sizeof *extremes)]
                             : (int64_t)next_random(random);
}

static int64_t draw_delta(uint64_t *random, const struct life *life)
{
    switch (life->amounts) {
    case BY_ONE:
        return one_in(random, 2) ? 1 : -1;
    case SMALL:
        return between(random, -3, 3);
    case DISTINCT:
        return between(random, -unit_of(life), unit_of(life));
    default:
        return draw_extreme(random);
    }
}

static int64_t draw_value(uint64_t *random, const struct life *life)
{
    if (life->amounts == WIDE)
        return draw_extreme(random);
    return wrapping_sum(life->attributes.initial, between(random, -4 * unit_of(life), 4 * unit_of(life)));
}

/* -------- counters -------- */

static void draw_initial(uint64_t *random, struct life *life)
{
    int64_t distance = between(random, 0, 4 * unit_of(life));

    if (one_in(random, 2))
        life->attributes.initial = distance;
    else if (life->attributes.total || one_in(random, 2))
        life->attributes.initial = INT64_MAX - distance;
    else
        life->attributes.initial = INT64_MIN + distance;
}

static void draw_bounds(uint64_t *random, const struct life *life, int64_t *min, int64_t *max)
{
    int64_t reach = 4 * unit_of(life);

    if (__builtin_sub_overflow(life->attributes.initial, between(random, 0, reach), min))
        *min = INT64_MIN;
    if (__builtin_add_overflow(life->attributes.initial, between(random, 0, reach), max))
        *max = INT64_MAX;
}

/*
 * The header makes an exception for the lower bound of an atomic counter without a peak: a decrement that overlaps
 * its change may obey the former one later. So it does not change.
 */
static void draw_new_bounds(uint64_t *random, const struct life *life, int64_t *bounds)
{
    const struct attributes *attributes = &life->attributes;

    draw_bounds(random, life, &bounds[0], &bounds[1]);
    if (attributes->backend == TSC_BACKEND_ATOMIC && attributes->bounded && !attributes->track_peak)
        bounds[0] = attributes->min;
}

static void draw_queue(uint64_t *random, struct attributes *attributes)
{
    static const size_t capacities[] = {1, 2, 4, 16, 64, 1024};

    attributes->queue_capacity = capacities[next_random(random) % (sizeof capacities / sizeof *capacities)];
    attributes->counters = one_in(random, 4) ? COUNTERS_MAX : 1;
}

void plan_life(uint64_t *random, tsc_backend_t backend, struct life *life)
{
    bool is_linearizable = model_has(backend, TSC_CAP_LINEARIZABLE);

    *life = (struct life){.attributes = {.backend = backend, .counters = 1}};
    life->amounts = next_random(random) % (is_linearizable ? WIDE + 1 : WIDE);
    life->rounds = (size_t)between(random, 1, backend == TSC_BACKEND_QUEUE ? 8 : 4);
    life->attributes.total = one_in(random, 4);
    draw_initial(random, life);
    if (backend == TSC_BACKEND_QUEUE)
        draw_queue(random, &life->attributes);
    if (model_has(backend, TSC_CAP_PEAK))
        life->attributes.track_peak = one_in(random, 3);
    if (model_has(backend, TSC_CAP_BOUNDS) && one_in(random, 3)) {
        life->attributes.bounded = true;
        life->attributes.policy = one_in(random, 2) ? TSC_BOUNDS_REJECT : TSC_BOUNDS_CLAMP;
        draw_bounds(random, life, &life->attributes.min, &life->attributes.max);
    }
}

/* -------- rounds -------- */

/* Interval bounds and thresholds are meaningless if values wrap. */
static bool means_something(const struct life *life, enum operation operation)
{
    bool is_near_wrapping = life->attributes.initial < INT64_MIN / 2 || life->attributes.initial > INT64_MAX / 2;

    return model_has(life->attributes.backend, TSC_CAP_LINEARIZABLE) || !is_near_wrapping ||
           (operation != GET_INTERVAL && operation != WAIT_AT_MOST);
}

static unsigned int draw_weight(uint64_t *random, const struct life *life, const struct bias *bias,
                                enum operation operation)
{
    if (!means_something(life, operation) || (bias->rises && operation == DEC))
        return 0;
    if (!model_supports(&life->attributes, operation))
        return one_in(random, 4);
    return usual_weights[operation] * (unsigned int)(next_random(random) % 4);
}

static void draw_bias(uint64_t *random, const struct life *life, const struct state *states, struct bias *bias)
{
    bias->rises = one_in(random, 5);
    bias->total_weight = 0;
    for (int operation = 0; operation < OPERATIONS; operation++) {
        bias->weights[operation] = draw_weight(random, life, bias, operation);
        bias->total_weight += bias->weights[operation];
    }
    bias->weights[INC]++;
    bias->total_weight++;
    for (size_t counter = 0; counter < life->attributes.counters; counter++)
        bias->closes[counter] = states[counter].closing == OPEN && one_in(random, 4);
}

static enum operation draw_operation(uint64_t *random, const struct bias *bias)
{
    unsigned int drawn = (unsigned int)(next_random(random) % bias->total_weight);
    int operation = 0;

    while (drawn >= bias->weights[operation])
        drawn -= bias->weights[operation++];
    return operation;
}

static int64_t draw_addend(uint64_t *random, const struct life *life, const struct bias *bias,
                           enum operation operation)
{
    int64_t delta = draw_delta(random, life);

    if (operation == INC || operation == DEC)
        return operation == INC ? 1 : -1;
    if (operation == SUB && delta == INT64_MIN)
        return 1; /* it would be refused */
    return bias->rises && delta < 0 ? wrapping_difference(0, delta) : delta;
}

static void draw_arguments(uint64_t *random, const struct life *life, const struct bias *bias, struct step *step)
{
    static const int callback_results[] = {0, 0, 0, 0, 0, 0, -ECANCELED, 1};
    int64_t *argument = step->call.argument;

    step->from_last = false;
    step->has_read_at_once = false;
    argument[1] = 0;
    switch (step->call.operation) {
    case SET:
    case EXCHANGE:
        step->from_last = life->attributes.total && one_in(random, 2);
        argument[0] = step->from_last ? between(random, -1, 2) * unit_of(life) : draw_value(random, life);
        break;
    case COMPARE_EXCHANGE:
        step->from_last = !one_in(random, 4);
        argument[0] = step->from_last ? 0 : draw_value(random, life);
        argument[1] = draw_value(random, life);
        break;
    case UPDATE:
        argument[0] = draw_delta(random, life);
        argument[1] = callback_results[next_random(random) % (sizeof callback_results / sizeof *callback_results)];
        break;
    case SET_BOUNDS:
        draw_new_bounds(random, life, argument);
        break;
    case WAIT_AT_MOST:
        step->from_last = true;
        argument[0] = between(random, -2, 2) * unit_of(life);
        argument[1] = one_in(random, 16) ? between(random, 1, 20000) : 0;
        break;
    default:
        argument[0] = draw_addend(random, life, bias, step->call.operation);
    }
}

/* Most calls have some dozen instructions, and some have hundreds. */
static struct stop draw_stop(uint64_t *random)
{
    struct stop stop = {0};

    if (one_in(random, 48))
        stop.after = (unsigned int)between(random, 1, one_in(random, 4) ? 400 : 64);
    stop.pauses = (unsigned int)between(random, 1, 8);
    return stop;
}

static void draw_step(uint64_t *random, const struct life *life, const struct bias *bias, struct step *step)
{
    step->counter = next_random(random) % life->attributes.counters;
    step->stop = draw_stop(random);
    step->call.operation = draw_operation(random, bias);
    draw_arguments(random, life, bias, step);
}

static void make_step(struct step *step, size_t counter, enum operation operation)
{
    step->counter = counter;
    step->from_last = false;
    step->has_read_at_once = false;
    step->call.operation = operation;
    step->call.argument[0] = 0;
    step->call.argument[1] = 0;
}

static void put_closes(uint64_t *random, struct round *round, size_t counter)
{
    for (int closes = one_in(random, 3) ? 2 : 1; closes > 0; closes--) {
        size_t player = next_random(random) % round->players;

        make_step(&round->steps[player][next_random(random) % round->count[player]], counter, CLOSE);
    }
}

/*
 * The contract forbids a close of an atomic counter to overlap an assignment, or a change that overlaps one. So
 * only a thread that has closed assigns.
 */
static void keep_assignments_from_close(struct round *round, size_t player)
{
    bool has_closed = false;

    for (size_t i = 0; i < round->count[player]; i++) {
        struct step *step = &round->steps[player][i];

        has_closed |= step->call.operation == CLOSE;
        if (is_assignment(step->call.operation) && !has_closed)
            make_step(step, step->counter, GET);
    }
}

/*
 * Takes that overlap on an atomic counter leave too many possible orders, since each takes its time. One thread
 * takes, as the header recommends.
 */
static void leave_takes_to_one_player(struct round *round)
{
    for (size_t player = 1; player < round->players; player++)
        for (size_t i = 0; i < round->count[player]; i++)
            if (round->steps[player][i].call.operation == TAKE_PEAK)
                make_step(&round->steps[player][i], round->steps[player][i].counter, GET_PEAK);
}

static void make_read_at_once(uint64_t *random, const struct life *life, struct step *addition,
                              enum operation kind)
{
    struct step *read = addition + 1;

    addition->has_read_at_once = true;
    make_step(read, addition->counter, one_in(random, 2) && means_something(life, kind) ? kind : GET);
    if (read->call.operation == WAIT_AT_MOST) {
        read->from_last = true;
        read->call.argument[0] = addition->call.argument[0] + between(random, -1, 1) * unit_of(life);
    }
}

/*
 * Some additions are followed at once by a read of the same thread. Linearizable counters do not need that. In a
 * duel, two threads do little else, so few other calls overlap two such pairs. Then the possible
 * results of the pairs are known exactly.
 */
static void put_reads_behind_additions(uint64_t *random, const struct life *life, struct round *round,
                                       size_t player)
{
    static const enum operation kinds[] = {GET_DELTA, GET_INTERVAL, WAIT_AT_MOST};
    enum operation kind = kinds[next_random(random) % (sizeof kinds / sizeof *kinds)];

    for (size_t i = 0; i + 1 < round->count[player]; i++) {
        struct step *step = &round->steps[player][i];

        if (!is_addition(step->call.operation) || !model_supports(&life->attributes, step->call.operation) ||
            step[1].call.operation == CLOSE || (!round->is_duel && !one_in(random, 4)))
            continue;
        make_read_at_once(random, life, step, kind);
        i++;
    }
}

/* An atomic counter raises either of two peaks while one is taken: many more orders are possible. */
static int64_t calls_most(const struct life *life)
{
    bool has_two_peaks = life->attributes.backend == TSC_BACKEND_ATOMIC && life->attributes.track_peak;

    return has_two_peaks ? CALLS_MAX / 4 : CALLS_MAX;
}

void plan_round(uint64_t *random, const struct life *life, const struct state *states, struct round *round)
{
    struct bias bias;
    size_t calls = (size_t)between(random, 16, calls_most(life) - 1);
    bool is_linearizable = model_has(life->attributes.backend, TSC_CAP_LINEARIZABLE);

    draw_bias(random, life, states, &bias);
    round->is_duel = !is_linearizable && one_in(random, 2);
    round->players = round->is_duel ? 2 : (size_t)between(random, 2, PLAYERS_MAX);
    for (size_t player = 0; player < round->players; player++) {
        round->count[player] = calls;
        for (size_t i = 0; i < calls; i++)
            draw_step(random, life, &bias, &round->steps[player][i]);
    }
    for (size_t counter = 0; counter < life->attributes.counters; counter++)
        if (bias.closes[counter])
            put_closes(random, round, counter);
    for (size_t player = 0; player < round->players && !is_linearizable; player++)
        put_reads_behind_additions(random, life, round, player);
    if (life->attributes.backend == TSC_BACKEND_ATOMIC)
        leave_takes_to_one_player(round);
    if (life->attributes.backend == TSC_BACKEND_ATOMIC && bias.closes[0])
        for (size_t player = 0; player < round->players; player++)
            keep_assignments_from_close(round, player);
}
