/* SPDX-License-Identifier: MIT */
#include "verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 192, EXPLAINED_SHOWN = 24 };

void verdict_clear(struct verdict *verdict)
{
    verdict->finding = RIGHT;
    verdict->reason[0] = '\0';
    verdict->culprit = NULL;
    verdict->configurations = 0;
    verdict->explained = 0;
}

/* The first verdict stays. */
void verdict_against(struct verdict *verdict, const struct call *culprit, const char *format, ...)
{
    va_list arguments;

    if (verdict->finding == WRONG)
        return;
    verdict->finding = WRONG;
    verdict->culprit = culprit;
    va_start(arguments, format);
    vsnprintf(verdict->reason, sizeof verdict->reason, format, arguments);
    va_end(arguments);
}

/* -------- words -------- */

/* How a call is printed: %1 and %2 stand for its arguments, %3 and %4 for its outputs. */
static const struct {
    const char *name;
    const char *arguments;
    const char *outputs;
} words[OPERATIONS] = {
    [INC] = {"inc", "", ""},
    [DEC] = {"dec", "", ""},
    [ADD] = {"add", "%1", ""},
    [SUB] = {"sub", "-(%1)", ""},
    [TRY_ADD] = {"try_add", "%1", ""},
    [GET] = {"get", "", "value %3"},
    [GET_INTERVAL] = {"get_interval", "", "low %3, high %4"},
    [GET_DELTA] = {"get_delta", "cursor %1", "delta %3, cursor %4"},
    [GET_PEAK] = {"get_peak", "", "peak %3"},
    [TAKE_PEAK] = {"take_peak", "", "peak %3"},
    [GET_BOUNDS] = {"get_bounds", "", "min %3, max %4"},
    [SET_BOUNDS] = {"set_bounds", "min %1, max %2", ""},
    [WAIT_ADD] = {"wait_add", "%1, timeout 0", ""},
    [FETCH_ADD] = {"fetch_add", "%1", "previous %3"},
    [SET] = {"set", "%1", ""},
    [EXCHANGE] = {"exchange", "%1", "previous %3"},
    [COMPARE_EXCHANGE] = {"compare_exchange", "expected %1, desired %2", "expected %3"},
    [UPDATE] = {"update", "callback adds %1, returns %2", "saw %3, ran %4 times"},
    [FLUSH] = {"flush", "", ""},
    [CLOSE] = {"close", "", ""},
    [WAIT_AT_MOST] = {"wait_at_most", "threshold %1, timeout %2", ""},
};

static size_t put_number(char *text, size_t room, int64_t number)
{
    int length =
        number == UNTOUCHED ? snprintf(text, room, "untouched") : snprintf(text, room, "%" PRId64, number);

    return (size_t)length < room ? (size_t)length : room - 1;
}

static void fill_in(char *text, size_t room, const char *pattern, const struct call *call)
{
    const int64_t numbers[] = {call->argument[0], call->argument[1], call->output[0], call->output[1]};

    while (*pattern != '\0' && room > 1) {
        size_t length = 1;

        if (*pattern == '%') {
            length = put_number(text, room, numbers[pattern[1] - '1']);
            pattern += 2;
        } else {
            *text = *pattern++;
        }
        text += length;
        room -= length;
    }
    *text = '\0';
}

static const char *result_name(int result)
{
    switch (result) {
    case -EAGAIN:
        return "-EAGAIN";
    case -ECANCELED:
        return "-ECANCELED";
    case -EINVAL:
        return "-EINVAL";
    case -ENOTSUP:
        return "-ENOTSUP";
    case -ERANGE:
        return "-ERANGE";
    case -ESHUTDOWN:
        return "-ESHUTDOWN";
    case -ETIMEDOUT:
        return "-ETIMEDOUT";
    default:
        return NULL;
    }
}

/* Times are relative to the first call. */
static void print_call(int64_t first, size_t thread, const struct call *call)
{
    char arguments[TEXT_MAX];
    char outputs[TEXT_MAX];
    const char *result = result_name(call->result);

    fill_in(arguments, sizeof arguments, words[call->operation].arguments, call);
    fill_in(outputs, sizeof outputs, words[call->operation].outputs, call);
    fprintf(stderr, "  %9" PRId64 " %9" PRId64 "  %6zu  %s(%s) = ", call->invoked - first, call->returned - first,
            thread, words[call->operation].name, arguments);
    if (result != NULL)
        fprintf(stderr, "%s", result);
    else
        fprintf(stderr, "%d", call->result);
    fprintf(stderr, "%s%s", *outputs != '\0' ? ", " : "", outputs);
}

