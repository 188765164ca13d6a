/* SPDX-License-Identifier: MIT */
/* The checkers, on known histories: each is right, and wrong after one change. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "excuses.h"
#include "linear.h"
#include "model.h"
#include "percpu.h"
#include "support/random.h"
#include "support/suite.h"
#include "support/threads.h"

enum { KNOWN_CALLS_MAX = 6, CHANGES_MAX = 2 };

enum field { NO_CHANGE, RESULT, OUTPUT, OUTPUT_2, INVOKED, RETURNED };

struct known {
    const char *wrong; /* the fault, once it is changed */
    struct attributes attributes;
    bool closed; /* initially */
    struct {
        size_t thread;
        struct call call;
    } calls[KNOWN_CALLS_MAX];
    struct {
        enum field field;
        size_t call;
        int64_t value;
    } changes[CHANGES_MAX];
};

/* -------- notation -------- */

#define CALL(number, from, to, name, returns, ...) \
    { \
        .thread = (number), .call = { \
            .operation = (name), \
            .invoked = (from), \
            .returned = (to), \
            .result = (returns), \
            __VA_ARGS__ \
        } \
    }
#define ARGUMENTS(...) .argument = {__VA_ARGS__}
#define OUTPUTS(...) .output = {__VA_ARGS__}
#define NO_OUTPUT OUTPUTS(UNTOUCHED, UNTOUCHED)
#define ONE_OUTPUT(value) OUTPUTS(value, UNTOUCHED)

#define DID_ADD(thread, from, to, delta, returns) CALL(thread, from, to, ADD, returns, ARGUMENTS(delta), NO_OUTPUT)
#define DID_TRY_ADD(thread, from, to, delta, returns) \
    CALL(thread, from, to, TRY_ADD, returns, ARGUMENTS(delta), NO_OUTPUT)
#define DID_GET(thread, from, to, value) CALL(thread, from, to, GET, 0, ONE_OUTPUT(value))
#define DID_GET_AT_ONCE(thread, from, to, value) \
    CALL(thread, from, to, GET, 0, ONE_OUTPUT(value), .is_at_once = true)
#define DID_GET_INTERVAL_AT_ONCE(thread, from, to, low, high) \
    CALL(thread, from, to, GET_INTERVAL, 0, OUTPUTS(low, high), .is_at_once = true)
#define DID_POLL_AT_ONCE(thread, from, to, threshold, returns) \
    CALL(thread, from, to, WAIT_AT_MOST, returns, ARGUMENTS(threshold, 0), NO_OUTPUT, .is_at_once = true)
#define DID_GET_INTERVAL(thread, from, to, low, high) CALL(thread, from, to, GET_INTERVAL, 0, OUTPUTS(low, high))
#define DID_GET_DELTA(thread, from, to, cursor, delta, after) \
    CALL(thread, from, to, GET_DELTA, 0, ARGUMENTS(cursor), OUTPUTS(delta, after))
#define DID_GET_PEAK(thread, from, to, peak) CALL(thread, from, to, GET_PEAK, 0, ONE_OUTPUT(peak))
#define DID_FETCH_ADD(thread, from, to, delta, returns, previous) \
    CALL(thread, from, to, FETCH_ADD, returns, ARGUMENTS(delta), ONE_OUTPUT(previous))
#define DID_SET(thread, from, to, value, returns) CALL(thread, from, to, SET, returns, ARGUMENTS(value), NO_OUTPUT)
#define DID_EXCHANGE(thread, from, to, value, previous) \
    CALL(thread, from, to, EXCHANGE, 0, ARGUMENTS(value), ONE_OUTPUT(previous))
#define DID_COMPARE_EXCHANGE(thread, from, to, expected, desired, returns, found) \
    CALL(thread, from, to, COMPARE_EXCHANGE, returns, ARGUMENTS(expected, desired), ONE_OUTPUT(found))
#define DID_TAKE_PEAK(thread, from, to, peak) CALL(thread, from, to, TAKE_PEAK, 0, ONE_OUTPUT(peak))
#define DID_GET_BOUNDS(thread, from, to, min, max) CALL(thread, from, to, GET_BOUNDS, 0, OUTPUTS(min, max))
#define DID_SET_BOUNDS(thread, from, to, min, max) \
    CALL(thread, from, to, SET_BOUNDS, 0, ARGUMENTS(min, max), NO_OUTPUT)
#define DID_WAIT_ADD(thread, from, to, delta, returns) \
    CALL(thread, from, to, WAIT_ADD, returns, ARGUMENTS(delta), NO_OUTPUT)
#define DID_UPDATE(thread, from, to, delta, callback_returns, returns, seen) \
    CALL(thread, from, to, UPDATE, returns, ARGUMENTS(delta, callback_returns), OUTPUTS(seen, 1))
#define DID_FLUSH(thread, from, to) CALL(thread, from, to, FLUSH, 0, NO_OUTPUT)
#define DID_CLOSE(thread, from, to) CALL(thread, from, to, CLOSE, 0, NO_OUTPUT)
#define DID_WAIT(thread, from, to, threshold, timeout, returns) \
    CALL(thread, from, to, WAIT_AT_MOST, returns, ARGUMENTS(threshold, timeout), NO_OUTPUT)
#define DID_HELD_WAIT(thread, from, to, threshold, timeout, returns) \
    CALL(thread, from, to, WAIT_AT_MOST, returns, ARGUMENTS(threshold, timeout), NO_OUTPUT, .is_held = true)

#define ON_MUTEX .attributes = {.backend = TSC_BACKEND_MUTEX}
#define ON_ATOMIC .attributes = {.backend = TSC_BACKEND_ATOMIC}
#define ON_QUEUE_OF(messages) \
    .attributes = {.backend = TSC_BACKEND_QUEUE, .queue_capacity = (messages), .counters = 1}
#define ON_PERCPU .attributes = {.backend = TSC_BACKEND_PERCPU}
#define WITH_PEAK(name) .attributes = {.backend = (name), .track_peak = true}
#define FROM(value) .attributes = {.backend = TSC_BACKEND_MUTEX, .initial = (value)}
#define WITHIN(from, low, high, what) \
    .attributes = {.backend = TSC_BACKEND_MUTEX, \
                   .initial = (from), \
                   .bounded = true, \
                   .min = (low), \
                   .max = (high), \
                   .policy = (what)}

#define TOTAL_ON(name, from) .attributes = {.backend = (name), .initial = (from), .total = true}
#define CLAMPED_TOTAL(from, low, high) \
    .attributes = {.backend = TSC_BACKEND_MUTEX, \
                   .initial = (from), \
                   .total = true, \
                   .bounded = true, \
                   .min = (low), \
                   .max = (high), \
                   .policy = TSC_BOUNDS_CLAMP}

#define ATOMIC_WITHIN(value, low, high) \
    .attributes = {.backend = TSC_BACKEND_ATOMIC, .initial = (value), .bounded = true, .min = (low), .max = (high)}

