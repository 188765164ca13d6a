/* SPDX-License-Identifier: MIT */
/* The counters that the suites try: each backend as it is by default, and in other ways. */
#ifndef SUPPORT_VARIANTS_H
#define SUPPORT_VARIANTS_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

#include "../../src/backend/list.h"

struct variant {
    const char *name;
    tsc_backend_t backend;
    size_t queue_capacity; /* 0: the default */
    bool shared_owner;
    bool track_peak;
    bool bounded;
};

/* variants[TSC_BACKEND_NUMBER] is that backend by default, even if this build does not have it. */
enum { VARIANT_QUEUE_ON_A_SHARED_OWNER = TSC_BACKEND_COUNT };

extern const struct variant variants[];
extern const int variant_count;

/* Whether the backend has all of these capabilities. Asserts nothing, so also for use outside tests. */
bool variant_has(const struct variant *variant, uint64_t caps);

/* Whether this build can create such a counter. */
bool variant_is_built(const struct variant *variant);

/* The first variant that this build can create and that has these capabilities, or NULL. */
const struct variant *variant_with(uint64_t caps);

/* Adds one test for each variant that this build can create and that has these capabilities. Its loop variable _i
 * is the index of the variant. */
void add_variant_test(TCase *tcase, const TTest *test, uint64_t caps);

/* Whether TSC_TEST_SKIP contains the test, or TEST:BACKEND. If so, prints that it is skipped. */
bool variant_is_skipped(const TTest *test, const struct variant *variant);

#endif
