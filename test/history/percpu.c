/* SPDX-License-Identifier: MIT */
/*
 * When a change takes effect within its call is unknown, so at each moment the value lies between two bounds. The
 * low one has only the increments that are certain, and every decrement that is possible; the high one the
 * reverse. All values are offsets from the initial value, so they do not wrap where the counter does.
 */
#include "percpu.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "model.h"

/* Valid from its time to the next moment. */
struct moment {
    int64_t time;
    int64_t lowest;
    int64_t highest;
    int64_t begun; /* amounts of changes */
    int64_t ended;
};

enum { MOMENTS_MAX = 3 * THREADS_MAX * CALLS_MAX + 1 };

struct timeline {
    const struct history *history;
    int64_t closed_at;
    int64_t close_invoked;
    bool rises; /* no change lowers the value, not even by being undone */
    size_t count;
    struct moment moments[MOMENTS_MAX];
};

/* -------- how changes move the bounds -------- */

static void add_moment(struct timeline *timeline, struct moment change)
{
    timeline->moments[timeline->count++] = change;
}

/* A change that returned 0 is certain once it returns; an increment, once a close has returned. */
static void note_change(struct timeline *timeline, const struct call *call)
{
    int64_t delta = call->argument[0];
    int64_t made = delta > 0 && timeline->closed_at < call->returned ? timeline->closed_at : call->returned;

    if (delta > 0) {
        add_moment(timeline, (struct moment){.time = call->invoked, .highest = delta, .begun = delta});
        add_moment(timeline, (struct moment){.time = made + 1, .lowest = delta});
    } else {
        add_moment(timeline, (struct moment){.time = call->invoked, .lowest = delta, .begun = -delta});
        add_moment(timeline, (struct moment){.time = made + 1, .highest = delta});
    }
    add_moment(timeline, (struct moment){.time = call->returned + 1, .ended = delta > 0 ? delta : -delta});
}

/*
 * A refused increment may be seen until its call returns. It is added to the increments, and undone by a
 * decrement.
 */
static void note_refusal(struct timeline *timeline, const struct call *call)
{
    int64_t delta = call->argument[0];

    if (call->invoked > timeline->closed_at)
        return;
    timeline->rises = false;
    add_moment(timeline, (struct moment){.time = call->invoked, .highest = delta, .begun = 2 * delta});
    add_moment(timeline, (struct moment){.time = call->returned + 1, .highest = -delta, .ended = 2 * delta});
}

static void note_call(struct timeline *timeline, const struct call *call)
{
    int64_t delta = call->argument[0];

    if (call->operation == CLOSE && call->invoked < timeline->close_invoked)
        timeline->close_invoked = call->invoked;
    if (!is_addition(call->operation) || !model_supports(timeline->history->attributes, call->operation) ||
        model_refuses(timeline->history->attributes, call))
        return;
    timeline->rises &= delta >= 0;
    if (call->result == 0)
        note_change(timeline, call);
    else
        note_refusal(timeline, call);
}

static int compare_times(const void *a, const void *b)
{
    const struct moment *left = a;
    const struct moment *right = b;

    return (left->time > right->time) - (left->time < right->time);
}

/*
 * Turns the changes at each moment into sums that are valid from then on. Moments with the same time become one.
 */
static void sum_up(struct timeline *timeline)
{
    struct moment *sum = timeline->moments;

    qsort(timeline->moments, timeline->count, sizeof timeline->moments[0], compare_times);
    for (size_t i = 1; i < timeline->count; i++) {
        struct moment change = timeline->moments[i];

        if (change.time != sum->time) {
            sum[1] = sum[0];
            sum++;
        }
        sum->time = change.time;
        sum->lowest += change.lowest;
        sum->highest += change.highest;
        sum->begun += change.begun;
        sum->ended += change.ended;
    }
    timeline->count = (size_t)(sum - timeline->moments) + 1;
}

static void draw(struct timeline *timeline, const struct history *history)
{
    timeline->history = history;
    timeline->closed_at = history_closed_at(history);
    timeline->close_invoked = history->before.closing == CLOSED ? INT64_MIN : INT64_MAX;
    timeline->rises = true;
    timeline->count = 0;
    add_moment(timeline, (struct moment){.time = INT64_MIN});
    for (size_t thread = 0; thread < history->threads; thread++)
        for (size_t i = 0; i < history->count[thread]; i++)
            note_call(timeline, history->calls[thread][i]);
    sum_up(timeline);
}

/* -------- reads -------- */

