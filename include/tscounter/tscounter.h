/* SPDX-License-Identifier: MIT */
/**
 * @file tscounter.h
 * Thread-safe counters with interchangeable backends.
 *
 * A counter is a signed 64-bit integer that any number of threads change and read. Its backend, one argument of
 * tsc_counter_create(), decides how it counts: under a mutex, with one atomic integer, through a message queue, or
 * in one slot per CPU. All other calls are the same for every backend.
 *
 * @code{.c}
 * #include <tscounter/tscounter.h>
 *
 * int main(void)
 * {
 *     tsc_counter_t *in_flight;
 *     int error = tsc_counter_create(&in_flight, TSC_BACKEND_MUTEX, NULL);
 *
 *     if (error)
 *         return 1;
 *     if (tsc_counter_inc(in_flight) == 0) // on any thread: a request begins
 *         tsc_counter_dec(in_flight);      // and ends
 *     tsc_counter_close(in_flight);        // shutdown: refuse new requests
 *     error = tsc_counter_wait_at_most(in_flight, 0, INT64_C(5000000000)); // wait up to 5 s for the rest
 *     tsc_counter_unref(in_flight);
 *     return error ? 1 : 0;
 * }
 * @endcode
 *
 * **One difference** from an atomic integer, and from an integer under a mutex: a change can fail. A closed
 * counter refuses increments, a total refuses decrements, and bounds refuse or clamp a change that would leave
 * them. The call then returns a negative errno value, or 1. A thread whose increment did not return 0 must not
 * decrement.
 *
 * **Life cycle**
 *  1. tsc_counter_create() creates a counter. The caller owns the first reference.
 *  2. tsc_counter_ref() acquires one more. A thread that may still be inside a call on the counter holds its own.
 *  3. tsc_counter_inc() and tsc_counter_dec() count, on any thread.
 *  4. tsc_counter_close() refuses further increments. Decrements still pass.
 *  5. tsc_counter_wait_at_most() with threshold 0 sleeps until the counter has drained.
 *  6. tsc_counter_unref() releases a reference. The last one applies pending messages, then frees the counter.
 *
 * Steps 4 and 5 are for counters that are drained. The caller frees attributes and releases owners itself.
 *
 * **Conventions**, unless a function states otherwise:
 *  - A function returns 0, a documented value above 0, or a negative errno value. It leaves `errno` unchanged.
 *  - On error its outputs and the counter are unchanged.
 *  - A NULL handle, a NULL output or a value out of range is -EINVAL.
 *  - Errors are checked in this order: -EINVAL, -ENOTSUP, -EDEADLK, those of the system such as -EBADF, -ESHUTDOWN,
 *    -ERANGE.
 *  - The caller keeps ownership of the handles and the memory that it passes. The library does not access that
 *    memory after the call has returned.
 *  - Times are nanoseconds of the monotonic clock.
 *  - Only functions that can return -ENOMEM allocate. There is one exception: the first change of a queue counter
 *    in the child of a `fork` starts the owner's thread again.
 *  - gcc and clang warn if a caller ignores the result of a function that is marked TSC_CHECKED.
 *
 * **Results** that many functions share. "As an operation" at a function means those of an operation; "as a
 * change" means all of them. A function lists its other results, and further causes of these, itself.
 *
 * | as           | returned | cause                                                                     |
 * |--------------|----------|---------------------------------------------------------------------------|
 * | an operation | 0        | success                                                                   |
 * | an operation | -EINVAL  | the counter, an output or a callback is NULL                              |
 * | an operation | -EDEADLK | inside an update callback on the same counter or on one of the same owner |
 * | a change     | 1        | the change stopped at a bound (TSC_BOUNDS_CLAMP)                          |
 * | a change     | -ERANGE  | the value would leave its bounds (TSC_BOUNDS_REJECT)                      |
 * | a change     | -ERANGE  | the value of a total would fall (TSC_KIND_TOTAL)                          |
 * | a change     | -EAGAIN  | queue, in the child of a `fork`: the owner's thread cannot be started     |
 *
 * **Ordering.** A change is a release and a read is an acquire. A thread that reads a value that includes an
 * addition also sees everything that the adding thread did before it. Reads and changes of one linearizable
 * counter form one total order.
 *
 * **Safety** is given in the terms of attributes(7). MT-Safe: callable from any number of threads at once; with
 * `race:x`, if they do not share x. AS-Safe: callable in a signal handler; AS-Unsafe: not callable in one. No
 * function may be called while cancellation is asynchronous (AC-Unsafe). A function of this header that states
 * nothing else is:
 *
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 */
#ifndef TSCOUNTER_TSCOUNTER_H
#define TSCOUNTER_TSCOUNTER_H