static const struct known known[] = {
    /* -------- order -------- */
    {"a read misses an addition that had returned", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 10, 5, 0), DID_GET(1, 5, 20, 0)}, .changes = {{INVOKED, 1, 11}}},
    {"a read shows an addition that has not begun", ON_MUTEX,
     .calls = {DID_GET(0, 0, 20, 5), DID_ADD(1, 10, 30, 5, 0)}, .changes = {{RETURNED, 0, 9}}},
    {"a thread's read misses its own addition", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 10, 5, 0), DID_GET(0, 11, 20, 5)}, .changes = {{OUTPUT, 1, 0}}},
    {"an addition is lost", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_ADD(1, 0, 10, 1, 0), DID_GET(0, 20, 30, 2)},
     .changes = {{OUTPUT, 2, 1}}},
    {"an addition is applied twice", ON_MUTEX, .calls = {DID_ADD(0, 0, 10, 1, 0), DID_GET(0, 20, 30, 1)},
     .changes = {{OUTPUT, 1, 2}}},
    {"a read shows what was never held", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 50, 5, 0), DID_ADD(1, 0, 50, 6, 0), DID_GET(2, 10, 20, 6)},
     .changes = {{OUTPUT, 2, 7}}},
    {"a read goes back behind an earlier one", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 100, 5, 0), DID_GET(1, 10, 20, 5), DID_GET(2, 30, 40, 5)},
     .changes = {{OUTPUT, 2, 0}}},
    {"two readers see two additions in opposite orders", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 100, 1, 0), DID_ADD(1, 0, 100, 2, 0), DID_GET(2, 10, 20, 1), DID_GET(3, 10, 20, 1)},
     .changes = {{OUTPUT, 3, 2}}},
    {"an assignment is lost", ON_MUTEX, .calls = {DID_SET(0, 0, 10, 9, 0), DID_GET(1, 20, 30, 9)},
     .changes = {{OUTPUT, 1, 0}}},

    /* -------- outputs of changes -------- */
    {"two threads get the same previous value", ON_ATOMIC,
     .calls = {DID_FETCH_ADD(0, 0, 10, 1, 0, 0), DID_FETCH_ADD(1, 0, 10, 1, 0, 1)}, .changes = {{OUTPUT, 1, 0}}},
    {"an exchanged value is never returned", ON_ATOMIC,
     .calls = {DID_EXCHANGE(0, 0, 10, 7, 0), DID_EXCHANGE(1, 0, 10, 8, 7)}, .changes = {{OUTPUT, 1, 0}}},
    {"two threads exchange the same expected value", ON_ATOMIC,
     .calls = {DID_COMPARE_EXCHANGE(0, 0, 10, 0, 1, 1, 0), DID_COMPARE_EXCHANGE(1, 0, 10, 0, 2, 0, 1)},
     .changes = {{RESULT, 1, 1}, {OUTPUT, 1, 0}}},
    {"an exchange fails though the expected value was held", ON_ATOMIC,
     .calls = {DID_COMPARE_EXCHANGE(0, 0, 10, 0, 1, 1, 0)}, .changes = {{RESULT, 0, 0}}},
    {"a failed exchange returns a value that was never held", ON_ATOMIC,
     .calls = {DID_COMPARE_EXCHANGE(0, 0, 10, 4, 1, 0, 0)}, .changes = {{OUTPUT, 0, 3}}},
    {"the ends of an interval differ", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_GET_INTERVAL(1, 0, 10, 1, 1)}, .changes = {{OUTPUT, 1, 0}}},
    {"a delta is wrong", ON_ATOMIC, .calls = {DID_ADD(0, 0, 10, 5, 0), DID_GET_DELTA(0, 20, 30, 2, 3, 5)},
     .changes = {{OUTPUT, 1, 5}}},
    {"a cursor is not moved to the value", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 10, 5, 0), DID_GET_DELTA(0, 20, 30, 2, 3, 5)},
     .changes = {{OUTPUT, 1, 2}, {OUTPUT_2, 1, 4}}},
    {"a refused call changes its output", ON_MUTEX, .closed = true,
     .calls = {DID_FETCH_ADD(0, 0, 10, 1, -ESHUTDOWN, UNTOUCHED)}, .changes = {{OUTPUT, 0, 0}}},

    /* -------- arithmetic -------- */
    {"a sum does not wrap", FROM(INT64_MAX), .calls = {DID_ADD(0, 0, 10, 1, 0), DID_GET(0, 20, 30, INT64_MIN)},
     .changes = {{OUTPUT, 1, INT64_MAX}}},
    {"a sum exceeds a bound", WITHIN(3, 0, 3, TSC_BOUNDS_REJECT), .calls = {DID_ADD(0, 0, 10, 1, -ERANGE)},
     .changes = {{RESULT, 0, 0}}},
    {"a sum within the bounds is refused", WITHIN(2, 0, 3, TSC_BOUNDS_REJECT), .calls = {DID_ADD(0, 0, 10, 1, 0)},
     .changes = {{RESULT, 0, -ERANGE}}},
    {"a refused sum has an effect", WITHIN(3, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_ADD(0, 0, 10, 1, -ERANGE), DID_GET(0, 20, 30, 3)}, .changes = {{OUTPUT, 1, 4}}},
    {"a sum wraps within bounds", WITHIN(INT64_MAX, INT64_MIN, INT64_MAX, TSC_BOUNDS_REJECT),
     .calls = {DID_ADD(0, 0, 10, 1, -ERANGE)}, .changes = {{RESULT, 0, 0}}},
    {"a sum does not stop at the bound", WITHIN(1, 0, 3, TSC_BOUNDS_CLAMP),
     .calls = {DID_ADD(0, 0, 10, 5, 1), DID_GET(0, 20, 30, 3)}, .changes = {{OUTPUT, 1, 6}}},
    {"a sum stops at the wrong bound", WITHIN(INT64_MIN, INT64_MIN, 3, TSC_BOUNDS_CLAMP),
     .calls = {DID_ADD(0, 0, 10, -5, 1), DID_GET(0, 20, 30, INT64_MIN)}, .changes = {{OUTPUT, 1, 3}}},
    {"a clamped sum does not return 1", WITHIN(1, 0, 3, TSC_BOUNDS_CLAMP), .calls = {DID_ADD(0, 0, 10, 5, 1)},
     .changes = {{RESULT, 0, 0}}},
    {"a sum that is not clamped returns 1", WITHIN(1, 0, 3, TSC_BOUNDS_CLAMP), .calls = {DID_ADD(0, 0, 10, 2, 0)},
     .changes = {{RESULT, 0, 1}}},
    {"a value beyond the bounds is assigned", WITHIN(1, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_SET(0, 0, 10, 4, -ERANGE)}, .changes = {{RESULT, 0, 0}}},
    {"the bounds are checked before the expected value", WITHIN(1, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_COMPARE_EXCHANGE(0, 0, 10, 2, 4, 0, 1)}, .changes = {{RESULT, 0, -ERANGE}, {OUTPUT, 0, 2}}},
    {"a value beyond the bounds is exchanged", WITHIN(1, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_COMPARE_EXCHANGE(0, 0, 10, 1, 4, -ERANGE, 1)}, .changes = {{RESULT, 0, 1}}},
    {"a peak is below a value that was held", WITH_PEAK(TSC_BACKEND_MUTEX),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_ADD(0, 20, 30, -1, 0), DID_GET_PEAK(0, 40, 50, 1)},
     .changes = {{OUTPUT, 2, 0}}},
    {"a peak is above all values that were held", WITH_PEAK(TSC_BACKEND_MUTEX),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_ADD(1, 20, 30, -1, 0), DID_GET_PEAK(1, 40, 50, 1)},
     .changes = {{OUTPUT, 2, 2}}},

    /* -------- totals -------- */
    {"a total is lowered", TOTAL_ON(TSC_BACKEND_ATOMIC, 3), .calls = {DID_ADD(0, 0, 10, -1, -ERANGE)},
     .changes = {{RESULT, 0, 0}}},
    {"a decrement of a total has an effect, though it is refused", TOTAL_ON(TSC_BACKEND_MUTEX, 3),
     .calls = {DID_ADD(0, 0, 10, -1, -ERANGE), DID_GET(0, 20, 30, 3)}, .changes = {{OUTPUT, 1, 2}}},
    {"a total refuses an increment", TOTAL_ON(TSC_BACKEND_MUTEX, 3), .calls = {DID_ADD(0, 0, 10, 1, 0)},
     .changes = {{RESULT, 0, -ERANGE}}},
    {"a total refuses to wrap", TOTAL_ON(TSC_BACKEND_MUTEX, INT64_MAX),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_GET(0, 20, 30, INT64_MIN)},
     .changes = {{RESULT, 0, -ERANGE}, {OUTPUT, 1, INT64_MAX}}},
    {"a total is clamped at its lower bound", CLAMPED_TOTAL(3, 0, 9), .calls = {DID_ADD(0, 0, 10, -5, -ERANGE)},
     .changes = {{RESULT, 0, 1}}},
    {"a total is not clamped at its upper bound", CLAMPED_TOTAL(3, 0, 9),
     .calls = {DID_ADD(0, 0, 10, 7, 1), DID_GET(0, 20, 30, 9)}, .changes = {{RESULT, 0, -ERANGE}, {OUTPUT, 1, 3}}},
    {"a lower value is assigned to a total", TOTAL_ON(TSC_BACKEND_MUTEX, 3),
     .calls = {DID_SET(0, 0, 10, 2, -ERANGE)}, .changes = {{RESULT, 0, 0}}},
    {"a total refuses the value that it holds", TOTAL_ON(TSC_BACKEND_MUTEX, 3), .calls = {DID_SET(0, 0, 10, 3, 0)},
     .changes = {{RESULT, 0, -ERANGE}}},
    {"a total is exchanged for a lower value", TOTAL_ON(TSC_BACKEND_ATOMIC, 3),
     .calls = {DID_COMPARE_EXCHANGE(0, 0, 10, 3, 2, -ERANGE, 3)}, .changes = {{RESULT, 0, 1}}},
    {"a total is checked before the expected value", TOTAL_ON(TSC_BACKEND_ATOMIC, 3),
     .calls = {DID_COMPARE_EXCHANGE(0, 0, 10, 4, 1, 0, 3)}, .changes = {{RESULT, 0, -ERANGE}, {OUTPUT, 0, 4}}},
    {"an exchange lowers what was added meanwhile", TOTAL_ON(TSC_BACKEND_ATOMIC, 0),
     .calls = {DID_ADD(0, 0, 10, 9, 0), DID_SET(1, 5, 20, 5, 0), DID_GET(1, 30, 40, 14)},
     .changes = {{OUTPUT, 2, 5}}},
    {"an update lowers a total", TOTAL_ON(TSC_BACKEND_MUTEX, 3),
     .calls = {DID_UPDATE(0, 0, 10, -1, 0, -ERANGE, 3)}, .changes = {{RESULT, 0, 0}}},
    {"a decrement of a total is refused because it is closed", TOTAL_ON(TSC_BACKEND_MUTEX, 3), .closed = true,
     .calls = {DID_ADD(0, 0, 10, -1, -ERANGE)}, .changes = {{RESULT, 0, -ESHUTDOWN}}},
    {"a total of the per-CPU backend is lowered", TOTAL_ON(TSC_BACKEND_PERCPU, 3),
     .calls = {DID_ADD(0, 0, 10, -1, -ERANGE)}, .changes = {{RESULT, 0, 0}}},
    {"a decrement of a per-CPU total has an effect", TOTAL_ON(TSC_BACKEND_PERCPU, 3),
     .calls = {DID_ADD(0, 0, 10, -1, -ERANGE), DID_GET(0, 5, 20, 3)}, .changes = {{OUTPUT, 1, 2}}},
    {"a read of a per-CPU total falls, as a decrement was refused", TOTAL_ON(TSC_BACKEND_PERCPU, 0),
     .calls = {DID_ADD(0, 0, 100, 1, 0), DID_ADD(1, 0, 100, -1, -ERANGE), DID_GET(2, 10, 20, 1),
               DID_GET(2, 30, 40, 1)},
     .changes = {{OUTPUT, 3, 0}}},
    {"a read at once shows a refused decrement of another thread", TOTAL_ON(TSC_BACKEND_PERCPU, 0),
     .calls = {DID_ADD(0, 0, 20, 1, 0), DID_GET_AT_ONCE(0, 0, 20, 1), DID_ADD(1, 5, 25, -1, -ERANGE)},
     .changes = {{OUTPUT, 1, 0}}},

    /* -------- bounds that change -------- */
    {"former bounds are read", WITHIN(1, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_SET_BOUNDS(0, 0, 10, 0, 5), DID_GET_BOUNDS(1, 5, 20, 0, 3)}, .changes = {{INVOKED, 1, 11}}},
    {"a sum obeys former bounds", WITHIN(1, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_SET_BOUNDS(0, 0, 10, 0, 1), DID_ADD(1, 5, 20, 1, 0)}, .changes = {{INVOKED, 1, 11}}},
    {"a sum outside moves away from the bounds", WITHIN(3, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_SET_BOUNDS(0, 0, 10, 0, 1), DID_ADD(0, 20, 30, 1, -ERANGE)}, .changes = {{RESULT, 1, 0}}},
    {"a sum outside that moves towards the bounds is refused", WITHIN(3, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_SET_BOUNDS(0, 0, 10, 0, 1), DID_ADD(0, 20, 30, -1, 0)}, .changes = {{RESULT, 1, -ERANGE}}},
    {"a clamped sum moves a value outside to the bound", WITHIN(3, 0, 3, TSC_BOUNDS_CLAMP),
     .calls = {DID_SET_BOUNDS(0, 0, 10, 0, 1), DID_ADD(0, 20, 30, 4, 1), DID_GET(0, 40, 50, 3)},
     .changes = {{OUTPUT, 2, 1}}},
    {"a change of the bounds fails", WITHIN(3, 0, 3, TSC_BOUNDS_REJECT), .calls = {DID_SET_BOUNDS(0, 0, 10, 0, 1)},
     .changes = {{RESULT, 0, -EINVAL}}},
    {"a gradual change of the bounds fails", ATOMIC_WITHIN(3, 0, 3), .calls = {DID_SET_BOUNDS(0, 0, 10, 0, 1)},
     .changes = {{RESULT, 0, -EINVAL}}},
    {"after a refusal by new bounds, a linearizable counter obeys former ones", ATOMIC_WITHIN(1, 0, 3),
     .calls = {DID_SET_BOUNDS(0, 0, 100, 0, 1), DID_ADD(1, 10, 20, 1, -ERANGE), DID_ADD(2, 30, 40, 1, 0),
               DID_ADD(1, 90, 110, 1, 0)},
     .changes = {{INVOKED, 3, 101}}},
    {"new bounds are obeyed before their change", ATOMIC_WITHIN(1, 0, 3),
     .calls = {DID_SET_BOUNDS(0, 10, 20, 0, 1), DID_ADD(1, 0, 15, 1, -ERANGE)}, .changes = {{RETURNED, 1, 9}}},

    /* -------- admission -------- */
    {"a wait adds too much", WITHIN(2, 0, 3, TSC_BOUNDS_REJECT), .calls = {DID_WAIT_ADD(0, 0, 10, 2, -ETIMEDOUT)},
     .changes = {{RESULT, 0, 0}}},
    {"a wait misses room", WITHIN(2, 0, 3, TSC_BOUNDS_REJECT), .calls = {DID_WAIT_ADD(0, 0, 10, 1, 0)},
     .changes = {{RESULT, 0, -ETIMEDOUT}}},
    {"a wait that timed out has an effect", WITHIN(2, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_WAIT_ADD(0, 0, 10, 2, -ETIMEDOUT), DID_GET(0, 20, 30, 2)}, .changes = {{OUTPUT, 1, 4}}},
    {"an admission is lost", WITHIN(2, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_WAIT_ADD(0, 0, 10, -2, 0), DID_GET(0, 20, 30, 0)}, .changes = {{OUTPUT, 1, 2}}},
    {"a wait for the impossible times out", WITHIN(2, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_WAIT_ADD(0, 0, 10, 4, -ERANGE)}, .changes = {{RESULT, 0, -ETIMEDOUT}}},
    {"a wait for the possible is out of range", WITHIN(2, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_WAIT_ADD(0, 0, 10, -3, -ETIMEDOUT)}, .changes = {{RESULT, 0, -ERANGE}}},
    {"a closed counter admits", WITHIN(2, 0, 3, TSC_BOUNDS_REJECT), .closed = true,
     .calls = {DID_WAIT_ADD(0, 0, 10, 1, -ESHUTDOWN)}, .changes = {{RESULT, 0, 0}}},
    {"a clamping counter admits", WITHIN(2, 0, 3, TSC_BOUNDS_CLAMP), .calls = {DID_WAIT_ADD(0, 0, 10, 1, -ENOTSUP)},
     .changes = {{RESULT, 0, 0}}},

    /* -------- peaks that are taken -------- */
    {"a taken peak is taken again", WITH_PEAK(TSC_BACKEND_MUTEX),
     .calls = {DID_ADD(0, 0, 10, 5, 0), DID_ADD(0, 20, 30, -5, 0), DID_TAKE_PEAK(0, 40, 50, 5),
               DID_TAKE_PEAK(0, 60, 70, 0)},
     .changes = {{OUTPUT, 3, 5}}},
    {"a peak is read after it was taken", WITH_PEAK(TSC_BACKEND_MUTEX),
     .calls = {DID_ADD(0, 0, 10, 5, 0), DID_ADD(0, 20, 30, -3, 0), DID_TAKE_PEAK(0, 40, 50, 5),
               DID_GET_PEAK(1, 60, 70, 2)},
     .changes = {{OUTPUT, 3, 5}}},
    {"a peak is not taken", WITH_PEAK(TSC_BACKEND_ATOMIC),
     .calls = {DID_ADD(0, 0, 10, 5, 0), DID_ADD(0, 20, 30, -5, 0), DID_TAKE_PEAK(0, 40, 50, 5)},
     .changes = {{OUTPUT, 2, 0}}},
    {"a value held across a take does not count in the next", WITH_PEAK(TSC_BACKEND_ATOMIC),
     .calls = {DID_ADD(0, 0, 10, 5, 0), DID_TAKE_PEAK(0, 20, 30, 5), DID_ADD(0, 40, 50, -5, 0),
               DID_TAKE_PEAK(0, 60, 70, 5)},
     .changes = {{OUTPUT, 3, 0}}},
    {"a value is held during a take and counts in neither", WITH_PEAK(TSC_BACKEND_ATOMIC),
     .calls = {DID_TAKE_PEAK(0, 0, 50, 0), DID_ADD(1, 10, 20, 5, 0), DID_ADD(1, 30, 40, -5, 0),
               DID_TAKE_PEAK(0, 60, 70, 5)},
     .changes = {{OUTPUT, 3, 0}}},
    {"a gradual take fails", WITH_PEAK(TSC_BACKEND_ATOMIC), .calls = {DID_TAKE_PEAK(0, 0, 10, 0)},
     .changes = {{RESULT, 0, -ENOTSUP}}},

    /* -------- update -------- */
    {"a cancelled update has an effect", ON_MUTEX,
     .calls = {DID_UPDATE(0, 0, 10, 3, -ECANCELED, -ECANCELED, 0), DID_GET(0, 20, 30, 0)},
     .changes = {{OUTPUT, 1, 3}}},
    {"an update has an effect though its callback returned an invalid result", ON_MUTEX,
     .calls = {DID_UPDATE(0, 0, 10, 3, 1, -EINVAL, 0), DID_GET(0, 20, 30, 0)}, .changes = {{OUTPUT, 1, 3}}},
    {"an update does not return its callback's result", ON_MUTEX,
     .calls = {DID_UPDATE(0, 0, 10, 3, -ECANCELED, -ECANCELED, 0)}, .changes = {{RESULT, 0, 0}}},
    {"a callback runs twice", ON_MUTEX, .calls = {DID_UPDATE(0, 0, 10, 3, 0, 0, 0)},
     .changes = {{OUTPUT_2, 0, 2}}},
    {"a callback does not run", ON_MUTEX, .calls = {DID_UPDATE(0, 0, 10, 3, 0, 0, 0)},
     .changes = {{OUTPUT, 0, UNTOUCHED}, {OUTPUT_2, 0, 0}}},
    {"two callbacks overlap", ON_MUTEX,
     .calls = {DID_UPDATE(0, 0, 10, 1, 0, 0, 0), DID_UPDATE(1, 0, 10, 1, 0, 0, 1)}, .changes = {{OUTPUT, 1, 0}}},
    {"a callback runs on a backend without update", ON_ATOMIC,
     .calls = {CALL(0, 0, 10, UPDATE, -ENOTSUP, ARGUMENTS(1, 0), OUTPUTS(UNTOUCHED, 0))},
     .changes = {{OUTPUT_2, 0, 1}}},

    /* -------- close -------- */
    {"an addition that began after a close succeeds", ON_MUTEX,
     .calls = {DID_CLOSE(0, 0, 10), DID_ADD(1, 5, 20, 1, 0)}, .changes = {{INVOKED, 1, 11}}},
    {"an addition is refused before any close", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 10, 1, -ESHUTDOWN), DID_CLOSE(1, 5, 20)}, .changes = {{RETURNED, 0, 4}}},
    {"a decrement is refused", ON_MUTEX, .closed = true, .calls = {DID_ADD(0, 0, 10, -1, 0)},
     .changes = {{RESULT, 0, -ESHUTDOWN}}},
    {"an assignment to a closed counter succeeds", ON_MUTEX, .closed = true,
     .calls = {DID_SET(0, 0, 10, -1, -ESHUTDOWN)}, .changes = {{RESULT, 0, 0}}},
    {"an exchange on a closed counter succeeds", ON_MUTEX, .closed = true,
     .calls = {DID_COMPARE_EXCHANGE(0, 0, 10, 0, -1, -ESHUTDOWN, 0)}, .changes = {{RESULT, 0, 1}}},
    {"an update raises a closed counter", ON_MUTEX, .closed = true,
     .calls = {DID_UPDATE(0, 0, 10, 1, 0, -ESHUTDOWN, 0)}, .changes = {{RESULT, 0, 0}}},
    {"an update that lowers a closed counter is refused", ON_MUTEX, .closed = true,
     .calls = {DID_UPDATE(0, 0, 10, -1, 0, 0, 0)}, .changes = {{RESULT, 0, -ESHUTDOWN}}},
    {"a refused addition has an effect", ON_MUTEX, .closed = true,
     .calls = {DID_ADD(0, 0, 10, 1, -ESHUTDOWN), DID_GET(0, 20, 30, 0)}, .changes = {{OUTPUT, 1, 1}}},
    {"an addition succeeds after another was refused", ON_MUTEX,
     .calls = {DID_CLOSE(0, 0, 100), DID_ADD(1, 10, 20, 1, -ESHUTDOWN), DID_GET(1, 30, 40, 1),
               DID_ADD(2, 5, 50, 1, 0)},
     .changes = {{OUTPUT, 2, 0}}},
    {"an update is refused by a close that precedes an accepted addition", ON_QUEUE_OF(16),
     .calls = {DID_CLOSE(0, 0, 100), DID_ADD(1, 10, 20, 5, 0), DID_UPDATE(2, 15, 50, 1, 0, -ESHUTDOWN, 5)},
     .changes = {{OUTPUT, 2, 0}}},

    /* -------- close on the atomic backend -------- */
    {"a refused addition is seen after its return", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 50, 5, -ESHUTDOWN), DID_CLOSE(1, 10, 20), DID_GET(2, 30, 60, 5)},
     .changes = {{INVOKED, 2, 51}}},
    {"a refused addition is seen before it began", ON_ATOMIC,
     .calls = {DID_ADD(0, 20, 50, 5, -ESHUTDOWN), DID_CLOSE(1, 10, 60), DID_GET(2, 5, 25, 5)},
     .changes = {{RETURNED, 2, 19}}},
    {"a refused addition that began after the close is seen", ON_ATOMIC,
     .calls = {DID_CLOSE(0, 0, 10), DID_ADD(1, 10, 50, 5, -ESHUTDOWN), DID_GET(2, 30, 40, 5)},
     .changes = {{INVOKED, 1, 11}}},
    {"a refused addition is seen twice", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 90, 5, -ESHUTDOWN), DID_CLOSE(1, 0, 10), DID_GET(2, 20, 30, 5), DID_GET(2, 40, 50, 0),
               DID_GET(2, 60, 70, 0)},
     .changes = {{OUTPUT, 4, 5}}},
    {"of two refused additions no sum of them is seen", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 90, 5, -ESHUTDOWN), DID_ADD(1, 0, 90, 7, -ESHUTDOWN), DID_CLOSE(2, 0, 10),
               DID_GET(2, 20, 30, 12), DID_GET(2, 40, 50, 7)},
     .changes = {{OUTPUT, 3, 11}}},
    {"a thread sees its own refused addition", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 50, 5, -ESHUTDOWN), DID_CLOSE(1, 10, 20), DID_GET(2, 30, 40, 5),
               DID_GET(0, 60, 70, 0)},
     .changes = {{OUTPUT, 3, 5}}},
    {"an addition of 0 is refused", ON_ATOMIC, .calls = {DID_ADD(0, 0, 50, 0, 0), DID_CLOSE(1, 10, 20)},
     .changes = {{RESULT, 0, -ESHUTDOWN}}},
    {"a gradual close fails", WITH_PEAK(TSC_BACKEND_ATOMIC), .calls = {DID_CLOSE(1, 10, 20)},
     .changes = {{RESULT, 0, -EINVAL}}},
    {"a refused addition stays", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 50, 5, -ESHUTDOWN), DID_CLOSE(1, 10, 20), DID_GET(2, 60, 70, 0)},
     .changes = {{OUTPUT, 2, 5}}},
    {"a refused addition is subtracted from an assigned value", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 50, 5, -ESHUTDOWN), DID_SET(1, 10, 20, 9, 0), DID_CLOSE(1, 30, 40),
               DID_GET(2, 60, 70, 9)},
     .changes = {{OUTPUT, 3, 4}}},
    {"a refused addition outputs a previous value", ON_ATOMIC,
     .calls = {DID_FETCH_ADD(0, 0, 50, 5, -ESHUTDOWN, UNTOUCHED), DID_CLOSE(1, 10, 20)},
     .changes = {{OUTPUT, 0, 0}}},
    {"a refused addition is seen, on the mutex", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 50, 5, -ESHUTDOWN), DID_CLOSE(1, 10, 20), DID_GET(2, 30, 40, 0)},
     .changes = {{OUTPUT, 2, 5}}},
    {"a refused addition is seen, with a peak", WITH_PEAK(TSC_BACKEND_ATOMIC),
     .calls = {DID_ADD(0, 0, 50, 5, -ESHUTDOWN), DID_CLOSE(1, 10, 20), DID_GET(2, 30, 40, 0)},
     .changes = {{OUTPUT, 2, 5}}},
    {"an accepted addition is applied after the close has returned", WITH_PEAK(TSC_BACKEND_ATOMIC),
     .calls = {DID_CLOSE(0, 0, 100), DID_ADD(1, 10, 20, 1, -ESHUTDOWN), DID_GET(1, 30, 40, 0),
               DID_ADD(2, 5, 150, 1, 0), DID_GET(1, 90, 120, 0), DID_GET(1, 130, 140, 1)},
     .changes = {{INVOKED, 4, 101}}},

    /* -------- waiting -------- */
    {"a wait ends above the threshold", FROM(1), .calls = {DID_WAIT(0, 0, 10, 0, 0, -ETIMEDOUT)},
     .changes = {{RESULT, 0, 0}}},
    {"a poll misses a low enough value", FROM(1), .calls = {DID_WAIT(0, 0, 10, 1, 0, 0)},
     .changes = {{RESULT, 0, -ETIMEDOUT}}},
    {"a wait does not poll at its deadline", FROM(1), .calls = {DID_WAIT(0, 0, 200, 1, 100, 0)},
     .changes = {{RESULT, 0, -ETIMEDOUT}}},
    {"a wait times out early", FROM(1), .calls = {DID_WAIT(0, 0, 100, 0, 100, -ETIMEDOUT)},
     .changes = {{RETURNED, 0, 99}}},
    {"a wait returns for a low value before it began", FROM(1),
     .calls = {DID_ADD(0, 0, 10, -1, 0), DID_ADD(0, 20, 30, 1, 0), DID_WAIT(1, 25, 100, 0, 1000, 0)},
     .changes = {{INVOKED, 2, 31}}},
    {"a flush fails", ON_MUTEX, .calls = {DID_FLUSH(0, 0, 10)}, .changes = {{RESULT, 0, -EAGAIN}}},
    {"the second close fails", ON_MUTEX, .closed = true, .calls = {DID_CLOSE(0, 0, 10)},
     .changes = {{RESULT, 0, -ESHUTDOWN}}},

    /* -------- missing operations -------- */
    {"a peak is returned that is not tracked", ON_MUTEX, .calls = {CALL(0, 0, 10, GET_PEAK, -ENOTSUP, NO_OUTPUT)},
     .changes = {{RESULT, 0, 0}, {OUTPUT, 0, 0}}},
    {"the per-CPU backend has set", ON_PERCPU, .calls = {DID_SET(0, 0, 10, 0, -ENOTSUP)},
     .changes = {{RESULT, 0, 0}}},

    /* -------- try_add -------- */
    {"a try_add fails though no other call held the mutex", ON_MUTEX,
     .calls = {DID_TRY_ADD(0, 0, 10, 1, -EAGAIN), DID_GET(1, 10, 20, 0)}, .changes = {{INVOKED, 1, 11}}},
    {"a try_add fails after the mutex was released", ON_MUTEX,
     .calls = {DID_GET(0, 0, 10, 0), DID_TRY_ADD(1, 10, 20, 1, -EAGAIN)}, .changes = {{INVOKED, 1, 11}}},
    {"a try_add that fails has an effect", ON_MUTEX,
     .calls = {DID_TRY_ADD(0, 0, 10, 1, -EAGAIN), DID_GET(1, 5, 20, 0)}, .changes = {{OUTPUT, 1, 1}}},
    {"a try_add fails on a lock-free backend", ON_ATOMIC,
     .calls = {DID_TRY_ADD(0, 0, 10, 1, 0), DID_GET(1, 5, 20, 0)}, .changes = {{RESULT, 0, -EAGAIN}}},
    {"a try_add fails before the queue can have been full", ON_QUEUE_OF(2),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_ADD(0, 11, 20, 1, 0), DID_TRY_ADD(1, 5, 11, 1, -EAGAIN)},
     .changes = {{RETURNED, 2, 10}}},
    {"a failed try_add counts as a message", ON_QUEUE_OF(1),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_TRY_ADD(1, 5, 20, 1, -EAGAIN)},
     .changes = {{INVOKED, 0, 21}, {RETURNED, 0, 30}}},
    {"a try_add fails before an update", ON_QUEUE_OF(1),
     .calls = {DID_UPDATE(0, 0, 10, 1, 0, 0, 0), DID_TRY_ADD(1, 5, 20, 1, -EAGAIN)},
     .changes = {{INVOKED, 0, 21}, {RETURNED, 0, 30}}},
    {"a try_add fails before an assignment", ON_QUEUE_OF(1),
     .calls = {DID_SET(0, 0, 10, 1, 0), DID_TRY_ADD(1, 5, 20, 1, -EAGAIN)},
     .changes = {{INVOKED, 0, 21}, {RETURNED, 0, 30}}},
    {"a try_add fails though a message has been delivered", ON_QUEUE_OF(1),
     .calls = {DID_FETCH_ADD(0, 0, 10, 1, 0, 0), DID_TRY_ADD(1, 20, 30, 1, -EAGAIN)},
     .changes = {{INVOKED, 0, 31}, {RETURNED, 0, 40}}},
    {"a try_add fails after a flush", ON_QUEUE_OF(2),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_ADD(0, 11, 20, 1, 0), DID_FLUSH(0, 21, 30),
               DID_TRY_ADD(1, 30, 40, 1, -EAGAIN)},
     .changes = {{INVOKED, 3, 31}}},
    {"a try_add fails after a flush that began after the message", ON_QUEUE_OF(1),
     .calls = {DID_ADD(0, 0, 20, 1, 0), DID_FLUSH(1, 20, 30), DID_TRY_ADD(1, 40, 50, 1, -EAGAIN)},
     .changes = {{RETURNED, 0, 19}}},
    {"a try_add fails after a get", ON_QUEUE_OF(1),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_GET(0, 11, 20, 1), DID_TRY_ADD(1, 20, 30, 1, -EAGAIN)},
     .changes = {{INVOKED, 2, 21}}},
    {"a try_add fails after a get_interval", ON_QUEUE_OF(1),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_GET_INTERVAL(0, 11, 20, 1, 1), DID_TRY_ADD(1, 20, 30, 1, -EAGAIN)},
     .changes = {{INVOKED, 2, 21}}},
    {"a try_add fails after a get_delta", ON_QUEUE_OF(1),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_GET_DELTA(0, 11, 20, 0, 1, 1), DID_TRY_ADD(1, 20, 30, 1, -EAGAIN)},
     .changes = {{INVOKED, 2, 21}}},
    {"a try_add fails after a get_peak",
     .attributes = {.backend = TSC_BACKEND_QUEUE, .queue_capacity = 1, .counters = 1, .track_peak = true},
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_GET_PEAK(0, 11, 20, 1), DID_TRY_ADD(1, 20, 30, 1, -EAGAIN)},
     .changes = {{INVOKED, 2, 21}}},
    {"a try_add fails after a close", ON_QUEUE_OF(1),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_CLOSE(0, 11, 20), DID_TRY_ADD(1, 20, 30, -1, -EAGAIN)},
     .changes = {{INVOKED, 2, 21}}},
    {"a try_add fails after a poll", ON_QUEUE_OF(1),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_WAIT(0, 11, 20, 0, 0, -ETIMEDOUT), DID_TRY_ADD(1, 20, 30, 1, -EAGAIN)},
     .changes = {{INVOKED, 2, 21}}},
    {"a try_add fails after a wait that saw a value", ON_QUEUE_OF(1),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_HELD_WAIT(0, 11, 20, 5, 9, -ETIMEDOUT),
               DID_TRY_ADD(1, 30, 40, 1, -EAGAIN)},
     .changes = {{RESULT, 1, 0}}},

    /* -------- the per-CPU backend -------- */
    {"a read is less than any value that was held", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_GET(1, 5, 20, 0)}, .changes = {{INVOKED, 1, 11}}},
    {"a read is negative, though each decrement follows its increment", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_ADD(0, 20, 30, -1, 0), DID_GET(1, 0, 40, 0)},
     .changes = {{OUTPUT, 2, -1}}},
    {"a read exceeds all values by more than the overlapping changes", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 3, 0), DID_ADD(0, 20, 30, -3, 0), DID_GET(1, 15, 25, 6)},
     .changes = {{OUTPUT, 2, 7}}},
    {"a read exceeds the value by changes that had returned", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 3, 0), DID_ADD(0, 11, 20, -3, 0), DID_GET(1, 15, 25, 6)},
     .changes = {{INVOKED, 2, 21}}},
    {"a read is not exact though nothing changes", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 3, 0), DID_ADD(1, 0, 10, 4, 0), DID_GET(0, 20, 30, 7)},
     .changes = {{OUTPUT, 2, 8}}},
    {"a reader's values fall though nothing is subtracted", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 100, 1, 0), DID_GET(1, 10, 20, 1), DID_GET(1, 30, 40, 1)},
     .changes = {{OUTPUT, 2, 0}}},
    {"the low end of an interval is above all values", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, 1, 0), DID_GET_INTERVAL(1, 10, 30, 1, 2)}, .changes = {{OUTPUT, 1, 2}}},
    {"the high end of an interval is below all values", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, 1, 0), DID_GET_INTERVAL(1, 10, 30, 0, 0)}, .changes = {{INVOKED, 1, 21}}},
    {"the low end of an interval is above the high end", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, 2, 0), DID_GET_INTERVAL(1, 10, 30, 1, 1)}, .changes = {{OUTPUT_2, 1, 0}}},
    {"a delta does not match its cursor", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 5, 0), DID_GET_DELTA(0, 20, 30, 2, 3, 5)}, .changes = {{OUTPUT, 1, 5}}},
    {"a delta is too small", ON_PERCPU, .calls = {DID_ADD(0, 0, 10, 5, 0), DID_GET_DELTA(0, 20, 30, 2, 3, 5)},
     .changes = {{OUTPUT, 1, 2}, {OUTPUT_2, 1, 4}}},
    {"an increment that began after a close succeeds", ON_PERCPU,
     .calls = {DID_CLOSE(0, 0, 10), DID_ADD(1, 5, 20, 1, 0)}, .changes = {{INVOKED, 1, 11}}},
    {"an increment is refused before any close", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 1, -ESHUTDOWN), DID_CLOSE(1, 5, 20)}, .changes = {{RETURNED, 0, 4}}},
    {"a decrement of the per-CPU backend is refused", ON_PERCPU, .closed = true,
     .calls = {DID_ADD(0, 0, 10, -1, 0)}, .changes = {{RESULT, 0, -ESHUTDOWN}}},
    {"an accepted increment is applied after the close has returned", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 100, 1, 0), DID_CLOSE(1, 10, 30), DID_GET(2, 20, 50, 0)},
     .changes = {{INVOKED, 2, 31}}},
    {"a refused increment is seen after its return", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 50, 5, -ESHUTDOWN), DID_CLOSE(1, 10, 20), DID_GET(2, 30, 60, 5)},
     .changes = {{INVOKED, 2, 51}}},
    {"a refused increment that began after the close is seen", ON_PERCPU,
     .calls = {DID_CLOSE(0, 0, 10), DID_ADD(1, 5, 50, 5, -ESHUTDOWN), DID_GET(2, 30, 40, 5)},
     .changes = {{INVOKED, 1, 11}}},
    {"two threads that add and read at once both miss the other's increment", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, 1, 0), DID_GET_AT_ONCE(0, 0, 20, 1), DID_ADD(1, 5, 25, 1, 0),
               DID_GET_AT_ONCE(1, 5, 25, 2)},
     .changes = {{OUTPUT, 3, 1}}},
    {"two threads that subtract and read at once both miss the other's decrement", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, -1, 0), DID_GET_AT_ONCE(0, 0, 20, -2), DID_ADD(1, 5, 25, -1, 0),
               DID_GET_AT_ONCE(1, 5, 25, -1)},
     .changes = {{OUTPUT, 1, -1}}},
    {"two intervals at once both miss the other's addition", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, 1, 0), DID_GET_INTERVAL_AT_ONCE(0, 0, 20, 1, 1), DID_ADD(1, 5, 25, -1, 0),
               DID_GET_INTERVAL_AT_ONCE(1, 5, 25, -1, 0)},
     .changes = {{OUTPUT_2, 3, -1}}},
    {"two polls at once both miss the other's decrement", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, -1, 0), DID_POLL_AT_ONCE(0, 0, 20, -2, 0), DID_ADD(1, 5, 25, -1, 0),
               DID_POLL_AT_ONCE(1, 5, 25, -2, -ETIMEDOUT)},
     .changes = {{RESULT, 1, -ETIMEDOUT}}},
    {"two polls at once both miss the other's increment", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, 1, 0), DID_POLL_AT_ONCE(0, 0, 20, 1, 0), DID_ADD(1, 5, 25, 1, 0),
               DID_POLL_AT_ONCE(1, 5, 25, 1, -ETIMEDOUT)},
     .changes = {{RESULT, 3, 0}}},
    {"a read at once misses its own thread's addition", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, 1, 0), DID_GET_AT_ONCE(0, 0, 20, 1), DID_ADD(1, 50, 60, 1, 0)},
     .changes = {{OUTPUT, 1, 0}}},
    {"a wait ends above the threshold, on the per-CPU backend", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_WAIT(1, 5, 20, 0, 0, 0)}, .changes = {{INVOKED, 1, 11}}},
    {"a poll misses a low enough value, on the per-CPU backend", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_WAIT(1, 5, 20, 0, 0, -ETIMEDOUT)},
     .changes = {{INVOKED, 0, 21}, {RETURNED, 0, 30}}},
    {"a wait times out early, on the per-CPU backend", ON_PERCPU,
     .calls = {DID_WAIT(0, 0, 100, -1, 100, -ETIMEDOUT)}, .changes = {{RETURNED, 0, 99}}},
};

