/* SPDX-License-Identifier: MIT */
#include "metrics/name.h"

#include <stdbool.h>
#include <string.h>

enum { LABELS_MAX = 64 }; /* a name has at most 255 bytes, and a label with its comma at least 5 */

struct label {
    const char *name;
    size_t name_bytes;
    size_t bytes; /* of name="value" */
    bool is_empty;
};

struct labels {
    struct label list[LABELS_MAX];
    size_t count;
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t metric_length(const char *text)
{
    size_t length = 0;

    while (is_letter(text[length]) || text[length] == ':' || (length > 0 && is_digit(text[length])))
        length++;
    return length;
}

static size_t label_name_length(const char *text)
{
    size_t length = 0;

    while (is_letter(text[length]) || (length > 0 && is_digit(text[length])))
        length++;
    return strncmp(text, "__", 2) == 0 ? 0 : length;
}

/* The length of a value with its quotes, or 0. */
static size_t value_length(const char *text)
{
    size_t length = 1;

    if (text[0] != '"')
        return 0;
    for (; text[length] != '"'; length++) {
        if (text[length] == '\\' &&
            (text[length + 1] == '\\' || text[length + 1] == '"' || text[length + 1] == 'n'))
            length++;
        else if (text[length] == '\0' || text[length] == '\n' || text[length] == '\\')
            return 0;
    }
    return length + 1;
}

/* Whether there is a label at the beginning of the text. */
static bool parse_label(const char *text, struct label *label)
{
    size_t value_bytes;

    label->name = text;
    label->name_bytes = label_name_length(text);
    if (label->name_bytes == 0 || text[label->name_bytes] != '=')
        return false;
    value_bytes = value_length(text + label->name_bytes + 1);
    label->bytes = label->name_bytes + 1 + value_bytes;
    label->is_empty = value_bytes == strlen("\"\"");
    return value_bytes != 0;
}

/* Below, at or above 0, as the first label's name comes before the second's, is the same, or comes behind it. */
static int compare_names(const struct label *label, const struct label *other)
{
    size_t shorter = label->name_bytes < other->name_bytes ? label->name_bytes : other->name_bytes;
    int order = strncmp(label->name, other->name, shorter);

    return order != 0 ? order : (int)label->name_bytes - (int)other->name_bytes;
}

/* Whether there was no label of this name yet. */
static bool insert_label(struct labels *labels, const struct label *label)
{
    size_t place = labels->count;

    while (place > 0 && compare_names(&labels->list[place - 1], label) > 0)
        place--;
    if (place > 0 && compare_names(&labels->list[place - 1], label) == 0)
        return false;
    memmove(&labels->list[place + 1], &labels->list[place], (labels->count - place) * sizeof(*label));
    labels->list[place] = *label;
    labels->count++;
    return true;
}

/* Whether the text is nothing but a list of labels in braces. */
static bool parse_labels(const char *text, struct labels *labels)
{
    struct label label;

    if (strcmp(text, "{}") == 0)
        return true;
    do {
        text++; /* the opening brace, or a comma */
        if (!parse_label(text, &label) || !insert_label(labels, &label))
            return false;
        text += label.bytes;
    } while (*text == ',');
    return strcmp(text, "}") == 0;
}

static void join_labels(const struct labels *labels, char *text)
{
    const char *separator = "";

    *text = '\0';
    for (size_t i = 0; i < labels->count; i++) {
        if (labels->list[i].is_empty)
            continue;
        text = stpcpy(text, separator);
        text = mempcpy(text, labels->list[i].name, labels->list[i].bytes);
        *text = '\0';
        separator = ",";
    }
}

size_t tsc_metrics_parse_name(const char *name, char *labels)
{
    struct labels parsed = {.count = 0};
    size_t metric_bytes = metric_length(name);
    const char *rest = name + metric_bytes;

    if (metric_bytes == 0 || (*rest != '\0' && (*rest != '{' || !parse_labels(rest, &parsed))))
        return 0;
    join_labels(&parsed, labels);
    return metric_bytes;
}

void tsc_metrics_write_label(const char *name, char *labels)
{
    labels = stpcpy(labels, "name=\"");
    for (; *name != '\0'; name++) {
        if (*name == '\\' || *name == '"' || *name == '\n')
            *labels++ = '\\';
        *labels++ = *name == '\n' ? 'n' : *name;
    }
    strcpy(labels, "\"");
}
