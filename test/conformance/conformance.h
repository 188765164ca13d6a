/* SPDX-License-Identifier: MIT */
/*
 * The contract, tested on every backend by the same code: each test runs once for each variant with the
 * capabilities that it needs.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

#include "support/results.h"
#include "support/variants.h"

/* The backends by default, and a queue on a shared owner; the tests choose peaks and bounds themselves. */
enum { VARIANTS_TRIED = VARIANT_QUEUE_ON_A_SHARED_OWNER + 1 };

uint64_t caps_of(const struct variant *variant);

/*
 * Adds a test that runs for each variant of this build with all of these capabilities. The loop variable _i is the
 * variant's index.
 */
void add_test(TCase *tcase, const TTest *test, uint64_t needed);

/* Adds a test that runs for each variant of this build without this capability. */
void add_test_lacking(TCase *tcase, const TTest *test, uint64_t lacking);

/* The attributes of a test's counter. */
struct options {
    int64_t initial;
    tsc_kind_t kind;
    bool bounded;
    int64_t min;
    int64_t max;
    uint32_t policy;
    bool track_peak;
    size_t queue_capacity; /* 0: the default */
    const char *name;
    const char *help;
    tsc_owner_t *owner; /* NULL: one of its own, or of the variant's */
};

/* With options NULL: the defaults. */
int try_make_counter(tsc_counter_t **counter, const struct variant *variant, const struct options *options);
tsc_counter_t *make_counter(const struct variant *variant, const struct options *options);

/* A counter whose operations never wait for those of another counter. */
tsc_counter_t *make_unrelated_counter(void);

/* A callback of tsc_counter_update() that commits the value that `arg` points to. */
int commit_value(int64_t *value, void *arg);

/* An operation with valid arguments, which returns 0 on an open counter. */
struct operation {
    const char *name;
    uint64_t needs; /* capabilities without which it returns -ENOTSUP */
    int (*call)(tsc_counter_t *counter, int64_t *output, int64_t *other_output);
    bool refused_when_closed;
    bool allowed_in_callback;
    bool cancellation_point;
};

enum { OPERATION_COUNT = 20 };

extern const struct operation operations[OPERATION_COUNT];

/* All operations that lower the value from 2 to 1. They return 0. */
struct way_to_lower {
    uint64_t needs;
    int (*lower)(tsc_counter_t *counter);
};

enum { WAYS_TO_LOWER = 8 };

extern const struct way_to_lower ways_to_lower[WAYS_TO_LOWER];

void add_admission_tests(Suite *suite);
void add_arithmetic_tests(Suite *suite);
void add_bounds_tests(Suite *suite);
void add_callback_tests(Suite *suite);
void add_cancellation_tests(Suite *suite);
void add_close_tests(Suite *suite);
void add_creation_tests(Suite *suite);
void add_error_tests(Suite *suite);
void add_fairness_tests(Suite *suite);
void add_fetch_tests(Suite *suite);
void add_guard_tests(Suite *suite);
void add_kind_tests(Suite *suite);
void add_listing_tests(Suite *suite);
void add_notify_tests(Suite *suite);
void add_peak_tests(Suite *suite);
void add_queue_tests(Suite *suite);
void add_reference_tests(Suite *suite);
void add_signal_tests(Suite *suite);
void add_update_tests(Suite *suite);
void add_wait_tests(Suite *suite);

#endif
