/* SPDX-License-Identifier: MIT */
#ifndef TSC_TEST_POINT_H
#define TSC_TEST_POINT_H

/*
 * A named point where a test can interfere. It expands to nothing in the library. test/points builds the sources
 * with TSC_TEST_POINTS and defines every point; a point that it does not define fails to link.
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
