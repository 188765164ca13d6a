/* SPDX-License-Identifier: MIT */
/* One way of counting requests: in flight, total, and peak in flight. */
#ifndef TALLY_H
#define TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

struct tally_reading {
    int64_t in_flight;
    int64_t total;
    int64_t peak;
    bool has_peak;
};

struct tally;

struct tally_ops {
    int (*enter)(struct tally *tally); /* 0, or -ESHUTDOWN once a drain has begun */
    void (*count)(struct tally *tally);
    void (*leave)(struct tally *tally);
    void (*read)(struct tally *tally, struct tally_reading *reading);
    int (*drain)(struct tally *tally, int64_t timeout_ns); /* 0 or -ETIMEDOUT */
    void (*close)(struct tally *tally);
};

struct tally {
    const char *name;
    const struct tally_ops *ops;
    tsc_counter_t *in_flight;
    tsc_counter_t *total;
};

/* The i-th name for tally_open(); NULL after the last. */
const char *tally_name(uint32_t i);

/* Returns 0, -EINVAL for an unknown name, or -ENOTSUP if the library was built without that backend. */
int tally_open(struct tally *tally, const char *name);

extern const struct tally_ops racy_ops;

#endif