#include <stdint.h>

#include <tscounter/attr.h>
#include <tscounter/macros.h>
#include <tscounter/owner.h>
#include <tscounter/version.h>

TSC_BEGIN_DECLS

/** A counter. Reference-counted; a use of the handle after its last reference was released is undefined. */
typedef struct tsc_counter tsc_counter_t;

/** A backend: how a counter counts. */
typedef uint32_t tsc_backend_t;

/** The backends. */
enum {
    TSC_BACKEND_MUTEX = 0,  /**< a lock: several things changed together; the safe default */
    TSC_BACKEND_ATOMIC = 1, /**< one atomic integer: one hot value */
    TSC_BACKEND_QUEUE = 2,  /**< one thread owns the value and receives messages: a pipeline */
    TSC_BACKEND_PERCPU = 3  /**< one slot per CPU: a very hot value that is seldom read */
};

/** Reads and changes of one counter form one total order that agrees with real time. */
#define TSC_CAP_LINEARIZABLE UINT64_C(1)
/** fetch_add, set, exchange and compare_exchange work. */
#define TSC_CAP_FETCH UINT64_C(2)
/** Of a backend: bounds can be set. Of a counter: it has bounds, and get_bounds and set_bounds work. */
#define TSC_CAP_BOUNDS UINT64_C(4)
/** Of a backend: the peak can be tracked. Of a counter: it is tracked, and get_peak and take_peak work. */
#define TSC_CAP_PEAK UINT64_C(8)
/** update works. */
#define TSC_CAP_UPDATE UINT64_C(16)
/** add may return before it is applied. */
#define TSC_CAP_ASYNC UINT64_C(32)
/** inc, dec, add, sub, try_add and get may be called in a signal handler. */
#define TSC_CAP_SIGNAL_SAFE UINT64_C(64)
/** Of the threads in inc, dec, add, sub, try_add and get one always makes progress, even if others are stopped. */
#define TSC_CAP_LOCK_FREE UINT64_C(128)

/**
 * Creates a counter.
 *
 * The caller owns the first reference and releases it with tsc_counter_unref(). The attributes are copied; `attr`
 * stays the caller's. Pass the handle to other threads in a way that orders memory, such as `pthread_create` or a
 * lock.
 *
 * @param[out] counter the new counter; NULL on error
 * @param backend the backend
 * @param attr the attributes, or NULL: initial value 0, a gauge, no bounds, no peak, a queue of 1024 messages, no
 *        name, no help
 * @retval 0 success
 * @retval -EINVAL `counter` is NULL, `backend` is unknown, or `attr` names an owner and `backend` is not
 *         the queue
 * @retval -ENOTSUP the backend is not part of this build, or it lacks bounds or a peak that `attr` asks for
 * @retval -ERANGE the initial value is outside the bounds, or that of a total is negative
 * @retval -ENOMEM out of memory
 * @retval -EAGAIN the owner's thread of the queue cannot be started
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API TSC_CHECKED int tsc_counter_create(tsc_counter_t **counter, tsc_backend_t backend,
                                           const tsc_counter_attr_t *attr);

/**
 * Acquires a reference. The caller must already hold one. Callable inside an update callback.
 *
 * @param counter the counter, or NULL
 * @return `counter`
 * @since 1.0
 */
TSC_API tsc_counter_t *tsc_counter_ref(tsc_counter_t *counter);