enum { KNOWN = sizeof known / sizeof *known };

static void write_history(const struct known *row, struct call *calls, struct history *history)
{
    *history = (struct history){.attributes = &row->attributes, .threads = THREADS_MAX};
    history->before = state_at_first(&row->attributes);
    history->before.closing = row->closed ? CLOSED : OPEN;
    for (size_t i = 0; i < KNOWN_CALLS_MAX && row->calls[i].call.returned != 0; i++) {
        size_t thread = row->calls[i].thread;

        calls[i] = row->calls[i].call;
        history->calls[thread][history->count[thread]++] = &calls[i];
    }
}

static void change(struct call *call, enum field field, int64_t value)
{
    switch (field) {
    case RESULT:
        call->result = (int)value;
        break;
    case OUTPUT:
    case OUTPUT_2:
        call->output[field == OUTPUT_2] = value;
        break;
    case INVOKED:
        call->invoked = value;
        break;
    case RETURNED:
        call->returned = value;
        break;
    case NO_CHANGE:
        break;
    }
}

static const struct verdict *judge(const struct history *history)
{
    static struct verdict verdict;

    if (history->attributes->backend == TSC_BACKEND_PERCPU)
        percpu_check(history, &verdict);
    else
        linear_check(history, &verdict);
    if (verdict.finding == RIGHT)
        excuses_check(history, 1, &verdict);
    return &verdict;
}

