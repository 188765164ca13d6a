/* SPDX-License-Identifier: MIT */
#ifndef TSC_METRICS_FAMILIES_H
#define TSC_METRICS_FAMILIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tscounter/attr.h>

/* The numbers of one counter, or of several with the same name. */
struct tsc_metrics_sample {
    struct tsc_metrics_sample *next; /* in the order of creation */
    size_t number;
    struct tsc_metrics_family *family;
    struct tsc_metrics_sample *next_in_bucket;
    tsc_kind_t kind;
    bool has_peak;
    int64_t value;
    int64_t peak;
    size_t metric_bytes; /* of the name; 0 if the name is not valid */
    const char *name;
    const char *help;
    char *labels;
    char text[]; /* of the three */
};

/* A name that belongs to a family, in a list of those with the same hash. */
struct tsc_metrics_reserved {
    struct tsc_metrics_reserved *next;
    struct tsc_metrics_family *family;
    char *name;
};

/* The names of a family. Those of a gauge end with BASE, and PEAK is reserved with the first peak. */
enum { TSC_METRICS_BASE, TSC_METRICS_TOTAL, TSC_METRICS_CREATED, TSC_METRICS_PEAK, TSC_METRICS_NAMES };

/*
 * A family, and that of the peaks of its counters. BASE is the name of a gauge, or of a total without "_total".
 * Both formats have the same samples, so a name clashes if it does in one of them.
 */
struct tsc_metrics_family {
    struct tsc_metrics_family *next; /* in the order of creation */
    size_t number;                   /* of its first sample */
    bool is_total;
    bool is_peak_reserved;
    const char *help; /* "" where no sample has one */
    struct tsc_metrics_reserved names[TSC_METRICS_NAMES];
    char text[]; /* of the names */
};

struct tsc_metrics_families {
    struct tsc_metrics_family *list;
    struct tsc_metrics_reserved **names;
    struct tsc_metrics_sample **samples;
    size_t bucket_mask;                      /* of both */
    struct tsc_metrics_family *fallbacks[2]; /* of names that are not valid or clash: gauges, totals */
};

/* For so many samples. Returns 0 or -ENOMEM. Call tsc_metrics_families_close() in either case. */
int tsc_metrics_families_open(struct tsc_metrics_families *families, size_t samples);
void tsc_metrics_families_close(struct tsc_metrics_families *families);

/*
 * Assigns a sample to its family, or adds it to an earlier one of the same labels and kind. Call it in the order
 * of creation. Stores whether it is a sample of its own. Returns 0 or -ENOMEM.
 */
int tsc_metrics_families_add(struct tsc_metrics_families *families, struct tsc_metrics_sample *sample,
                             bool *is_new);

#endif
