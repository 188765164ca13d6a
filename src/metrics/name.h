/* SPDX-License-Identifier: MIT */
#ifndef TSC_METRICS_NAME_H
#define TSC_METRICS_NAME_H

#include <stddef.h>

/*
 * Names of counters as the text formats spell them: `metric` or `metric{label="value",...}`, without spaces. A
 * label that begins with "__" is reserved, so such a name is none.
 */

/* The size of the labels for a name of this length, in either of the two functions. */
#define TSC_METRICS_LABELS_SIZE(name_bytes) (2 * (name_bytes) + sizeof("name=\"\""))

/*
 * Returns the length of the metric's name, with which `name` begins, or 0 if `name` is not valid. Writes the
 * labels without the braces, sorted by name. A label with an empty value is the same as none, and is left out. So
 * two names mean the same sample if their metrics and their labels are equal.
 */
size_t tsc_metrics_parse_name(const char *name, char *labels);

/* Writes one label, `name`, whose value is the name of the counter, escaped. */
void tsc_metrics_write_label(const char *name, char *labels);

#endif