START_TEST(wrong_histories_are_rejected)
{
    const struct known *row = &known[_i];
    struct call calls[KNOWN_CALLS_MAX];
    static struct history history;

    write_history(row, calls, &history);
    ck_assert_msg(judge(&history)->finding == RIGHT, "rejected without the fault: %s", row->wrong);
    for (size_t i = 0; i < CHANGES_MAX; i++)
        change(&calls[row->changes[i].call], row->changes[i].field, row->changes[i].value);
    ck_assert_msg(judge(&history)->finding == WRONG, "accepted with the fault: %s", row->wrong);
}
END_TEST

/* -------- against all orders -------- */

enum { FEW_CALLS = 6, FEW_THREADS = 3, HISTORIES = 50000, LONGEST = 40 };

struct few {
    struct attributes attributes;
    struct call calls[FEW_CALLS];
    struct history history;
};

/* Whether any order of the remaining calls explains them; `remaining` has a bit for each. */
static bool can_be_explained(const struct few *few, unsigned int remaining, struct state state)
{
    bool explained = remaining == 0;

    for (size_t i = 0; i < FEW_CALLS && !explained; i++) {
        struct state after = state;
        bool may_be_next = (remaining >> i & 1) != 0;

        for (size_t other = 0; other < FEW_CALLS && may_be_next; other++)
            may_be_next = !(remaining >> other & 1) || few->calls[other].returned >= few->calls[i].invoked;
        explained = may_be_next && model_allows(&few->attributes, &few->calls[i], &after) &&
                    can_be_explained(few, remaining & ~(1U << i), after);
    }
    return explained;
}

