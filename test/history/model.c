/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <errno.h>
#include <stdatomic.h>

#include "../../src/backend/list.h"
#include "support/reference.h"

bool model_has(tsc_backend_t backend, uint64_t capability)
{
#define CAPABILITIES(NUMBER, name, capabilities) [TSC_BACKEND_##NUMBER] = capabilities,
    static const uint64_t all[] = {TSC_BACKENDS(CAPABILITIES)};

    return (all[backend] & capability) != 0;
}

bool model_supports(const struct attributes *attributes, enum operation operation)
{
    switch (operation) {
    case TRY_ADD:
        return attributes->backend != TSC_BACKEND_QUEUE || !attributes->bounded;
    case GET_PEAK:
    case TAKE_PEAK:
        return attributes->track_peak;
    case GET_BOUNDS:
    case SET_BOUNDS:
        return attributes->bounded;
    case WAIT_ADD:
        return attributes->bounded && attributes->policy == TSC_BOUNDS_REJECT;
    case FETCH_ADD:
    case SET:
    case EXCHANGE:
    case COMPARE_EXCHANGE:
        return model_has(attributes->backend, TSC_CAP_FETCH);
    case UPDATE:
        return model_has(attributes->backend, TSC_CAP_UPDATE);
    default:
        return true;
    }
}

bool model_refuses(const struct attributes *attributes, const struct call *addition)
{
    return attributes->total && addition->argument[0] < 0;
}

/* During a close a change may come before or after it; its result shows which. */
static struct reference reference_of(const struct attributes *attributes, const struct call *call,
                                     const struct state *state)
{
    return (struct reference){
        .bounds = {attributes->bounded, attributes->policy == TSC_BOUNDS_CLAMP, state->rules.min,
                   state->rules.max},
        .total = attributes->total,
        .value = state->value,
        .peak = peak_of(state),
        .closed = state->closing == CLOSED || (state->closing == CLOSING && call->result == -ESHUTDOWN),
    };
}

/* A change that was made counts the value that it has replaced, even by the same value. */
static void keep(const struct attributes *attributes, struct state *state, const struct reference *after)
{
    if (attributes->track_peak)
        state->rules.peak = peak_of(state);
    state->value = after->value;
}

/* Whether the call has this result and, on success, this first output. */
static bool has_result(const struct call *call, int result, int64_t output)
{
    if (call->result != result)
        return false;
    if (result < 0)
        return is_untouched(call);
    return call->output[0] == output && call->output[1] == output_before(call, 1);
}

static bool allows_add(const struct attributes *attributes, const struct call *call, struct state *state)
{
    struct reference counter = reference_of(attributes, call, state);
    int64_t previous = UNTOUCHED;
    int result;

    if (call->operation == TRY_ADD && call->result == -EAGAIN)
        return true;
    result = reference_add(&counter, call->argument[0], &previous);
    if (result >= 0)
        keep(attributes, state, &counter);
    return has_result(call, result, call->operation == FETCH_ADD ? previous : UNTOUCHED);
}

static bool allows_assign(const struct attributes *attributes, const struct call *call, struct state *state)
{
    struct reference counter = reference_of(attributes, call, state);
    int64_t previous = UNTOUCHED;
    int result = reference_exchange(&counter, call->argument[0], &previous);

    if (result >= 0)
        keep(attributes, state, &counter);
    return has_result(call, result, call->operation == EXCHANGE ? previous : UNTOUCHED);
}

static bool allows_compare_exchange(const struct attributes *attributes, const struct call *call,
                                    struct state *state)
{
    struct reference counter = reference_of(attributes, call, state);
    int64_t expected = call->argument[0];
    int result = reference_compare_exchange(&counter, &expected, call->argument[1]);

    if (result == 1)
        keep(attributes, state, &counter);
    return has_result(call, result, expected);
}

/* The value that the callback saw and its number of runs are recorded for any result of the call. */
static bool allows_update(const struct attributes *attributes, const struct call *call, struct state *state)
{
    struct reference counter = reference_of(attributes, call, state);
    int64_t wanted = wrapping_sum(state->value, call->argument[0]);

    if (call->output[0] != state->value || call->output[1] != 1)
        return false;
    if (call->result != reference_commit(&counter, wanted, (int)call->argument[1]))
        return false;
    keep(attributes, state, &counter);
    return true;
}

static bool allows_read(const struct call *call, const struct state *state)
{
    if (call->result != 0)
        return false;
    switch (call->operation) {
    case GET_INTERVAL:
        return call->output[0] == state->value && call->output[1] == state->value;
    case GET_DELTA:
        return call->output[1] == state->value && wrapping_sum(call->argument[0], call->output[0]) == state->value;
    case GET_PEAK:
        return call->output[0] == peak_of(state);
    case GET_BOUNDS:
        return call->output[0] == state->rules.min && call->output[1] == state->rules.max;
    default:
        return call->output[0] == state->value;
    }
}

/*
 * A wait polls once more at its deadline. So if it timed out, the value was too high at some moment, or a callback
 * held the owner.
 */
static bool allows_wait(const struct call *call, const struct state *state)
{
    if (call->result == 0)
        return state->value <= call->argument[0];
    return call->result == -ETIMEDOUT && call->returned - call->invoked >= call->argument[1] &&
           (state->value > call->argument[0] || call->is_held);
}

/* No thread ever waits its turn, as no wait is longer. */
static bool allows_wait_add(const struct attributes *attributes, const struct call *call, struct state *state)
{
    struct reference counter = reference_of(attributes, call, state);

    if (call->result == -ETIMEDOUT && call->is_held)
        return true;
    if (call->result != reference_wait_add(&counter, call->argument[0]))
        return false;
    if (call->result == 0 && call->argument[0] != 0)
        keep(attributes, state, &counter);
    return true;
}

static bool allows_set_bounds(const struct call *call, struct state *state)
{
    state->rules.min = call->argument[0];
    state->rules.max = call->argument[1];
    return call->result == 0;
}

static bool allows_take_peak(const struct call *call, struct state *state)
{
    if (call->result != 0 || call->output[0] != peak_of(state))
        return false;
    state->rules.peak = state->value;
    return true;
}

static bool allows_close(const struct call *call, struct state *state)
{
    state->closing = CLOSED;
    return call->result == 0;
}

bool model_allows(const struct attributes *attributes, const struct call *call, struct state *state)
{
    if (!model_supports(attributes, call->operation))
        return call->result == -ENOTSUP && is_untouched(call);
    switch (call->operation) {
    case SET:
    case EXCHANGE:
        return allows_assign(attributes, call, state);
    case COMPARE_EXCHANGE:
        return allows_compare_exchange(attributes, call, state);
    case UPDATE:
        return allows_update(attributes, call, state);
    case FLUSH:
        return call->result == 0;
    case CLOSE:
        return allows_close(call, state);
    case WAIT_AT_MOST:
        return allows_wait(call, state);
    case WAIT_ADD:
        return allows_wait_add(attributes, call, state);
    case SET_BOUNDS:
        return allows_set_bounds(call, state);
    case TAKE_PEAK:
        return allows_take_peak(call, state);
    case GET:
    case GET_INTERVAL:
    case GET_DELTA:
    case GET_PEAK:
    case GET_BOUNDS:
        return allows_read(call, state);
    default:
        return allows_add(attributes, call, state);
    }
}
