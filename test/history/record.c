/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <sched.h>

#include "model.h"
#include "support/late-stores.h"
#include "support/stepper.h"
#include "support/threads.h"

/*
 * Two calls are in order if one returned before the other was invoked, by CLOCK_MONOTONIC, on which all CPUs
 * agree. A reading need only lie outside its call. The time between the two counts as part of the call. So calls
 * may seem to overlap that did not: that can hide a wrong order, but never report a right one as wrong. Calls with
 * equal readings overlap.
 *
 * A shared counter of stamps would order the calls that it observes. Each stamp would be a barrier, and move a
 * cache line between threads. The clock is only read.
 */

/*
 * No load of the call comes before the reading. Stores of earlier calls may still be in flight; a linearizable
 * counter must handle that itself.
 */
static void stamp_invocation(struct call *call)
{
    call->invoked = support_now_ns();
#ifdef __x86_64__
    __asm__ volatile("lfence" ::: "memory");
#else
    __sync_synchronize();
#endif
}

/*
 * Linux reads the clock after all loads of the call. But on a backend that is not linearizable, changes are only
 * releases. A store may still be in flight when its call returns, and other threads learn of the return by a later
 * store. So there the return is stamped after the store is visible. That orders the addition before the thread's
 * next call, and hides a read that does not; record_at_once is for those.
 */
static void stamp_return(struct call *call, tsc_backend_t backend)
{
    if (!model_has(backend, TSC_CAP_LINEARIZABLE))
        __sync_synchronize();
    call->returned = support_now_ns();
}

static int change_value(int64_t *value, void *arg)
{
    struct call *call = arg;

    call->output[0] = *value;
    call->output[1]++;
    *value = wrapping_sum(*value, call->argument[0]);
    return (int)call->argument[1];
}

static int make(tsc_counter_t *counter, struct call *call)
{
    const int64_t *argument = call->argument;
    int64_t *output = call->output;

    switch (call->operation) {
    case INC:
        return tsc_counter_inc(counter);
    case DEC:
        return tsc_counter_dec(counter);
    case ADD:
        return tsc_counter_add(counter, argument[0]);
    case SUB:
        return tsc_counter_sub(counter, -argument[0]);
    case TRY_ADD:
        return tsc_counter_try_add(counter, argument[0]);
    case GET:
        return tsc_counter_get(counter, &output[0]);
    case GET_INTERVAL:
        return tsc_counter_get_interval(counter, &output[0], &output[1]);
    case GET_DELTA:
        return tsc_counter_get_delta(counter, &output[1], &output[0]);
    case GET_PEAK:
        return tsc_counter_get_peak(counter, &output[0]);
    case TAKE_PEAK:
        return tsc_counter_take_peak(counter, &output[0]);
    case GET_BOUNDS:
        return tsc_counter_get_bounds(counter, &output[0], &output[1]);
    case SET_BOUNDS:
        return tsc_counter_set_bounds(counter, argument[0], argument[1]);
    case WAIT_ADD:
        return tsc_counter_wait_add(counter, argument[0], 0);
    case FETCH_ADD:
        return tsc_counter_fetch_add(counter, argument[0], &output[0]);
    case SET:
        return tsc_counter_set(counter, argument[0]);
    case EXCHANGE:
        return tsc_counter_exchange(counter, argument[0], &output[0]);
    case COMPARE_EXCHANGE:
        return tsc_counter_compare_exchange(counter, &output[0], argument[1]);
    case UPDATE:
        return tsc_counter_update(counter, change_value, call);
    case FLUSH:
        return tsc_counter_flush(counter);
    case CLOSE:
        return tsc_counter_close(counter);
    default:
        return tsc_counter_wait_at_most(counter, argument[0], argument[1]);
    }
}

static void pause_call(void *arg)
{
    const struct stop *stop = arg;

    for (unsigned int i = 0; i < stop->pauses; i++)
        sched_yield();
}

static int make_and_stop(tsc_counter_t *counter, struct call *call, struct stop stop)
{
    int result;

    stepper_begin(stop.after, pause_call, &stop);
    result = make(counter, call);
    stepper_end();
    return result;
}

static void prepare_outputs(struct call *call)
{
    call->output[0] = output_before(call, 0);
    call->output[1] = output_before(call, 1);
}

void record(tsc_counter_t *counter, tsc_backend_t backend, struct call *call, struct stop stop)
{
    prepare_outputs(call);
    call->is_at_once = false;
    stamp_invocation(call);
    call->result = stop.after != 0 ? make_and_stop(counter, call, stop) : make(counter, call);
    stamp_return(call, backend);
}

void record_at_once(tsc_counter_t *counter, tsc_backend_t backend, struct call *addition, struct call *read)
{
    static _Thread_local struct support_lines lines;

    prepare_outputs(addition);
    prepare_outputs(read);
    addition->is_at_once = false;
    read->is_at_once = true;
    stamp_invocation(addition);
    support_delay_stores(&lines);
    addition->result = make(counter, addition);
    read->result = make(counter, read);
    stamp_return(read, backend);
    addition->returned = read->returned;
    read->invoked = addition->invoked;
}