static bool one_of_two(uint64_t *random)
{
    return next_random(random) % 2 == 0;
}

static int64_t draw_digit(uint64_t *random)
{
    return (int64_t)(next_random(random) % 3);
}

static void draw_call(uint64_t *random, struct call *call)
{
    static const enum operation operations[] = {INC,    DEC,  ADD, GET, FETCH_ADD, SET, EXCHANGE, COMPARE_EXCHANGE,
                                                UPDATE, CLOSE};

    call->operation = operations[next_random(random) % (sizeof operations / sizeof *operations)];
    call->argument[0] = call->operation == DEC ? -1 : draw_digit(random);
    call->argument[1] = call->operation == UPDATE ? 0 : draw_digit(random);
}

static void draw_outcome(uint64_t *random, int64_t likely_output, struct call *call)
{
    static const int results[] = {0, 1, -ERANGE, -ESHUTDOWN};

    call->result = results[next_random(random) % (sizeof results / sizeof *results)];
    call->output[0] = one_of_two(random) ? output_before(call, 0) : likely_output;
    call->output[1] = call->operation == UPDATE ? 1 : output_before(call, 1);
}

static void draw_right_outcome(uint64_t *random, const struct attributes *attributes, struct call *call,
                               struct state *state)
{
    struct state after;

