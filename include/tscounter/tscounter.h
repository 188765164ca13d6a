/* SPDX-License-Identifier: MIT */
/**
 * @file tscounter.h
 * Thread-safe counters: the way of counting is one argument of tsc_counter_create().
 *
 * Unless a function says otherwise:
 *  - it returns 0, or a documented value above 0, or a negative errno value, and leaves `errno` as it was;
 *  - on error its outputs, and the counter, are as they were;
 *  - a NULL handle or output, or a value out of range, gives -EINVAL, which is checked before -ENOTSUP,
 *    that before -ESHUTDOWN, that before -ERANGE;
 *  - called from inside an update callback on the same counter, or on a counter of the same owner, it
 *    gives -EDEADLK at once;
 *  - the caller keeps what it hands in: the counter, and memory that is pointed to, which is not looked at
 *    after the return;
 *  - it allocates nothing; but the first change of a queue counter in the child of a `fork` starts the owner's
 *    thread again, and answers -EAGAIN where that cannot be done.
 *
 * Safety: each function says from where it may be called, in the terms of attributes(7). MT-Safe: from any number
 * of threads at once; with `race:x`, if they do not share x. AS-Safe: in a signal handler; AS-Unsafe: not in one.
 * None may be called while cancellation is asynchronous (AC-Unsafe).
 *
 * Ordering: a change is a release and a read is an acquire. Who reads a value that includes an add also sees
 * what the adding thread did before it. Reads and changes of one linearizable counter form one total order.
 */
#ifndef TSCOUNTER_TSCOUNTER_H
#define TSCOUNTER_TSCOUNTER_H

#include <stdint.h>

#include <tscounter/attr.h>
#include <tscounter/macros.h>
#include <tscounter/owner.h>
#include <tscounter/version.h>

TSC_BEGIN_DECLS

/** A counter. Counted by references; a handle used after its last reference is gone is undefined. */
typedef struct tsc_counter tsc_counter_t;

/** A way of counting. */
typedef uint32_t tsc_backend_t;

/** The ways of counting. */
enum {
    TSC_BACKEND_MUTEX = 0,  /**< a lock: several things changed together; the safe default */
    TSC_BACKEND_ATOMIC = 1, /**< one atomic integer: one hot value */
    TSC_BACKEND_QUEUE = 2,  /**< a thread owns the value and is sent messages: a pipeline */
    TSC_BACKEND_PERCPU = 3  /**< a slot for each processor: very hot, read seldom */
};

/** Reads and changes of one counter form one total order that agrees with real time. */
#define TSC_CAP_LINEARIZABLE UINT64_C(1)
/** fetch_add, set, exchange and compare_exchange work. */
#define TSC_CAP_FETCH UINT64_C(2)
/** Bounds can be set. */
#define TSC_CAP_BOUNDS UINT64_C(4)
/** The highest value can be tracked. */
#define TSC_CAP_PEAK UINT64_C(8)
/** update works. */
#define TSC_CAP_UPDATE UINT64_C(16)
/** add may return before it is applied. */
#define TSC_CAP_ASYNC UINT64_C(32)
/** inc, dec, add, try_add and get may be called in a signal handler. */
#define TSC_CAP_SIGNAL_SAFE UINT64_C(64)
/** inc, dec, add, try_add and get of some thread always make progress, whoever else is stopped. */
#define TSC_CAP_LOCK_FREE UINT64_C(128)

