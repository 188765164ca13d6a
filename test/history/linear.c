/* SPDX-License-Identifier: MIT */
/*
 * The search of Wing and Gong. Of the calls that no remaining call precedes, take one that the sequential counter
 * allows; if there is none, go back. As Lowe does, remember the configurations that failed: the calls taken, and
 * the state. The calls of a thread are sequential, so the number taken of each thread identifies them.
 */
#include "linear.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

struct configuration {
    struct state state;
    uint16_t done[THREADS_MAX];
    uint16_t halves; /* a bit for each thread whose next call is half done */
};

/* A thread's next call is taken whole, or its first half. */
enum { WHOLE, HALF, WAYS };

struct frame {
    struct configuration at;
    uint8_t candidates[THREADS_MAX];
    uint8_t candidate_count;
    uint8_t next; /* the choice to be tried next: WAYS for each candidate */
};

enum { FRAMES_MAX = 2 * THREADS_MAX * CALLS_MAX + 1, REMEMBERED_MAX = 1 << 18, TABLE_SIZE = 2 * REMEMBERED_MAX };

struct search {
    const struct history *history;
    int64_t closed_at;
    size_t depth;
    size_t remembered;
    size_t explained_most;
    struct frame frames[FRAMES_MAX];
    uint32_t generation;
    struct {
        uint32_t generation;
        struct configuration configuration;
    } table[TABLE_SIZE];
};

/* -------- calls that act at two moments -------- */

/* An atomic counter with bounds or a peak decides change by change what to refuse while it is being closed. */
static bool closes_gradually(const struct attributes *attributes)
{
    return attributes->backend == TSC_BACKEND_ATOMIC && (attributes->bounded || attributes->track_peak);
}

/*
 * The contract's one exception: an atomic counter may refuse an addition that overlapped the close. Until that
 * call returns, other threads may see it added.
 */
static bool may_be_seen_although_refused(const struct search *search, const struct call *call)
{
    const struct attributes *attributes = search->history->attributes;

    return attributes->backend == TSC_BACKEND_ATOMIC && !closes_gradually(attributes) &&
           is_addition(call->operation) && call->argument[0] > 0 && call->result == -ESHUTDOWN &&
           is_untouched(call) && call->invoked <= search->closed_at;
}

static bool is_gradual_close(const struct search *search, const struct call *call)
{
    return call->operation == CLOSE && closes_gradually(search->history->attributes);
}

static bool take_first_half(const struct search *search, const struct call *call, struct state *state)
{
    if (is_gradual_close(search, call)) {
        if (state->closing == OPEN)
            state->closing = CLOSING;
        return true;
    }
    if (!may_be_seen_although_refused(search, call))
        return false;
    state->value = wrapping_sum(state->value, call->argument[0]);
    return true;
}

static bool take_second_half(const struct call *call, struct state *state)
{
    if (call->operation == CLOSE) {
        state->closing = CLOSED;
        return call->result == 0;
    }
    state->value = wrapping_difference(state->value, call->argument[0]);
    return state->closing != OPEN;
}

/* -------- configurations -------- */

static const struct call *next_call(const struct search *search, const struct configuration *at, size_t thread)
{
    const struct history *history = search->history;

    return at->done[thread] < history->count[thread] ? history->calls[thread][at->done[thread]] : NULL;
}

static bool assigns(const struct call *call)
{
    return is_assignment(call->operation) && call->result == (call->operation == COMPARE_EXCHANGE);
}

/* A refused addition may be seen, but no assignment may follow while it is. */
static bool take_whole(const struct search *search, const struct call *call, uint16_t halves, bool half_done,
                       struct state *state)
{
    if (half_done)
        return take_second_half(call, state);
    if (is_gradual_close(search, call) ||
        (halves != 0 && !closes_gradually(search->history->attributes) && assigns(call)))
        return false;
    return model_allows(search->history->attributes, call, state);
}

/* Whether the thread's next call can be taken this way; `to` is the configuration after it. */
static bool take(const struct search *search, const struct configuration *from, size_t thread, int way,
                 struct configuration *to)
{
    const struct call *call = next_call(search, from, thread);
    uint16_t bit = (uint16_t)(1U << thread);

    *to = *from;
    if (way == HALF) {
        to->halves |= bit;
        return !(from->halves & bit) && take_first_half(search, call, &to->state);
    }
    to->halves &= (uint16_t)~bit;
    to->done[thread]++;
    return take_whole(search, call, from->halves, from->halves & bit, &to->state);
}

static bool are_equal(const struct configuration *a, const struct configuration *b)
{
    return a->state.value == b->state.value && a->state.peak == b->state.peak &&
           a->state.closing == b->state.closing && a->halves == b->halves &&
           memcmp(a->done, b->done, sizeof a->done) == 0;
}