/**
 * Releases a reference. The last one applies the pending messages of the counter, then frees it.
 *
 * The last call on a queue counter with its own owner returns after the owner's thread has ended. On an owner's
 * thread, or inside an update callback, it never waits: the counter is freed once the running update has ended. A
 * thread that may still be inside a call on the counter needs a reference of its own.
 *
 * @param counter the counter; NULL is accepted
 * @since 1.0
 */
TSC_API void tsc_counter_unref(tsc_counter_t *counter);

/**
 * Adds 1, as tsc_counter_add() does.
 *
 * @param counter the counter
 * @return as a change, or:
 * @retval -ESHUTDOWN the counter is closed
 * @ordering release
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_inc(tsc_counter_t *counter);

/**
 * Subtracts 1, as tsc_counter_add() does with -1. A closed counter accepts it too.
 *
 * @param counter the counter
 * @return as a change
 * @ordering release
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_dec(tsc_counter_t *counter);

/**
 * Adds a number.
 *
 * Without bounds the sum wraps in two's complement. On the queue the call returns once its message is queued, in
 * one FIFO order for the whole counter. It waits for room if the queue is full. On a queue counter with bounds it
 * waits for the result.
 *
 * @param counter the counter
 * @param delta the number; may be negative
 * @return as a change, or:
 * @retval -ESHUTDOWN the counter is closed and `delta` is positive
 * @ordering release
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_add(tsc_counter_t *counter, int64_t delta);

/**
 * Subtracts a number, as tsc_counter_add() does with `-amount`. A closed counter accepts a positive amount.
 *
 * Use it for unsigned amounts. If `n` is a `uint32_t`, `tsc_counter_add(counter, -n)` adds 2^32 - n, which is
 * 4 GiB too much: `-n` is computed in 32 bits, then widened. gcc and clang do not warn of it with -Wall -Wextra.
 *
 * @param counter the counter
 * @param amount the number; may be negative
 * @return as a change, or:
 * @retval -EINVAL `amount` is INT64_MIN, whose negation is no int64_t
 * @retval -ESHUTDOWN the counter is closed and `amount` is negative
 * @ordering release
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_sub(tsc_counter_t *counter, int64_t amount);

/**
 * Adds a number without waiting. Otherwise like tsc_counter_add().
 *
 * On the mutex it may return -EAGAIN whenever another thread holds the lock.
 *
 * @param counter the counter
 * @param delta the number; may be negative
 * @return as a change, or:
 * @retval -ENOTSUP a queue counter with bounds, whose result the call would have to wait for
 * @retval -ESHUTDOWN the counter is closed and `delta` is positive
 * @retval -EAGAIN the queue is full, or another thread holds the mutex
 * @ordering release
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
TSC_API TSC_CHECKED int tsc_counter_try_add(tsc_counter_t *counter, int64_t delta);

/**
 * Adds a number as soon as it fits the bounds, and sleeps until then, as a counting semaphore does.
 *
 * Of the threads that wait in one direction, up or down, the one that has waited longest goes first. A smaller
 * number does not overtake it, nor does a later call whose number would fit. Plain additions may. A change that
 * makes room wakes as many threads as fit, and no more.
 *
 * A number that tsc_counter_add() would add now is added now, if no thread waits in its direction. The value of a
 * total never falls, so there a number that does not fit now returns -ERANGE.
 *
 * When the timeout expires it tries once more. So it misses no change that returned before the deadline, unless an
 * update callback occupies the counter, or on the queue its owner, beyond the deadline. An update callback on
 * another thread does not delay the timeout; it does delay a cancellation. A thread that is cancelled or gives up
 * adds nothing, and the next one goes on.
 *
 * @param counter the counter, created with bounds and TSC_BOUNDS_REJECT
 * @param delta the number; may be negative; 0 returns 0 at once
 * @param timeout_ns the longest wait, in nanoseconds of the monotonic clock; 0 tries once, waits for no callback,
 *                   and overtakes no thread that waits; a negative value waits for ever
 * @return as an operation, or:
 * @retval -ENOTSUP the counter has no bounds, or clamps at them
 * @retval -ETIMEDOUT the number did not fit in time; nothing was added
 * @retval -ESHUTDOWN the counter is closed, or was closed during the wait, and `delta` is positive
 * @retval -ERANGE no value within the bounds admits the number, also if they were changed during the wait; or the
 *         number would lower a total
 * @ordering acquire and release if it returns 0
 * @safety MT-Safe, AS-Unsafe, a cancellation point
 * @since 1.0
 */
