/* SPDX-License-Identifier: MIT */
#include "metrics/families.h"

#include "bounds.h"
#include "metrics/name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNUSED SIZE_MAX /* the number of a family without samples */

static const char total_suffix[] = "_total";

static const char *const suffixes[TSC_METRICS_NAMES] = {
    [TSC_METRICS_BASE] = "",
    [TSC_METRICS_TOTAL] = total_suffix,
    [TSC_METRICS_CREATED] = "_created",
    [TSC_METRICS_PEAK] = "_peak",
};

enum { LONGEST_SUFFIX = sizeof("_created") - 1, BUCKETS_PER_SAMPLE = 4 };

static const char *const fallback_names[] = {[false] = "tscounter", [true] = "tscounter_counted"};

/* -------- the reserved names -------- */

/* FNV-1a, with a number before the text. */
static size_t hash(size_t number, const char *text)
{
    const uint32_t prime = UINT32_C(16777619);
    uint32_t sum = (UINT32_C(2166136261) ^ (uint32_t)number) * prime;

    for (; *text != '\0'; text++)
        sum = (sum ^ (unsigned char)*text) * prime;
    return sum;
}

static struct tsc_metrics_reserved **name_bucket(struct tsc_metrics_families *families, const char *name)
{
    return &families->names[hash(0, name) & families->bucket_mask];
}

static struct tsc_metrics_reserved *find(struct tsc_metrics_families *families, const char *name)
{
    struct tsc_metrics_reserved *found = *name_bucket(families, name);

    while (found != NULL && strcmp(found->name, name) != 0)
        found = found->next;
    return found;
}

static void reserve(struct tsc_metrics_families *families, struct tsc_metrics_family *family, size_t which)
{
    struct tsc_metrics_reserved *reserved = &family->names[which];
    struct tsc_metrics_reserved **bucket = name_bucket(families, reserved->name);

    reserved->family = family;
    reserved->next = *bucket;
    *bucket = reserved;
}

static bool is_free(struct tsc_metrics_families *families, struct tsc_metrics_family *family, size_t which)
{
    return find(families, family->names[which].name) == NULL;
}

/* -------- families -------- */

/* The length without "_total" at the end. */
static size_t length_of_base(const char *name, size_t bytes)
{
    const size_t suffix_bytes = sizeof(total_suffix) - 1;

    if (bytes < suffix_bytes || memcmp(name + bytes - suffix_bytes, total_suffix, suffix_bytes) != 0)
        return bytes;
    return bytes - suffix_bytes;
}

/* A family that is not listed, with its names, which are not reserved; or NULL. */
static struct tsc_metrics_family *make_family(const char *base, size_t bytes, bool is_total)
{
    struct tsc_metrics_family *family =
        calloc(1, sizeof(*family) + TSC_METRICS_NAMES * (bytes + LONGEST_SUFFIX + 1));
    char *text;

    if (family == NULL)
        return NULL;
    family->number = UNUSED;
    family->is_total = is_total;
    family->help = "";
    text = family->text;
    for (size_t i = 0; i < TSC_METRICS_NAMES; i++) {
        size_t name_bytes = i == TSC_METRICS_PEAK && !is_total ? length_of_base(base, bytes) : bytes;

        family->names[i].name = text;
        text = stpcpy(mempcpy(text, base, name_bytes), suffixes[i]) + 1;
    }
    return family;
}

static void list_family(struct tsc_metrics_families *families, struct tsc_metrics_family *family)
{
    size_t last = family->is_total ? TSC_METRICS_CREATED : TSC_METRICS_BASE;

    family->next = families->list;
    families->list = family;
    for (size_t i = 0; i <= last; i++)
        reserve(families, family, i);
}

static void reserve_peak(struct tsc_metrics_families *families, struct tsc_metrics_family *family)
{
    if (family->is_peak_reserved)
        return;
    family->is_peak_reserved = true;
    reserve(families, family, TSC_METRICS_PEAK);
}

static bool are_free(struct tsc_metrics_families *families, struct tsc_metrics_family *family)
{
    if (!is_free(families, family, TSC_METRICS_BASE))
        return false;
    return !family->is_total ||
           (is_free(families, family, TSC_METRICS_TOTAL) && is_free(families, family, TSC_METRICS_CREATED));
}

/* The family with this base that is listed, or else the new one if none of its names is taken; or NULL. */
static struct tsc_metrics_family *listed_or_new(struct tsc_metrics_families *families,
                                                struct tsc_metrics_family *new_family)
{
    struct tsc_metrics_reserved *found = find(families, new_family->names[TSC_METRICS_BASE].name);

    if (found != NULL && found == &found->family->names[TSC_METRICS_BASE] &&
        found->family->is_total == new_family->is_total)
        return found->family;
    return are_free(families, new_family) ? new_family : NULL;
}

/* -------- samples -------- */

static bool is_total(const struct tsc_metrics_sample *sample)
{
    return sample->kind == TSC_KIND_TOTAL;
}