/* -------- the relevant calls -------- */

static int64_t first_invocation(const struct history *history)
{
    int64_t first = INT64_MAX;

    for (size_t thread = 0; thread < history->threads; thread++)
        if (history->count[thread] > 0 && history->calls[thread][0]->invoked < first)
            first = history->calls[thread][0]->invoked;
    return first;
}

static void print_counter(const struct history *history)
{
    const struct attributes *attributes = history->attributes;

    fprintf(stderr, "%s", tsc_backend_name(attributes->backend));
    if (attributes->total)
        fprintf(stderr, ", a total");
    if (attributes->bounded)
        fprintf(stderr, ", bounds %" PRId64 " to %" PRId64 " (%s)", attributes->min, attributes->max,
                attributes->policy == TSC_BOUNDS_CLAMP ? "clamp" : "reject");
    if (attributes->track_peak)
        fprintf(stderr, ", peak %" PRId64 " at first", history->before.rules.peak);
    if (attributes->backend == TSC_BACKEND_QUEUE)
        fprintf(stderr, ", a queue of %zu for %zu counters", attributes->queue_capacity, attributes->counters);
    fprintf(stderr, ", value %" PRId64 " at first%s\n", history->before.value,
            history->before.closing == CLOSED ? ", closed" : "");
}

static void print_heading(const char *heading, const char *last_column)
{
    fprintf(stderr, "%s\n    invoked  returned  thread  call%s\n", heading, last_column);
}

static void print_overlapping(const struct history *history, const struct call *culprit)
{
    int64_t first = first_invocation(history);

    for (size_t thread = 0; thread < history->threads; thread++) {
        for (size_t i = 0; i < history->count[thread]; i++) {
            const struct call *call = history->calls[thread][i];

            if (call->invoked > culprit->returned || call->returned < culprit->invoked)
                continue;
            print_call(first, thread, call);
            fprintf(stderr, "%s\n", call == culprit ? "  <- this one" : "");
        }
    }
}

/* Prints the end of the order. `done` gets the number of its calls for each thread. */
static void print_order(const struct verdict *verdict, const struct history *history, size_t *done)
{
    int64_t first = first_invocation(history);

    for (size_t i = 0; i < verdict->explained; i++) {
        size_t thread = verdict->order[i].thread;
        const struct call *call = history->calls[thread][done[thread]++];

        if (i + EXPLAINED_SHOWN < verdict->explained)
            continue;
        print_call(first, thread, call);
        fprintf(stderr, "  -> %" PRId64 "\n", verdict->order[i].value);
    }
}

/* The calls that could be next: no other remaining call returned before they began. */
static void print_remaining(const struct history *history, const size_t *done)
{
    int64_t first = first_invocation(history);
    int64_t first_return = INT64_MAX;

    for (size_t thread = 0; thread < history->threads; thread++)
        if (done[thread] < history->count[thread] && history->calls[thread][done[thread]]->returned < first_return)
            first_return = history->calls[thread][done[thread]]->returned;
    for (size_t thread = 0; thread < history->threads; thread++) {
        if (done[thread] == history->count[thread] || history->calls[thread][done[thread]]->invoked > first_return)
            continue;
        print_call(first, thread, history->calls[thread][done[thread]]);
        fputc('\n', stderr);
    }
}

void verdict_print(const struct verdict *verdict, const struct history *history)
{
    size_t done[THREADS_MAX] = {0};

    fprintf(stderr, "%s\n", verdict->reason);
    print_counter(history);
    if (verdict->culprit != NULL) {
        print_heading("The call and those that overlap with it:", "");
        print_overlapping(history, verdict->culprit);
        return;
    }
    print_heading("The end of the longest order that explains the first calls:", "  -> value");
    print_order(verdict, history, done);
    print_heading("None of these calls can follow it, or any other order as long:", "");
    print_remaining(history, done);
}
