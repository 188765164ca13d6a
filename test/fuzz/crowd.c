/* SPDX-License-Identifier: MIT */
/* Operations that several threads make at the same time. */
#include "program.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

/*
 * Equal changes commute. In any order, together they return the same results as the model, one after another, and
 * the same previous values. If the counter is closed meanwhile, the refused changes come last.
 */
enum kind { ADD, TRY_ADD, FETCH_ADD, KINDS };

struct change {
    int result;
    int64_t previous;
};

struct worker {
    struct crowd *crowd;
    struct hand *hand;
    struct change *changes; /* NULL for the worker that closes */
    bool errno_touched;
};

struct crowd {
    tsc_counter_t *counter;
    enum kind kind;
    int64_t delta;
    size_t rounds;
    bool closing;
    pthread_barrier_t all_there;
    struct worker workers[HANDS];
    size_t size;
    struct change *changes; /* of all workers, one after another */
    size_t count;
};

static struct change *allocate_changes(size_t count)
{
    struct change *changes = calloc(count, sizeof *changes);

    if (changes == NULL)
        exit(EXIT_FAILURE);
    return changes;
}

static int change(const struct crowd *crowd, int64_t *previous)
{
    switch (crowd->kind) {
    case ADD:
        return tsc_counter_add(crowd->counter, crowd->delta);
    case TRY_ADD:
        return tsc_counter_try_add(crowd->counter, crowd->delta);
    default:
        return tsc_counter_fetch_add(crowd->counter, crowd->delta, previous);
    }
}

static void change_many_times(const struct crowd *crowd, struct change *changes)
{
    for (size_t i = 0; i < crowd->rounds; i++) {
        changes[i].previous = UNTOUCHED;
        changes[i].result = change(crowd, &changes[i].previous);
    }
}

static void work(void *arg)
{
    struct worker *worker = arg;

    pthread_barrier_wait(&worker->crowd->all_there);
    errno = UNTOUCHED;
    if (worker->changes != NULL)
        change_many_times(worker->crowd, worker->changes);
    else
        program_check("closing the counter succeeds", tsc_counter_close(worker->crowd->counter) == 0);
    worker->errno_touched = errno != UNTOUCHED;
}

static void run_crowd(struct crowd *crowd)
{
    pthread_barrier_init(&crowd->all_there, NULL, (unsigned)crowd->size);
    for (size_t i = 0; i < crowd->size; i++)
        hand_begin(crowd->workers[i].hand, work, &crowd->workers[i]);
    for (size_t i = 0; i < crowd->size; i++)
        hand_end(crowd->workers[i].hand);
    pthread_barrier_destroy(&crowd->all_there);
    for (size_t i = 0; i < crowd->size; i++)
        HOLDS(!crowd->workers[i].errno_touched);
}

/* Takes all idle hands; if the crowd closes, the first one does. */
static void gather(struct program *program, struct crowd *crowd)
{
    crowd->changes = allocate_changes(HANDS * crowd->rounds);
    for (size_t i = 0; i < HANDS; i++) {
        struct worker *worker = &crowd->workers[crowd->size];

        if (program->hands.hand[i].busy)
            continue;
        *worker = (struct worker){.crowd = crowd, .hand = &program->hands.hand[i]};
        if (!crowd->closing || crowd->size != 0) {
            worker->changes = &crowd->changes[crowd->count];
            crowd->count += crowd->rounds;
        }
        crowd->size++;
    }
}

static void drop_changes(struct crowd *crowd, int result)
{
    size_t kept = 0;

    for (size_t i = 0; i < crowd->count; i++) {
        if (crowd->changes[i].result != result)
            crowd->changes[kept++] = crowd->changes[i];
    }
    crowd->count = kept;
}

/* A try_add returns -EAGAIN while another thread is in the way, or the queue is full. */
static bool may_return_eagain(const struct crowd *crowd, const struct model_counter *counter)
{
    return crowd->kind == TRY_ADD &&
           (counter->backend == TSC_BACKEND_MUTEX || counter->backend == TSC_BACKEND_QUEUE);
}

static struct change expect_change(const struct crowd *crowd, struct model_counter *counter)
{
    struct change expected = {.previous = UNTOUCHED};
    int64_t previous = UNTOUCHED;

    if (crowd->kind == FETCH_ADD && !model_has(counter, TSC_CAP_FETCH))
        expected.result = -ENOTSUP;
    else if (crowd->kind == TRY_ADD && counter->owner != NULL && counter->reference.bounds.set)
        expected.result = -ENOTSUP;
    else
        expected.result = reference_add(&counter->reference, crowd->delta, &previous);
    if (crowd->kind == FETCH_ADD)
        expected.previous = previous;
    return expected;
}

static int compare_changes(const void *a, const void *b)
{
    const struct change *first = a;
    const struct change *second = b;

    if (first->result != second->result)
        return first->result < second->result ? -1 : 1;
    return (first->previous > second->previous) - (first->previous < second->previous);
}

static void compare_with_model(struct crowd *crowd, struct model_counter *counter)
{
    /* Others may see a refused increment while the counter is being closed. */
    bool previous_is_exact = !(crowd->closing && counter->backend == TSC_BACKEND_ATOMIC);
    struct change *expected = allocate_changes(crowd->count);

    if (may_return_eagain(crowd, counter))
        drop_changes(crowd, -EAGAIN);
    if (crowd->closing && crowd->delta > 0)
        drop_changes(crowd, -ESHUTDOWN);
    for (size_t i = 0; i < crowd->count; i++)
        expected[i] = expect_change(crowd, counter);
    qsort(expected, crowd->count, sizeof expected[0], compare_changes);
    qsort(crowd->changes, crowd->count, sizeof crowd->changes[0], compare_changes);
    for (size_t i = 0; i < crowd->count; i++) {
        EQUAL(expected[i].result, crowd->changes[i].result);
        if (previous_is_exact)
            EQUAL(expected[i].previous, crowd->changes[i].previous);
    }
    free(expected);
}

