/* SPDX-License-Identifier: MIT */
/**
 * @file guard.h
 * Scope guards: increment a counter now, and decrement it when the scope ends.
 *
 * A guard decrements only if its increment returned 0. It holds no reference: the counter must outlive the scope.
 *
 * A guard decrements when the scope ends normally, or by `return`, `break`, `continue` or `goto`. On cancellation,
 * `pthread_exit` or a C++ exception it does so only if the file is compiled with `-fexceptions`, as C++ is.
 * Cancellation and `pthread_exit` also need a C library that unwinds the stack for them: glibc does, musl does
 * not, whatever the flags. `longjmp` never decrements.
 *
 * The C macros need the `cleanup` attribute of gcc and clang; without it they are not defined. All code here is
 * inline and calls exported functions only. The types never change their layout. The conventions of tscounter.h
 * hold here too. A function or macro of this header that states nothing else is:
 *
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 */
#ifndef TSCOUNTER_GUARD_H
#define TSCOUNTER_GUARD_H

#include <tscounter/tscounter.h>

/** A guard. Its members are private. */
typedef struct tsc_guard {
    tsc_counter_t *counter; /**< the counter to decrement */
    int error;              /**< the result of the increment */
} tsc_guard_t;

/**
 * Increments the counter. TSC_SCOPED_INC and TSC_SCOPED_INC_OK call it, and decrement too.
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
 * Decrements the counter if the guard incremented it. Call it once.
 *
 * @param guard the guard
 * @ordering release
 * @safety MT-Safe race:guard, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
static inline void tsc_guard_leave(tsc_guard_t *guard)
{
    if (guard->error == 0)
        (void)tsc_counter_dec(guard->counter);
}

/**
 * Returns the result of a guard's increment.
 *
 * @param guard the guard
 * @return as a change, or:
 * @retval 0 the guard incremented the counter, and will decrement it
 * @retval 1 the value was at its upper bound (TSC_BOUNDS_CLAMP); the guard changed nothing
 * @retval -ESHUTDOWN the counter was closed
 * @safety MT-Safe race:guard, AS-Safe, no cancellation point
 * @since 1.0
 */
static inline int tsc_guard_error(const tsc_guard_t *guard)
{
    return guard->error;
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
 * Increments on construction and decrements on destruction. Movable: the guard moved to decrements.
 *
 * @since 1.0
 */
class scoped_inc
{
  public:
    /**
     * Increments the counter.
     * @param counter the counter
     */
    explicit scoped_inc(tsc_counter_t *counter) noexcept : guard_(tsc_guard_enter(counter)) {}

    /**
     * Moves the increment out of another guard, which then does not decrement.
     * @param other the other guard
     */
    scoped_inc(scoped_inc &&other) noexcept : guard_(other.release()) {}

    /**
     * Decrements, then moves the increment out of another guard.
     * @param other the other guard
     * @return this guard
     */
    scoped_inc &operator=(scoped_inc &&other) noexcept
    {
        if (this != &other) {
            tsc_guard_leave(&guard_);
            guard_ = other.release();
        }
        return *this;
    }

    scoped_inc(const scoped_inc &) = delete;
    scoped_inc &operator=(const scoped_inc &) = delete;

    /** Decrements the counter if this guard holds an increment. */
    ~scoped_inc()
    {
        tsc_guard_leave(&guard_);
    }

    /** @return whether it will decrement */
    explicit operator bool() const noexcept
    {
        return guard_.error == 0;
    }

    /** @return the result of the increment, as tsc_guard_error() does; 1 once moved from */
    int error() const noexcept
    {
        return guard_.error;
    }

  private:
    tsc_guard_t release() noexcept
    {
        tsc_guard_t released = guard_;

        guard_.error = 1;
        return released;
    }

    tsc_guard_t guard_;
};

} // namespace v1
} // namespace tsc

#endif

#endif
