/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <sched.h>

#include "model.h"
#include "support/late-stores.h"
#include "support/stepper.h"
#include "support/threads.h"

/*
 * Two calls are in order if one returned before the other was invoked, by CLOCK_MONOTONIC, on which Linux has all
 * processors agree. All that is asked of a reading is that it lies outside its call. What lies between the two is
 * taken for part of the call: so calls may seem to overlap that did not, which can hide a wrong order, but never
 * feign one. Readings that are equal count as overlapping.
 *
 * A counter of stamps that all threads share would order by itself what it is to watch: each stamp would be a
 * barrier, and drag a cache line from thread to thread. The clock is only read.
 */

/* No load of the call comes before the reading. The stores of the calls before may still be under way: a
 * linearizable counter answers for that itself. */
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
 * Linux reads the clock behind all loads of the call. But where a backend is not linearizable its changes are
 * releases and no more: what one has stored may still be under way when it returns, and is seen by those who
 * learn, by a later store, that it has returned. So there the return is when it has arrived. That orders the
 * addition before the thread's next call, which hides a read that does not: for those there is record_at_once.
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

    call->result[0] = *value;
    call->result[1]++;
    *value = wrapping_sum(*value, call->argument[0]);
    return (int)call->argument[1];
}

static int make(tsc_counter_t *counter, struct call *call)
{
    const int64_t *argument = call->argument;
    int64_t *result = call->result;

    switch (call->operation) {
    case INC:
        return tsc_counter_inc(counter);
    case DEC:
        return tsc_counter_dec(counter);
    case ADD:
        return tsc_counter_add(counter, argument[0]);
    case TRY_ADD:
        return tsc_counter_try_add(counter, argument[0]);
    case GET:
        return tsc_counter_get(counter, &result[0]);
    case GET_INTERVAL:
        return tsc_counter_get_interval(counter, &result[0], &result[1]);
    case GET_DELTA:
        return tsc_counter_get_delta(counter, &result[1], &result[0]);
    case GET_PEAK:
        return tsc_counter_get_peak(counter, &result[0]);
    case FETCH_ADD:
        return tsc_counter_fetch_add(counter, argument[0], &result[0]);
    case SET:
        return tsc_counter_set(counter, argument[0]);
    case EXCHANGE:
        return tsc_counter_exchange(counter, argument[0], &result[0]);
    case COMPARE_EXCHANGE:
        return tsc_counter_compare_exchange(counter, &result[0], argument[1]);
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
    int answer;

    stepper_begin(stop.after, pause_call, &stop);
    answer = make(counter, call);
    stepper_end();
    return answer;
}

static void prepare_outputs(struct call *call)
{
    call->result[0] = output_before(call, 0);
    call->result[1] = output_before(call, 1);
}

void record(tsc_counter_t *counter, tsc_backend_t backend, struct call *call, struct stop stop)
{
    prepare_outputs(call);
    call->is_at_once = false;
    stamp_invocation(call);
    call->answer = stop.after != 0 ? make_and_stop(counter, call, stop) : make(counter, call);
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
    addition->answer = make(counter, addition);
    read->answer = make(counter, read);
    stamp_return(read, backend);
    addition->returned = read->returned;
    read->invoked = addition->invoked;
}