TSC_API TSC_CHECKED int tsc_counter_wait_add(tsc_counter_t *counter, int64_t delta, int64_t timeout_ns);

/**
 * Reads the value.
 *
 * On the mutex it waits for neither the lock nor a callback, and includes all changes that returned before it
 * began. On the queue it waits for all adds that returned before it began, and includes them.
 *
 * On the per-CPU backend the result is at least the value at some moment during the call. It exceeds that
 * value by at most the increments and decrements made during the call. It is never negative if every decrement
 * happens after its increment. If the counter is only incremented, no reader sees it go back. Of several
 * threads that each change the counter and then read it, at least one sees the changes of all.
 *
 * @param counter the counter
 * @param[out] value the value
 * @return as an operation
 * @ordering acquire
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_get(tsc_counter_t *counter, int64_t *value);

/**
 * Returns the value, or 0 if tsc_counter_get() returns an error, as it does for NULL and inside an update
 * callback. To tell such a 0 from the value 0, call tsc_counter_get().
 *
 * @param counter the counter, or NULL
 * @return the value, or 0
 * @ordering acquire
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
static inline int64_t tsc_counter_value(tsc_counter_t *counter)
{
    int64_t value = 0;

    (void)tsc_counter_get(counter, &value);
    return value;
}

/**
 * Reads an interval around the value.
 *
 * `*low` is at most, and `*high` at least, the value at some moment during the call, not necessarily the same
 * one. If all concurrent changes are by 1, the counter held a value in the interval, and equal ends are exact.
 * This holds while neither the value nor the changes during the call wrap. On linearizable backends the ends are
 * always equal.
 *
 * @param counter the counter
 * @param[out] low the lower end
 * @param[out] high the upper end
 * @return as an operation
 * @ordering acquire
 * @since 1.0
 */
TSC_API int tsc_counter_get_interval(tsc_counter_t *counter, int64_t *low, int64_t *high);

/**
 * Reads the change since the last call with this cursor, and advances the cursor.
 *
 * Any number of readers may do so, each with its own cursor. None of them resets the counter.
 *
 * @param counter the counter
 * @param[in,out] cursor the value at the last call; start with 0, or with a value read. It belongs to one
 *                thread at a time
 * @param[out] delta the change since then
 * @return as an operation
 * @ordering acquire
 * @safety MT-Safe race:cursor, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_get_delta(tsc_counter_t *counter, int64_t *cursor, int64_t *delta);

/**
 * Reads the peak: the highest value that the counter held since its creation, its initial value included, or since
 * the last tsc_counter_take_peak().
 *
 * @param counter the counter, created with tsc_counter_attr_set_track_peak()
 * @param[out] peak the highest value
 * @return as an operation, or:
 * @retval -ENOTSUP the counter does not track its peak
 * @ordering acquire
 * @since 1.0
 */
TSC_API int tsc_counter_get_peak(tsc_counter_t *counter, int64_t *peak);

/**
 * Reads the peak, and begins a new one at the value.
 *
 * Of consecutive calls, each value that the counter held counts in exactly one; a value held across a call counts
 * in both, and on the atomic backend so may one that was held during a call. Let one reader take the peak: after a
 * call, all readers see only what the counter held since. On the atomic backend the call waits until changes in
 * progress have been made.
 *
 * @param counter the counter, created with tsc_counter_attr_set_track_peak()
 * @param[out] peak the highest value
 * @return as an operation, or:
 * @retval -ENOTSUP the counter does not track its peak
 * @ordering acquire
 * @since 1.0
 */
TSC_API int tsc_counter_take_peak(tsc_counter_t *counter, int64_t *peak);

