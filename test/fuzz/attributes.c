/* SPDX-License-Identifier: MIT */
/* Operations on attributes and owners, and queries of backends. */
#include "program.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "support/backends.h"

/* A queue allocates memory for its messages. */
enum { CAPACITY_TO_MAKE_MAX = 4096 };

static struct handle *attr_create(struct program *program, uint8_t choice)
{
    struct attr_slot *slot = program_choose_attr(program, choice);

    if (slot == NULL) {
        RETURNS(-EINVAL, tsc_counter_attr_create(NULL));
        return NULL;
    }
    LEAVES_ERRNO(tsc_counter_attr_destroy(slot->attr));
    RETURNS(0, tsc_counter_attr_create(&slot->attr));
    HOLDS(slot->attr != NULL);
    model_attr_init(&slot->model);
    return NULL;
}

static struct handle *attr_destroy(struct program *program, uint8_t choice)
{
    struct attr_slot *slot = program_choose_attr(program, choice);

    LEAVES_ERRNO(tsc_counter_attr_destroy(slot == NULL ? NULL : slot->attr));
    if (slot != NULL)
        *slot = (struct attr_slot){.attr = NULL};
    return NULL;
}

/* The attributes that a setter gets, and their model; the model is NULL if the attributes are. */
static tsc_counter_attr_t *attr_to_set(struct program *program, uint8_t choice, struct model_attr **model)
{
    struct attr_slot *slot = program_choose_attr(program, choice);

    *model = slot == NULL || slot->attr == NULL ? NULL : &slot->model;
    return *model == NULL ? NULL : slot->attr;
}

static struct handle *attr_set_initial(struct program *program, uint8_t choice)
{
    struct model_attr *model;
    tsc_counter_attr_t *attr = attr_to_set(program, choice, &model);
    int64_t initial = program_take_number(program, NULL);

    RETURNS(model == NULL ? -EINVAL : 0, tsc_counter_attr_set_initial(attr, initial));
    if (model != NULL)
        model->initial = initial;
    return NULL;
}

static uint32_t take_policy(struct program *program)
{
    static const uint32_t policies[] = {TSC_BOUNDS_REJECT, TSC_BOUNDS_CLAMP, TSC_BOUNDS_CLAMP + 1, UINT32_MAX};
    uint8_t byte = input_byte(&program->input);

    return byte < 128 ? policies[byte % 2] : policies[byte % 4];
}

static struct handle *attr_set_bounds(struct program *program, uint8_t choice)
{
    struct model_attr *model;
    tsc_counter_attr_t *attr = attr_to_set(program, choice, &model);
    int64_t min = program_take_number(program, NULL);
    int64_t max = program_take_number(program, NULL);
    uint32_t policy = take_policy(program);
    int expected = model == NULL ? -EINVAL : model_attr_set_bounds(model, min, max, policy);

    RETURNS(expected, tsc_counter_attr_set_bounds(attr, min, max, policy));
    return NULL;
}

static struct handle *attr_set_kind(struct program *program, uint8_t choice)
{
    static const tsc_kind_t kinds[] = {TSC_KIND_GAUGE, TSC_KIND_TOTAL, TSC_KIND_HELD, TSC_KIND_HELD + 1,
                                       UINT32_MAX};
    struct model_attr *model;
    tsc_counter_attr_t *attr = attr_to_set(program, choice, &model);
    tsc_kind_t kind = kinds[input_byte(&program->input) % (sizeof kinds / sizeof kinds[0])];
    int expected = model == NULL ? -EINVAL : model_attr_set_kind(model, kind);

    RETURNS(expected, tsc_counter_attr_set_kind(attr, kind));
    return NULL;
}

static struct handle *attr_set_track_peak(struct program *program, uint8_t choice)
{
    static const int values[] = {1, 0, -1, 2, INT_MIN, INT_MAX, 256};
    struct model_attr *model;
    tsc_counter_attr_t *attr = attr_to_set(program, choice, &model);
    int enabled = values[input_byte(&program->input) % (sizeof values / sizeof values[0])];

