/* SPDX-License-Identifier: MIT */
#ifndef TSC_METRICS_TEXT_H
#define TSC_METRICS_TEXT_H

#include "metrics/families.h"

#include <tscounter/metrics.h>

enum { TSC_METRICS_CHUNK_BYTES = 8192 };

/* Text on its way to the program's function, which gets it in chunks. After an error it gets no more. */
struct tsc_metrics_text {
    uint32_t format;
    tsc_write_fn write;
    void *arg;
    int error;
    size_t bytes;
    char chunk[TSC_METRICS_CHUNK_BYTES];
};

/* Writes the samples, sorted by family. Returns 0, or a negative value. */
int tsc_metrics_write_text(struct tsc_metrics_text *text, struct tsc_metrics_sample *const *samples, size_t count);

#endif