/**
 * Reads the bounds: those that the counter was created with, or those of the last tsc_counter_set_bounds().
 *
 * @param counter the counter, created with bounds
 * @param[out] min the smallest value allowed
 * @param[out] max the largest value allowed
 * @return as an operation, or:
 * @retval -ENOTSUP the counter has no bounds
 * @ordering acquire
 * @since 1.0
 */
TSC_API int tsc_counter_get_bounds(tsc_counter_t *counter, int64_t *min, int64_t *max);

/**
 * Changes the bounds of a counter that was created with bounds. The policy stays.
 *
 * From the moment that this returns, no change is admitted by the former bounds. While it runs, a change is
 * admitted by the former or by the new ones. There is one exception on the atomic backend, on a counter that does
 * not track its peak: a decrement that overlaps the first call that changes `min` may take effect by the former
 * `min` after that call has returned.
 *
 * The value may lie outside the new bounds. Then, as ever, the result of a change must lie within the bounds, or
 * between the value and the bounds; any other change is refused. With TSC_BOUNDS_CLAMP it stops at the bound, or
 * leaves a value outside where it is, and returns 1. So a value above a lowered `max` falls by decrements, and no
 * increment is admitted before it is below `max`.
 *
 * Threads in tsc_counter_wait_add() go on if the new bounds have room for them. They return -ERANGE if their
 * number does not fit the new bounds at any value.
 *
 * @param counter the counter
 * @param min the smallest value allowed
 * @param max the largest value allowed
 * @return as an operation, or:
 * @retval -EINVAL `min` is above `max`
 * @retval -ENOTSUP the counter was created without bounds
 * @ordering acquire and release
 * @since 1.0
 */
TSC_API int tsc_counter_set_bounds(tsc_counter_t *counter, int64_t min, int64_t max);

/**
 * Adds a number and stores the previous value.
 *
 * Without bounds the sum wraps in two's complement. On the queue the call waits for the result.
 *
 * @param counter the counter
 * @param delta the number; may be negative
 * @param[out] previous the previous value
 * @return as a change, or:
 * @retval -ENOTSUP the backend lacks TSC_CAP_FETCH
 * @retval -ESHUTDOWN the counter is closed and `delta` is positive
 * @ordering acquire and release
 * @since 1.0
 */
TSC_API int tsc_counter_fetch_add(tsc_counter_t *counter, int64_t delta, int64_t *previous);

/**
 * Sets the value. With TSC_BOUNDS_CLAMP a value outside the bounds sets the bound. On the queue the call waits for
 * the result.
 *
 * @param counter the counter
 * @param value the new value
 * @return as a change, or:
 * @retval -ENOTSUP the backend lacks TSC_CAP_FETCH
 * @retval -ESHUTDOWN the counter is closed
 * @ordering release
 * @since 1.0
 */
TSC_API int tsc_counter_set(tsc_counter_t *counter, int64_t value);

/**
 * Sets the value, as tsc_counter_set() does, and stores the previous one.
 *
 * @param counter the counter
 * @param value the new value
 * @param[out] previous the previous value
 * @return as a change, or:
 * @retval -ENOTSUP the backend lacks TSC_CAP_FETCH
 * @retval -ESHUTDOWN the counter is closed
 * @ordering acquire and release
 * @since 1.0
 */
TSC_API int tsc_counter_exchange(tsc_counter_t *counter, int64_t value, int64_t *previous);

/**
 * Sets the value if it equals the expected one; there are no spurious failures. On the queue the call waits for
 * the result.
 *
 * @param counter the counter
 * @param[in,out] expected the expected value; receives the current value if that differs. It belongs to one
 *                thread at a time
 * @param desired the new value; with TSC_BOUNDS_CLAMP a value outside the bounds sets the bound
 * @return as a change, except that:
 * @retval 1 the value was set, to `desired` or to the bound
 * @retval 0 the value was not set: it differs from `*expected`
 * @retval -ENOTSUP the backend lacks TSC_CAP_FETCH
 * @retval -ESHUTDOWN the counter is closed
 * @retval -ERANGE the value equals `*expected`, and `desired` is outside the bounds (TSC_BOUNDS_REJECT) or lower
 *         than the value of a total
 * @ordering acquire and release if it returns 1, acquire if it returns 0
 * @safety MT-Safe race:expected, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_compare_exchange(tsc_counter_t *counter, int64_t *expected, int64_t desired);

/**
 * Computes a new value. tsc_counter_update() calls it with exclusive access to the counter.
 *
 * Data that is touched in callbacks on the same counter alone, such as a time stamp or a second number, needs no
 * other lock.
 *
 * @param[in,out] value the value; on return the new one
 * @param arg as passed to tsc_counter_update()
 * @return 0 to commit `*value`, a negative value to abandon the change
 */
