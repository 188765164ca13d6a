/* SPDX-License-Identifier: MIT */
/* The checkers, on histories that are known: each is right, and wrong once something in it is changed. */
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

enum field { NO_CHANGE, ANSWER, RESULT, RESULT_2, INVOKED, RETURNED };

struct known {
    const char *wrong; /* what is wrong with it, once it is changed */
    struct attributes attributes;
    bool closed; /* at first */
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

/* -------- how a history is written down -------- */

#define CALL(number, from, to, name, gives, ...) \
    { \
        .thread = (number), .call = { \
            .operation = (name), \
            .invoked = (from), \
            .returned = (to), \
            .answer = (gives), \
            __VA_ARGS__ \
        } \
    }
#define TAKES(...) .argument = {__VA_ARGS__}
#define TELLS(...) .result = {__VA_ARGS__}
#define TELLS_NOTHING TELLS(UNTOUCHED, UNTOUCHED)
#define TELLS_ONE(value) TELLS(value, UNTOUCHED)

#define DID_ADD(thread, from, to, delta, gives) CALL(thread, from, to, ADD, gives, TAKES(delta), TELLS_NOTHING)
#define DID_TRY_ADD(thread, from, to, delta, gives) \
    CALL(thread, from, to, TRY_ADD, gives, TAKES(delta), TELLS_NOTHING)
#define DID_GET(thread, from, to, value) CALL(thread, from, to, GET, 0, TELLS_ONE(value))
#define DID_GET_AT_ONCE(thread, from, to, value) \
    CALL(thread, from, to, GET, 0, TELLS_ONE(value), .is_at_once = true)
#define DID_GET_INTERVAL_AT_ONCE(thread, from, to, low, high) \
    CALL(thread, from, to, GET_INTERVAL, 0, TELLS(low, high), .is_at_once = true)
#define DID_LOOK_AT_ONCE(thread, from, to, threshold, gives) \
    CALL(thread, from, to, WAIT_AT_MOST, gives, TAKES(threshold, 0), TELLS_NOTHING, .is_at_once = true)
#define DID_GET_INTERVAL(thread, from, to, low, high) CALL(thread, from, to, GET_INTERVAL, 0, TELLS(low, high))
#define DID_GET_DELTA(thread, from, to, cursor, delta, after) \
    CALL(thread, from, to, GET_DELTA, 0, TAKES(cursor), TELLS(delta, after))
#define DID_GET_PEAK(thread, from, to, peak) CALL(thread, from, to, GET_PEAK, 0, TELLS_ONE(peak))
#define DID_FETCH_ADD(thread, from, to, delta, gives, previous) \
    CALL(thread, from, to, FETCH_ADD, gives, TAKES(delta), TELLS_ONE(previous))
#define DID_SET(thread, from, to, value, gives) CALL(thread, from, to, SET, gives, TAKES(value), TELLS_NOTHING)
#define DID_EXCHANGE(thread, from, to, value, previous) \
    CALL(thread, from, to, EXCHANGE, 0, TAKES(value), TELLS_ONE(previous))
#define DID_COMPARE_EXCHANGE(thread, from, to, expected, desired, gives, found) \
    CALL(thread, from, to, COMPARE_EXCHANGE, gives, TAKES(expected, desired), TELLS_ONE(found))
#define DID_UPDATE(thread, from, to, delta, callback_gives, gives, seen) \
    CALL(thread, from, to, UPDATE, gives, TAKES(delta, callback_gives), TELLS(seen, 1))
#define DID_FLUSH(thread, from, to) CALL(thread, from, to, FLUSH, 0, TELLS_NOTHING)
#define DID_CLOSE(thread, from, to) CALL(thread, from, to, CLOSE, 0, TELLS_NOTHING)
#define DID_WAIT(thread, from, to, threshold, timeout, gives) \
    CALL(thread, from, to, WAIT_AT_MOST, gives, TAKES(threshold, timeout), TELLS_NOTHING)
#define DID_HELD_WAIT(thread, from, to, threshold, timeout, gives) \
    CALL(thread, from, to, WAIT_AT_MOST, gives, TAKES(threshold, timeout), TELLS_NOTHING, .is_held = true)

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

static const struct known known[] = {
    /* -------- order -------- */
    {"a read misses an addition that had returned", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 10, 5, 0), DID_GET(1, 5, 20, 0)}, .changes = {{INVOKED, 1, 11}}},
    {"a read shows an addition that has not begun", ON_MUTEX,
     .calls = {DID_GET(0, 0, 20, 5), DID_ADD(1, 10, 30, 5, 0)}, .changes = {{RETURNED, 0, 9}}},
    {"a thread's read misses its own addition", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 10, 5, 0), DID_GET(0, 11, 20, 5)}, .changes = {{RESULT, 1, 0}}},
    {"an addition is lost", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_ADD(1, 0, 10, 1, 0), DID_GET(0, 20, 30, 2)},
     .changes = {{RESULT, 2, 1}}},
    {"an addition counts twice", ON_MUTEX, .calls = {DID_ADD(0, 0, 10, 1, 0), DID_GET(0, 20, 30, 1)},
     .changes = {{RESULT, 1, 2}}},
    {"a read shows what was never held", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 50, 5, 0), DID_ADD(1, 0, 50, 6, 0), DID_GET(2, 10, 20, 6)},
     .changes = {{RESULT, 2, 7}}},
    {"a read goes back behind an earlier one", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 100, 5, 0), DID_GET(1, 10, 20, 5), DID_GET(2, 30, 40, 5)},
     .changes = {{RESULT, 2, 0}}},
    {"two readers see two additions in opposite orders", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 100, 1, 0), DID_ADD(1, 0, 100, 2, 0), DID_GET(2, 10, 20, 1), DID_GET(3, 10, 20, 1)},
     .changes = {{RESULT, 3, 2}}},
    {"a value assigned is lost", ON_MUTEX, .calls = {DID_SET(0, 0, 10, 9, 0), DID_GET(1, 20, 30, 9)},
     .changes = {{RESULT, 1, 0}}},

    /* -------- what changes tell -------- */
    {"two threads are told the same previous value", ON_ATOMIC,
     .calls = {DID_FETCH_ADD(0, 0, 10, 1, 0, 0), DID_FETCH_ADD(1, 0, 10, 1, 0, 1)}, .changes = {{RESULT, 1, 0}}},
    {"a value put in never comes out", ON_ATOMIC,
     .calls = {DID_EXCHANGE(0, 0, 10, 7, 0), DID_EXCHANGE(1, 0, 10, 8, 7)}, .changes = {{RESULT, 1, 0}}},
    {"two threads exchange the same expected value", ON_ATOMIC,
     .calls = {DID_COMPARE_EXCHANGE(0, 0, 10, 0, 1, 1, 0), DID_COMPARE_EXCHANGE(1, 0, 10, 0, 2, 0, 1)},
     .changes = {{ANSWER, 1, 1}, {RESULT, 1, 0}}},
    {"the expected value was held, and not exchanged", ON_ATOMIC,
     .calls = {DID_COMPARE_EXCHANGE(0, 0, 10, 0, 1, 1, 0)}, .changes = {{ANSWER, 0, 0}}},
    {"a value found was never held", ON_ATOMIC, .calls = {DID_COMPARE_EXCHANGE(0, 0, 10, 4, 1, 0, 0)},
     .changes = {{RESULT, 0, 3}}},
    {"the ends of an interval differ", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_GET_INTERVAL(1, 0, 10, 1, 1)}, .changes = {{RESULT, 1, 0}}},
    {"a change since the last look is wrong", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 10, 5, 0), DID_GET_DELTA(0, 20, 30, 2, 3, 5)}, .changes = {{RESULT, 1, 5}}},
    {"a cursor is not moved to the value", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 10, 5, 0), DID_GET_DELTA(0, 20, 30, 2, 3, 5)},
     .changes = {{RESULT, 1, 2}, {RESULT_2, 1, 4}}},
    {"a call that is refused touches its output", ON_MUTEX, .closed = true,
     .calls = {DID_FETCH_ADD(0, 0, 10, 1, -ESHUTDOWN, UNTOUCHED)}, .changes = {{RESULT, 0, 0}}},

    /* -------- arithmetic -------- */
    {"a sum does not wrap", FROM(INT64_MAX), .calls = {DID_ADD(0, 0, 10, 1, 0), DID_GET(0, 20, 30, INT64_MIN)},
     .changes = {{RESULT, 1, INT64_MAX}}},
    {"a bound is passed", WITHIN(3, 0, 3, TSC_BOUNDS_REJECT), .calls = {DID_ADD(0, 0, 10, 1, -ERANGE)},
     .changes = {{ANSWER, 0, 0}}},
    {"a sum is refused within the bounds", WITHIN(2, 0, 3, TSC_BOUNDS_REJECT), .calls = {DID_ADD(0, 0, 10, 1, 0)},
     .changes = {{ANSWER, 0, -ERANGE}}},
    {"a sum that is refused has an effect", WITHIN(3, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_ADD(0, 0, 10, 1, -ERANGE), DID_GET(0, 20, 30, 3)}, .changes = {{RESULT, 1, 4}}},
    {"a sum wraps within bounds", WITHIN(INT64_MAX, INT64_MIN, INT64_MAX, TSC_BOUNDS_REJECT),
     .calls = {DID_ADD(0, 0, 10, 1, -ERANGE)}, .changes = {{ANSWER, 0, 0}}},
    {"a sum does not stop at the bound", WITHIN(1, 0, 3, TSC_BOUNDS_CLAMP),
     .calls = {DID_ADD(0, 0, 10, 5, 1), DID_GET(0, 20, 30, 3)}, .changes = {{RESULT, 1, 6}}},
    {"a sum stops at the wrong bound", WITHIN(INT64_MIN, INT64_MIN, 3, TSC_BOUNDS_CLAMP),
     .calls = {DID_ADD(0, 0, 10, -5, 1), DID_GET(0, 20, 30, INT64_MIN)}, .changes = {{RESULT, 1, 3}}},
    {"a sum that stops at a bound does not say so", WITHIN(1, 0, 3, TSC_BOUNDS_CLAMP),
     .calls = {DID_ADD(0, 0, 10, 5, 1)}, .changes = {{ANSWER, 0, 0}}},
    {"a sum that stops nowhere says so", WITHIN(1, 0, 3, TSC_BOUNDS_CLAMP), .calls = {DID_ADD(0, 0, 10, 2, 0)},
     .changes = {{ANSWER, 0, 1}}},
    {"a value beyond the bounds is assigned", WITHIN(1, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_SET(0, 0, 10, 4, -ERANGE)}, .changes = {{ANSWER, 0, 0}}},
    {"the bounds are looked at before the expected value", WITHIN(1, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_COMPARE_EXCHANGE(0, 0, 10, 2, 4, 0, 1)}, .changes = {{ANSWER, 0, -ERANGE}, {RESULT, 0, 2}}},
    {"a value beyond the bounds is exchanged", WITHIN(1, 0, 3, TSC_BOUNDS_REJECT),
     .calls = {DID_COMPARE_EXCHANGE(0, 0, 10, 1, 4, -ERANGE, 1)}, .changes = {{ANSWER, 0, 1}}},
    {"a peak is below a value held", WITH_PEAK(TSC_BACKEND_MUTEX),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_ADD(0, 20, 30, -1, 0), DID_GET_PEAK(0, 40, 50, 1)},
     .changes = {{RESULT, 2, 0}}},
    {"a peak is above all values held", WITH_PEAK(TSC_BACKEND_MUTEX),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_ADD(1, 20, 30, -1, 0), DID_GET_PEAK(1, 40, 50, 1)},
     .changes = {{RESULT, 2, 2}}},

    /* -------- update -------- */
    {"an update that is abandoned has an effect", ON_MUTEX,
     .calls = {DID_UPDATE(0, 0, 10, 3, -ECANCELED, -ECANCELED, 0), DID_GET(0, 20, 30, 0)},
     .changes = {{RESULT, 1, 3}}},
    {"an update whose callback answers nonsense has an effect", ON_MUTEX,
     .calls = {DID_UPDATE(0, 0, 10, 3, 1, -EINVAL, 0), DID_GET(0, 20, 30, 0)}, .changes = {{RESULT, 1, 3}}},
    {"an update hides what its callback answered", ON_MUTEX,
     .calls = {DID_UPDATE(0, 0, 10, 3, -ECANCELED, -ECANCELED, 0)}, .changes = {{ANSWER, 0, 0}}},
    {"a callback runs twice", ON_MUTEX, .calls = {DID_UPDATE(0, 0, 10, 3, 0, 0, 0)},
     .changes = {{RESULT_2, 0, 2}}},
    {"a callback does not run", ON_MUTEX, .calls = {DID_UPDATE(0, 0, 10, 3, 0, 0, 0)},
     .changes = {{RESULT, 0, UNTOUCHED}, {RESULT_2, 0, 0}}},
    {"a callback is not alone with the counter", ON_MUTEX,
     .calls = {DID_UPDATE(0, 0, 10, 1, 0, 0, 0), DID_UPDATE(1, 0, 10, 1, 0, 0, 1)}, .changes = {{RESULT, 1, 0}}},
    {"a callback runs where there is no update", ON_ATOMIC,
     .calls = {CALL(0, 0, 10, UPDATE, -ENOTSUP, TAKES(1, 0), TELLS(UNTOUCHED, 0))}, .changes = {{RESULT_2, 0, 1}}},

    /* -------- close -------- */
    {"an addition passes that began after a close", ON_MUTEX,
     .calls = {DID_CLOSE(0, 0, 10), DID_ADD(1, 5, 20, 1, 0)}, .changes = {{INVOKED, 1, 11}}},
    {"an addition is refused before any close", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 10, 1, -ESHUTDOWN), DID_CLOSE(1, 5, 20)}, .changes = {{RETURNED, 0, 4}}},
    {"a decrement is refused", ON_MUTEX, .closed = true, .calls = {DID_ADD(0, 0, 10, -1, 0)},
     .changes = {{ANSWER, 0, -ESHUTDOWN}}},
    {"a closed counter is assigned to", ON_MUTEX, .closed = true, .calls = {DID_SET(0, 0, 10, -1, -ESHUTDOWN)},
     .changes = {{ANSWER, 0, 0}}},
    {"a closed counter is exchanged", ON_MUTEX, .closed = true,
     .calls = {DID_COMPARE_EXCHANGE(0, 0, 10, 0, -1, -ESHUTDOWN, 0)}, .changes = {{ANSWER, 0, 1}}},
    {"an update raises a closed counter", ON_MUTEX, .closed = true,
     .calls = {DID_UPDATE(0, 0, 10, 1, 0, -ESHUTDOWN, 0)}, .changes = {{ANSWER, 0, 0}}},
    {"an update may not lower a closed counter", ON_MUTEX, .closed = true,
     .calls = {DID_UPDATE(0, 0, 10, -1, 0, 0, 0)}, .changes = {{ANSWER, 0, -ESHUTDOWN}}},
    {"an addition that is refused has an effect", ON_MUTEX, .closed = true,
     .calls = {DID_ADD(0, 0, 10, 1, -ESHUTDOWN), DID_GET(0, 20, 30, 0)}, .changes = {{RESULT, 1, 1}}},
    {"an addition passes and is made after another was refused", ON_MUTEX,
     .calls = {DID_CLOSE(0, 0, 100), DID_ADD(1, 10, 20, 1, -ESHUTDOWN), DID_GET(1, 30, 40, 1),
               DID_ADD(2, 5, 50, 1, 0)},
     .changes = {{RESULT, 2, 0}}},
    {"an update is refused for a close that comes before an addition that passes", ON_QUEUE_OF(16),
     .calls = {DID_CLOSE(0, 0, 100), DID_ADD(1, 10, 20, 5, 0), DID_UPDATE(2, 15, 50, 1, 0, -ESHUTDOWN, 5)},
     .changes = {{RESULT, 2, 0}}},

    /* -------- close on the atomic backend -------- */
    {"an addition is seen although it was refused, after its return", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 50, 5, -ESHUTDOWN), DID_CLOSE(1, 10, 20), DID_GET(2, 30, 60, 5)},
     .changes = {{INVOKED, 2, 51}}},
    {"an addition is seen although it was refused, before it began", ON_ATOMIC,
     .calls = {DID_ADD(0, 20, 50, 5, -ESHUTDOWN), DID_CLOSE(1, 10, 60), DID_GET(2, 5, 25, 5)},
     .changes = {{RETURNED, 2, 19}}},
    {"an addition is seen although it was refused and began after the close", ON_ATOMIC,
     .calls = {DID_CLOSE(0, 0, 10), DID_ADD(1, 10, 50, 5, -ESHUTDOWN), DID_GET(2, 30, 40, 5)},
     .changes = {{INVOKED, 1, 11}}},
    {"an addition is seen twice although it was refused", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 90, 5, -ESHUTDOWN), DID_CLOSE(1, 0, 10), DID_GET(2, 20, 30, 5), DID_GET(2, 40, 50, 0),
               DID_GET(2, 60, 70, 0)},
     .changes = {{RESULT, 4, 5}}},
    {"of two additions that were refused what is seen is no sum", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 90, 5, -ESHUTDOWN), DID_ADD(1, 0, 90, 7, -ESHUTDOWN), DID_CLOSE(2, 0, 10),
               DID_GET(2, 20, 30, 12), DID_GET(2, 40, 50, 7)},
     .changes = {{RESULT, 3, 11}}},
    {"a thread sees the addition that it was refused", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 50, 5, -ESHUTDOWN), DID_CLOSE(1, 10, 20), DID_GET(2, 30, 40, 5),
               DID_GET(0, 60, 70, 0)},
     .changes = {{RESULT, 3, 5}}},
    {"an addition of nothing is refused", ON_ATOMIC, .calls = {DID_ADD(0, 0, 50, 0, 0), DID_CLOSE(1, 10, 20)},
     .changes = {{ANSWER, 0, -ESHUTDOWN}}},
    {"a close that is gradual fails", WITH_PEAK(TSC_BACKEND_ATOMIC), .calls = {DID_CLOSE(1, 10, 20)},
     .changes = {{ANSWER, 0, -EINVAL}}},
    {"an addition that was refused stays", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 50, 5, -ESHUTDOWN), DID_CLOSE(1, 10, 20), DID_GET(2, 60, 70, 0)},
     .changes = {{RESULT, 2, 5}}},
    {"an addition that was refused takes away from a value assigned", ON_ATOMIC,
     .calls = {DID_ADD(0, 0, 50, 5, -ESHUTDOWN), DID_SET(1, 10, 20, 9, 0), DID_CLOSE(1, 30, 40),
               DID_GET(2, 60, 70, 9)},
     .changes = {{RESULT, 3, 4}}},
    {"an addition that was refused tells a previous value", ON_ATOMIC,
     .calls = {DID_FETCH_ADD(0, 0, 50, 5, -ESHUTDOWN, UNTOUCHED), DID_CLOSE(1, 10, 20)},
     .changes = {{RESULT, 0, 0}}},
    {"an addition is seen although it was refused, on the mutex", ON_MUTEX,
     .calls = {DID_ADD(0, 0, 50, 5, -ESHUTDOWN), DID_CLOSE(1, 10, 20), DID_GET(2, 30, 40, 0)},
     .changes = {{RESULT, 2, 5}}},
    {"an addition is seen although it was refused, where there is a peak", WITH_PEAK(TSC_BACKEND_ATOMIC),
     .calls = {DID_ADD(0, 0, 50, 5, -ESHUTDOWN), DID_CLOSE(1, 10, 20), DID_GET(2, 30, 40, 0)},
     .changes = {{RESULT, 2, 5}}},
    {"an addition passes, and is made once the close has returned", WITH_PEAK(TSC_BACKEND_ATOMIC),
     .calls = {DID_CLOSE(0, 0, 100), DID_ADD(1, 10, 20, 1, -ESHUTDOWN), DID_GET(1, 30, 40, 0),
               DID_ADD(2, 5, 150, 1, 0), DID_GET(1, 90, 120, 0), DID_GET(1, 130, 140, 1)},
     .changes = {{INVOKED, 4, 101}}},

    /* -------- waiting -------- */
    {"a wait ends above the threshold", FROM(1), .calls = {DID_WAIT(0, 0, 10, 0, 0, -ETIMEDOUT)},
     .changes = {{ANSWER, 0, 0}}},
    {"a look does not see that the value is low enough", FROM(1), .calls = {DID_WAIT(0, 0, 10, 1, 0, 0)},
     .changes = {{ANSWER, 0, -ETIMEDOUT}}},
    {"a wait does not look when its time is over", FROM(1), .calls = {DID_WAIT(0, 0, 200, 1, 100, 0)},
     .changes = {{ANSWER, 0, -ETIMEDOUT}}},
    {"a wait ends before its time", FROM(1), .calls = {DID_WAIT(0, 0, 100, 0, 100, -ETIMEDOUT)},
     .changes = {{RETURNED, 0, 99}}},
    {"a wait ends after a dip that came before it", FROM(1),
     .calls = {DID_ADD(0, 0, 10, -1, 0), DID_ADD(0, 20, 30, 1, 0), DID_WAIT(1, 25, 100, 0, 1000, 0)},
     .changes = {{INVOKED, 2, 31}}},
    {"a flush fails", ON_MUTEX, .calls = {DID_FLUSH(0, 0, 10)}, .changes = {{ANSWER, 0, -EAGAIN}}},
    {"the second close fails", ON_MUTEX, .closed = true, .calls = {DID_CLOSE(0, 0, 10)},
     .changes = {{ANSWER, 0, -ESHUTDOWN}}},

    /* -------- what there is not -------- */
    {"there is a peak that is not tracked", ON_MUTEX, .calls = {CALL(0, 0, 10, GET_PEAK, -ENOTSUP, TELLS_NOTHING)},
     .changes = {{ANSWER, 0, 0}, {RESULT, 0, 0}}},
    {"there is a set on the per-CPU backend", ON_PERCPU, .calls = {DID_SET(0, 0, 10, 0, -ENOTSUP)},
     .changes = {{ANSWER, 0, 0}}},

    /* -------- try_add -------- */
    {"a try_add fails that had the mutex to itself", ON_MUTEX,
     .calls = {DID_TRY_ADD(0, 0, 10, 1, -EAGAIN), DID_GET(1, 10, 20, 0)}, .changes = {{INVOKED, 1, 11}}},
    {"a try_add fails after the mutex was given back", ON_MUTEX,
     .calls = {DID_GET(0, 0, 10, 0), DID_TRY_ADD(1, 10, 20, 1, -EAGAIN)}, .changes = {{INVOKED, 1, 11}}},
    {"a try_add that fails has an effect", ON_MUTEX,
     .calls = {DID_TRY_ADD(0, 0, 10, 1, -EAGAIN), DID_GET(1, 5, 20, 0)}, .changes = {{RESULT, 1, 1}}},
    {"a try_add fails where nothing waits", ON_ATOMIC,
     .calls = {DID_TRY_ADD(0, 0, 10, 1, 0), DID_GET(1, 5, 20, 0)}, .changes = {{ANSWER, 0, -EAGAIN}}},
    {"a try_add fails before the queue can have been full", ON_QUEUE_OF(2),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_ADD(0, 11, 20, 1, 0), DID_TRY_ADD(1, 5, 11, 1, -EAGAIN)},
     .changes = {{RETURNED, 2, 10}}},
    {"what failed itself is taken for a message", ON_QUEUE_OF(1),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_TRY_ADD(1, 5, 20, 1, -EAGAIN)},
     .changes = {{INVOKED, 0, 21}, {RETURNED, 0, 30}}},
    {"a try_add fails before an update", ON_QUEUE_OF(1),
     .calls = {DID_UPDATE(0, 0, 10, 1, 0, 0, 0), DID_TRY_ADD(1, 5, 20, 1, -EAGAIN)},
     .changes = {{INVOKED, 0, 21}, {RETURNED, 0, 30}}},
    {"a try_add fails before an assignment", ON_QUEUE_OF(1),
     .calls = {DID_SET(0, 0, 10, 1, 0), DID_TRY_ADD(1, 5, 20, 1, -EAGAIN)},
     .changes = {{INVOKED, 0, 21}, {RETURNED, 0, 30}}},
    {"a try_add fails before a message whose room is not given back", ON_QUEUE_OF(1),
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
    {"a try_add fails after a look", ON_QUEUE_OF(1),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_WAIT(0, 11, 20, 0, 0, -ETIMEDOUT), DID_TRY_ADD(1, 20, 30, 1, -EAGAIN)},
     .changes = {{INVOKED, 2, 21}}},
    {"a try_add fails after a wait that saw a value", ON_QUEUE_OF(1),
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_HELD_WAIT(0, 11, 20, 5, 9, -ETIMEDOUT),
               DID_TRY_ADD(1, 30, 40, 1, -EAGAIN)},
     .changes = {{ANSWER, 1, 0}}},

    /* -------- the per-CPU backend -------- */
    {"a read is less than any value held", ON_PERCPU, .calls = {DID_ADD(0, 0, 10, 1, 0), DID_GET(1, 5, 20, 0)},
     .changes = {{INVOKED, 1, 11}}},
    {"a read is negative, though each decrement follows its increment", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_ADD(0, 20, 30, -1, 0), DID_GET(1, 0, 40, 0)},
     .changes = {{RESULT, 2, -1}}},
    {"a read exceeds all values held by more than the changes meanwhile", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 3, 0), DID_ADD(0, 20, 30, -3, 0), DID_GET(1, 15, 25, 6)},
     .changes = {{RESULT, 2, 7}}},
    {"a read exceeds the value by changes that had returned", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 3, 0), DID_ADD(0, 11, 20, -3, 0), DID_GET(1, 15, 25, 6)},
     .changes = {{INVOKED, 2, 21}}},
    {"a read is not exact though nothing changes", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 3, 0), DID_ADD(1, 0, 10, 4, 0), DID_GET(0, 20, 30, 7)},
     .changes = {{RESULT, 2, 8}}},
    {"a reader goes back where nothing goes out", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 100, 1, 0), DID_GET(1, 10, 20, 1), DID_GET(1, 30, 40, 1)},
     .changes = {{RESULT, 2, 0}}},
    {"the lower end of an interval is above all values held", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, 1, 0), DID_GET_INTERVAL(1, 10, 30, 1, 2)}, .changes = {{RESULT, 1, 2}}},
    {"the upper end of an interval is below all values held", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, 1, 0), DID_GET_INTERVAL(1, 10, 30, 0, 0)}, .changes = {{INVOKED, 1, 21}}},
    {"an interval is upside down", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, 2, 0), DID_GET_INTERVAL(1, 10, 30, 1, 1)}, .changes = {{RESULT_2, 1, 0}}},
    {"a change since the last look and its cursor do not agree", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 5, 0), DID_GET_DELTA(0, 20, 30, 2, 3, 5)}, .changes = {{RESULT, 1, 5}}},
    {"a change since the last look is too small", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 5, 0), DID_GET_DELTA(0, 20, 30, 2, 3, 5)},
     .changes = {{RESULT, 1, 2}, {RESULT_2, 1, 4}}},
    {"an increment passes that began after a close", ON_PERCPU,
     .calls = {DID_CLOSE(0, 0, 10), DID_ADD(1, 5, 20, 1, 0)}, .changes = {{INVOKED, 1, 11}}},
    {"an increment is refused before any close", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 1, -ESHUTDOWN), DID_CLOSE(1, 5, 20)}, .changes = {{RETURNED, 0, 4}}},
    {"a decrement of the per-CPU backend is refused", ON_PERCPU, .closed = true,
     .calls = {DID_ADD(0, 0, 10, -1, 0)}, .changes = {{ANSWER, 0, -ESHUTDOWN}}},
    {"an increment passes, and is made once the close has returned", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 100, 1, 0), DID_CLOSE(1, 10, 30), DID_GET(2, 20, 50, 0)},
     .changes = {{INVOKED, 2, 31}}},
    {"an increment that was refused is seen after its return", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 50, 5, -ESHUTDOWN), DID_CLOSE(1, 10, 20), DID_GET(2, 30, 60, 5)},
     .changes = {{INVOKED, 2, 51}}},
    {"an increment that began after the close is seen although it was refused", ON_PERCPU,
     .calls = {DID_CLOSE(0, 0, 10), DID_ADD(1, 5, 50, 5, -ESHUTDOWN), DID_GET(2, 30, 40, 5)},
     .changes = {{INVOKED, 1, 11}}},
    {"two threads that add and read at once both miss the other's increment", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, 1, 0), DID_GET_AT_ONCE(0, 0, 20, 1), DID_ADD(1, 5, 25, 1, 0),
               DID_GET_AT_ONCE(1, 5, 25, 2)},
     .changes = {{RESULT, 3, 1}}},
    {"two threads that subtract and read at once both miss the other's decrement", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, -1, 0), DID_GET_AT_ONCE(0, 0, 20, -2), DID_ADD(1, 5, 25, -1, 0),
               DID_GET_AT_ONCE(1, 5, 25, -1)},
     .changes = {{RESULT, 1, -1}}},
    {"two intervals at once both miss the other's addition", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, 1, 0), DID_GET_INTERVAL_AT_ONCE(0, 0, 20, 1, 1), DID_ADD(1, 5, 25, -1, 0),
               DID_GET_INTERVAL_AT_ONCE(1, 5, 25, -1, 0)},
     .changes = {{RESULT_2, 3, -1}}},
    {"two looks at once both miss the other's decrement", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, -1, 0), DID_LOOK_AT_ONCE(0, 0, 20, -2, 0), DID_ADD(1, 5, 25, -1, 0),
               DID_LOOK_AT_ONCE(1, 5, 25, -2, -ETIMEDOUT)},
     .changes = {{ANSWER, 1, -ETIMEDOUT}}},
    {"two looks at once end by the other's increment, of which neither knows", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, 1, 0), DID_LOOK_AT_ONCE(0, 0, 20, 1, 0), DID_ADD(1, 5, 25, 1, 0),
               DID_LOOK_AT_ONCE(1, 5, 25, 1, -ETIMEDOUT)},
     .changes = {{ANSWER, 3, 0}}},
    {"a read at once misses its own thread's addition", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 20, 1, 0), DID_GET_AT_ONCE(0, 0, 20, 1), DID_ADD(1, 50, 60, 1, 0)},
     .changes = {{RESULT, 1, 0}}},
    {"a wait ends above the threshold, on the per-CPU backend", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_WAIT(1, 5, 20, 0, 0, 0)}, .changes = {{INVOKED, 1, 11}}},
    {"a look does not see that the value is low enough, on the per-CPU backend", ON_PERCPU,
     .calls = {DID_ADD(0, 0, 10, 1, 0), DID_WAIT(1, 5, 20, 0, 0, -ETIMEDOUT)},
     .changes = {{INVOKED, 0, 21}, {RETURNED, 0, 30}}},
    {"a wait ends before its time, on the per-CPU backend", ON_PERCPU,
     .calls = {DID_WAIT(0, 0, 100, -1, 100, -ETIMEDOUT)}, .changes = {{RETURNED, 0, 99}}},
};