static bool waits_for_owner(const struct crowd *crowd, const struct model_counter *counter)
{
    return counter->owner != NULL && (crowd->kind == FETCH_ADD || counter->reference.bounds.set);
}

static struct crowd take_crowd(struct program *program, const struct handle *handle)
{
    struct crowd crowd = {.counter = handle->counter, .delta = program_take_number(program, handle->model)};
    uint8_t kind = input_byte(&program->input);
    uint8_t rounds = input_byte(&program->input);

    crowd.kind = kind % KINDS;
    crowd.closing = kind >= 192;
    crowd.rounds = 1 + rounds % 32;
    /* Few rounds reach the bounds step by step; with many rounds the threads are likely to overlap. */
    if (rounds >= 240 && handle->model != NULL && !waits_for_owner(&crowd, handle->model))
        crowd.rounds *= 128;
    return crowd;
}

static struct handle *add_together(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    struct crowd crowd = take_crowd(program, handle);

    if (program_obstacle(program, handle, false, 0) != 0)
        return NULL;
    gather(program, &crowd);
    if (crowd.size >= 2) {
        run_crowd(&crowd);
        compare_with_model(&crowd, handle->model);
        if (crowd.closing)
            handle->model->reference.closed = true;
    }
    free(crowd.changes);
    return handle;
}

/* -------- a waiter and a change -------- */

enum { YIELDS_MAX = 16 };

struct waiter {
    tsc_counter_t *counter;
    int64_t threshold;
    int result;
    int error_number;
};

static void wait_for_ever(void *arg)
{
    struct waiter *waiter = arg;

    errno = UNTOUCHED;
    waiter->result = tsc_counter_wait_at_most(waiter->counter, waiter->threshold, -1);
    waiter->error_number = errno;
}

/*
 * The wait may begin before the change or after it. The longer this thread yields, the more likely it begins
 * before.
 */
static struct handle *wait_for_a_change(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    struct waiter waiter = {.counter = handle->counter};
    int64_t delta = program_take_number(program, handle->model);
    unsigned yields = input_byte(&program->input) % YIELDS_MAX;
    struct hand *hand = hands_find_idle(&program->hands, choice);
    int64_t previous;
    int expected;

    if (hand == NULL || program_obstacle(program, handle, false, 0) != 0)
        return NULL;
    expected = reference_add(&handle->model->reference, delta, &previous);
    waiter.threshold = handle->model->reference.value;
    hand_begin(hand, wait_for_ever, &waiter);
    for (unsigned i = 0; i < yields; i++)
        sched_yield();
    RETURNS(expected, tsc_counter_add(handle->counter, delta));
    hand_end(hand);
    program_check_result("tsc_counter_wait_at_most", 0, waiter.result, waiter.error_number);
    return handle;
}

/* -------- a thread that waits for admission, and a change that makes room -------- */

struct adder {
    tsc_counter_t *counter;
    int64_t delta;
    int result;
    int error_number;
};

static void wait_for_admission(void *arg)
{
    struct adder *adder = arg;

    errno = UNTOUCHED;
    adder->result = tsc_counter_wait_add(adder->counter, adder->delta, -1);
    adder->error_number = errno;
}

/* The change that leaves most room for an addition which waits for room; false if there is none. */
static bool find_room(const struct reference *reference, int64_t delta, int64_t *change)
{
    struct reference copy = *reference;
    int64_t emptiest = delta > 0 ? reference->bounds.min : reference->bounds.max;

    if (!reference->bounds.set || reference->bounds.clamp || reference_wait_add(&copy, delta) != -ETIMEDOUT)
        return false;
    return !__builtin_sub_overflow(emptiest, reference->value, change) && !(*change > 0 && reference->closed) &&
           !(*change < 0 && reference->total);
}

static struct handle *wait_for_room(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    struct adder adder = {.counter = handle->counter, .delta = program_take_number(program, handle->model)};
    unsigned yields = input_byte(&program->input) % YIELDS_MAX;
    struct hand *hand = hands_find_idle(&program->hands, choice);
    int64_t room;
    int64_t previous;

    if (hand == NULL || program_obstacle(program, handle, false, TSC_CAP_BOUNDS) != 0 ||
        !find_room(&handle->model->reference, adder.delta, &room))
        return NULL;
    hand_begin(hand, wait_for_admission, &adder);
    for (unsigned i = 0; i < yields; i++)
        sched_yield();
    RETURNS(reference_add(&handle->model->reference, room, &previous), tsc_counter_add(handle->counter, room));
    hand_end(hand);
    program_check_result("tsc_counter_wait_add", reference_wait_add(&handle->model->reference, adder.delta),
                         adder.result, adder.error_number);
    return handle;
}

const struct operation crowd_operations[] = {
    {"add_together", add_together},
    {"wait_for_a_change", wait_for_a_change},
    {"wait_for_room", wait_for_room},
};
const size_t crowd_operation_count = sizeof crowd_operations / sizeof crowd_operations[0];
