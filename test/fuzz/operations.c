/* SPDX-License-Identifier: MIT */
/*
 * Target: the input is a program of operations on counters, attributes, owners and threads. Each result is
 * compared with the model. With TSC_FUZZ_TRACE in the environment it prints each operation.
 */
#include "program.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target.h"

static bool traced;

/* -------- comparing -------- */

static void __attribute__((noreturn)) fail(const char *what, int64_t expected, int64_t found)
{
    fprintf(stderr, "fuzz: %s: expected %" PRId64 ", found %" PRId64 "\n", what, expected, found);
    abort();
}

void program_check_result(const char *call, int expected, int result, int error_number)
{
    if (traced)
        fprintf(stderr, "    %s: %d\n", call, result);
    if (result != expected)
        fail(call, expected, result);
    if (error_number != UNTOUCHED) {
        fprintf(stderr, "fuzz: %s changed errno\n", call);
        abort();
    }
}

void program_check_number(const char *what, int64_t expected, int64_t found)
{
    if (found != expected)
        fail(what, expected, found);
}

void program_check(const char *what, bool holds)
{
    if (!holds)
        fail(what, true, false);
}

/* -------- choosing -------- */

struct handle *program_choose_handle(struct program *program, uint8_t choice)
{
    struct handle *live[HANDLES];
    size_t count = 0;

    for (size_t i = 0; i < HANDLES; i++) {
        if (program->handles[i].counter != NULL)
            live[count++] = &program->handles[i];
    }
    return choice == NO_HANDLE || count == 0 ? &program->no_handle : live[choice % count];
}

struct attr_slot *program_choose_attr(struct program *program, uint8_t choice)
{
    return choice == NO_HANDLE ? NULL : &program->attrs[choice % ATTRS];
}

struct owner_slot *program_choose_owner(struct program *program, uint8_t choice)
{
    return choice == NO_HANDLE ? NULL : &program->owners[choice % OWNERS];
}

/* -------- operands -------- */

static int64_t wrap(uint64_t number)
{
    int64_t wrapped;

    memcpy(&wrapped, &number, sizeof wrapped);
    return wrapped;
}

/* The value, the peak, the bounds and the distances to them; each also plus or minus one. */
static int64_t take_relevant_number(uint8_t byte, const struct model_counter *counter)
{
    const uint64_t value = (uint64_t)counter->reference.value;
    const uint64_t min = (uint64_t)counter->reference.bounds.min;
    const uint64_t max = (uint64_t)counter->reference.bounds.max;
    const uint64_t numbers[] = {
        value, -value, min, max, max - value, min - value, (uint64_t)counter->reference.peak};

    return wrap(numbers[byte / 3 % (sizeof numbers / sizeof numbers[0])] + byte % 3 - 1);
}

static int64_t take_extreme_number(uint8_t byte)
{
    static const int64_t numbers[] = {INT64_MIN,     INT64_MAX, INT64_MIN + 1, INT64_MAX - 1, INT64_MIN / 2,
                                      INT64_MAX / 2, INT32_MIN, INT32_MAX,     UINT32_MAX,    INT64_C(1) << 32};

    return numbers[byte % (sizeof numbers / sizeof numbers[0])];
}

int64_t program_take_number(struct program *program, const struct model_counter *counter)
{
    uint8_t byte = input_byte(&program->input);
    int64_t number = byte - 64;

    if (byte == 255)
        number = wrap(input_word(&program->input));
    else if (byte >= 192 && counter != NULL)
        number = take_relevant_number(byte, counter);
    else if (byte >= 128)
        number = take_extreme_number(byte);
    if (traced)
        fprintf(stderr, "    number %" PRId64 "\n", number);
    return number;
}

size_t program_take_capacity(struct program *program)
{
    static const size_t capacities[] = {0, 1, 2, 3, 255, 1000, 4096, 1 << 24, (1 << 24) + 1, SIZE_MAX};
    uint8_t byte = input_byte(&program->input);
    size_t capacity = byte < 32 ? byte : capacities[byte % (sizeof capacities / sizeof capacities[0])];

    if (traced)
        fprintf(stderr, "    capacity %zu\n", capacity);
    return capacity;
}

/* A few bytes of the input. A long text has a prefix that makes it about as long as a name may be. */
char *program_take_text(struct program *program)
{
    enum { LONG = 224, SHORT_MAX = 20, SAME_MIN = 240 };
    uint8_t kind = input_byte(&program->input);
    size_t same = kind < LONG ? 0 : SAME_MIN + kind % 20;
    size_t bytes = kind % SHORT_MAX;
    char text[SAME_MIN + 20 + SHORT_MAX + 1];
    char *copy;

    memset(text, 'x', same);
    for (size_t i = 0; i < bytes; i++)
        text[same + i] = (char)input_byte(&program->input);
    text[same + bytes] = '\0';
    copy = strdup(text);
    if (copy == NULL)
        exit(EXIT_FAILURE);
    return copy;
}

/* -------- how a running callback affects operations -------- */

static bool keeps_busy(const struct frame *frame, const struct model_counter *counter)
{
    return frame->counter == counter || (counter->owner != NULL && frame->counter->owner == counter->owner);
}