enum { KNOWN = sizeof known / sizeof *known };

static void write_history(const struct known *row, struct call *calls, struct history *history)
{
    *history = (struct history){.attributes = &row->attributes, .threads = THREADS_MAX};
    history->before.value = row->attributes.initial;
    history->before.peak = row->attributes.initial;
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
    case ANSWER:
        call->answer = (int)value;
        break;
    case RESULT:
    case RESULT_2:
        call->result[field == RESULT_2] = value;
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

START_TEST(a_wrong_history_is_told_from_a_right_one)
{
    const struct known *row = &known[_i];
    struct call calls[KNOWN_CALLS_MAX];
    static struct history history;

    write_history(row, calls, &history);
    ck_assert_msg(judge(&history)->finding == RIGHT, "taken for wrong: what is right but for that %s", row->wrong);
    for (size_t i = 0; i < CHANGES_MAX; i++)
        change(&calls[row->changes[i].call], row->changes[i].field, row->changes[i].value);
    ck_assert_msg(judge(&history)->finding == WRONG, "taken for right: %s", row->wrong);
}
END_TEST

/* -------- against all orders -------- */

enum { FEW_CALLS = 6, FEW_THREADS = 3, HISTORIES = 50000, LONGEST = 40 };

struct few {
    struct attributes attributes;
    struct call calls[FEW_CALLS];
    struct history history;
};

/* Whether one of all orders of the calls that remain, a bit each, explains them. */
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

static void draw_outcome(uint64_t *random, int64_t likely_result, struct call *call)
{
    static const int answers[] = {0, 1, -ERANGE, -ESHUTDOWN};

    call->answer = answers[next_random(random) % (sizeof answers / sizeof *answers)];
    call->result[0] = one_of_two(random) ? output_before(call, 0) : likely_result;
    call->result[1] = call->operation == UPDATE ? 1 : output_before(call, 1);
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

/* The calls are right one after the other; whether they are at the times that are drawn for them is another
 * matter. In half of the histories the outcome of one of them is drawn again. */
static void draw_few(uint64_t *random, struct few *few)
{
    struct state state = {.value = 0};
    int64_t free_from[FEW_THREADS] = {0};

    few->attributes = (struct attributes){.backend = TSC_BACKEND_MUTEX, .max = 2, .policy = TSC_BOUNDS_CLAMP};
    few->attributes.bounded = one_of_two(random);
    few->history = (struct history){.attributes = &few->attributes, .threads = FEW_THREADS};
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

START_TEST(the_search_finds_an_order_where_there_is_one)
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

/* Nine threads that add for ever so long, and a read of what is no sum of theirs. */
START_TEST(what_cannot_be_decided_is_not_taken_for_right)
{
    static const struct attributes attributes = {.backend = TSC_BACKEND_MUTEX};
    static struct call calls[THREADS_MAX][8];
    static struct history history = {.attributes = &attributes, .threads = THREADS_MAX};
    int64_t number = 0;

    for (size_t thread = 0; thread < THREADS_MAX; thread++) {
        for (size_t i = 0; i < 8; i++) {
            calls[thread][i] = (struct call){.operation = ADD,
                                             .argument = {INT64_C(3) << number++ % 60},
                                             .result = {UNTOUCHED, UNTOUCHED},
                                             .returned = 100};
            history.calls[thread][history.count[thread]++] = &calls[thread][i];
        }
    }
    calls[0][7] = (struct call){.operation = GET, .result = {1, UNTOUCHED}, .returned = 100};
    ck_assert_int_eq(judge(&history)->finding, UNDECIDED);
}
END_TEST

/* -------- figures, and counters that share an owner -------- */

static struct call calls_of_two[3];
static struct history two[2];

/* Of the threads 0 to 2, each with a call of this kind at this time; the last one is on a counter of its own. */
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
    calls_of_two[1] = (struct call){.operation = TRY_ADD, .answer = -EAGAIN, .invoked = 0, .returned = 10};
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

/* What the recorder relies on. */
START_TEST(no_thread_reads_a_time_before_what_another_had_read)
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

    tcase_add_loop_test(tcase, a_wrong_history_is_told_from_a_right_one, 0, KNOWN);
    tcase_add_test(tcase, the_search_finds_an_order_where_there_is_one);
    tcase_add_test(tcase, what_cannot_be_decided_is_not_taken_for_right);
    tcase_add_test(tcase, counters_of_one_owner_share_its_queue);
    tcase_add_test(tcase, calls_that_touch_overlap);
    tcase_add_test(tcase, no_thread_reads_a_time_before_what_another_had_read);
    return support_run_suite(suite);
}
