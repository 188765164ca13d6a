/* SPDX-License-Identifier: MIT */
/* Numbers and layouts that programs have compiled in from the headers, as in 1.0. No line here ever changes. */
#include <stddef.h>

#include <tscounter/guard.h>
#include <tscounter/metrics.h>
#include <tscounter/tscounter.h>

#define IS(number, value) _Static_assert((number) == (value), #number)
#define HAS_TYPE(expression, type) \
    _Static_assert(_Generic((expression), type : 1, default : 0), #expression " has the type " #type)

IS(TSC_BACKEND_MUTEX, 0);
IS(TSC_BACKEND_ATOMIC, 1);
IS(TSC_BACKEND_QUEUE, 2);
IS(TSC_BACKEND_PERCPU, 3);

IS(TSC_CAP_LINEARIZABLE, 1);
IS(TSC_CAP_FETCH, 2);
IS(TSC_CAP_BOUNDS, 4);
IS(TSC_CAP_PEAK, 8);
IS(TSC_CAP_UPDATE, 16);
IS(TSC_CAP_ASYNC, 32);
IS(TSC_CAP_SIGNAL_SAFE, 64);
IS(TSC_CAP_LOCK_FREE, 128);

IS(TSC_BOUNDS_REJECT, 0);
IS(TSC_BOUNDS_CLAMP, 1);

IS(TSC_METRICS_OPENMETRICS, 0);
IS(TSC_METRICS_TEXT, 1);

IS(TSC_VERSION_NUMBER, TSC_VERSION_MAJOR * 0x10000 + TSC_VERSION_MINOR * 0x100 + TSC_VERSION_PATCH);

HAS_TYPE(((tsc_guard_t *)NULL)->counter, tsc_counter_t *);
HAS_TYPE(((tsc_guard_t *)NULL)->error, int);
IS(offsetof(tsc_guard_t, counter), 0);
IS(offsetof(tsc_guard_t, error), sizeof(void *));
IS(sizeof(tsc_guard_t), 2 * sizeof(void *));
