/* SPDX-License-Identifier: MIT */
/**
 * @file guard.h
 * Guards: increment a counter now, and decrement it once, when a scope or an object ends.
 *
 * A guard decrements only if its increment returned 0. It holds no reference: the counter must outlive the guard.
 * A guard that was left or taken from is idle: it has nothing to decrement, and its error is -EINVAL. So is a guard
 * of zero bytes.
 *
 * A guard of a scope decrements when the scope ends normally, or by `return`, `break`, `continue` or `goto`. On
 * cancellation, `pthread_exit` or a C++ exception it does so only if the file is compiled with `-fexceptions`, as
 * C++ is. Cancellation and `pthread_exit` also need a C library that unwinds the stack for them: glibc does, musl
 * does not, whatever the flags. `longjmp` never decrements.
 *
 * The C macros need the `cleanup` attribute of gcc and clang; without it they are not defined. All code here is
 * inline and calls exported functions only. The types never change their layout. The conventions of tscounter.h
 * hold here too. A function or macro of this header that states nothing else is:
 *
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 */
#ifndef TSCOUNTER_GUARD_H
#define TSCOUNTER_GUARD_H

#include <errno.h>
#include <stddef.h>

#include <tscounter/tscounter.h>

/** A guard. Its members are private. */
typedef struct tsc_guard {
    tsc_counter_t *counter; /**< the counter; NULL: idle */
    int error;              /**< the result of the increment */
} tsc_guard_t;

/**
 * Increments the counter. For an object that outlives a scope, such as a connection, store the guard in the object.
 * TSC_SCOPED_INC and TSC_SCOPED_INC_OK call this function.
 *
 * @param counter the counter
 * @return a guard for tsc_guard_leave()
 * @ordering release
 * @since 1.0
 */
static inline tsc_guard_t tsc_guard_enter(tsc_counter_t *counter)
{
    tsc_guard_t guard;

    guard.counter = counter;
    guard.error = tsc_counter_inc(counter);
    return guard;
}

/**
 * Moves the increment, or its error, to another guard.
 *
 * @param from the guard, which is idle afterwards
 * @return a guard for tsc_guard_leave()
 * @safety MT-Safe race:guard, AS-Safe, no cancellation point
 * @since 1.0
 */
static inline tsc_guard_t tsc_guard_take(tsc_guard_t *from)
{
    tsc_guard_t to = *from;

    from->counter = NULL;
    from->error = 0;
    return to;
}

/**
 * Decrements the counter if the guard incremented it. The guard is then idle, so a second call by the same thread
 * does nothing. An error of the decrement, such as -EDEADLK inside an update callback, is lost.
 *
 * @param guard the guard
 * @ordering release
 * @safety MT-Safe race:guard, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
static inline void tsc_guard_leave(tsc_guard_t *guard)
{
    /* Idle before the decrement: a thread that waits for that one may free the object that has the guard. */
    const tsc_guard_t left = tsc_guard_take(guard);

    if (left.counter != NULL && left.error == 0)
        (void)tsc_counter_dec(left.counter);
}

/**
 * Returns the result of a guard's increment.
 *
 * @param guard the guard
 * @return as a change, or:
 * @retval 0 the guard incremented the counter, and will decrement it
 * @retval 1 the value was at its upper bound (TSC_BOUNDS_CLAMP); the guard changed nothing
 * @retval -EINVAL the guard is idle
 * @retval -ESHUTDOWN the counter was closed
 * @safety MT-Safe race:guard, AS-Safe, no cancellation point
 * @since 1.0
 */
static inline int tsc_guard_error(const tsc_guard_t *guard)
{
    return guard->counter != NULL ? guard->error : -EINVAL;
}

#ifdef __has_attribute
#if __has_attribute(cleanup) && __has_attribute(unused)

/** @cond */
#define TSC_GUARD_CONCAT_(a, b) a##b
#define TSC_GUARD_CONCAT(a, b) TSC_GUARD_CONCAT_(a, b)
/** @endcond */

/**
 * Declares a guard that increments the counter now, and decrements it when the scope ends. Use it if the counter
 * has an upper bound or may be closed, and check tsc_guard_error().
 *
 * @param name the name of the guard, a `tsc_guard_t`
 * @param counter the counter
 * @ordering release
 * @since 1.0
 */
#define TSC_SCOPED_INC_OK(name, counter) \
    tsc_guard_t name __attribute__((cleanup(tsc_guard_leave), unused)) = tsc_guard_enter(counter)

/**
 * Increments the counter now, and decrements it when the scope ends. Use it at most once per line.
 *
 * @param counter the counter
 * @ordering release
 * @since 1.0
 */
#define TSC_SCOPED_INC(counter) TSC_SCOPED_INC_OK(TSC_GUARD_CONCAT(tsc_guard_at_line_, __LINE__), counter)

#endif
#endif

#ifdef __cplusplus

namespace tsc
{
inline namespace v1
{

/**
 * A guard that decrements on destruction. Movable: the guard moved to decrements, and the other one is idle.
 *
 * @since 1.0
 */
class scoped_inc
{
  public:
    /** Increments nothing: the guard is idle until another one is moved to it. */
    scoped_inc() noexcept : guard_() {}

    /**
     * Increments the counter.
     * @param counter the counter
     */
    explicit scoped_inc(tsc_counter_t *counter) noexcept : guard_(tsc_guard_enter(counter)) {}

    /**
     * Moves the increment out of another guard.
     * @param other the other guard
     */
    scoped_inc(scoped_inc &&other) noexcept : guard_(tsc_guard_take(&other.guard_)) {}

    /**
     * Leaves, then moves the increment out of another guard.
     * @param other the other guard
     * @return this guard
     */
    scoped_inc &operator=(scoped_inc &&other) noexcept
    {
        if (this != &other) {
            leave();
            guard_ = tsc_guard_take(&other.guard_);
        }
        return *this;
    }

    scoped_inc(const scoped_inc &) = delete;
    scoped_inc &operator=(const scoped_inc &) = delete;

    /** Leaves. */
    ~scoped_inc()
    {
        leave();
    }

    /** Decrements the counter if this guard holds an increment, as tsc_guard_leave() does. The guard is then idle. */
    void leave() noexcept
    {
        tsc_guard_leave(&guard_);
    }

    /** @return whether it will decrement */
    explicit operator bool() const noexcept
    {
        return error() == 0;
    }

    /** @return the result of the increment, or -EINVAL if the guard is idle, as tsc_guard_error() does */
    int error() const noexcept
    {
        return tsc_guard_error(&guard_);
    }

  private:
    tsc_guard_t guard_;
};

} // namespace v1
} // namespace tsc

#endif

#endif
