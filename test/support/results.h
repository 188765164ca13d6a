/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_RESULTS_H
#define SUPPORT_RESULTS_H

#include <check.h>
#include <errno.h>

/* No operation leaves this value in an output or in errno. */
enum { UNTOUCHED = 20571 };

/* The call returns this result and leaves errno unchanged. */
#define RETURNS(expected, call) \
    do { \
        int result_; \
        int errno_; \
\
        errno = UNTOUCHED; \
        result_ = (call); \
        errno_ = errno; \
        ck_assert_int_eq(result_, (expected)); \
        ck_assert_int_eq(errno_, UNTOUCHED); \
    } while (0)

#define HOLDS(counter, expected) \
    do { \
        int64_t value_ = UNTOUCHED; \
\
        RETURNS(0, tsc_counter_get((counter), &value_)); \
        ck_assert_int_eq(value_, (expected)); \
    } while (0)

#endif
