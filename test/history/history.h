/* SPDX-License-Identifier: MIT */
/* The calls that threads made on a counter, their results, and their times. */
#ifndef HISTORY_HISTORY_H
#define HISTORY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

enum operation {
    INC,
    DEC,
    ADD,
    SUB,
    TRY_ADD,
    GET,
    GET_INTERVAL,
    GET_DELTA,
    GET_PEAK,
    TAKE_PEAK,
    GET_BOUNDS,
    SET_BOUNDS,
    WAIT_ADD,
    FETCH_ADD,
    SET,
    EXCHANGE,
    COMPARE_EXCHANGE,
    UPDATE,
    FLUSH,
    CLOSE,
    WAIT_AT_MOST,
    OPERATIONS
};

enum { CALLS_MAX = 256, THREADS_MAX = 9 };

/* No counter leaves this in an output. */
#define UNTOUCHED INT64_C(-7046029254386353131)

struct call {
    enum operation operation;
    int result;
    /*
     * inc, dec, add, sub, try_add, wait_add, fetch_add: the delta, of sub the negated amount; set, exchange: the
     * value; set_bounds: min and max;
     * compare_exchange: expected and desired; update: the callback's addend and its result; get_delta: the cursor;
     * wait_at_most: threshold and timeout.
     */
    int64_t argument[2];
    /*
     * get_delta: the delta and the new cursor; compare_exchange: expected after the call; update: the value that
     * the callback saw, and how often it ran.
     */
    int64_t output[2];
    int64_t invoked; /* nanoseconds on one clock for all threads */
    int64_t returned;
    bool is_held;    /* another thread's update may have held the owner meanwhile, or the mutex of a wait_add */
    bool is_at_once; /* made at once after its thread's previous call; both have the times of the two */
};

struct attributes {
    tsc_backend_t backend;
    int64_t initial;
    bool total;
    bool bounded;
    int64_t min;
    int64_t max;
    uint32_t policy;
    bool track_peak;
    size_t queue_capacity;
    size_t counters; /* more than 1: that many queue counters on one owner */
};

/* During a close some changes may be refused and some not, if it does not act on all at once. */
enum closing { OPEN, CLOSING, CLOSED };

/* What a change obeys, and notes. */
struct rules {
    int64_t min;
    int64_t max;
    int64_t peak; /* the highest value that was replaced; the present value counts too */
};

/* During a change of the rules some changes obey the next ones, if it does not act on all at once. */
struct state {
    int64_t value;
    enum closing closing;
    struct rules rules;
    bool has_next_bounds;
    bool has_next_peak;
    struct rules next;
};

/* The calls on one counter, in order for each thread. */
struct history {
    const struct attributes *attributes;
    struct state before;
    size_t threads;
    size_t count[THREADS_MAX];
    const struct call *calls[THREADS_MAX][CALLS_MAX];
};

static inline int64_t wrapping_sum(int64_t a, int64_t b)
{
    int64_t sum;

    (void)__builtin_add_overflow(a, b, &sum);
    return sum;
}

static inline int64_t wrapping_difference(int64_t a, int64_t b)
{
    int64_t difference;

    (void)__builtin_sub_overflow(a, b, &difference);
    return difference;
}

/* Whether it adds its first argument. */
static inline bool is_addition(enum operation operation)
{
    return operation == INC || operation == DEC || operation == ADD || operation == SUB || operation == TRY_ADD ||
           operation == FETCH_ADD;
}

/* Whether it tells something of the value, and does not change it. */
static inline bool is_read(enum operation operation)
{
    return operation == GET || operation == GET_INTERVAL || operation == GET_DELTA || operation == WAIT_AT_MOST;
}

static inline bool is_assignment(enum operation operation)
{
    return operation == SET || operation == EXCHANGE || operation == COMPARE_EXCHANGE;
}

/* The outputs' values before the call. */
static inline int64_t output_before(const struct call *call, int output)
{
    switch (call->operation) {
    case COMPARE_EXCHANGE:
        return output == 0 ? call->argument[0] : UNTOUCHED;
    case GET_DELTA:
        return output == 1 ? call->argument[0] : UNTOUCHED;
    case UPDATE:
        return output == 1 ? 0 : UNTOUCHED;
    default:
        return UNTOUCHED;
    }
}

static inline struct state state_at_first(const struct attributes *attributes)
{
    return (struct state){
        .value = attributes->initial,
        .rules = {.min = attributes->min, .max = attributes->max, .peak = attributes->initial},
    };
}

/* The peak that get_peak returns. */
static inline int64_t peak_of(const struct state *state)
{
    return state->value > state->rules.peak ? state->value : state->rules.peak;
}

static inline bool is_untouched(const struct call *call)
{
    return call->output[0] == output_before(call, 0) && call->output[1] == output_before(call, 1);
}

/* The time of the first return of a close, or INT64_MAX. */
int64_t history_closed_at(const struct history *history);

/* The number of pairs of calls of different threads that overlap. */
uint64_t history_overlapping_pairs(const struct history *history);

#endif
