/* SPDX-License-Identifier: MIT */
/* The points of the library at which the tests interfere. */
#ifndef POINTS_POINT_H
#define POINTS_POINT_H

#include <stdbool.h>
#include <stddef.h>

#include "subject.h"
#include "test-point.h"

/* The actions at a point. */
enum action { PAUSE = 1, YIELD = 2, SIGNAL = 4, FORK = 8 };

struct tsc_test_point {
    const char *name;
    bool (*is_passed_by)(const struct variant *variant); /* under the load of load.h */
    unsigned int actions;                                /* those that the contract allows */
    bool in_fork;
};

extern struct tsc_test_point *const points[];
extern const size_t point_count;

#endif