/**
 * Makes a counter.
 *
 * The caller gets the first reference, which it gives back with tsc_counter_unref(). The attributes are copied;
 * `attr` stays the caller's. Other threads may use the counter once the caller has handed it to them in a way that
 * orders memory, such as `pthread_create` or a lock.
 *
 * @param[out] counter the new counter; NULL on error
 * @param backend the way of counting
 * @param attr what the counter is to be like, or NULL: initial value 0, no bounds, no peak, a queue of 1024
 *             messages, no name
 * @retval 0 done
 * @retval -EINVAL `counter` is NULL, `backend` is unknown, or `attr` names an owner and `backend` is not
 *         the queue
 * @retval -ENOTSUP the backend is not part of this build, or has no bounds or no peak and `attr` asks for it
 * @retval -ERANGE the initial value is outside the bounds
 * @retval -ENOMEM out of memory
 * @retval -EAGAIN the queue's thread cannot be started
 * @safety MT-Safe race:attr, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_create(tsc_counter_t **counter, tsc_backend_t backend, const tsc_counter_attr_t *attr);

/**
 * Takes one more reference. Only who holds one may do so. Allowed inside an update callback.
 *
 * @param counter the counter, or NULL
 * @return `counter`
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API tsc_counter_t *tsc_counter_ref(tsc_counter_t *counter);

/**
 * Gives a reference back; the last one frees the counter, after all that is queued for it was applied.
 *
 * The last reference of a queue counter with an owner of its own returns with the owner's thread gone. On the
 * thread of an owner, or inside an update callback, it never waits: the counter then goes once the running
 * update has ended. A thread that may still be inside a call on the counter needs a reference of its own.
 *
 * @param counter the counter; NULL is accepted
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API void tsc_counter_unref(tsc_counter_t *counter);

/**
 * Adds 1, as tsc_counter_add() does.
 *
 * @param counter the counter
 * @retval 0 added
 * @retval 1 the value was at its upper bound, and stays there (TSC_BOUNDS_CLAMP)
 * @retval -EINVAL `counter` is NULL
 * @retval -ESHUTDOWN the counter is closed
 * @retval -ERANGE the value would leave its bounds (TSC_BOUNDS_REJECT)
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @retval -EAGAIN queue, in the child of a `fork`: the owner's thread cannot be started
 * @ordering release
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_inc(tsc_counter_t *counter);

/**
 * Subtracts 1, as tsc_counter_add() does with -1. A closed counter still goes down.
 *
 * @param counter the counter
 * @retval 0 subtracted
 * @retval 1 the value was at its lower bound, and stays there (TSC_BOUNDS_CLAMP)
 * @retval -EINVAL `counter` is NULL
 * @retval -ERANGE the value would leave its bounds (TSC_BOUNDS_REJECT)
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @retval -EAGAIN queue, in the child of a `fork`: the owner's thread cannot be started
 * @ordering release
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_dec(tsc_counter_t *counter);

/**
 * Adds a number.
 *
 * Without bounds the arithmetic wraps in two's complement. On the queue it returns once the message is queued,
 * in one FIFO order for the whole counter, and waits for room where the queue is full; with bounds it waits for
 * the owner's verdict.
 *
 * @param counter the counter
 * @param delta what to add; may be negative
 * @retval 0 added
 * @retval 1 the change stopped at a bound (TSC_BOUNDS_CLAMP)
 * @retval -EINVAL `counter` is NULL
 * @retval -ESHUTDOWN the counter is closed and `delta` is positive
 * @retval -ERANGE the value would leave its bounds (TSC_BOUNDS_REJECT)
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @retval -EAGAIN queue, in the child of a `fork`: the owner's thread cannot be started
 * @ordering release
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_add(tsc_counter_t *counter, int64_t delta);

/**
 * Adds a number, or says that it would have to wait. Otherwise like tsc_counter_add(). On the mutex that may be
 * whenever another thread holds the lock.
 *
 * @param counter the counter
 * @param delta what to add; may be negative
 * @retval 0 added
 * @retval 1 the change stopped at a bound (TSC_BOUNDS_CLAMP)
 * @retval -EINVAL `counter` is NULL
 * @retval -ENOTSUP a queue counter with bounds, whose owner's verdict would have to be waited for
 * @retval -ESHUTDOWN the counter is closed and `delta` is positive
 * @retval -ERANGE the value would leave its bounds (TSC_BOUNDS_REJECT)
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @retval -EAGAIN the queue is full, or another thread holds the mutex; or, in the child of a `fork`, the
 *         owner's thread cannot be started
 * @ordering release
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_try_add(tsc_counter_t *counter, int64_t delta);

/**
 * Reads the value.
 *
 * On the mutex it waits for neither the lock nor a callback, and includes all changes that returned before it
 * began. On the queue it includes all adds that returned before it began, and waits for them. On the per-CPU backend
 * the value is never less than the one held at some moment during the call, and exceeds it by at most the
 * increments and decrements made during the call; it is never negative where every decrement happens after its
 * increment, and each reader sees a counter that is only incremented never go back. Of several threads that each
 * change the counter and then read it, at least one sees the changes of all.
 *
 * @param counter the counter
 * @param[out] value the value
 * @retval 0 done
 * @retval -EINVAL `counter` or `value` is NULL
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @ordering acquire
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_get(tsc_counter_t *counter, int64_t *value);

/**
 * Reads an interval around the value.
 *
 * `*low` is at most, and `*high` at least, the value at some moment during the call, not necessarily the same
 * one. Where all concurrent changes are by 1, the counter held a value in the interval, and equal means exact.
 * It holds while neither the value nor the changes during the call wrap. On linearizable backends the two are
 * always equal.
 *
 * @param counter the counter
 * @param[out] low the lower end
 * @param[out] high the upper end
 * @retval 0 done
 * @retval -EINVAL a parameter is NULL
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @ordering acquire
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_get_interval(tsc_counter_t *counter, int64_t *low, int64_t *high);

/**
 * Reads the change since the last look. Any number of readers may do so, each with a cursor of its own; none
 * of them resets the counter.
 *
 * @param counter the counter
 * @param[in,out] cursor the value at the last look; start with 0, or with a value read. It belongs to one
 *                thread at a time
 * @param[out] delta the change since then
 * @retval 0 done, and the cursor has moved on
 * @retval -EINVAL a parameter is NULL
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @ordering acquire
 * @safety MT-Safe race:cursor, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_get_delta(tsc_counter_t *counter, int64_t *cursor, int64_t *delta);

/**
 * Reads the highest value that the counter ever held, its initial value included.
 *
 * @param counter the counter, made with tsc_counter_attr_set_track_peak()
 * @param[out] peak the highest value
 * @retval 0 done
 * @retval -EINVAL `counter` or `peak` is NULL
 * @retval -ENOTSUP the counter does not track its peak
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @ordering acquire
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_get_peak(tsc_counter_t *counter, int64_t *peak);

/**
 * Adds a number and tells the value before. Without bounds the arithmetic wraps in two's complement. On the queue
 * it waits for the owner's answer.
 *
 * @param counter the counter
 * @param delta what to add; may be negative
 * @param[out] previous the value before
 * @retval 0 added
 * @retval 1 the change stopped at a bound (TSC_BOUNDS_CLAMP)
 * @retval -EINVAL `counter` or `previous` is NULL
 * @retval -ENOTSUP the backend lacks TSC_CAP_FETCH
 * @retval -ESHUTDOWN the counter is closed and `delta` is positive
 * @retval -ERANGE the value would leave its bounds (TSC_BOUNDS_REJECT)
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @retval -EAGAIN queue, in the child of a `fork`: the owner's thread cannot be started
 * @ordering acquire and release
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_fetch_add(tsc_counter_t *counter, int64_t delta, int64_t *previous);

/**
 * Sets the value. On the queue it waits for the owner's answer.
 *
 * @param counter the counter
 * @param value the new value
 * @retval 0 done
 * @retval 1 the bound was set instead (TSC_BOUNDS_CLAMP)
 * @retval -EINVAL `counter` is NULL
 * @retval -ENOTSUP the backend lacks TSC_CAP_FETCH
 * @retval -ESHUTDOWN the counter is closed
 * @retval -ERANGE `value` is outside the bounds (TSC_BOUNDS_REJECT)
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @retval -EAGAIN queue, in the child of a `fork`: the owner's thread cannot be started
 * @ordering release
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_set(tsc_counter_t *counter, int64_t value);

/**
 * Sets the value and tells the one before. On the queue it waits for the owner's answer.
 *
 * @param counter the counter
 * @param value the new value
 * @param[out] previous the value before
 * @retval 0 done
 * @retval 1 the bound was set instead (TSC_BOUNDS_CLAMP)
 * @retval -EINVAL `counter` or `previous` is NULL
 * @retval -ENOTSUP the backend lacks TSC_CAP_FETCH
 * @retval -ESHUTDOWN the counter is closed
 * @retval -ERANGE `value` is outside the bounds (TSC_BOUNDS_REJECT)
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @retval -EAGAIN queue, in the child of a `fork`: the owner's thread cannot be started
 * @ordering acquire and release
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_exchange(tsc_counter_t *counter, int64_t value, int64_t *previous);

/**
 * Sets the value if it is the expected one. On the queue it waits for the owner's answer.
 *
 * @param counter the counter
 * @param[in,out] expected the value expected; where it is another, becomes the value found. It belongs to one
 *                thread at a time
 * @param desired the new value; with TSC_BOUNDS_CLAMP the bound is set where it lies outside
 * @retval 1 done
 * @retval 0 not done: another value was found
 * @retval -EINVAL `counter` or `expected` is NULL
 * @retval -ENOTSUP the backend lacks TSC_CAP_FETCH
 * @retval -ESHUTDOWN the counter is closed
 * @retval -ERANGE the expected value was found, and `desired` is outside the bounds (TSC_BOUNDS_REJECT)
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @retval -EAGAIN queue, in the child of a `fork`: the owner's thread cannot be started
 * @ordering where it answers 1, acquire and release; where it answers 0, acquire
 * @safety MT-Safe race:expected, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_compare_exchange(tsc_counter_t *counter, int64_t *expected, int64_t desired);

/**
 * Computes a new value, alone with the counter: what tsc_counter_update() calls.
 *
 * What the callback guards with the counter (a time stamp, a second number) is safe to touch there.
 *
 * @param[in,out] value the value, and on return what it is to become
 * @param arg as given to tsc_counter_update()
 * @return 0 to commit `*value`, a negative value to abandon the change
 */