enum access program_access(const struct program *program, const struct model_counter *counter)
{
    for (const struct frame *frame = program->frame; frame != NULL; frame = frame->outer) {
        if (keeps_busy(frame, counter))
            return frame->thread == program->thread ? ACCESS_INSIDE : ACCESS_ELSEWHERE;
    }
    return ACCESS_FREE;
}

bool program_is_in_callback(const struct program *program)
{
    for (const struct frame *frame = program->frame; frame != NULL; frame = frame->outer) {
        if (frame->thread == program->thread)
            return true;
    }
    return false;
}

int program_obstacle(const struct program *program, const struct handle *handle, bool null_argument,
                     uint64_t needs)
{
    if (handle->counter == NULL || null_argument)
        return -EINVAL;
    if (!model_has(handle->model, needs))
        return -ENOTSUP;
    switch (program_access(program, handle->model)) {
    case ACCESS_INSIDE:
        return -EDEADLK;
    case ACCESS_ELSEWHERE:
        return WOULD_HANG;
    default:
        return 0;
    }
}

int program_obstacle_to_read(const struct program *program, const struct handle *handle, bool null_argument)
{
    int obstacle = program_obstacle(program, handle, null_argument, 0);

    return obstacle == WOULD_HANG && handle->model->backend == TSC_BACKEND_MUTEX ? 0 : obstacle;
}

void program_note_delivered(struct model_counter *counter)
{
    if (counter->owner != NULL)
        counter->owner->queued = 0;
}

void program_check_value(struct program *program, struct handle *handle)
{
    int64_t value = UNTOUCHED;
    int64_t peak = UNTOUCHED;

    if (handle->counter == NULL || program_access(program, handle->model) != ACCESS_FREE)
        return;
    RETURNS(0, tsc_counter_get(handle->counter, &value));
    EQUAL(handle->model->reference.value, value);
    program_note_delivered(handle->model);
    if (!handle->model->attr.track_peak)
        return;
    RETURNS(0, tsc_counter_get_peak(handle->counter, &peak));
    EQUAL(handle->model->reference.peak, peak);
}

/* -------- running -------- */

static const struct operation *find_operation(uint8_t code)
{
    size_t index = code % (attr_operation_count + counter_operation_count + crowd_operation_count);

    if (index < attr_operation_count)
        return &attr_operations[index];
    index -= attr_operation_count;
    if (index < counter_operation_count)
        return &counter_operations[index];
    return &crowd_operations[index - counter_operation_count];
}

struct step {
    struct program *program;
    const struct operation *operation;
    uint8_t choice;
};

static void run_step(const struct step *step)
{
    struct handle *handle;

    if (traced)
        fprintf(stderr, "  %s %d\n", step->operation->name, step->choice);
    handle = step->operation->run(step->program, step->choice);
    if (handle != NULL)
        program_check_value(step->program, handle);
}

static void run_step_by_hand(void *arg)
{
    run_step(arg);
}

/* The thread that runs the program waits meanwhile. */
static void hand_over(struct program *program, struct hand *hand, struct step *step)
{
    const void *thread = program->thread;

    program->thread = hand;
    hand_begin(hand, run_step_by_hand, step);
    hand_end(hand);
    program->thread = thread;
}

/* The low bits of the second byte choose the object, the high bits the thread. */
static void run_operation(struct program *program)
{
    struct step step = {.program = program, .operation = find_operation(input_byte(&program->input))};
    uint8_t byte = input_byte(&program->input);
    size_t place = byte / 32;
    struct hand *hand = place < HANDS ? hands_find_idle(&program->hands, place) : NULL;

    step.choice = byte % 32;
    if (hand != NULL)
        hand_over(program, hand, &step);
    else
        run_step(&step);
}

void program_run_operations(struct program *program, size_t count)
{
    for (size_t i = 0; i < count && input_left(&program->input) != 0; i++)
        run_operation(program);
}

static void begin_program(struct program *program)
{
    for (size_t i = 0; i < ATTRS; i++) {
        RETURNS(0, tsc_counter_attr_create(&program->attrs[i].attr));
        model_attr_init(&program->attrs[i].model);
    }
}

static void unref_all(struct handle *handle)
{
    while (handle->references-- > 0)
        LEAVES_ERRNO(tsc_counter_unref(handle->counter));
}

static void end_program(struct program *program)
{
    for (size_t i = 0; i < HANDLES; i++) {
        program_check_value(program, &program->handles[i]);
        if (program->handles[i].counter != NULL)
            unref_all(&program->handles[i]);
    }
    for (size_t i = 0; i < ATTRS; i++)
        LEAVES_ERRNO(tsc_counter_attr_destroy(program->attrs[i].attr));
    for (size_t i = 0; i < OWNERS; i++) {
        while (program->owners[i].references-- > 0)
            LEAVES_ERRNO(tsc_owner_unref(program->owners[i].owner));
    }
    hands_dismiss(&program->hands);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct program program = {.input = {.next = data, .end = data + size}};

    traced = getenv("TSC_FUZZ_TRACE") != NULL;
    begin_program(&program);
    program_run_operations(&program, SIZE_MAX);
    end_program(&program);
    return 0;
}
