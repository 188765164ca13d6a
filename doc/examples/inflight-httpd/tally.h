/* SPDX-License-Identifier: MIT */
/* One way of counting requests: those in flight, all of them, and the most that were in flight at once. */
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

/* The i-th name that tally_open() may know, NULL behind the last. */
const char *tally_name(uint32_t i);

/* 0, -EINVAL where there is no such way of counting, -ENOTSUP where the library was built without it. */
int tally_open(struct tally *tally, const char *name);

extern const struct tally_ops racy_ops;

#endif