    do {
        draw_outcome(random, state->value, call);
        after = *state;
    } while (!model_allows(attributes, call, &after));
    *state = after;
}

/*
 * The calls are right in sequence, but their random times may contradict that. In half of the histories one
 * outcome is drawn again.
 */
static void draw_few(uint64_t *random, struct few *few)
{
    struct state state = {.rules = {.max = 2}};
    int64_t free_from[FEW_THREADS] = {0};

    few->attributes = (struct attributes){.backend = TSC_BACKEND_MUTEX, .max = 2, .policy = TSC_BOUNDS_CLAMP};
    few->attributes.bounded = one_of_two(random);
    few->history = (struct history){.attributes = &few->attributes, .before = state, .threads = FEW_THREADS};
    for (size_t i = 0; i < FEW_CALLS; i++) {
        struct call *call = &few->calls[i];
        size_t thread = next_random(random) % FEW_THREADS;

        draw_call(random, call);
        draw_right_outcome(random, &few->attributes, call, &state);
        call->invoked = free_from[thread] + (int64_t)(next_random(random) % LONGEST);
        call->returned = call->invoked + (int64_t)(next_random(random) % LONGEST);
        free_from[thread] = call->returned + 1;
        few->history.calls[thread][few->history.count[thread]++] = call;
    }
    if (one_of_two(random))
        draw_outcome(random, draw_digit(random), &few->calls[next_random(random) % FEW_CALLS]);
}

