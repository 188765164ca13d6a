/* SPDX-License-Identifier: MIT */
#include "metrics/text.h"

#include "sanitizer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void flush(struct tsc_metrics_text *text)
{
    int result;

    if (text->bytes == 0)
        return;
    tsc_sanitizer_stored(text->chunk, text->bytes);
    tsc_sanitizer_call(3);
    result = text->write(text->chunk, text->bytes, text->arg);
    text->error = result > 0 ? -EINVAL : result;
    text->bytes = 0;
}

static void put(struct tsc_metrics_text *text, char c)
{
    if (text->bytes == sizeof(text->chunk))
        flush(text);
    if (!text->error)
        text->chunk[text->bytes++] = c;
}

static void put_text(struct tsc_metrics_text *text, const char *string)
{
    for (; *string != '\0'; string++)
        put(text, *string);
}

/* A quotation mark is escaped in OpenMetrics alone. */
static void put_help(struct tsc_metrics_text *text, const char *help)
{
    for (; *help != '\0'; help++) {
        if (*help == '\\' || *help == '\n' || (*help == '"' && text->format == TSC_METRICS_OPENMETRICS))
            put(text, '\\');
        put(text, *help == '\n' ? 'n' : *help);
    }
}

static void put_head(struct tsc_metrics_text *text, const char *name, const char *help, const char *type)
{
    if (help[0] != '\0') {
        put_text(text, "# HELP ");
        put_text(text, name);
        put(text, ' ');
        put_help(text, help);
        put(text, '\n');
    }
    put_text(text, "# TYPE ");
    put_text(text, name);
    put(text, ' ');
    put_text(text, type);
    put(text, '\n');
}

static void put_sample(struct tsc_metrics_text *text, const char *name, const char *labels, const char *value)
{
    put_text(text, name);
    if (labels[0] != '\0') {
        put(text, '{');
        put_text(text, labels);
        put(text, '}');
    }
    put(text, ' ');
    put_text(text, value);
    put(text, '\n');
}

/* -------- families -------- */

/* A total never falls, so one below 0 has passed INT64_MAX. As an unsigned number it is still right. */
static void put_value(struct tsc_metrics_text *text, const struct tsc_metrics_sample *sample)
{
    const struct tsc_metrics_family *family = sample->family;
    char value[sizeof("-9223372036854775808")];

    snprintf(value, sizeof(value), family->is_total ? "%" PRIu64 : "%" PRId64, sample->value);
    put_sample(text, family->names[family->is_total ? TSC_METRICS_TOTAL : TSC_METRICS_BASE].name, sample->labels,
               value);
}

static void put_values(struct tsc_metrics_text *text, struct tsc_metrics_sample *const *samples, size_t count)
{
    const struct tsc_metrics_family *family = samples[0]->family;
    const bool is_named_by_sample = family->is_total && text->format == TSC_METRICS_TEXT;

    put_head(text, family->names[is_named_by_sample ? TSC_METRICS_TOTAL : TSC_METRICS_BASE].name, family->help,
             family->is_total ? "counter" : "gauge");
    for (size_t i = 0; i < count; i++)
        put_value(text, samples[i]);
}

/* The head comes with the first peak, if there is one. */
static void put_peaks(struct tsc_metrics_text *text, struct tsc_metrics_sample *const *samples, size_t count)
{
    const struct tsc_metrics_family *family = samples[0]->family;
    const char *name = family->names[TSC_METRICS_PEAK].name;
    char value[sizeof("-9223372036854775808")];
    bool has_head = false;

    for (size_t i = 0; i < count; i++) {
        if (!samples[i]->has_peak)
            continue;
        if (!has_head)
            put_head(text, name, family->help, "gauge");
        has_head = true;
        snprintf(value, sizeof(value), "%" PRId64, samples[i]->peak);
        put_sample(text, name, samples[i]->labels, value);
    }
}

int tsc_metrics_write_text(struct tsc_metrics_text *text, struct tsc_metrics_sample *const *samples, size_t count)
{
    size_t same;

    for (; count > 0; samples += same, count -= same) {
        for (same = 1; same < count && samples[same]->family == samples[0]->family;)
            same++;
        put_values(text, samples, same);
        put_peaks(text, samples, same);
    }
    if (text->format == TSC_METRICS_OPENMETRICS)
        put_text(text, "# EOF\n");
    flush(text);
    return text->error;
}