/* The last of the moments at or before this time. */
static size_t moment_at(const struct timeline *timeline, int64_t time)
{
    size_t low = 0;
    size_t high = timeline->count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (timeline->moments[middle].time <= time)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The increments and decrements that may have happened during the call. */
static int64_t changes_during(const struct timeline *timeline, const struct call *call)
{
    return timeline->moments[moment_at(timeline, call->returned)].begun -
           timeline->moments[moment_at(timeline, call->invoked)].ended;
}

/* Whether the value may have been from `low` to `high` at some moment during the call. */
static bool may_have_held(const struct timeline *timeline, const struct call *call, int64_t low, int64_t high)
{
    size_t last = moment_at(timeline, call->returned);

    for (size_t i = moment_at(timeline, call->invoked); i <= last; i++)
        if (timeline->moments[i].lowest <= high && timeline->moments[i].highest >= low)
            return true;
    return false;
}

static int64_t offset(const struct timeline *timeline, int64_t value)
{
    return wrapping_difference(value, timeline->history->before.value);
}

static void check_value(const struct timeline *timeline, const struct call *call, int64_t value,
                        struct verdict *verdict)
{
    int64_t seen = offset(timeline, value);
    int64_t during = changes_during(timeline, call);

    if (!may_have_held(timeline, call, INT64_MIN, seen))
        verdict_against(verdict, call, "it is less than any value held during the call");
    else if (!may_have_held(timeline, call, seen - during, seen))
        verdict_against(verdict, call,
                        "it exceeds all values held during the call by more than the changes meanwhile, %" PRId64,
                        during);
}

/*
 * If all changes are by 1, the value does not jump. Between a value of at least `low` and one of at most `high`,
 * one value is in the interval.
 */
static void check_interval(const struct timeline *timeline, const struct call *call, struct verdict *verdict)
{
    int64_t low = offset(timeline, call->output[0]);
    int64_t high = offset(timeline, call->output[1]);

    if (low > high)
        verdict_against(verdict, call, "the low end is above the high end");
    else if (!may_have_held(timeline, call, low, INT64_MAX))
        verdict_against(verdict, call, "the low end is above all values held during the call");
    else if (!may_have_held(timeline, call, INT64_MIN, high))
        verdict_against(verdict, call, "the high end is below all values held during the call");
}

/* A poll sees what get may return. */
static void check_wait(const struct timeline *timeline, const struct call *call, struct verdict *verdict)
{
    int64_t threshold = offset(timeline, call->argument[0]);

    if (call->result == 0) {
        if (!may_have_held(timeline, call, INT64_MIN, threshold))
            verdict_against(verdict, call, "all values held during the call are above the threshold");
    } else if (call->result != -ETIMEDOUT) {
        verdict_against(verdict, call, "its result is never allowed");
    } else if (call->argument[1] != 0) {
        if (call->returned - call->invoked < call->argument[1])
            verdict_against(verdict, call, "the timeout had not passed");
    } else if (!may_have_held(timeline, call, threshold - changes_during(timeline, call) + 1, INT64_MAX)) {
        verdict_against(verdict, call, "every value that a poll can have seen is at most the threshold");
    }
}

/* -------- an addition and a read at once -------- */

/* The offsets that a scan may show: certainly its thread's own earlier additions, and perhaps one more. */
struct range {
    int64_t lowest;
    int64_t highest;
};

/* A read, made at once after an addition. */
struct pair {
    const struct call *addition;
    const struct call *read;
};

static void widen(struct range *range, const struct call *addition)
{
    int64_t delta = addition->argument[0];

    if (delta > 0)
        range->highest += delta;
    else
        range->lowest += delta;
}

static void shift(struct range *range, int64_t delta)
{
    range->lowest += delta;
    range->highest += delta;
}

static void let_range_include(struct range *range, const struct pair *pair, const struct call *other,
                              const struct call *call)
{
    bool is_certain = call == pair->addition || call == other || call->returned < pair->read->invoked;

    if (call->invoked > pair->read->returned)
        return;
    if (!is_certain)
        widen(range, call);
    else if (call->result == 0)
        shift(range, call->argument[0]);
}

static struct range range_of(const struct timeline *timeline, const struct pair *pair, const struct call *other)
{
    const struct history *history = timeline->history;
    struct range range = {0, 0};

    for (size_t thread = 0; thread < history->threads; thread++) {
        for (size_t i = 0; i < history->count[thread]; i++) {
            const struct call *call = history->calls[thread][i];

            if (is_addition(call->operation) && model_supports(history->attributes, call->operation) &&
                !model_refuses(history->attributes, call))
                let_range_include(&range, pair, other, call);
        }
    }
    return range;
}

static bool meets(const struct range *range, int64_t low, int64_t high)
{
    return low <= range->highest && high >= range->lowest;
}

static bool may_show(const struct timeline *timeline, const struct call *read, struct range range)
{
    int64_t first = offset(timeline, read->output[0]);
    int64_t second = offset(timeline, read->output[1]);
    int64_t threshold = offset(timeline, read->argument[0]);

    switch (read->operation) {
    case GET:
        return meets(&range, first, first);
    case GET_DELTA:
        return meets(&range, second, second);
    case GET_INTERVAL:
        return meets(&range, first, second);
    default:
        return read->result == 0 ? range.lowest <= threshold : range.highest > threshold;
    }
}

static bool overlap(const struct pair *one, const struct pair *other)
{
    return one->addition->invoked <= other->read->returned && other->addition->invoked <= one->read->returned;
}

/* Two threads each add and then read: one of the two reads is the later one, and sees both additions. */
static void check_pairs(const struct timeline *timeline, const struct pair *one, const struct pair *other,
                        struct verdict *verdict)
{
    if (overlap(one, other) && !may_show(timeline, one->read, range_of(timeline, one, other->addition)) &&
        !may_show(timeline, other->read, range_of(timeline, other, one->addition)))
        verdict_against(verdict, one->read, "it misses an addition of another thread, whose read misses its own");
}

static bool is_pair(const struct history *history, size_t thread, size_t i, struct pair *pair)
{
    if (i == 0 || i >= history->count[thread] || !history->calls[thread][i]->is_at_once)
        return false;
    *pair = (struct pair){history->calls[thread][i - 1], history->calls[thread][i]};
    return pair->addition->result == 0;
}

static void check_pair(const struct timeline *timeline, const struct pair *pair, size_t own_thread,
                       struct verdict *verdict)
{
    const struct history *history = timeline->history;
    struct pair other;

    if (!may_show(timeline, pair->read, range_of(timeline, pair, NULL)))
        verdict_against(verdict, pair->read,
                        "it misses its own thread's additions, or shows an addition that no thread made");
    for (size_t thread = own_thread + 1; thread < history->threads; thread++)
        for (size_t i = 0; i < history->count[thread]; i++)
            if (is_pair(history, thread, i, &other))
                check_pairs(timeline, pair, &other, verdict);
}

/* -------- calls -------- */

static void check_addition(const struct timeline *timeline, const struct call *call, struct verdict *verdict)
{
    bool raises = call->argument[0] > 0;

    if (model_refuses(timeline->history->attributes, call)) {
        if (call->result != -ERANGE || !is_untouched(call))
            verdict_against(verdict, call, "it would lower a total");
    } else if (call->result == 0) {
        if (raises && call->invoked > timeline->closed_at)
            verdict_against(verdict, call, "a close had returned before");
    } else if (call->result != -ESHUTDOWN || !raises) {
        verdict_against(verdict, call, "its result is never allowed");
    } else if (call->returned < timeline->close_invoked) {
        verdict_against(verdict, call, "no thread had called close");
    }
}

static void check_read(const struct timeline *timeline, const struct call *call, struct verdict *verdict)
{
    if (call->result != 0)
        verdict_against(verdict, call, "its result is never allowed");
    else if (call->operation == GET_INTERVAL)
        check_interval(timeline, call, verdict);
    else if (call->operation == GET)
        check_value(timeline, call, call->output[0], verdict);
    else if (wrapping_sum(call->argument[0], call->output[0]) != call->output[1])
        verdict_against(verdict, call, "the cursor has not moved by the change");
    else
        check_value(timeline, call, call->output[1], verdict);
}

static void check_call(const struct timeline *timeline, const struct call *call, struct verdict *verdict)
{
    if (!model_supports(timeline->history->attributes, call->operation)) {
        if (call->result != -ENOTSUP || !is_untouched(call))
            verdict_against(verdict, call, "it is not supported, and changed something");
    } else if (is_addition(call->operation)) {
        check_addition(timeline, call, verdict);
    } else if (call->operation == WAIT_AT_MOST) {
        check_wait(timeline, call, verdict);
    } else if (call->operation == FLUSH || call->operation == CLOSE) {
        if (call->result != 0)
            verdict_against(verdict, call, "its result is never allowed");
    } else {
        check_read(timeline, call, verdict);
    }
}

/* On a counter that only rises, each thread's reads never fall. */
static void check_order_of_reads(const struct timeline *timeline, size_t thread, struct verdict *verdict)
{
    const struct history *history = timeline->history;
    int64_t last = 0;

    for (size_t i = 0; i < history->count[thread]; i++) {
        const struct call *call = history->calls[thread][i];
        int64_t seen;

        if (call->operation != GET && call->operation != GET_DELTA)
            continue;
        seen = offset(timeline, call->output[call->operation == GET_DELTA]);
        if (seen < last)
            verdict_against(verdict, call, "its thread had read more, and nothing was subtracted");
        last = seen;
    }
}

void percpu_check(const struct history *history, struct verdict *verdict)
{
    static struct timeline timeline;
    struct pair pair;

    verdict_clear(verdict);
    draw(&timeline, history);
    for (size_t thread = 0; thread < history->threads; thread++) {
        for (size_t i = 0; i < history->count[thread]; i++) {
            check_call(&timeline, history->calls[thread][i], verdict);
            if (is_pair(history, thread, i, &pair))
                check_pair(&timeline, &pair, thread, verdict);
        }
        if (timeline.rises)
            check_order_of_reads(&timeline, thread, verdict);
    }
}