START_TEST(the_search_agrees_with_trying_all_orders)
{
    static struct few few;
    uint64_t random = 1;
    int right = 0;

    for (int i = 0; i < HISTORIES; i++) {
        bool explained;

        draw_few(&random, &few);
        explained = can_be_explained(&few, (1U << FEW_CALLS) - 1, few.history.before);
        ck_assert_msg(judge(&few.history)->finding == (explained ? RIGHT : WRONG), "history %d", i);
        right += explained;
    }
    ck_assert_int_gt(right, HISTORIES / 10);
    ck_assert_int_lt(right, HISTORIES - HISTORIES / 10);
}
END_TEST

/* Nine threads add for a very long time, and one reads a value that is no sum of theirs. */
START_TEST(an_undecided_history_is_not_accepted)
{
    static const struct attributes attributes = {.backend = TSC_BACKEND_MUTEX};
    static struct call calls[THREADS_MAX][8];
    static struct history history = {.attributes = &attributes, .threads = THREADS_MAX};
    int64_t number = 0;

    for (size_t thread = 0; thread < THREADS_MAX; thread++) {
        for (size_t i = 0; i < 8; i++) {
            calls[thread][i] = (struct call){.operation = ADD,
                                             .argument = {INT64_C(3) << number++ % 60},
                                             .output = {UNTOUCHED, UNTOUCHED},
                                             .returned = 100};
            history.calls[thread][history.count[thread]++] = &calls[thread][i];
        }
    }
    calls[0][7] = (struct call){.operation = GET, .output = {1, UNTOUCHED}, .returned = 100};
    ck_assert_int_eq(judge(&history)->finding, UNDECIDED);
}
END_TEST