static uint64_t mixed(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

static uint64_t hash_of(const struct configuration *configuration)
{
    uint64_t hash = mixed((uint64_t)configuration->state.value, (uint64_t)configuration->state.peak);

    hash = mixed(hash, (uint64_t)configuration->state.closing << 16 | configuration->halves);
    for (size_t thread = 0; thread < THREADS_MAX; thread++)
        hash = mixed(hash, configuration->done[thread]);
    return hash;
}

/* Returns whether it is new. */
static bool remember(struct search *search, const struct configuration *configuration)
{
    size_t place = hash_of(configuration) % TABLE_SIZE;

    for (; search->table[place].generation == search->generation; place = (place + 1) % TABLE_SIZE)
        if (are_equal(&search->table[place].configuration, configuration))
            return false;
    search->table[place].generation = search->generation;
    search->table[place].configuration = *configuration;
    search->remembered++;
    return true;
}

/* -------- the search -------- */

static struct frame *top(struct search *search)
{
    return &search->frames[search->depth];
}

/* Sorted by return: the call that returns first has most likely taken effect. */
static void insert_candidate(const struct search *search, struct frame *frame, size_t thread)
{
    int64_t returned = next_call(search, &frame->at, thread)->returned;
    size_t place = frame->candidate_count++;

    for (; place > 0; place--) {
        uint8_t before = frame->candidates[place - 1];

        if (next_call(search, &frame->at, before)->returned <= returned)
            break;
        frame->candidates[place] = before;
    }
    frame->candidates[place] = (uint8_t)thread;
}

/* The remaining calls that began before any of them returned. Calls that touch in time overlap. */
static void find_candidates(const struct search *search, struct frame *frame)
{
    int64_t first_return = INT64_MAX;

    frame->candidate_count = 0;
    frame->next = 0;
    for (size_t thread = 0; thread < search->history->threads; thread++) {
        const struct call *call = next_call(search, &frame->at, thread);

        if (call != NULL && call->returned < first_return)
            first_return = call->returned;
    }
    for (size_t thread = 0; thread < search->history->threads; thread++) {
        const struct call *call = next_call(search, &frame->at, thread);

        if (call != NULL && call->invoked <= first_return)
            insert_candidate(search, frame, thread);
    }
}

/* Whether the call, with its result, changes nothing in any state that allows it. */
static bool never_changes_anything(const struct search *search, const struct configuration *before, size_t thread,
                                   const struct configuration *after)
{
    const struct call *call = next_call(search, before, thread);
    bool hides_what_it_does = call->operation == SET ||
                              (is_addition(call->operation) && call->operation != FETCH_ADD && call->result == 1);

    return !hides_what_it_does && !may_be_seen_although_refused(search, call) && before->halves == after->halves &&
           before->state.value == after->state.value && before->state.peak == after->state.peak &&
           before->state.closing == after->state.closing;
}

/*
 * A call that is allowed now and never changes anything is taken at once, without going back. Any order with this
 * call later remains valid with the call here.
 */
static bool take_what_changes_nothing(const struct search *search, const struct frame *frame,
                                      struct configuration *to)
{
    for (size_t i = 0; i < frame->candidate_count; i++) {
        size_t thread = frame->candidates[i];

        if (take(search, &frame->at, thread, WHOLE, to) && never_changes_anything(search, &frame->at, thread, to))
            return true;
    }
    return false;
}

static size_t explained(const struct search *search, const struct configuration *at)
{
    size_t sum = 0;

    for (size_t thread = 0; thread < search->history->threads; thread++)
        sum += at->done[thread];
    return sum;
}

static void push(struct search *search, const struct configuration *configuration)
{
    struct frame *frame = &search->frames[++search->depth];
    size_t calls = explained(search, configuration);

    frame->at = *configuration;
    find_candidates(search, frame);
    if (calls > search->explained_most)
        search->explained_most = calls;
}

/* Returns whether a choice leads to a new configuration. */
static bool advance(struct search *search)
{
    struct frame *frame = top(search);
    struct configuration to;

    if (frame->next == 0 && take_what_changes_nothing(search, frame, &to)) {
        frame->next = WAYS * frame->candidate_count;
        push(search, &to);
        return true;
    }
    while (frame->next < WAYS * frame->candidate_count) {
        uint8_t choice = frame->next++;

        if (take(search, &frame->at, frame->candidates[choice / WAYS], choice % WAYS, &to) &&
            remember(search, &to)) {
            push(search, &to);
            return true;
        }
    }
    return false;
}

static void begin(struct search *search)
{
    struct frame *first = &search->frames[0];

    search->generation++;
    search->depth = 0;
    search->remembered = 0;
    search->explained_most = 0;
    memset(&first->at, 0, sizeof first->at);
    first->at.state = search->history->before;
    find_candidates(search, first);
}

/* Continues until this many calls are explained. */
static enum finding explain(struct search *search, size_t calls)
{
    begin(search);
    while (search->explained_most < calls) {
        if (search->remembered == REMEMBERED_MAX)
            return UNDECIDED;
        if (advance(search))
            continue;
        if (search->depth == 0)
            return WRONG;
        search->depth--;
    }
    return RIGHT;
}

/* Notes the call that finished between this frame and the next; none if the step was a first half. */
static void note_step(const struct search *search, size_t depth, struct verdict *verdict)
{
    const struct configuration *before = &search->frames[depth].at;
    const struct configuration *after = &search->frames[depth + 1].at;

    for (size_t thread = 0; thread < search->history->threads; thread++) {
        if (after->done[thread] == before->done[thread])
            continue;
        verdict->order[verdict->explained].thread = thread;
        verdict->order[verdict->explained++].value = after->state.value;
    }
}

static void note_longest_order(struct search *search, struct verdict *verdict)
{
    explain(search, search->explained_most);
    for (size_t depth = 0; depth < search->depth; depth++)
        note_step(search, depth, verdict);
}

void linear_check(const struct history *history, struct verdict *verdict)
{
    static struct search search;
    size_t calls = 0;

    search.history = history;
    search.closed_at = history_closed_at(history);
    for (size_t thread = 0; thread < history->threads; thread++)
        calls += history->count[thread];
    verdict_clear(verdict);
    verdict->finding = explain(&search, calls);
    verdict->configurations = search.remembered;
    if (verdict->finding == RIGHT)
        return;
    strcpy(verdict->reason, verdict->finding == WRONG ? "no order of the calls explains their results"
                                                      : "too many calls overlap to find an order");
    note_longest_order(&search, verdict);
}