typedef int (*tsc_update_fn)(int64_t *value, void *arg);

/**
 * Calls `update(&value, arg)` once, with exclusive access to the counter, and commits `value`.
 *
 * On the mutex the callback runs on the calling thread with the lock held. If cancellation or a C++ exception
 * leaves the callback, the counter is unlocked and unchanged. On the queue the callback runs on the owner's thread
 * while the caller waits, and must return.
 *
 * Inside a callback only tsc_counter_ref(), tsc_counter_unref(), tsc_counter_next(), and the getters of name,
 * help, kind, backend and capabilities work on this counter and on counters of the same owner. Callbacks that wait
 * for each other across owners or mutex counters deadlock; the caller must prevent that. After a `fork` inside a
 * callback the child may only exec or `_exit`.
 *
 * After the callback has returned, the library checks that the counter is open, that the value is within its
 * bounds, and that a total has not fallen.
 *
 * @param counter the counter
 * @param update the callback
 * @param arg passed to the callback
 * @return as a change, or the negative value that the callback returned; nothing is committed then; or:
 * @retval -EINVAL the callback returned a positive value; nothing is committed
 * @retval -ENOTSUP the backend lacks TSC_CAP_UPDATE
 * @retval -ESHUTDOWN the counter is closed and the value would rise; nothing is committed
 * @ordering acquire and release: a callback sees everything that earlier callbacks on the same counter did
 * @safety MT-Safe, AS-Unsafe, a cancellation point where the callback has one and runs on a mutex
 * @since 1.0
 */
TSC_API int tsc_counter_update(tsc_counter_t *counter, tsc_update_fn update, void *arg);

/**
 * Waits until all adds that returned before the call are applied. Only the queue has to wait; on the other
 * backends it returns at once.
 *
 * @param counter the counter
 * @return as an operation
 * @since 1.0
 */
TSC_API int tsc_counter_flush(tsc_counter_t *counter);

/**
 * Closes the counter. A closed counter cannot be reopened; closing it again returns 0.
 *
 * From the moment that this returns, these return -ESHUTDOWN: a change by a positive delta, set, exchange,
 * compare_exchange, and an update that would raise the value. Decrements still pass. Threads that wait in
 * tsc_counter_wait_add() to add a positive number return -ESHUTDOWN; those that wait to subtract go on waiting.
 *
 * After tsc_counter_wait_at_most() on the closed counter has returned 0, no increment that returned 0 can take
 * effect. On the atomic and the per-CPU backend, readers may see a refused change that overlapped the close until
 * its call returns. There the caller must keep set, exchange and compare_exchange from overlapping the close.
 *
 * A `fork` before such a call has returned keeps the refused change in the child's value, on per-CPU and on atomic
 * without bounds and peak. The thread that would undo it does not exist in the child, so the child never drains.
 * Fork before the close or after the calls that overlap it, or create a new counter in the child.
 *
 * @param counter the counter
 * @return as an operation
 * @since 1.0
 */
TSC_API int tsc_counter_close(tsc_counter_t *counter);

