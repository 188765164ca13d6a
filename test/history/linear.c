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

/* A thread's next call is taken whole, or its first half, or whole by the rules that are about to be the next. */
enum { WHOLE, HALF, BY_NEXT, WAYS };

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

/*
 * An atomic counter with bounds or a peak decides change by change what to refuse while it is being closed. It
 * also decides change by change which bounds to obey while they are being changed, and which peak to raise while
 * one is being taken.
 */
static bool acts_gradually(const struct attributes *attributes)
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

    return attributes->backend == TSC_BACKEND_ATOMIC && !acts_gradually(attributes) &&
           is_addition(call->operation) && call->argument[0] > 0 && call->result == -ESHUTDOWN &&
           is_untouched(call) && call->invoked <= search->closed_at;
}

static bool is_gradual(const struct search *search, const struct call *call)
{
    const struct attributes *attributes = search->history->attributes;

    return acts_gradually(attributes) &&
           (call->operation == CLOSE || (call->operation == SET_BOUNDS && attributes->bounded) ||
            (call->operation == TAKE_PEAK && attributes->track_peak));
}

/* One thread at a time changes the rules. */
static bool begin_gradually(const struct call *call, struct state *state)
{
    if (call->operation == CLOSE) {
        if (state->closing == OPEN)
            state->closing = CLOSING;
        return true;
    }
    if (state->has_next_bounds || state->has_next_peak)
        return false;
    state->has_next_bounds = call->operation == SET_BOUNDS;
    state->has_next_peak = call->operation == TAKE_PEAK;
    state->next = (struct rules){.min = call->argument[0], .max = call->argument[1], .peak = INT64_MIN};
    return true;
}

static bool end_gradually(const struct call *call, struct state *state)
{
    bool is_right = call->result == 0;

    if (call->operation == CLOSE) {
        state->closing = CLOSED;
    } else if (call->operation == SET_BOUNDS) {
        state->rules.min = state->next.min;
        state->rules.max = state->next.max;
    } else {
        is_right = is_right && call->output[0] == peak_of(state);
        state->rules.peak = state->next.peak;
    }
    if (call->operation != CLOSE) {
        state->has_next_bounds = state->has_next_peak = false;
        state->next = (struct rules){0};
    }
    return is_right;
}

static void swap_numbers(int64_t *a, int64_t *b)
{
    int64_t former = *a;

    *a = *b;
    *b = former;
}

static void swap_rules(struct state *state)
{
    if (state->has_next_bounds) {
        swap_numbers(&state->rules.min, &state->next.min);
        swap_numbers(&state->rules.max, &state->next.max);
    }
    if (state->has_next_peak)
        swap_numbers(&state->rules.peak, &state->next.peak);
}

static bool take_first_half(const struct search *search, const struct call *call, struct state *state)
{
    if (is_gradual(search, call))
        return begin_gradually(call, state);
    if (!may_be_seen_although_refused(search, call))
        return false;
    state->value = wrapping_sum(state->value, call->argument[0]);
    return true;
}

static bool take_second_half(const struct search *search, const struct call *call, struct state *state)
{
    if (is_gradual(search, call))
        return end_gradually(call, state);
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
        return take_second_half(search, call, state);
    if (is_gradual(search, call) || (halves != 0 && !acts_gradually(search->history->attributes) && assigns(call)))
        return false;
    return model_allows(search->history->attributes, call, state);
}

static bool take_by_next(const struct search *search, const struct call *call, uint16_t halves,
                         struct state *state)
{
    bool is_taken;

    if (!state->has_next_bounds && !state->has_next_peak)
        return false;
    swap_rules(state);
    is_taken = take_whole(search, call, halves, false, state);
    swap_rules(state);
    return is_taken;
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
    if (way == BY_NEXT)
        return !(from->halves & bit) && take_by_next(search, call, from->halves, &to->state);
    return take_whole(search, call, from->halves, from->halves & bit, &to->state);
}

static bool are_equal_rules(const struct rules *a, const struct rules *b)
{
    return a->min == b->min && a->max == b->max && a->peak == b->peak;
}

static bool are_equal_states(const struct state *a, const struct state *b)
{
    return a->value == b->value && a->closing == b->closing && are_equal_rules(&a->rules, &b->rules) &&
           a->has_next_bounds == b->has_next_bounds && a->has_next_peak == b->has_next_peak &&
           are_equal_rules(&a->next, &b->next);
}

static bool are_equal(const struct configuration *a, const struct configuration *b)
{
    return are_equal_states(&a->state, &b->state) && a->halves == b->halves &&
           memcmp(a->done, b->done, sizeof a->done) == 0;
}

static uint64_t mixed(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

static uint64_t mixed_rules(uint64_t hash, const struct rules *rules)
{
    return mixed(mixed(mixed(hash, (uint64_t)rules->min), (uint64_t)rules->max), (uint64_t)rules->peak);
}

static uint64_t hash_of(const struct configuration *configuration)
{
    uint64_t hash = mixed_rules((uint64_t)configuration->state.value, &configuration->state.rules);

    hash = mixed_rules(hash, &configuration->state.next);
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
    const struct attributes *attributes = search->history->attributes;
    /* Where a clamped change ends depends on the bounds, which may change. */
    bool hides_what_it_does = call->operation == SET || call->operation == SET_BOUNDS ||
                              call->operation == TAKE_PEAK || call->result == 1;
    bool may_raise_a_peak = attributes->track_peak && acts_gradually(attributes) && call->result >= 0 &&
                            (is_addition(call->operation) || is_assignment(call->operation));

    return !hides_what_it_does && !may_raise_a_peak && !may_be_seen_although_refused(search, call) &&
           before->halves == after->halves && are_equal_states(&before->state, &after->state);
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
