/* SPDX-License-Identifier: MIT */
/* A counter under test, of one of the variants, for the suites stress, fork, points and steps. */
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
#include "support/variants.h"
#include "witness.h"

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