    RETURNS(model == NULL ? -EINVAL : 0, tsc_counter_attr_set_track_peak(attr, enabled));
    if (model != NULL)
        model->track_peak = enabled != 0;
    return NULL;
}

static struct handle *attr_set_queue_capacity(struct program *program, uint8_t choice)
{
    struct model_attr *model;
    tsc_counter_attr_t *attr = attr_to_set(program, choice, &model);
    size_t capacity = program_take_capacity(program);
    int expected = model == NULL ? -EINVAL : model_check_capacity(capacity);

    RETURNS(expected, tsc_counter_attr_set_queue_capacity(attr, capacity));
    if (expected == 0)
        model->capacity = capacity;
    return NULL;
}

static struct handle *attr_set_owner(struct program *program, uint8_t choice)
{
    struct model_attr *model;
    tsc_counter_attr_t *attr = attr_to_set(program, choice, &model);
    struct owner_slot *slot = program_choose_owner(program, input_byte(&program->input));
    tsc_owner_t *owner = slot == NULL ? NULL : slot->owner;
    int expected = model == NULL || owner == NULL ? -EINVAL : 0;

    RETURNS(expected, tsc_counter_attr_set_owner(attr, owner));
    if (expected == 0)
        model->owner = slot->model;
    return NULL;
}

static struct handle *set_text(struct program *program, uint8_t choice,
                               int (*in_model)(struct model_attr *attr, const char *text),
                               int (*call)(tsc_counter_attr_t *attr, const char *text))
{
    struct model_attr *model;
    tsc_counter_attr_t *attr = attr_to_set(program, choice, &model);
    char *text = choice == NO_OUTPUT ? NULL : program_take_text(program);
    int expected = model == NULL || text == NULL ? -EINVAL : in_model(model, text);

    RETURNS(expected, call(attr, text));
    free(text);
    return NULL;
}

static struct handle *attr_set_name(struct program *program, uint8_t choice)
{
    return set_text(program, choice, model_attr_set_name, tsc_counter_attr_set_name);
}

static struct handle *attr_set_help(struct program *program, uint8_t choice)
{
    return set_text(program, choice, model_attr_set_help, tsc_counter_attr_set_help);
}

/* -------- owners -------- */

static struct owner_slot *find_empty_owner_slot(struct program *program)
{
    for (size_t i = 0; i < OWNERS; i++) {
        if (program->owners[i].owner == NULL)
            return &program->owners[i];
    }
    return NULL;
}

/* Creates attributes from the input; returns the capacity that they ask for. */
static size_t make_owner_attr(struct program *program, tsc_owner_attr_t **attr)
{
    size_t capacity = program_take_capacity(program);
    char *name = program_take_text(program);
    int expected = model_check_capacity(capacity);

    RETURNS(0, tsc_owner_attr_create(attr));
    RETURNS(expected, tsc_owner_attr_set_queue_capacity(*attr, capacity));
    RETURNS(strlen(name) <= MODEL_THREAD_NAME_MAX_BYTES ? 0 : -EINVAL,
            tsc_owner_attr_set_thread_name(*attr, name));
    free(name);
    return expected == 0 ? capacity : model_default_capacity;
}

static void make_owner(struct program *program, struct owner_slot *slot, const tsc_owner_attr_t *attr,
                       size_t capacity)
{
    tsc_owner_t *const untouched = (tsc_owner_t *)&slot->owner;
    tsc_owner_t *owner = untouched;
    int expected = support_is_built(TSC_BACKEND_QUEUE) ? 0 : -ENOTSUP;

    RETURNS(expected, tsc_owner_create(&owner, attr));
    if (expected != 0) {
        HOLDS(owner == untouched);
        return;
    }
    HOLDS(owner != NULL && owner != untouched);
    slot->owner = owner;
    slot->references = 1;
    slot->model = &program->owner_models[program->owner_model_count++];
    slot->model->capacity = model_capacity(capacity);
}

