/* SPDX-License-Identifier: MIT */
/* Operations on counters, one at a time. */
#include "program.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

/* -------- references, and queries that never wait -------- */

static struct handle *ref(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);

    LEAVES_ERRNO(HOLDS(tsc_counter_ref(handle->counter) == handle->counter));
    if (handle->counter != NULL)
        handle->references++;
    return NULL;
}

/*
 * Outside callbacks, dropping the last reference waits for the owner's thread. A counter whose callback runs keeps
 * its last reference, unless the callback itself drops it.
 */
static bool may_unref(const struct program *program, const struct handle *handle)
{
    return handle->counter == NULL || handle->references > 1 || program_is_in_callback(program) ||
           program_access(program, handle->model) == ACCESS_FREE;
}

static struct handle *unref(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);

    if (!may_unref(program, handle))
        return NULL;
    LEAVES_ERRNO(tsc_counter_unref(handle->counter));
    if (handle->counter != NULL && --handle->references == 0)
        *handle = (struct handle){.counter = NULL};
    return NULL;
}

static void query_kind_and_caps(const struct handle *handle)
{
    tsc_kind_t kind = UNTOUCHED;
    uint64_t caps = UNTOUCHED;
    int expected = handle->counter == NULL ? -EINVAL : 0;

    RETURNS(-EINVAL, tsc_counter_get_kind(handle->counter, NULL));
    RETURNS(-EINVAL, tsc_counter_get_caps(handle->counter, NULL));
    RETURNS(expected, tsc_counter_get_kind(handle->counter, &kind));
    RETURNS(expected, tsc_counter_get_caps(handle->counter, &caps));
    EQUAL(expected == 0 ? handle->model->attr.kind : UNTOUCHED, kind);
    EQUAL(expected == 0 ? (int64_t)model_counter_caps(handle->model) : UNTOUCHED, (int64_t)caps);
}

static struct handle *query(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    tsc_backend_t backend = UNTOUCHED;
    const char *name;
    const char *help;

    query_kind_and_caps(handle);
    RETURNS(-EINVAL, tsc_counter_get_backend(handle->counter, NULL));
    LEAVES_ERRNO(name = tsc_counter_get_name(handle->counter));
    LEAVES_ERRNO(help = tsc_counter_get_help(handle->counter));
    if (handle->counter == NULL) {
        RETURNS(-EINVAL, tsc_counter_get_backend(NULL, &backend));
        EQUAL(UNTOUCHED, backend);
        HOLDS(name == NULL && help == NULL);
        return NULL;
    }
    RETURNS(0, tsc_counter_get_backend(handle->counter, &backend));
    EQUAL(handle->model->backend, backend);
    HOLDS(name != NULL && strcmp(name, handle->model->attr.name) == 0);
    HOLDS(help != NULL && strcmp(help, handle->model->attr.help) == 0);
    return handle;
}

/* -------- additions -------- */

/* A message without a reply: then the value is not compared, so that messages stay in the queue. */
static bool is_message(const struct handle *handle)
{
    return handle->model != NULL && handle->model->owner != NULL && !handle->model->reference.bounds.set;
}

/* While a callback keeps the owner busy, a message is still queued if there is certainly room. */
static bool can_be_delayed(const struct model_counter *counter)
{
    const struct model_owner *owner = counter->owner;

    return owner->queued < owner->capacity && owner->delayed_count < MODEL_DELAYED_MAX;
}

/* Then the library queues an addition of 0 before it refuses: it waits for room, as other additions do. */
static bool would_lower_a_total(const struct model_counter *counter, int64_t delta)
{
    return counter->reference.total && delta < 0;
}

static int expect_delayed(struct model_counter *counter, int64_t delta)
{
    bool refused = would_lower_a_total(counter, delta);

    if (counter->reference.closed && delta > 0)
        return -ESHUTDOWN;
    if (!can_be_delayed(counter))
        return WOULD_HANG;
    model_delay(counter, refused ? 0 : delta);
    counter->owner->queued++;
    return refused ? -ERANGE : 0;
}

