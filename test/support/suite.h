/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_SUITE_H
#define SUPPORT_SUITE_H

#include <check.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Adds a test case to the suite. TSC_TEST_TIMEOUT_SCALE multiplies the timeout of its tests. */
TCase *support_add_case(Suite *suite, const char *name, double timeout_seconds);

/* Whether TSC_TEST_SKIP, a list of names, contains this test. If so, prints that it is skipped. */
bool support_is_skipped(const char *test);

/* Whether it contains the test, or TEST:PART, where a part is, for example, a backend. */
bool support_part_is_skipped(const char *test, const char *part);

/*
 * Runs the suite as CK_FORK and CK_RUN_CASE say. Returns the exit status of main. Prints the results as TAP to
 * standard output, and Check's report to standard error. A suite without tests fails, unless some were skipped.
 */
int support_run_suite(Suite *suite);

#ifdef __cplusplus
}
#endif

#endif