static struct handle *owner_create(struct program *program, uint8_t choice)
{
    struct owner_slot *slot = find_empty_owner_slot(program);
    tsc_owner_attr_t *attr = NULL;
    size_t capacity = model_default_capacity;

    if (choice % 2 == 1)
        capacity = make_owner_attr(program, &attr);
    if (choice == NO_HANDLE)
        RETURNS(-EINVAL, tsc_owner_create(NULL, attr));
    else if (slot != NULL && program->owner_model_count < OWNER_MODELS_MAX && capacity <= CAPACITY_TO_MAKE_MAX)
        make_owner(program, slot, attr, capacity);
    LEAVES_ERRNO(tsc_owner_attr_destroy(attr));
    return NULL;
}

static struct handle *owner_attr_null(struct program *program, uint8_t choice)
{
    tsc_owner_attr_t *attr;

    (void)program;
    (void)choice;
    RETURNS(-EINVAL, tsc_owner_attr_create(NULL));
    RETURNS(-EINVAL, tsc_owner_attr_set_queue_capacity(NULL, 1));
    RETURNS(-EINVAL, tsc_owner_attr_set_thread_name(NULL, ""));
    RETURNS(0, tsc_owner_attr_create(&attr));
    RETURNS(-EINVAL, tsc_owner_attr_set_thread_name(attr, NULL));
    LEAVES_ERRNO(tsc_owner_attr_destroy(attr));
    return NULL;
}

static struct handle *owner_ref(struct program *program, uint8_t choice)
{
    struct owner_slot *slot = program_choose_owner(program, choice);
    tsc_owner_t *owner = slot == NULL ? NULL : slot->owner;

    LEAVES_ERRNO(HOLDS(tsc_owner_ref(owner) == owner));
    if (owner != NULL)
        slot->references++;
    return NULL;
}

/* The owner lives on in the attributes and counters that name it. */
static struct handle *owner_unref(struct program *program, uint8_t choice)
{
    struct owner_slot *slot = program_choose_owner(program, choice);

    LEAVES_ERRNO(tsc_owner_unref(slot == NULL ? NULL : slot->owner));
    if (slot != NULL && slot->owner != NULL && --slot->references == 0)
        *slot = (struct owner_slot){.owner = NULL};
    return NULL;
}

/* -------- making counters -------- */

static struct handle *find_empty_handle(struct program *program)
{
    for (size_t i = 0; i < HANDLES; i++) {
        if (program->handles[i].counter == NULL)
            return &program->handles[i];
    }
    return NULL;
}

static tsc_backend_t take_backend(struct program *program)
{
    static const tsc_backend_t unknown[] = {TSC_BACKEND_COUNT, 255, INT32_MAX, UINT32_MAX};
    uint8_t byte = input_byte(&program->input);

    return byte < 252 ? byte % (TSC_BACKEND_COUNT) : unknown[byte - 252];
}

static void complete_model(struct program *program, struct model_counter *model)
{
    program->counter_count++;
    if (model->backend != TSC_BACKEND_QUEUE || model->owner != NULL)
        return;
    model->owner = &program->owner_models[program->owner_model_count++];
    model->owner->capacity = model_capacity(model->attr.capacity);
}

static struct handle *make_counter(struct program *program, struct handle *handle, tsc_backend_t backend,
                                   const struct attr_slot *slot)
{
    struct model_counter *model = &program->counters[program->counter_count];
    tsc_counter_t *counter = (tsc_counter_t *)&program->no_handle;
    int expected = model_create(model, backend, &slot->model);

    RETURNS(expected, tsc_counter_create(&counter, backend, slot->attr));
    HOLDS((counter != NULL) == (expected == 0));
    if (expected != 0)
        return NULL;
    complete_model(program, model);
    *handle = (struct handle){.counter = counter, .model = model, .references = 1};
    return handle;
}

