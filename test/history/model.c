/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <errno.h>

/* What becomes of a value that is to be changed. */
struct outcome {
    int answer;
    int64_t value;
};

bool model_supports(const struct attributes *attributes, enum operation operation)
{
    switch (operation) {
    case TRY_ADD:
        return attributes->backend != TSC_BACKEND_QUEUE || !attributes->bounded;
    case GET_PEAK:
        return attributes->track_peak;
    case FETCH_ADD:
    case SET:
    case EXCHANGE:
    case COMPARE_EXCHANGE:
        return attributes->backend != TSC_BACKEND_PERCPU;
    case UPDATE:
        return attributes->backend == TSC_BACKEND_MUTEX || attributes->backend == TSC_BACKEND_QUEUE;
    default:
        return true;
    }
}

static struct outcome beyond(const struct attributes *attributes, int64_t bound)
{
    if (attributes->policy == TSC_BOUNDS_REJECT)
        return (struct outcome){.answer = -ERANGE};
    return (struct outcome){.answer = 1, .value = bound};
}

static struct outcome assigned(const struct attributes *attributes, int64_t wanted)
{
    if (attributes->bounded && wanted > attributes->max)
        return beyond(attributes, attributes->max);
    if (attributes->bounded && wanted < attributes->min)
        return beyond(attributes, attributes->min);
    return (struct outcome){.value = wanted};
}

static struct outcome added(const struct attributes *attributes, int64_t value, int64_t delta)
{
    int64_t sum;
    bool wraps = __builtin_add_overflow(value, delta, &sum);

    if (attributes->bounded && wraps)
        return beyond(attributes, delta > 0 ? attributes->max : attributes->min);
    return assigned(attributes, sum);
}

static void hold(const struct attributes *attributes, struct state *state, int64_t value)
{
    state->value = value;
    if (attributes->track_peak && value > state->peak)
        state->peak = value;
}

/* Whether a change that a closed counter refuses was rightly refused, or rightly not. */
static bool is_rightly_refused_or_not(const struct call *call, const struct state *state)
{
    return call->answer == -ESHUTDOWN ? state->closing != OPEN : state->closing != CLOSED;
}

/* Ends a change that is not refused: it answers what comes out, and tells `previous` where it has such an output.
 */
static bool change(const struct attributes *attributes, const struct call *call, struct state *state,
                   struct outcome outcome, bool tells_previous)
{
    if (call->answer != outcome.answer)
        return false;
    if (outcome.answer < 0)
        return is_untouched(call);
    if (tells_previous ? call->result[0] != state->value : !is_untouched(call))
        return false;
    hold(attributes, state, outcome.value);
    return true;
}

static bool allows_add(const struct attributes *attributes, const struct call *call, struct state *state)
{
    int64_t delta = call->argument[0];

    if (call->operation == TRY_ADD && call->answer == -EAGAIN)
        return true;
    if (delta > 0 && !is_rightly_refused_or_not(call, state))
        return false;
    if (delta > 0 && call->answer == -ESHUTDOWN)
        return is_untouched(call);
    return change(attributes, call, state, added(attributes, state->value, delta), call->operation == FETCH_ADD);
}

static bool allows_assign(const struct attributes *attributes, const struct call *call, struct state *state)
{
    if (!is_rightly_refused_or_not(call, state))
        return false;
    if (call->answer == -ESHUTDOWN)
        return is_untouched(call);
    return change(attributes, call, state, assigned(attributes, call->argument[0]), call->operation == EXCHANGE);
}

static bool allows_compare_exchange(const struct attributes *attributes, const struct call *call,
                                    struct state *state)
{
    struct outcome outcome = assigned(attributes, call->argument[1]);

    if (!is_rightly_refused_or_not(call, state))
        return false;
    if (call->answer == -ESHUTDOWN)
        return is_untouched(call);
    if (state->value != call->argument[0])
        return call->answer == 0 && call->result[0] == state->value;
    if (outcome.answer >= 0)
        outcome.answer = 1;
    return change(attributes, call, state, outcome, false);
}

/* What the callback saw and how often it ran are no outputs of the call: they tell of it whatever it answered. */
static bool allows_update(const struct attributes *attributes, const struct call *call, struct state *state)
{
    int64_t wanted = wrapping_sum(state->value, call->argument[0]);
    int callback_answer = (int)call->argument[1];
    struct outcome outcome = assigned(attributes, wanted);
    bool raises = (outcome.answer < 0 ? wanted : outcome.value) > state->value;

    if (call->result[0] != state->value || call->result[1] != 1)
        return false;
    if (callback_answer != 0)
        return call->answer == (callback_answer < 0 ? callback_answer : -EINVAL);
    if (raises && !is_rightly_refused_or_not(call, state))
        return false;
    if (raises && call->answer == -ESHUTDOWN)
        return true;
    if (call->answer != outcome.answer)
        return false;
    if (outcome.answer >= 0)
        hold(attributes, state, outcome.value);
    return true;
}

static bool allows_read(const struct call *call, const struct state *state)
{
    if (call->answer != 0)
        return false;
    switch (call->operation) {
    case GET_INTERVAL:
        return call->result[0] == state->value && call->result[1] == state->value;
    case GET_DELTA:
        return call->result[1] == state->value && wrapping_sum(call->argument[0], call->result[0]) == state->value;
    case GET_PEAK:
        return call->result[0] == state->peak;
    default:
        return call->result[0] == state->value;
    }
}

/* The last look comes when the time is over: so at some moment the value was too high, or a callback held the
 * owner. */
static bool allows_wait(const struct call *call, const struct state *state)
{
    if (call->answer == 0)
        return state->value <= call->argument[0];
    return call->answer == -ETIMEDOUT && call->returned - call->invoked >= call->argument[1] &&
           (state->value > call->argument[0] || call->is_held);
}

static bool allows_close(const struct call *call, struct state *state)
{
    state->closing = CLOSED;
    return call->answer == 0;
}

bool model_allows(const struct attributes *attributes, const struct call *call, struct state *state)
{
    if (!model_supports(attributes, call->operation))
        return call->answer == -ENOTSUP && is_untouched(call);
    switch (call->operation) {
    case SET:
    case EXCHANGE:
        return allows_assign(attributes, call, state);
    case COMPARE_EXCHANGE:
        return allows_compare_exchange(attributes, call, state);
    case UPDATE:
        return allows_update(attributes, call, state);
    case FLUSH:
        return call->answer == 0;
    case CLOSE:
        return allows_close(call, state);
    case WAIT_AT_MOST:
        return allows_wait(call, state);
    case GET:
    case GET_INTERVAL:
    case GET_DELTA:
    case GET_PEAK:
        return allows_read(call, state);
    default:
        return allows_add(attributes, call, state);
    }
}