typedef int (*tsc_update_fn)(int64_t *value, void *arg);

/**
 * Calls `update(&value, arg)` once, alone with the counter, and commits what it leaves in `value`.
 *
 * On the mutex the callback runs under the lock, on the calling thread: cancellation or a C++ exception that
 * leaves it leaves the counter unlocked and unchanged. On the queue it runs on the owner's thread while the
 * caller waits, and must return. Inside it only tsc_counter_ref(), tsc_counter_unref(), tsc_counter_get_name()
 * and tsc_counter_get_backend() work on this counter and on counters of the same owner. Callbacks that wait for
 * each other across owners or mutex counters are the caller's deadlock. After a `fork` inside a callback the
 * child may only exec or `_exit`. Whether the counter is closed, and the value within its bounds, is looked at
 * when the callback has returned.
 *
 * @param counter the counter
 * @param update the callback
 * @param arg handed to the callback
 * @retval 0 committed
 * @retval 1 the bound was committed instead (TSC_BOUNDS_CLAMP)
 * @retval -EINVAL `counter` or `update` is NULL, or the callback answered a positive value; nothing committed
 * @retval -ENOTSUP the backend lacks TSC_CAP_UPDATE
 * @retval -ESHUTDOWN the counter is closed and the value would rise; nothing committed
 * @retval -ERANGE the value would leave its bounds (TSC_BOUNDS_REJECT); nothing committed
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @retval -EAGAIN queue, in the child of a `fork`: the owner's thread cannot be started
 * @return or the negative value that the callback answered; nothing committed
 * @ordering acquire and release: what one callback did, the next one on the same counter sees
 * @safety MT-Safe, AS-Unsafe, a cancellation point where the callback has one and runs on a mutex
 * @since 1.0
 */
