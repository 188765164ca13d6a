/* SPDX-License-Identifier: MIT */
/* The counters of the stress suites: every variant that this build can make. */
#ifndef STRESS_SUBJECT_H
#define STRESS_SUBJECT_H

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

#include "support/random.h"
#include "witness.h"

struct variant {
    const char *name;
    tsc_backend_t backend;
    size_t queue_capacity; /* 0: the default */
    bool shared_owner;
    bool track_peak;
    bool bounded; /* the bounds are never reached: they only select the code for bounds */
};

/* The number of this build's variants with all of these capabilities, and the index-th of them. */
size_t variants_with(uint64_t caps);
const struct variant *variant_at(int index, uint64_t caps);

/* Adds one test for each of those variants, which it gets by variant_at(_i, caps). */
void add_variant_test(TCase *tcase, const TTest *test, uint64_t caps);

/* Whether TSC_TEST_SKIP contains the test, or TEST:BACKEND. If so, prints that it is skipped. */
bool variant_is_skipped(const TTest *test, const struct variant *variant);

bool variant_has(const struct variant *variant, uint64_t caps);

/* How often a thread adds, and how often it makes calls that wait for a reply of the queue's owner. */
uint64_t variant_adds(const struct variant *variant);
uint64_t variant_calls(const struct variant *variant);
size_t stress_threads(void);

/* A counter under test. If its owner is shared, another thread keeps its siblings busy meanwhile. */
struct subject {
    const struct variant *variant;
    tsc_counter_t *counter;
    struct witness witness;
    struct siblings *siblings;
};

/* The attributes of a variant, to be changed and passed to subject_open. */
tsc_counter_attr_t *variant_attr(const struct variant *variant);

/* Creates the counter, and destroys the attributes. */
void subject_open(struct subject *subject, const struct variant *variant, tsc_counter_attr_t *attr);

/* Drops the counter. The test fails if a worker has seen a violation of the contract. */
void subject_close(struct subject *subject);

/* In a forked child, without other threads: drops the counter and its siblings. */
void subject_drop_in_child(struct subject *subject);

void subject_assert_value(const struct subject *subject, int64_t expected);

/*
 * Keeps a counter inside an update callback from hold_begin to hold_end. The callback has already raised the value
 * that it will commit. hold_end returns what update returned.
 */
struct hold *hold_begin(tsc_counter_t *counter, int64_t raise);
int hold_end(struct hold *hold);

/* The thread that called update; on the mutex the callback runs on it. */
pthread_t hold_thread(const struct hold *hold);

#endif