/**
 * Sleeps until the value is at most the threshold. After tsc_counter_close(), threshold 0 drains the counter.
 *
 * While increments are admitted, it may miss a dip that is shorter than a wake-up. On the queue it is ordered
 * after the caller's adds. A return of 0 does not mean that the decrementing calls have returned.
 *
 * When the timeout expires it checks the value once more. So it misses no change that returned before the
 * deadline, unless, on the queue, a callback occupies the owner beyond the deadline. An update callback on another
 * thread does not delay the timeout; on the queue it does delay a cancellation.
 *
 * It and tsc_counter_wait_add() are the library's cancellation points, and leave no lock held. A wait that has
 * ended, for whatever reason, makes no later change slower.
 *
 * @param counter the counter
 * @param threshold the highest value to wait for
 * @param timeout_ns the longest wait, in nanoseconds of the monotonic clock; 0 checks once and waits for no
 *                   callback; a negative value waits for ever
 * @return as an operation, or:
 * @retval -ETIMEDOUT no value at most `threshold` was seen in time
 * @ordering acquire if it returns 0
 * @safety MT-Safe, AS-Unsafe, a cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_wait_at_most(tsc_counter_t *counter, int64_t threshold, int64_t timeout_ns);

/**
 * Registers a notification for an event loop: tsc_counter_wait_at_most() without a thread that waits.
 *
 * Once a value at most `threshold` is seen, the library writes the eight bytes of a `uint64_t` 1 to a duplicate of
 * `fd`, closes the duplicate, and forgets the registration. If the value is low enough already, it does so before
 * the call returns. `fd` is an eventfd, or the write end of a pipe in `O_NONBLOCK` mode whose read end stays open;
 * otherwise the write raises SIGPIPE. A full pipe is readable already, so nothing is written. The caller may close
 * `fd` at any time after the call.
 *
 * A counter has at most one registration. A new one replaces the former; `fd` -1 only takes it back. The call
 * returns 1 if the former registration has fired and no call has returned 1 for it. Otherwise it returns 0, and
 * nothing will be written for the former registration.
 *
 * While increments are admitted, it may miss a dip that is shorter than a wake-up. On the queue it is ordered
 * after the caller's adds. The thread whose change lowers the value writes, even in a signal handler; on the queue
 * the thread that delivers the change does. A notification does not mean that the decrementing calls have
 * returned.
 *
 * The child of a `fork` has no registration, and the duplicate is closed there. As long as a counter has one, its
 * changes on the atomic and the per-CPU backend take the slower path that they take while a thread waits. A
 * registration that has fired or was taken back makes no later change slower.
 *
 * @param counter the counter
 * @param threshold the highest value to wait for
 * @param fd the descriptor to write to, or -1
 * @return as an operation, or:
 * @retval 1 success, and the former registration had fired
 * @retval -EBADF `fd` is not open, or below -1; the former registration stays
 * @retval -EMFILE no descriptor is left for the duplicate; the former registration stays
 * @ordering acquire if it returns 1; the write to `fd` is a release of what was done before the value
 * @since 1.0
 */
TSC_API int tsc_counter_notify_at_most(tsc_counter_t *counter, int64_t threshold, int fd);

/**
 * Stores the backend of a counter. Callable inside an update callback.
 *
 * @param counter the counter
 * @param[out] backend its backend
 * @retval 0 success
 * @retval -EINVAL `counter` or `backend` is NULL
 * @since 1.0
 */
TSC_API int tsc_counter_get_backend(tsc_counter_t *counter, tsc_backend_t *backend);

/**
 * Stores the kind of a counter. Callable inside an update callback.
 *
 * @param counter the counter
 * @param[out] kind its kind
 * @retval 0 success
 * @retval -EINVAL `counter` or `kind` is NULL
 * @since 1.0
 */
TSC_API int tsc_counter_get_kind(tsc_counter_t *counter, tsc_kind_t *kind);

/**
 * Stores the capabilities of a counter: those of its backend, except that
 *  - TSC_CAP_BOUNDS is set only if the counter has bounds,
 *  - TSC_CAP_PEAK is set only if it tracks its peak, and
 *  - TSC_CAP_ASYNC is not set if the counter has bounds, because an addition then waits for its result.
 *
 * The kind changes none: a total has the operations of a gauge, and they refuse what would lower it. The
 * capabilities of a counter never change. Callable inside an update callback.
 *
 * @param counter the counter
 * @param[out] caps the sum of its TSC_CAP_…
 * @retval 0 success
 * @retval -EINVAL `counter` or `caps` is NULL
 * @since 1.0
 */