/* The result that an addition must return. Applies it to the model. */
static int expect_addition(struct program *program, struct handle *handle, int64_t delta)
{
    int expected = program_obstacle(program, handle, false, 0);
    int64_t previous;

    if (expected == WOULD_HANG && is_message(handle))
        return expect_delayed(handle->model, delta);
    if (expected != 0)
        return expected;
    expected = reference_add(&handle->model->reference, delta, &previous);
    if (expected != -ESHUTDOWN && is_message(handle))
        handle->model->owner->queued++;
    return expected;
}

static struct handle *check_unless_message(struct handle *handle)
{
    return is_message(handle) ? NULL : handle;
}

static struct handle *add_number(struct program *program, struct handle *handle, int64_t delta,
                                 int (*call)(tsc_counter_t *counter, int64_t delta))
{
    int expected = expect_addition(program, handle, delta);

    if (expected == WOULD_HANG)
        return NULL;
    RETURNS(expected, call(handle->counter, delta));
    return check_unless_message(handle);
}

static struct handle *add(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);

    return add_number(program, handle, program_take_number(program, handle->model), tsc_counter_add);
}

static int call_sub(tsc_counter_t *counter, int64_t delta)
{
    return tsc_counter_sub(counter, -delta);
}

static struct handle *subtract(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int64_t amount = program_take_number(program, handle->model);

    if (amount != INT64_MIN)
        return add_number(program, handle, -amount, call_sub);
    RETURNS(-EINVAL, tsc_counter_sub(handle->counter, amount));
    return check_unless_message(handle);
}

static int call_inc(tsc_counter_t *counter, int64_t delta)
{
    (void)delta;
    return tsc_counter_inc(counter);
}

static int call_dec(tsc_counter_t *counter, int64_t delta)
{
    (void)delta;
    return tsc_counter_dec(counter);
}

static struct handle *inc(struct program *program, uint8_t choice)
{
    return add_number(program, program_choose_handle(program, choice), 1, call_inc);
}

static struct handle *dec(struct program *program, uint8_t choice)
{
    return add_number(program, program_choose_handle(program, choice), -1, call_dec);
}

/* The owner takes messages at any time, so it is not always known whether the queue is full. */
static void try_message(struct handle *handle, int64_t delta, bool owner_is_busy)
{
    struct model_counter *model = handle->model;
    struct model_owner *owner = model->owner;
    bool refused = would_lower_a_total(model, delta);
    bool has_room = owner->queued < owner->capacity;
    bool is_full = owner_is_busy && owner->delayed_count >= owner->capacity;
    int64_t previous;
    int result;

    errno = UNTOUCHED;
    result = tsc_counter_try_add(handle->counter, delta);
    if (is_full || (!has_room && result == -EAGAIN)) {
        program_check_result("tsc_counter_try_add, queue full", -EAGAIN, result, errno);
        return;
    }
    program_check_result("tsc_counter_try_add, a message", refused ? -ERANGE : 0, result, errno);
    owner->queued++;
    if (owner_is_busy)
        model_delay(model, refused ? 0 : delta);
    else
        (void)reference_add(&model->reference, delta, &previous);
}

static struct handle *try_to_send(struct handle *handle, int64_t delta, bool owner_is_busy)
{
    if (handle->model->reference.closed && delta > 0)
        RETURNS(-ESHUTDOWN, tsc_counter_try_add(handle->counter, delta));
    else if (!owner_is_busy || handle->model->owner->delayed_count < MODEL_DELAYED_MAX)
        try_message(handle, delta, owner_is_busy);
    return NULL;
}

