/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "support/backends.h"

enum { MAX_CAPACITY = 16777216 };

const size_t model_default_capacity = 1024;

#define BACKEND(NUMBER, name, capabilities) [TSC_BACKEND_##NUMBER] = {#name, capabilities},

static const struct {
    const char *name;
    uint64_t caps;
} backends[] = {TSC_BACKENDS(BACKEND)};

const char *model_backend_name(tsc_backend_t backend)
{
    return backend < sizeof backends / sizeof backends[0] ? backends[backend].name : NULL;
}

uint64_t model_caps(tsc_backend_t backend)
{
    return backends[backend].caps;
}

bool model_has(const struct model_counter *counter, uint64_t caps)
{
    return (model_caps(counter->backend) & caps) == caps;
}

/* -------- attributes -------- */

void model_attr_init(struct model_attr *attr)
{
    *attr = (struct model_attr){.capacity = model_default_capacity};
}

int model_attr_set_bounds(struct model_attr *attr, int64_t min, int64_t max, uint32_t policy)
{
    if (max < min || (policy != TSC_BOUNDS_REJECT && policy != TSC_BOUNDS_CLAMP))
        return -EINVAL;
    attr->bounds =
        (struct reference_bounds){.set = true, .clamp = policy == TSC_BOUNDS_CLAMP, .min = min, .max = max};
    return 0;
}

int model_attr_set_kind(struct model_attr *attr, tsc_kind_t kind)
{
    if (kind > TSC_KIND_HELD)
        return -EINVAL;
    attr->kind = kind;
    return 0;
}

/* Returns the code point at `*text`, which moves past it; -1 if there is none. */
static int32_t decode_utf8(const unsigned char **text)
{
    static const int32_t first_of_length[] = {0, 0x80, 0x800, 0x10000};
    int32_t point = *(*text)++;
    int following = point < 0x80 ? 0 : point >> 5 == 0x6 ? 1 : point >> 4 == 0xe ? 2 : point >> 3 == 0x1e ? 3 : -1;

    if (following < 0)
        return -1;
    if (following > 0)
        point &= 0x3f >> following;
    for (int i = 0; i < following; i++, (*text)++) {
        if (**text < 0x80 || **text > 0xbf)
            return -1;
        point = point * 64 + (**text - 0x80);
    }
    if (point < first_of_length[following] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return -1;
    return point;
}

static int set_text(char *copy, const char *text)
{
    if (strlen(text) > MODEL_TEXT_MAX_BYTES)
        return -EINVAL;
    for (const unsigned char *next = (const unsigned char *)text; *next != '\0';) {
        if (decode_utf8(&next) < 0)
            return -EINVAL;
    }
    strcpy(copy, text);
    return 0;
}

int model_attr_set_name(struct model_attr *attr, const char *name)
{
    return set_text(attr->name, name);
}

int model_attr_set_help(struct model_attr *attr, const char *help)
{
    return set_text(attr->help, help);
}

int model_check_capacity(size_t messages)
{
    return messages >= 1 && messages <= MAX_CAPACITY ? 0 : -EINVAL;
}

size_t model_capacity(size_t messages)
{
    size_t capacity = MAX_CAPACITY;

    while (capacity / 2 >= messages)
        capacity /= 2;
    return capacity;
}

/* -------- counters -------- */

int model_create(struct model_counter *counter, tsc_backend_t backend, const struct model_attr *attr)
{
    const struct reference_bounds *bounds = &attr->bounds;

    if (model_backend_name(backend) == NULL || (attr->owner != NULL && backend != TSC_BACKEND_QUEUE))
        return -EINVAL;
    if (!support_is_built(backend) || (bounds->set && !(model_caps(backend) & TSC_CAP_BOUNDS)) ||
        (attr->track_peak && !(model_caps(backend) & TSC_CAP_PEAK)))
        return -ENOTSUP;
    if (bounds->set && (attr->initial < bounds->min || attr->initial > bounds->max))
        return -ERANGE;
    if (attr->kind == TSC_KIND_TOTAL && attr->initial < 0)
        return -ERANGE;
    *counter = (struct model_counter){
        .backend = backend,
        .attr = *attr,
        .owner = attr->owner,
        .reference = {.bounds = attr->bounds,
                      .total = attr->kind == TSC_KIND_TOTAL,
                      .value = attr->initial,
                      .peak = attr->initial},
    };
    return 0;
}

uint64_t model_counter_caps(const struct model_counter *counter)
{
    uint64_t caps = model_caps(counter->backend);

    if (!counter->attr.track_peak)
        caps &= ~TSC_CAP_PEAK;
    return caps & ~(counter->attr.bounds.set ? TSC_CAP_ASYNC : TSC_CAP_BOUNDS);
}

int64_t model_delta(const struct model_counter *counter, int64_t cursor)
{
    int64_t delta;

    (void)__builtin_sub_overflow(counter->reference.value, cursor, &delta);
    return delta;
}

void model_delay(struct model_counter *counter, int64_t delta)
{
    struct model_owner *owner = counter->owner;

    owner->delayed[owner->delayed_count].counter = counter;
    owner->delayed[owner->delayed_count].delta = delta;
    owner->delayed_count++;
}

void model_apply_delayed(struct model_owner *owner)
{
    int64_t previous;

    for (size_t i = 0; i < owner->delayed_count; i++)
        (void)reference_add(&owner->delayed[i].counter->reference, owner->delayed[i].delta, &previous);
    owner->delayed_count = 0;
}