TSC_API int tsc_counter_update(tsc_counter_t *counter, tsc_update_fn update, void *arg);

/**
 * Returns when all adds that returned before are applied: on the queue it waits for the owner, on the other
 * backends it returns at once.
 *
 * @param counter the counter
 * @retval 0 done
 * @retval -EINVAL `counter` is NULL
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_flush(tsc_counter_t *counter);

/**
 * Closes the counter: from the moment that this returns, changes by a positive delta, set, exchange,
 * compare_exchange, and an update that would raise the value, give -ESHUTDOWN. Decrements still pass. There is
 * no way back. Closing twice gives 0.
 *
 * No increment that was answered 0 can take effect after a tsc_counter_wait_at_most() on the closed counter has
 * returned 0. On the atomic and the per-CPU backend a change that is refused because it overlapped the close may
 * be visible to readers until its call returns, and set, exchange and compare_exchange that overlap the
 * close are the caller's to exclude.
 *
 * Such a change stays in the value of a child that was forked before its call had returned, on per-CPU and on
 * atomic without bounds and peak: the thread that would take it back is not there, and a drain of the child never
 * ends. So fork before the close or after the calls that overlap it, or make a new counter in the child.
 *
 * @param counter the counter
 * @retval 0 closed
 * @retval -EINVAL `counter` is NULL
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_close(tsc_counter_t *counter);

/**
 * Waits, asleep, until the value is at most the threshold.
 *
 * A dip shorter than a wake-up may be missed while increments are admitted. tsc_counter_close(), then
 * tsc_counter_wait_at_most() with threshold 0, is a graceful drain. On the queue it is ordered behind the caller's
 * adds. That it returned 0 is an acquire; it does not mean that the decrementing calls have returned. It is the
 * only cancellation point of the library, and leaves no lock held. Another thread's update callback does not
 * hold up a timeout; on the queue it does hold up a cancellation.
 *
 * Once the time is up it looks once more: it misses no change that returned before the deadline, unless, on the
 * queue, a callback holds the owner beyond the deadline. A wait that has ended, however it ended, makes no later
 * change slower.
 *
 * @param counter the counter
 * @param threshold the value to wait for
 * @param timeout_ns nanoseconds to wait at most, by the monotonic clock; 0 only looks, and waits for no callback;
 *                   below 0 waits for ever
 * @retval 0 a value at most `threshold` was seen
 * @retval -EINVAL `counter` is NULL
 * @retval -ETIMEDOUT none was seen in time
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @ordering where it answers 0, acquire
 * @safety MT-Safe, AS-Unsafe, a cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_wait_at_most(tsc_counter_t *counter, int64_t threshold, int64_t timeout_ns);

/**
 * Tells the backend of a counter. Allowed inside an update callback.
 *
 * @param counter the counter
 * @param[out] backend its backend
 * @retval 0 done
 * @retval -EINVAL `counter` or `backend` is NULL
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_counter_get_backend(tsc_counter_t *counter, tsc_backend_t *backend);

/**
 * Tells the name of a counter. Allowed inside an update callback.
 *
 * @param counter the counter, or NULL
 * @return its name, which lives as long as the counter; "" where none was set; NULL for NULL
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API const char *tsc_counter_get_name(tsc_counter_t *counter);

/**
 * Tells the name of a backend: "mutex", "atomic", "queue", "percpu".
 *
 * @param backend the backend
 * @return its name, which lives for ever; NULL where the backend is unknown
 * @safety MT-Safe, AS-Safe, no cancellation point
 * @since 1.0
 */