static struct handle *try_add(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int64_t delta = program_take_number(program, handle->model);
    int expected = program_obstacle(program, handle, false, 0);
    int64_t previous;

    if (is_message(handle) && expected != -EDEADLK)
        return try_to_send(handle, delta, expected == WOULD_HANG);
    if (handle->counter != NULL && handle->model->owner != NULL && handle->model->reference.bounds.set)
        expected = -ENOTSUP;
    else if (expected == WOULD_HANG)
        expected = -EAGAIN; /* the callback holds the mutex */
    else if (expected == 0)
        expected = reference_add(&handle->model->reference, delta, &previous);
    RETURNS(expected, tsc_counter_try_add(handle->counter, delta));
    return handle;
}

/* An operation that takes a number and outputs the previous value. */
static struct handle *fetch(struct program *program, uint8_t choice,
                            int (*in_reference)(struct reference *counter, int64_t number, int64_t *previous),
                            int (*call)(tsc_counter_t *counter, int64_t number, int64_t *previous))
{
    struct handle *handle = program_choose_handle(program, choice);
    int64_t number = program_take_number(program, handle->model);
    int64_t previous = UNTOUCHED;
    int64_t expected_previous = UNTOUCHED;
    int expected = program_obstacle(program, handle, choice == NO_OUTPUT, TSC_CAP_FETCH);

    if (expected == WOULD_HANG)
        return NULL;
    if (expected == 0)
        expected = in_reference(&handle->model->reference, number, &expected_previous);
    RETURNS(expected, call(handle->counter, number, choice == NO_OUTPUT ? NULL : &previous));
    EQUAL(expected_previous, previous);
    return handle;
}

static struct handle *fetch_add(struct program *program, uint8_t choice)
{
    return fetch(program, choice, reference_add, tsc_counter_fetch_add);
}

/* -------- reads -------- */

static struct handle *get(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int64_t value = UNTOUCHED;
    int expected = program_obstacle_to_read(program, handle, choice == NO_OUTPUT);

    if (expected == WOULD_HANG)
        return NULL;
    RETURNS(expected, tsc_counter_get(handle->counter, choice == NO_OUTPUT ? NULL : &value));
    EQUAL(expected == 0 ? handle->model->reference.value : UNTOUCHED, value);
    if (choice == NO_OUTPUT)
        return handle;
    LEAVES_ERRNO(value = tsc_counter_value(handle->counter));
    EQUAL(expected == 0 ? handle->model->reference.value : 0, value);
    return handle;
}

/* No change is in flight, so the interval must not be wider than the value. */
static struct handle *get_interval(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int64_t low = UNTOUCHED;
    int64_t high = UNTOUCHED;
    bool without_low = choice == NO_OUTPUT;
    bool without_high = input_byte(&program->input) == UINT8_MAX;
    int expected = program_obstacle_to_read(program, handle, without_low || without_high);

    if (expected == WOULD_HANG)
        return NULL;
    RETURNS(expected,
            tsc_counter_get_interval(handle->counter, without_low ? NULL : &low, without_high ? NULL : &high));
    EQUAL(expected == 0 ? handle->model->reference.value : UNTOUCHED, low);
    EQUAL(expected == 0 ? handle->model->reference.value : UNTOUCHED, high);
    return handle;
}

static struct handle *get_delta(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int64_t start = program_take_number(program, handle->model);
    int64_t cursor = start;
    int64_t delta = UNTOUCHED;
    bool without_cursor = choice == NO_OUTPUT;
    bool without_delta = input_byte(&program->input) == UINT8_MAX;
    int expected = program_obstacle_to_read(program, handle, without_cursor || without_delta);

    if (expected == WOULD_HANG)
        return NULL;
    RETURNS(expected, tsc_counter_get_delta(handle->counter, without_cursor ? NULL : &cursor,
                                            without_delta ? NULL : &delta));
    EQUAL(expected == 0 ? handle->model->reference.value : start, cursor);
    EQUAL(expected == 0 ? model_delta(handle->model, start) : UNTOUCHED, delta);
    return handle;
}

