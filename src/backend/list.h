/* SPDX-License-Identifier: MIT */
/*
 * The list of backends: ROW(NUMBER, name, capabilities), in the order of TSC_BACKEND_NUMBER, one row a line. The
 * library, the program, the build (src/meson.build reads the rows) and the tests are made from it.
 *
 * The row has all capabilities, also those that follow from the table of operations: a build without the backend
 * returns them, too.
 */
#ifndef TSC_BACKEND_LIST_H
#define TSC_BACKEND_LIST_H

#define TSC_BACKENDS(ROW) \
    ROW(MUTEX, mutex, TSC_CAPS_EXACT | TSC_CAP_UPDATE) \
    ROW(ATOMIC, atomic, TSC_CAPS_EXACT | TSC_CAPS_WHERE_LOCK_FREE) \
    ROW(QUEUE, queue, TSC_CAPS_EXACT | TSC_CAP_UPDATE | TSC_CAP_ASYNC) \
    ROW(PERCPU, percpu, TSC_CAPS_WHERE_LOCK_FREE)

#define TSC_CAPS_EXACT (TSC_CAP_LINEARIZABLE | TSC_CAP_FETCH | TSC_CAP_BOUNDS | TSC_CAP_PEAK)
#define TSC_CAPS_WHERE_LOCK_FREE \
    (ATOMIC_LLONG_LOCK_FREE == 2 ? TSC_CAP_SIGNAL_SAFE | TSC_CAP_LOCK_FREE : UINT64_C(0))

#define TSC_COUNT_ROW(NUMBER, name, capabilities) +1
#define TSC_BACKEND_COUNT (0 TSC_BACKENDS(TSC_COUNT_ROW))

#endif