static struct handle *create(struct program *program, uint8_t choice)
{
    struct attr_slot none = {.attr = NULL};
    tsc_backend_t backend = take_backend(program);
    struct attr_slot *slot = program_choose_attr(program, input_byte(&program->input));
    struct handle *handle = find_empty_handle(program);

    if (slot == NULL || slot->attr == NULL) {
        model_attr_init(&none.model);
        slot = &none;
    }
    if (choice == NO_HANDLE) {
        RETURNS(-EINVAL, tsc_counter_create(NULL, backend, slot->attr));
        return NULL;
    }
    if (handle == NULL || program->counter_count == COUNTERS_MAX ||
        program->owner_model_count == OWNER_MODELS_MAX || slot->model.capacity > CAPACITY_TO_MAKE_MAX)
        return NULL;
    return make_counter(program, handle, backend, slot);
}

/* -------- backends -------- */

static void check_caps(tsc_backend_t backend)
{
    uint64_t caps = UNTOUCHED;

    RETURNS(0, tsc_backend_get_caps(backend, &caps));
    EQUAL((int64_t)model_caps(backend), (int64_t)caps);
}

static struct handle *ask_about_backend(struct program *program, uint8_t choice)
{
    tsc_backend_t backend = take_backend(program);
    const char *expected = model_backend_name(backend);
    const char *name;
    uint64_t caps = UNTOUCHED;

    (void)choice;
    LEAVES_ERRNO(name = tsc_backend_name(backend));
    HOLDS((name == NULL) == (expected == NULL));
    RETURNS(-EINVAL, tsc_backend_get_caps(backend, NULL));
    if (expected == NULL) {
        RETURNS(-EINVAL, tsc_backend_get_caps(backend, &caps));
        EQUAL(UNTOUCHED, (int64_t)caps);
    } else {
        HOLDS(strcmp(name, expected) == 0);
        check_caps(backend);
    }
    return NULL;
}

static struct handle *find_backend_by_name(struct program *program, uint8_t choice)
{
    char *text = program_take_text(program);
    const char *name = choice < TSC_BACKEND_COUNT ? model_backend_name(choice) : text;
    tsc_backend_t expected = UNTOUCHED;
    tsc_backend_t backend = UNTOUCHED;

    for (tsc_backend_t candidate = 0; model_backend_name(candidate) != NULL; candidate++) {
        if (strcmp(model_backend_name(candidate), name) == 0)
            expected = candidate;
    }
    RETURNS(expected == UNTOUCHED ? -EINVAL : 0, tsc_backend_from_name(name, &backend));
    EQUAL(expected, backend);
    RETURNS(-EINVAL, tsc_backend_from_name(name, NULL));
    RETURNS(-EINVAL, tsc_backend_from_name(NULL, &backend));
    EQUAL(expected, backend);
    free(text);
    return NULL;
}

const struct operation attr_operations[] = {
    {"attr_create", attr_create},
    {"attr_destroy", attr_destroy},
    {"attr_set_initial", attr_set_initial},
    {"attr_set_bounds", attr_set_bounds},
    {"attr_set_track_peak", attr_set_track_peak},
    {"attr_set_queue_capacity", attr_set_queue_capacity},
    {"attr_set_owner", attr_set_owner},
    {"attr_set_name", attr_set_name},
    {"attr_set_help", attr_set_help},
    {"attr_set_kind", attr_set_kind},
    {"owner_create", owner_create},
    {"owner_attr_null", owner_attr_null},
    {"owner_ref", owner_ref},
    {"owner_unref", owner_unref},
    {"create", create},
    {"ask_about_backend", ask_about_backend},
    {"find_backend_by_name", find_backend_by_name},
};
const size_t attr_operation_count = sizeof attr_operations / sizeof attr_operations[0];