static struct handle *get_peak(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int64_t peak = UNTOUCHED;
    int expected = program_obstacle(program, handle, choice == NO_OUTPUT, 0);

    if (expected != -EINVAL && !handle->model->attr.track_peak)
        expected = -ENOTSUP;
    if (expected == WOULD_HANG)
        return NULL;
    RETURNS(expected, tsc_counter_get_peak(handle->counter, choice == NO_OUTPUT ? NULL : &peak));
    EQUAL(expected == 0 ? handle->model->reference.peak : UNTOUCHED, peak);
    return handle;
}

static struct handle *take_peak(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int64_t peak = UNTOUCHED;
    int64_t expected_peak = UNTOUCHED;
    int expected = program_obstacle(program, handle, choice == NO_OUTPUT, 0);

    if (expected != -EINVAL && !handle->model->attr.track_peak)
        expected = -ENOTSUP;
    if (expected == WOULD_HANG)
        return NULL;
    if (expected == 0)
        expected = reference_take_peak(&handle->model->reference, &expected_peak);
    RETURNS(expected, tsc_counter_take_peak(handle->counter, choice == NO_OUTPUT ? NULL : &peak));
    EQUAL(expected_peak, peak);
    return handle;
}

static struct handle *get_bounds(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int64_t min = UNTOUCHED;
    int64_t max = UNTOUCHED;
    bool without_min = choice == NO_OUTPUT;
    bool without_max = input_byte(&program->input) == UINT8_MAX;
    int expected = program_obstacle(program, handle, without_min || without_max, TSC_CAP_BOUNDS);

    if (expected != -EINVAL && !handle->model->reference.bounds.set)
        expected = -ENOTSUP;
    if (expected == WOULD_HANG)
        return NULL;
    RETURNS(expected,
            tsc_counter_get_bounds(handle->counter, without_min ? NULL : &min, without_max ? NULL : &max));
    EQUAL(expected == 0 ? handle->model->reference.bounds.min : UNTOUCHED, min);
    EQUAL(expected == 0 ? handle->model->reference.bounds.max : UNTOUCHED, max);
    return handle;
}

static struct handle *set_bounds(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int64_t min = program_take_number(program, handle->model);
    int64_t max = program_take_number(program, handle->model);
    int expected = program_obstacle(program, handle, min > max, TSC_CAP_BOUNDS);

    if (expected != -EINVAL && !handle->model->reference.bounds.set)
        expected = -ENOTSUP;
    if (expected == WOULD_HANG)
        return NULL;
    if (expected == 0)
        expected = reference_set_bounds(&handle->model->reference, min, max);
    RETURNS(expected, tsc_counter_set_bounds(handle->counter, min, max));
    return handle;
}

/* -------- changes to a value -------- */

static struct handle *set(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int64_t value = program_take_number(program, handle->model);
    int64_t previous;
    int expected = program_obstacle(program, handle, false, TSC_CAP_FETCH);

    if (expected == WOULD_HANG)
        return NULL;
    if (expected == 0)
        expected = reference_exchange(&handle->model->reference, value, &previous);
    RETURNS(expected, tsc_counter_set(handle->counter, value));
    return handle;
}

static struct handle *exchange(struct program *program, uint8_t choice)
{
    return fetch(program, choice, reference_exchange, tsc_counter_exchange);
}

static struct handle *compare_exchange(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int64_t comparand = program_take_number(program, handle->model);
    int64_t model_comparand = comparand;
    int64_t desired = program_take_number(program, handle->model);
    int expected = program_obstacle(program, handle, choice == NO_OUTPUT, TSC_CAP_FETCH);

    if (expected == WOULD_HANG)
        return NULL;
    if (expected == 0)
        expected = reference_compare_exchange(&handle->model->reference, &model_comparand, desired);
    RETURNS(expected,
            tsc_counter_compare_exchange(handle->counter, choice == NO_OUTPUT ? NULL : &comparand, desired));
    EQUAL(model_comparand, comparand);
    return handle;
}

/* -------- updates -------- */

enum { OPERATIONS_IN_CALLBACK_MAX = 4, CALLBACKS_DEEP_MAX = 3 };