/* -------- figures, and counters that share an owner -------- */

static struct call calls_of_two[3];
static struct history two[2];

/* Threads 0 to 2 each make a call of this kind at this time; the last one on another counter. */
static void write_three_calls(enum operation operation, int64_t from, int64_t to)
{
    static const struct attributes attributes = {.backend = TSC_BACKEND_QUEUE, .queue_capacity = 2, .counters = 2};

    memset(two, 0, sizeof two);
    for (size_t thread = 0; thread < 3; thread++) {
        struct history *history = &two[thread == 2];

        calls_of_two[thread] = (struct call){.operation = operation, .invoked = from, .returned = to};
        history->attributes = &attributes;
        history->threads = THREADS_MAX;
        history->calls[thread][history->count[thread]++] = &calls_of_two[thread];
    }
}

START_TEST(counters_of_one_owner_share_its_queue)
{
    struct verdict verdict;

    write_three_calls(ADD, 0, 10);
    calls_of_two[1] = (struct call){.operation = TRY_ADD, .result = -EAGAIN, .invoked = 0, .returned = 10};
    verdict_clear(&verdict);
    excuses_check(two, 2, &verdict);
    ck_assert_int_eq(verdict.finding, RIGHT);
    excuses_check(two, 1, &verdict);
    ck_assert_int_eq(verdict.finding, WRONG);
    ck_assert_ptr_eq(verdict.culprit, &calls_of_two[1]);

    calls_of_two[1].invoked = 11;
    calls_of_two[1].returned = 20;
    calls_of_two[2].operation = FLUSH;
    verdict_clear(&verdict);
    excuses_check(two, 2, &verdict);
    ck_assert_int_eq(verdict.finding, WRONG);
}
END_TEST

START_TEST(calls_that_touch_overlap)
{
    write_three_calls(GET, 10, 20);
    ck_assert_uint_eq(history_overlapping_pairs(&two[0]), 1);
    ck_assert_uint_eq(history_overlapping_pairs(&two[1]), 0);
    calls_of_two[0].invoked = 20;
    calls_of_two[0].returned = 30;
    ck_assert_uint_eq(history_overlapping_pairs(&two[0]), 1);
    calls_of_two[0].invoked = 21;
    ck_assert_uint_eq(history_overlapping_pairs(&two[0]), 0);
    calls_of_two[0].invoked = 0;
    calls_of_two[0].returned = 9;
    ck_assert_uint_eq(history_overlapping_pairs(&two[0]), 0);
}
END_TEST

/* -------- the clock -------- */

enum { CLOCK_READERS = 4, READINGS = 100000 };

struct clock_readings {
    _Atomic int64_t last;
    atomic_int backward;
};

static void read_clock(size_t index, void *arg)
{
    struct clock_readings *readings = arg;

    (void)index;
    for (int i = 0; i < READINGS; i++) {
        int64_t earlier = atomic_load(&readings->last);
        int64_t now = support_now_ns();

        if (now < earlier)
            atomic_fetch_add(&readings->backward, 1);
        atomic_store(&readings->last, now);
    }
}

/* The recorder relies on this. */
START_TEST(the_clock_never_goes_backward_between_threads)
{
    struct clock_readings readings = {.last = 0};

    support_run_threads(CLOCK_READERS, read_clock, &readings);
    ck_assert_int_eq(atomic_load(&readings.backward), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkers");
    TCase *tcase = support_add_case(suite, "checkers", 60);

    tcase_add_loop_test(tcase, wrong_histories_are_rejected, 0, KNOWN);
    tcase_add_test(tcase, the_search_agrees_with_trying_all_orders);
    tcase_add_test(tcase, an_undecided_history_is_not_accepted);
    tcase_add_test(tcase, counters_of_one_owner_share_its_queue);
    tcase_add_test(tcase, calls_that_touch_overlap);
    tcase_add_test(tcase, the_clock_never_goes_backward_between_threads);
    return support_run_suite(suite);
}