TSC_API const char *tsc_backend_name(tsc_backend_t backend);

/**
 * Finds a backend by its name.
 *
 * @param name the name
 * @param[out] backend the backend
 * @retval 0 found
 * @retval -EINVAL `name` or `backend` is NULL, or no backend has this name
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_backend_from_name(const char *name, tsc_backend_t *backend);

/**
 * Tells what a backend can do on this machine, whether or not it is part of this build.
 *
 * @param backend the backend
 * @param[out] caps the sum of its TSC_CAP_…
 * @retval 0 done
 * @retval -EINVAL `backend` is unknown, or `caps` is NULL
 * @safety MT-Safe, AS-Unsafe, no cancellation point
 * @since 1.0
 */
TSC_API int tsc_backend_get_caps(tsc_backend_t backend, uint64_t *caps);

/**
 * Tells the version of the library that is running, "1.0.0".
 *
 * @return the version, in memory that lives for ever
 * @safety MT-Safe, AS-Safe, no cancellation point
 * @since 1.0
 */
TSC_API const char *tsc_version_string(void);

/**
 * Tells the version of the library that is running, 0xMMmmpp; TSC_VERSION_NUMBER is that of the headers.
 *
 * @return the version; later versions are greater
 * @safety MT-Safe, AS-Safe, no cancellation point
 * @since 1.0
 */
TSC_API uint32_t tsc_version_number(void);

TSC_END_DECLS

#endif