struct update {
    struct program *program;
    struct model_counter *model;
    pthread_t caller;
    unsigned calls;
    int64_t wanted;
    int result;
};

static int take_callback_result(struct program *program)
{
    static const int results[] = {-1, -EINVAL, -ENOTSUP, -EDEADLK, -ERANGE, INT_MIN, 1, 2, INT_MAX};
    uint8_t byte = input_byte(&program->input);

    return byte < 160 ? 0 : results[byte % (sizeof results / sizeof results[0])];
}

static size_t callbacks_deep(const struct program *program)
{
    size_t depth = 0;

    for (const struct frame *frame = program->frame; frame != NULL; frame = frame->outer)
        depth++;
    return depth;
}

static void run_inside(struct update *update)
{
    struct program *program = update->program;
    const void *thread = program->thread;
    struct frame frame = {
        .outer = program->frame,
        .counter = update->model,
        .thread = update->model->owner != NULL ? update->model->owner : thread,
    };

    program->thread = frame.thread;
    program->frame = &frame;
    if (callbacks_deep(program) <= CALLBACKS_DEEP_MAX)
        program_run_operations(program, input_byte(&program->input) % (OPERATIONS_IN_CALLBACK_MAX + 1));
    program->frame = frame.outer;
    program->thread = thread;
}

static int run_callback(int64_t *value, void *arg)
{
    struct update *update = arg;
    bool on_callers_thread = pthread_equal(pthread_self(), update->caller);

    update->calls++;
    EQUAL(update->model->reference.value, *value);
    HOLDS(on_callers_thread == (update->model->owner == NULL));
    run_inside(update);
    EQUAL(update->model->reference.value, *value);
    update->wanted = program_take_number(update->program, update->model);
    update->result = take_callback_result(update->program);
    *value = update->wanted;
    return update->result;
}

static void run_update(struct program *program, tsc_counter_t *counter, struct model_counter *model)
{
    struct update update = {.program = program, .model = model, .caller = pthread_self()};
    int error_number;
    int result;

    if (model->owner != NULL)
        model->owner->queued++;
    errno = UNTOUCHED;
    result = tsc_counter_update(counter, run_callback, &update);
    error_number = errno;
    EQUAL(1, update.calls);
    program_check_result("tsc_counter_update", reference_commit(&model->reference, update.wanted, update.result),
                         result, error_number);
    if (model->owner != NULL)
        model_apply_delayed(model->owner);
}

static int must_not_be_called(int64_t *value, void *arg)
{
    (void)value;
    (void)arg;
    program_check("the callback is not called", false);
    return 0;
}

static struct handle *update(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int expected = program_obstacle(program, handle, choice == NO_OUTPUT, TSC_CAP_UPDATE);

    if (expected == WOULD_HANG)
        return NULL;
    if (expected == 0)
        run_update(program, handle->counter, handle->model);
    else
        RETURNS(expected,
                tsc_counter_update(handle->counter, choice == NO_OUTPUT ? NULL : must_not_be_called, NULL));
    return handle;
}

/* -------- closing and waiting -------- */

/* Only on the queue does a flush wait. */
static struct handle *flush(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int expected = program_obstacle(program, handle, false, 0);

    if (expected == WOULD_HANG) {
        if (handle->model->owner != NULL)
            return NULL;
        expected = 0;
    }
    RETURNS(expected, tsc_counter_flush(handle->counter));
    if (expected == 0)
        program_note_delivered(handle->model);
    return check_unless_message(handle);
}

static struct handle *close_counter(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int expected = program_obstacle(program, handle, false, 0);

    if (expected == WOULD_HANG)
        return NULL;
    RETURNS(expected, tsc_counter_close(handle->counter));
    if (expected == 0) {
        handle->model->reference.closed = true;
        program_note_delivered(handle->model);
    }
    return handle;
}

static int64_t take_timeout(struct program *program)
{
    static const int64_t long_ones[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX / 2};
    uint8_t byte = input_byte(&program->input);

    if (byte >= 192)
        return long_ones[byte % 4];
    return byte < 64 ? 0 : (int64_t)(byte - 63) * 500;
}