static struct tsc_metrics_sample **sample_bucket(struct tsc_metrics_families *families,
                                                 const struct tsc_metrics_family *family, const char *labels)
{
    return &families->samples[hash(family->number, labels) & families->bucket_mask];
}

static struct tsc_metrics_sample *find_sample(struct tsc_metrics_families *families,
                                              const struct tsc_metrics_family *family, const char *labels)
{
    struct tsc_metrics_sample *found = *sample_bucket(families, family, labels);

    while (found != NULL && (found->family != family || strcmp(found->labels, labels) != 0))
        found = found->next_in_bucket;
    return found;
}

/* Whether the names of an earlier counter prevent the sample from being in the family of its name. */
static bool clashes(struct tsc_metrics_families *families, struct tsc_metrics_family *family,
                    const struct tsc_metrics_sample *sample)
{
    const struct tsc_metrics_sample *same = find_sample(families, family, sample->labels);

    if (same != NULL && same->kind != sample->kind)
        return true;
    return sample->has_peak && !family->is_peak_reserved && !is_free(families, family, TSC_METRICS_PEAK);
}

/*
 * Stores the family of the sample's own name, or NULL if the name is not valid or clashes: nothing is reserved
 * then. Returns 0 or -ENOMEM.
 */
static int find_family(struct tsc_metrics_families *families, const struct tsc_metrics_sample *sample,
                       struct tsc_metrics_family **family)
{
    size_t bytes = is_total(sample) ? length_of_base(sample->name, sample->metric_bytes) : sample->metric_bytes;
    struct tsc_metrics_family *created;

    *family = NULL;
    if (bytes == 0)
        return 0;
    created = make_family(sample->name, bytes, is_total(sample));
    if (created == NULL)
        return -ENOMEM;
    *family = listed_or_new(families, created);
    if (*family != NULL && clashes(families, *family, sample))
        *family = NULL;
    if (*family == created)
        list_family(families, created);
    else
        free(created);
    return 0;
}

static void merge(struct tsc_metrics_sample *sample, const struct tsc_metrics_sample *other)
{
    sample->value = tsc_wrapping_add(sample->value, other->value);
    if (!other->has_peak)
        return;
    if (!sample->has_peak || sample->peak < other->peak)
        sample->peak = other->peak;
    sample->has_peak = true;
}

/* Whether it is a sample of its own. */
static bool join_family(struct tsc_metrics_families *families, struct tsc_metrics_family *family,
                        struct tsc_metrics_sample *sample)
{
    struct tsc_metrics_sample **bucket;
    struct tsc_metrics_sample *same;

    if (sample->has_peak)
        reserve_peak(families, family);
    if (family->number == UNUSED)
        family->number = sample->number;
    if (family->help[0] == '\0')
        family->help = sample->help;
    same = find_sample(families, family, sample->labels);
    if (same != NULL) {
        merge(same, sample);
        return false;
    }
    bucket = sample_bucket(families, family, sample->labels);
    sample->family = family;
    sample->next_in_bucket = *bucket;
    *bucket = sample;
    return true;
}

int tsc_metrics_families_add(struct tsc_metrics_families *families, struct tsc_metrics_sample *sample,
                             bool *is_new)
{
    struct tsc_metrics_family *family;
    int error = find_family(families, sample, &family);

    if (error)
        return error;
    if (family == NULL) {
        family = families->fallbacks[is_total(sample)];
        tsc_metrics_write_label(sample->name, sample->labels);
    }
    *is_new = join_family(families, family, sample);
    return 0;
}

/* -------- beginning and end -------- */

/* Their names are never free, whether a counter needs them or not. */
static int add_fallback(struct tsc_metrics_families *families, bool is_total)
{
    const char *name = fallback_names[is_total];
    struct tsc_metrics_family *family = make_family(name, strlen(name), is_total);

    if (family == NULL)
        return -ENOMEM;
    families->fallbacks[is_total] = family;
    list_family(families, family);
    reserve_peak(families, family);
    return 0;
}

int tsc_metrics_families_open(struct tsc_metrics_families *families, size_t samples)
{
    size_t buckets = 1;
    int error;

    *families = (struct tsc_metrics_families){.list = NULL};
    while (buckets < samples * BUCKETS_PER_SAMPLE)
        buckets *= 2;
    families->bucket_mask = buckets - 1;
    families->names = calloc(buckets, sizeof(*families->names));
    families->samples = calloc(buckets, sizeof(*families->samples));
    if (families->names == NULL || families->samples == NULL)
        return -ENOMEM;
    error = add_fallback(families, false);
    return error ? error : add_fallback(families, true);
}

void tsc_metrics_families_close(struct tsc_metrics_families *families)
{
    struct tsc_metrics_family *family;

    while ((family = families->list) != NULL) {
        families->list = family->next;
        free(family);
    }
    free(families->names);
    free(families->samples);
}