TSC_API int tsc_counter_get_caps(tsc_counter_t *counter, uint64_t *caps);

/**
 * Returns the name of a counter. Callable inside an update callback.
 *
 * @param counter the counter, or NULL
 * @return its name, valid as long as the counter; "" if none was set; NULL if `counter` is NULL
 * @since 1.0
 */
TSC_API const char *tsc_counter_get_name(tsc_counter_t *counter);

/**
 * Returns the help text of a counter. Callable inside an update callback.
 *
 * @param counter the counter, or NULL
 * @return its help, valid as long as the counter; "" if none was set; NULL if `counter` is NULL
 * @since 1.0
 */
TSC_API const char *tsc_counter_get_help(tsc_counter_t *counter);

/**
 * Returns the name of a kind: "gauge", "total", "held".
 *
 * @param kind the kind
 * @return its name, in static storage; NULL if the kind is unknown
 * @safety MT-Safe, AS-Safe, no cancellation point
 * @since 1.0
 */
TSC_API const char *tsc_kind_name(tsc_kind_t kind);

/**
 * Walks the named counters of this process, in the order of their creation.
 *
 * `*counter` is NULL for the first, and then the counter that the call before returned. The call releases the
 * reference on that one, as tsc_counter_unref() does, and stores the next with a reference of its own. At the end
 * it stores NULL and returns 0. So a walk to the end leaks nothing; one that ends early unrefs what it holds:
 *
 * @code{.c}
 * tsc_counter_t *counter = NULL;
 *
 * while (tsc_counter_next(&counter) == 1)
 *     printf("%s %" PRId64 "\n", tsc_counter_get_name(counter), tsc_counter_value(counter));
 * @endcode
 *
 * Counters may be created and freed meanwhile: each that exists from the first call to the last is seen exactly
 * once. No lock is held between calls. A counter without a name, or with a name of 0 bytes, is not listed; nor is
 * one whose last reference is gone. Callable inside an update callback.
 *
 * @param[in,out] counter NULL, or the counter before; the next, or NULL. It belongs to one thread at a time
 * @retval 1 `*counter` is the next counter
 * @retval 0 there are no more; `*counter` is NULL
 * @retval -EINVAL `counter` is NULL, or `*counter` has no name
 * @safety MT-Safe race:counter, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_next(tsc_counter_t **counter);

/**
 * Returns the name of a backend: "mutex", "atomic", "queue", "percpu".
 *
 * @param backend the backend
 * @return its name, in static storage; NULL if the backend is unknown
 * @safety MT-Safe, AS-Safe, no cancellation point
 * @since 1.0
 */
TSC_API const char *tsc_backend_name(tsc_backend_t backend);

/**
 * Looks up a backend by name.
 *
 * @param name the name
 * @param[out] backend the backend
 * @retval 0 success
 * @retval -EINVAL `name` or `backend` is NULL, or no backend has this name
 * @since 1.0
 */
TSC_API int tsc_backend_from_name(const char *name, tsc_backend_t *backend);

/**
 * Stores the capabilities of a backend on this machine, whether or not it is part of this build.
 *
 * @param backend the backend
 * @param[out] caps the sum of its TSC_CAP_…
 * @retval 0 success
 * @retval -EINVAL `backend` is unknown, or `caps` is NULL
 * @since 1.0
 */
TSC_API int tsc_backend_get_caps(tsc_backend_t backend, uint64_t *caps);

/**
 * Returns the version of the library at run time, "1.0.0".
 *
 * @return the version, in static storage
 * @safety MT-Safe, AS-Safe, no cancellation point
 * @since 1.0
 */
TSC_API const char *tsc_version_string(void);

/**
 * Returns the version of the library at run time, 0xMMmmpp. TSC_VERSION_NUMBER is that of the headers.
 *
 * @return the version; later versions are greater
 * @safety MT-Safe, AS-Safe, no cancellation point
 * @since 1.0
 */
TSC_API uint32_t tsc_version_number(void);

TSC_END_DECLS

#endif