/* Longer than any test can wait. */
static bool is_long(int64_t timeout)
{
    return timeout < 0 || timeout > INT64_MAX / 4;
}

/* In a short time the owner may or may not apply earlier messages before the wait's last poll. */
static void wait_shortly_for_messages(struct handle *handle, int64_t threshold, int64_t timeout)
{
    int result;

    errno = UNTOUCHED;
    result = tsc_counter_wait_at_most(handle->counter, threshold, timeout);
    program_check_result("tsc_counter_wait_at_most", result == -ETIMEDOUT ? result : 0, result, errno);
}

static struct handle *wait_at_most(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int64_t threshold = program_take_number(program, handle->model);
    int64_t timeout = take_timeout(program);
    int expected = program_obstacle_to_read(program, handle, false);
    bool is_blocked = expected == WOULD_HANG;

    if (is_blocked || (expected == 0 && handle->model->reference.value > threshold))
        expected = -ETIMEDOUT;
    if ((expected == -ETIMEDOUT && is_long(timeout)) || (is_blocked && timeout == 0))
        return NULL;
    if (expected == 0 && is_message(handle) && timeout > 0 && !is_long(timeout))
        wait_shortly_for_messages(handle, threshold, timeout);
    else
        RETURNS(expected, tsc_counter_wait_at_most(handle->counter, threshold, timeout));
    return handle;
}

/* While a callback has the counter, what is impossible may be found to be so, or time out. */
static void wait_beside_a_callback(struct handle *handle, int64_t delta, int64_t timeout)
{
    struct reference copy = handle->model->reference;
    int expected = reference_wait_add(&copy, delta);
    int result;

    if (delta != 0 && !would_lower_a_total(handle->model, delta) && is_long(timeout))
        return;
    errno = UNTOUCHED;
    result = tsc_counter_wait_add(handle->counter, delta, timeout);
    if (delta != 0 && !would_lower_a_total(handle->model, delta) && !(expected == -ERANGE && result == expected))
        expected = -ETIMEDOUT;
    program_check_result("tsc_counter_wait_add beside a callback", expected, result, errno);
}

static struct handle *wait_add(struct program *program, uint8_t choice)
{
    struct handle *handle = program_choose_handle(program, choice);
    int64_t delta = program_take_number(program, handle->model);
    int64_t timeout = take_timeout(program);
    int expected = program_obstacle(program, handle, false, TSC_CAP_BOUNDS);

    if (expected != -EINVAL && (!handle->model->reference.bounds.set || handle->model->reference.bounds.clamp))
        expected = -ENOTSUP;
    if (expected == WOULD_HANG) {
        wait_beside_a_callback(handle, delta, timeout);
        return NULL;
    }
    if (expected == 0)
        expected = reference_wait_add(&handle->model->reference, delta);
    if (expected == -ETIMEDOUT && is_long(timeout))
        return NULL;
    RETURNS(expected, tsc_counter_wait_add(handle->counter, delta, timeout));
    return handle;
}

const struct operation counter_operations[] = {
    {"ref", ref},
    {"unref", unref},
    {"query", query},
    {"add", add},
    {"inc", inc},
    {"dec", dec},
    {"sub", subtract},
    {"try_add", try_add},
    {"fetch_add", fetch_add},
    {"get", get},
    {"get_interval", get_interval},
    {"get_delta", get_delta},
    {"get_peak", get_peak},
    {"take_peak", take_peak},
    {"get_bounds", get_bounds},
    {"set_bounds", set_bounds},
    {"set", set},
    {"exchange", exchange},
    {"compare_exchange", compare_exchange},
    {"update", update},
    {"flush", flush},
    {"close", close_counter},
    {"wait_at_most", wait_at_most},
    {"wait_add", wait_add},
};
const size_t counter_operation_count = sizeof counter_operations / sizeof counter_operations[0];
