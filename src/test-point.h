/* SPDX-License-Identifier: MIT */
#ifndef TSC_TEST_POINT_H
#define TSC_TEST_POINT_H

/*
 * Named points at which a test can interfere: in the middle of what has to hold whatever happens there. They are
 * nothing in the library; test/points builds its sources again with TSC_TEST_POINTS, and defines each point and
 * what happens there. A point that no test defines does not link.
 */
#ifdef TSC_TEST_POINTS

struct tsc_test_point;

void tsc_test_point_reached(struct tsc_test_point *point);

#define TSC_TEST_POINT(name) \
    do { \
        extern struct tsc_test_point tsc_test_point_##name; \
\
        tsc_test_point_reached(&tsc_test_point_##name); \
    } while (0)

#else

#define TSC_TEST_POINT(name) ((void)0)

#endif

#endif
