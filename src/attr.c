/* SPDX-License-Identifier: MIT */
#include "attr.h"
#include "queue/owner.h"
#include "sanitizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tscounter/tscounter.h>

const struct tsc_counter_attr tsc_counter_attr_default = {
    .queue_capacity = TSC_QUEUE_CAPACITY_DEFAULT,
};

void *tsc_attr_copy(const void *defaults, size_t bytes)
{
    int saved_errno = errno;
    void *copy = malloc(bytes);

    errno = saved_errno;
    if (copy == NULL)
        return NULL;
    memcpy(copy, defaults, bytes);
    tsc_sanitizer_stored(copy, bytes);
    return copy;
}

int tsc_counter_attr_create(tsc_counter_attr_t **attr)
{
    struct tsc_counter_attr *created;

    if (attr == NULL)
        return -EINVAL;
    created = tsc_attr_copy(&tsc_counter_attr_default, sizeof(*created));
    if (created == NULL)
        return -ENOMEM;
    *attr = created;
    tsc_sanitizer_stored(attr, sizeof(*attr));
    return 0;
}

void tsc_counter_attr_destroy(tsc_counter_attr_t *attr)
{
    if (attr == NULL)
        return;
    tsc_owner_unref(attr->owner);
    free(attr);
}

int tsc_counter_attr_set_initial(tsc_counter_attr_t *attr, int64_t initial)
{
    if (attr == NULL)
        return -EINVAL;
    attr->initial = initial;
    return 0;
}

int tsc_counter_attr_set_bounds(tsc_counter_attr_t *attr, int64_t min, int64_t max, uint32_t policy)
{
    if (attr == NULL || min > max || policy > TSC_BOUNDS_CLAMP)
        return -EINVAL;
    attr->bounds = (struct tsc_bounds){
        .min = min,
        .max = max,
        .bounded = true,
        .clamp = policy == TSC_BOUNDS_CLAMP,
        .total = attr->bounds.total,
    };
    return 0;
}

const char *tsc_kind_name(tsc_kind_t kind)
{
    static const char *const names[] = {
        [TSC_KIND_GAUGE] = "gauge",
        [TSC_KIND_TOTAL] = "total",
        [TSC_KIND_HELD] = "held",
    };

    return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : NULL;
}

int tsc_counter_attr_set_kind(tsc_counter_attr_t *attr, tsc_kind_t kind)
{
    if (attr == NULL || tsc_kind_name(kind) == NULL)
        return -EINVAL;
    attr->kind = kind;
    attr->bounds.total = kind == TSC_KIND_TOTAL;
    return 0;
}

int tsc_counter_attr_set_track_peak(tsc_counter_attr_t *attr, int enabled)
{
    if (attr == NULL)
        return -EINVAL;
    attr->track_peak = enabled != 0;
    return 0;
}

int tsc_counter_attr_set_queue_capacity(tsc_counter_attr_t *attr, size_t messages)
{
    if (attr == NULL || messages == 0 || messages > TSC_QUEUE_CAPACITY_MAX)
        return -EINVAL;
    attr->queue_capacity = messages;
    return 0;
}

int tsc_counter_attr_set_owner(tsc_counter_attr_t *attr, tsc_owner_t *owner)
{
    struct tsc_owner *former;

    if (attr == NULL || owner == NULL)
        return -EINVAL;
    former = attr->owner;
    attr->owner = tsc_owner_ref(owner);
    tsc_owner_unref(former);
    return 0;
}

/* Length of the UTF-8 sequence at `text` (RFC 3629: shortest form, no surrogates, at most U+10FFFF), or 0. */
static size_t utf8_sequence(const unsigned char *text)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high;
        size_t bytes;
    } forms[] = {
        {0x01, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
        if (text[0] < forms[form].first_low || text[0] > forms[form].first_high)
            continue;
        if (forms[form].bytes > 1 && (text[1] < forms[form].second_low || text[1] > forms[form].second_high))
            return 0;
        for (size_t byte = 2; byte < forms[form].bytes; byte++)
            if ((text[byte] & 0xc0) != 0x80)
                return 0;
        return forms[form].bytes;
    }
    return 0;
}

static bool is_utf8(const char *text)
{
    while (*text != '\0') {
        size_t bytes = utf8_sequence((const unsigned char *)text);

        if (bytes == 0)
            return false;
        text += bytes;
    }
    return true;
}

static int set_text(char *copy, const char *text)
{
    size_t bytes;

    if (text == NULL)
        return -EINVAL;
    bytes = strnlen(text, TSC_TEXT_MAX_BYTES + 1);
    if (bytes > TSC_TEXT_MAX_BYTES || !is_utf8(text))
        return -EINVAL;
    memcpy(copy, text, bytes + 1);
    return 0;
}

int tsc_counter_attr_set_name(tsc_counter_attr_t *attr, const char *name)
{
    return attr == NULL ? -EINVAL : set_text(attr->name, name);
}

int tsc_counter_attr_set_help(tsc_counter_attr_t *attr, const char *help)
{
    return attr == NULL ? -EINVAL : set_text(attr->help, help);
}
