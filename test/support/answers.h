/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_ANSWERS_H
#define SUPPORT_ANSWERS_H

#include <check.h>
#include <errno.h>

/* No operation leaves this value in an output or in errno. */
enum { UNTOUCHED = 20571 };

/* The call returns this result and leaves errno unchanged. */
#define ANSWERS(expected, call) \
    do { \
        int answer_; \
        int errno_; \
\
        errno = UNTOUCHED; \
        answer_ = (call); \
        errno_ = errno; \
        ck_assert_int_eq(answer_, (expected)); \
        ck_assert_int_eq(errno_, UNTOUCHED); \
    } while (0)

#define HOLDS(counter, expected) \
    do { \
        int64_t value_ = UNTOUCHED; \
\
        ANSWERS(0, tsc_counter_get((counter), &value_)); \
        ck_assert_int_eq(value_, (expected)); \
    } while (0)

#endif
