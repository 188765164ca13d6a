/* SPDX-License-Identifier: MIT */
#include "metrics.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <tscounter/metrics.h>

static const char *const types[] = {
    [TSC_METRICS_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
    [TSC_METRICS_TEXT] = "text/plain; version=0.0.4; charset=utf-8",
};

/* A media range of the Accept header, such as "text/plain;version=0.0.4;q=0.5". */
struct range {
    const char *type;
    size_t type_bytes;
    const char *version; /* NULL: none is given */
    size_t version_bytes;
    double quality;
};

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* The length without the blanks at the end, up to any of the stops. */
static size_t length_until(const char *text, const char *stops)
{
    size_t length = strcspn(text, stops);

    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    return length;
}

/* "version=1.0.0" or "q=0.5"; all others are ignored. */
static void read_parameter(const char *text, struct range *range)
{
    size_t length = length_until(text, ",;");

    if (strncasecmp(text, "q=", 2) == 0)
        range->quality = strtod(text + 2, NULL);
    if (strncasecmp(text, "version=", 8) != 0)
        return;
    range->version = text + 8;
    range->version_bytes = length - 8;
    if (range->version_bytes >= 2 && range->version[0] == '"') {
        range->version++;
        range->version_bytes -= 2;
    }
}

/* Returns the rest of the header. */
static const char *read_range(const char *header, struct range *range)
{
    *range = (struct range){.type = skip_blanks(header), .quality = 1};
    range->type_bytes = length_until(range->type, ",;");
    header = range->type + strcspn(range->type, ",;");
    while (*header == ';') {
        header = skip_blanks(header + 1);
        read_parameter(header, range);
        header += strcspn(header, ",;");
    }
    return *header == ',' ? header + 1 : header;
}

static bool is_type(const struct range *range, const char *type)
{
    return range->type_bytes == strlen(type) && strncasecmp(range->type, type, range->type_bytes) == 0;
}

static bool allows_version(const struct range *range, const char *version)
{
    return range->version == NULL ||
           (range->version_bytes == strlen(version) && memcmp(range->version, version, range->version_bytes) == 0);
}

/* How exactly the range names Prometheus' text format; 0: not at all. */
static int names_text(const struct range *range)
{
    if (is_type(range, "text/plain") && allows_version(range, "0.0.4"))
        return 3;
    return is_type(range, "text/*") ? 2 : is_type(range, "*/*") ? 1 : 0;
}

/* OpenMetrics only for a client that names it. */
uint32_t metrics_format(const char *accept)
{
    double openmetrics = 0;
    double text = 0;
    int exactness = 0;
    struct range range;

    while (accept != NULL && *accept != '\0') {
        accept = read_range(accept, &range);
        if (is_type(&range, "application/openmetrics-text") && allows_version(&range, "1.0.0"))
            openmetrics = range.quality;
        if (names_text(&range) > exactness) {
            exactness = names_text(&range);
            text = range.quality;
        }
    }
    return openmetrics > 0 && openmetrics >= text ? TSC_METRICS_OPENMETRICS : TSC_METRICS_TEXT;
}

const char *metrics_type(uint32_t format)
{
    return types[format];
}

static int append(const char *text, size_t bytes, void *out)
{
    return fwrite(text, 1, bytes, out) == bytes ? 0 : -ENOMEM;
}

int metrics_text(uint32_t format, char **text, size_t *size)
{
    FILE *out = open_memstream(text, size);

    if (out == NULL)
        return -ENOMEM;
    int error = tsc_metrics_write(format, NULL, append, out);
    if (fclose(out) && error == 0)
        error = -ENOMEM;
    if (error)
        free(*text);
    return error;
}
