/* SPDX-License-Identifier: MIT */
/* The text at /metrics, in the format that the client prefers. */
#ifndef METRICS_H
#define METRICS_H

#include <stddef.h>
#include <stdint.h>

/* The format for a client that sends this Accept header; NULL: it sends none. */
uint32_t metrics_format(const char *accept);

/* The Content-Type of a format. */
const char *metrics_type(uint32_t format);

/* Stores the text of all named counters, which the caller frees. Returns 0, or a negative errno value. */
int metrics_text(uint32_t format, char **text, size_t *size);

#endif
