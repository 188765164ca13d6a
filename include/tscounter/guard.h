/* SPDX-License-Identifier: MIT */
/**
 * @file guard.h
 * Scope guards: count one in now, and out when the scope ends.
 *
 * A guard counts out when its scope is left by falling out of it, `return`, `break`, `continue` or `goto`; on
 * cancellation, `pthread_exit` or a C++ exception only if the file is compiled with `-fexceptions` (C++ is);
 * never on `longjmp`. Cancellation and `pthread_exit` count out only where the C library unwinds the stack for
 * them: glibc does, musl does not, whatever the flags. It counts out only if its increment answered 0. It holds
 * no reference: the counter must outlive the scope.
 *
 * The C macros need the `cleanup` attribute of gcc and clang; without it they are not defined. All code here is
 * inline, over exported functions alone; the types never change their layout.
 */
#ifndef TSCOUNTER_GUARD_H
#define TSCOUNTER_GUARD_H

#include <tscounter/tscounter.h>

/** What a guard remembers. Its members are not for callers. */
typedef struct tsc_guard {
    tsc_counter_t *counter; /**< to count out of */
    int error;              /**< what the increment answered */
} tsc_guard_t;

/**
 * Counts in. Use TSC_SCOPED_INC or TSC_SCOPED_INC_OK, which also count out.
 *
 * @param counter the counter
 * @return a guard for tsc_guard_leave()
 * @ordering release
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
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
 * Counts out, if the guard counted in. Call it once.
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
 * Tells what the increment of a guard answered.
 *
 * @param guard the guard
 * @retval 0 it counted in, and will count out
 * @retval 1 the value was at its upper bound (TSC_BOUNDS_CLAMP); nothing was counted
 * @retval -EINVAL the counter is NULL
 * @retval -ESHUTDOWN the counter was closed
 * @retval -ERANGE the value would have left its bounds (TSC_BOUNDS_REJECT)
 * @retval -EDEADLK inside an update callback on this counter, or on a counter of the same owner
 * @retval -EAGAIN queue, in the child of a `fork`: the owner's thread could not be started
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
 * Declares a guard that counts one in now, and out when the scope ends. Use this one where the counter has an
 * upper bound or may be closed, and ask tsc_guard_error() whether it counts.
 *
 * @param name the name of the guard, a `tsc_guard_t`
 * @param counter the counter
 * @ordering release
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
 * @since 1.0
 */
#define TSC_SCOPED_INC_OK(name, counter) \
    tsc_guard_t name __attribute__((cleanup(tsc_guard_leave), unused)) = tsc_guard_enter(counter)

/**
 * Counts one in now, and out when the scope ends. At most one to a line.
 *
 * @param counter the counter
 * @ordering release
 * @safety MT-Safe, AS-Safe where TSC_CAP_SIGNAL_SAFE, no cancellation point
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
 * Counts one in on construction, and out on destruction. Movable: the last owner counts out.
 *
 * @since 1.0
 */
class scoped_inc
{
  public:
    /**
     * Counts one in.
     * @param counter the counter
     */
    explicit scoped_inc(tsc_counter_t *counter) noexcept : guard_(tsc_guard_enter(counter)) {}

    /**
     * Takes over from another guard, which then has nothing to count out.
     * @param other the other guard
     */
    scoped_inc(scoped_inc &&other) noexcept : guard_(other.release()) {}

    /**
     * Counts out, and takes over from another guard.
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

    /** Counts out, if it still has to. */
    ~scoped_inc()
    {
        tsc_guard_leave(&guard_);
    }

    /** @return whether it will count out */
    explicit operator bool() const noexcept
    {
        return guard_.error == 0;
    }

    /** @return what the increment answered, as tsc_guard_error() does; 1 once moved from */
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
