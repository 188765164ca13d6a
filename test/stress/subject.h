/* SPDX-License-Identifier: MIT */
/* What the stress suites count with: every variant of a counter that this build can make. */
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
    size_t queue_capacity; /* 0: as it comes */
    bool shared_owner;
    bool track_peak;
    bool bounded; /* so far out that nothing reaches the bounds, for what bounds cost in code */
};

/* How many variants this build can make of the backends that have all of these capabilities, and one of them. */
size_t variants_with(uint64_t caps);
const struct variant *variant_at(int index, uint64_t caps);

/* One test for each of those variants, which it finds with variant_at(_i, caps). */
void add_variant_test(TCase *tcase, const TTest *test, uint64_t caps);

/* Whether TSC_TEST_SKIP has the test, or TEST:BACKEND; that it is skipped is then told. */
bool variant_is_skipped(const TTest *test, const struct variant *variant);

bool variant_has(const struct variant *variant, uint64_t caps);

/* How often a thread adds, and how often it calls what the owner of a queue has to answer. */
uint64_t variant_adds(const struct variant *variant);
uint64_t variant_calls(const struct variant *variant);
size_t stress_threads(void);

/* A counter under test. One with a shared owner has siblings that another thread keeps busy meanwhile. */
struct subject {
    const struct variant *variant;
    tsc_counter_t *counter;
    struct witness witness;
    struct siblings *siblings;
};

/* The attributes of a variant, to be changed and handed to subject_open. */
tsc_counter_attr_t *variant_attr(const struct variant *variant);

/* Makes the counter, and destroys the attributes. */
void subject_open(struct subject *subject, const struct variant *variant, tsc_counter_attr_t *attr);

/* Drops the counter; the test fails where a worker has seen something against the contract. */
void subject_close(struct subject *subject);

/* In the child of a fork, where no other thread is: drops the counter and its siblings. */
void subject_drop_in_child(struct subject *subject);

void subject_assert_value(const struct subject *subject, int64_t expected);

/* Keeps a counter inside an update callback, which has already raised the value that it is to commit, from
 * hold_begin to hold_end, which answers what update answered. */
struct hold *hold_begin(tsc_counter_t *counter, int64_t raise);
int hold_end(struct hold *hold);

/* The thread that called update; on the mutex the callback runs on it. */
pthread_t hold_thread(const struct hold *hold);

#endif
