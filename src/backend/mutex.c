/* SPDX-License-Identifier: MIT */
/* The mutex backend: a value that is changed under a lock, and read without it. */
#include "config.h"
#include "counter-internal.h"
#include "join.h"
#include "sanitizer.h"
#include "sequential.h"
#include "sync/admission.h"
#include "sync/deadline.h"
#include "sync/lock.h"
#include "sync/watch.h"
#include "test-point.h"

#include <errno.h>
#include <pthread.h>

/*
 * Far longer than a critical section without a callback, if its thread runs; and longer than the patience of a
 * thread that waits for the lock, so that it is handed over in the end.
 */
#define CRITICAL_SECTION_NS INT64_C(4000000)

struct mutex_counter {
    struct tsc_counter base;
    struct tsc_watch watch;
    /* The thread inside an update callback, or 0. Read without the lock, so on a cache line of its own. */
    _Atomic(uintptr_t) updater;

    struct tsc_admission admission; /* of a counter with bounds */

    _Alignas(TSC_CACHE_ALIGN) struct tsc_lock lock;
    bool closed;
    struct tsc_sequential state;
};

static struct mutex_counter *to_mutex(struct tsc_counter *counter)
{
    return (struct mutex_counter *)counter;
}

static uintptr_t this_thread(void)
{
    return (uintptr_t)pthread_self();
}

static bool inside_own_callback(struct mutex_counter *mutex)
{
    /* relaxed: only this thread stores its own id here. */
    uintptr_t updater = atomic_load_explicit(&mutex->updater, memory_order_relaxed);

    return tsc_unlikely(updater != 0) && updater == this_thread();
}

static TSC_HOT int lock(struct mutex_counter *mutex)
{
    if (inside_own_callback(mutex))
        return -EDEADLK;
    tsc_lock_acquire(&mutex->lock);
    TSC_TEST_POINT(mutex_locked);
    return 0;
}

/*
 * A changer stores the value, releases the lock, then checks the watch. A waiter arms the watch, fences on the
 * lock, then loads the value (read_for_wait()). Release and fence are read-modify-writes of one word, so one comes
 * first. If it is the release, the waiter sees the value; if it is the fence, the changer sees the watch armed.
 * Model: test/model/watch-mutex.pml
 */
static TSC_COLD int check_waiters(struct mutex_counter *mutex, int64_t value, int64_t delta, int result)
{
    tsc_watch_check(&mutex->watch, value);
    if (tsc_admission_has_waiters(&mutex->admission))
        tsc_admission_check(&mutex->admission, delta);
    return result;
}

static TSC_COLD int unlock_slow(struct mutex_counter *mutex, int64_t value, int64_t delta, int result)
{
    tsc_lock_release_slow(&mutex->lock);
    TSC_TEST_POINT(mutex_unlocked);
    return check_waiters(mutex, value, delta, result);
}

/*
 * `delta` has the sign of the change, or is 0. The slow paths are tail calls, so the fast path needs no frame.
 *
 * A thread that waits for admission counts itself, then adds under the lock. If a changer releases the lock before
 * that, the addition sees the changed value. If after, the changer then sees the waiter.
 * Model: test/model/admission.pml
 */
static TSC_HOT int unlock_changed(struct mutex_counter *mutex, int64_t delta, int result)
{
    int64_t value = tsc_sequential_value(&mutex->state);

    if (!tsc_lock_release_fast(&mutex->lock))
        return unlock_slow(mutex, value, delta, result);
    TSC_TEST_POINT(mutex_unlocked);
    if (tsc_watch_would_fire(&mutex->watch, value) || tsc_admission_has_waiters(&mutex->admission))
        return check_waiters(mutex, value, delta, result);
    return result;
}

static TSC_HOT int add_locked(struct mutex_counter *mutex, int64_t delta, int64_t *previous)
{
    return unlock_changed(mutex, delta, tsc_sequential_add(&mutex->state, delta, mutex->closed, previous));
}

static TSC_HOT int add(struct mutex_counter *mutex, int64_t delta, int64_t *previous)
{
    int error = lock(mutex);

    return tsc_unlikely(error) ? error : add_locked(mutex, delta, previous);
}

static int mutex_add(struct tsc_counter *counter, int64_t delta)
{
    int64_t previous;

    return add(to_mutex(counter), delta, &previous);
}

static int mutex_fetch_add(struct tsc_counter *counter, int64_t delta, int64_t *previous)
{
    return add(to_mutex(counter), delta, previous);
}

static int mutex_try_add(struct tsc_counter *counter, int64_t delta)
{
    struct mutex_counter *mutex = to_mutex(counter);
    int64_t previous;

    if (inside_own_callback(mutex))
        return -EDEADLK;
    if (!tsc_lock_try(&mutex->lock))
        return -EAGAIN;
    return add_locked(mutex, delta, &previous);
}

/* Without the lock, so neither a preempted holder nor a callback delays a reader. */
static int mutex_get(struct tsc_counter *counter, int64_t *value)
{
    struct mutex_counter *mutex = to_mutex(counter);

    if (inside_own_callback(mutex))
        return -EDEADLK;
    *value = tsc_sequential_read(&mutex->state);
    return 0;
}

static int mutex_get_peak(struct tsc_counter *counter, int64_t *peak)
{
    struct mutex_counter *mutex = to_mutex(counter);

    if (!mutex->state.track_peak)
        return -ENOTSUP;
    if (inside_own_callback(mutex))
        return -EDEADLK;
    *peak = tsc_sequential_read_peak(&mutex->state);
    return 0;
}

static int mutex_take_peak(struct tsc_counter *counter, int64_t *peak)
{
    struct mutex_counter *mutex = to_mutex(counter);
    int error;

    if (!mutex->state.track_peak)
        return -ENOTSUP;
    error = lock(mutex);
    if (error)
        return error;
    *peak = tsc_sequential_take_peak(&mutex->state);
    tsc_lock_release(&mutex->lock);
    return 0;
}

static int mutex_get_bounds(struct tsc_counter *counter, int64_t *min, int64_t *max)
{
    struct mutex_counter *mutex = to_mutex(counter);
    int error;

    if (!mutex->state.bounds.bounded)
        return -ENOTSUP;
    error = lock(mutex);
    if (error)
        return error;
    tsc_bounds_get(&mutex->state.bounds, min, max);
    tsc_lock_release(&mutex->lock);
    return 0;
}

static int mutex_set_bounds(struct tsc_counter *counter, int64_t min, int64_t max)
{
    struct mutex_counter *mutex = to_mutex(counter);
    int error;

    if (!mutex->state.bounds.bounded)
        return -ENOTSUP;
    error = lock(mutex);
    if (error)
        return error;
    /* A fork waits for this lock, so the child does not find a new bound beside a former one. */
    tsc_registry_lock();
    tsc_sequential_set_bounds(&mutex->state, min, max);
    tsc_registry_unlock();
    tsc_admission_set_bounds(&mutex->admission, min, max);
    tsc_lock_release(&mutex->lock);
    return 0;
}

static bool is_in_callback(struct mutex_counter *mutex)
{
    /* relaxed: a hint; a callback that begins later is seen next time. */
    return atomic_load_explicit(&mutex->updater, memory_order_relaxed) != 0;
}

/*
 * Waits until the deadline for a callback, and always for a short critical section. A callback that begins after
 * the check is waited for too, for CRITICAL_SECTION_NS.
 */
TSC_COLD static bool lock_slow(struct mutex_counter *mutex, int64_t deadline)
{
    for (;;) {
        if (is_in_callback(mutex))
            return tsc_lock_acquire_until(&mutex->lock, deadline);
        if (tsc_lock_acquire_until(&mutex->lock, tsc_deadline_after(CRITICAL_SECTION_NS)))
            return true;
    }
}

static TSC_HOT int add_in_turn(void *subject, int64_t delta, int64_t ahead, int64_t deadline)
{
    struct mutex_counter *mutex = subject;

    if (!tsc_lock_try(&mutex->lock) && !lock_slow(mutex, deadline))
        return -ETIMEDOUT;
    TSC_TEST_POINT(mutex_locked);
    return unlock_changed(mutex, delta, tsc_sequential_add_behind(&mutex->state, delta, ahead, mutex->closed));
}

static int64_t read_for_admission(void *subject)
{
    return tsc_sequential_read(&((struct mutex_counter *)subject)->state);
}

static int mutex_wait_add(struct tsc_counter *counter, int64_t delta, int64_t timeout_ns)
{
    struct mutex_counter *mutex = to_mutex(counter);
    int result;

    if (!tsc_bounds_reject(&mutex->state.bounds))
        return -ENOTSUP;
    if (inside_own_callback(mutex))
        return -EDEADLK;
    if (tsc_admission_try(&mutex->admission, delta, add_in_turn, &result))
        return result;
    return tsc_admission_wait(&mutex->admission, delta, timeout_ns, add_in_turn);
}

static int mutex_exchange(struct tsc_counter *counter, int64_t value, int64_t *previous)
{
    struct mutex_counter *mutex = to_mutex(counter);
    int error = lock(mutex);

    if (error)
        return error;
    return unlock_changed(mutex, 0, tsc_sequential_exchange(&mutex->state, value, mutex->closed, previous));
}

static int mutex_compare_exchange(struct tsc_counter *counter, int64_t *expected, int64_t desired)
{
    struct mutex_counter *mutex = to_mutex(counter);
    int error = lock(mutex);

    if (error)
        return error;
    return unlock_changed(mutex, 0,
                          tsc_sequential_compare_exchange(&mutex->state, expected, desired, mutex->closed));
}

/*
 * A callback, run under the lock. end_callback() is called exactly once, even if the callback does not return. The
 * cleanup attribute calls it for an exception, and for cancellation and pthread_exit() where the C library unwinds
 * the stack. musl does not unwind, so there a cleanup handler calls it.
 */
struct callback {
    struct mutex_counter *mutex;
    bool has_returned;
#ifdef TSC_ENDS_THREADS_WITHOUT_UNWINDING
    struct __ptcb handler;
#endif
};

static void end_callback(void *arg)
{
    struct callback *callback = arg;
    struct mutex_counter *mutex = callback->mutex;

    atomic_store_explicit(&mutex->updater, 0, memory_order_relaxed);
    tsc_thread_allow_join();
    if (callback->has_returned)
        return;
    tsc_lock_release(&mutex->lock);
    tsc_object_unref_by_call(&mutex->base.object);
}

static void begin_callback(struct callback *callback)
{
    tsc_object_ref_by_call(&callback->mutex->base.object);
    tsc_thread_forbid_join();
    atomic_store_explicit(&callback->mutex->updater, this_thread(), memory_order_relaxed);
#ifdef TSC_ENDS_THREADS_WITHOUT_UNWINDING
    _pthread_cleanup_push(&callback->handler, end_callback, callback);
#endif
}

static void leave_callback(struct callback *callback)
{
#ifdef TSC_ENDS_THREADS_WITHOUT_UNWINDING
    _pthread_cleanup_pop(&callback->handler, 0);
#endif
    end_callback(callback);
}

static int run_callback(struct mutex_counter *mutex, tsc_update_fn update, int64_t *value, void *arg)
{
    struct callback callback __attribute__((cleanup(leave_callback))) = {.mutex = mutex};
    int result;

    begin_callback(&callback);
    result = update(value, arg);
    callback.has_returned = true;
    return result;
}

static int mutex_update(struct tsc_counter *counter, tsc_update_fn update, void *arg)
{
    struct mutex_counter *mutex = to_mutex(counter);
    int64_t value;
    int result = lock(mutex);

    if (result)
        return result;
    value = tsc_sequential_value(&mutex->state);
    result = run_callback(mutex, update, &value, arg);
    result = unlock_changed(mutex, 0, tsc_sequential_commit(&mutex->state, value, result, mutex->closed));
    tsc_object_unref_by_call(&counter->object);
    return result;
}

static int mutex_flush(struct tsc_counter *counter)
{
    return inside_own_callback(to_mutex(counter)) ? -EDEADLK : 0;
}

static int mutex_close(struct tsc_counter *counter)
{
    struct mutex_counter *mutex = to_mutex(counter);
    int error = lock(mutex);

    if (error)
        return error;
    mutex->closed = true;
    tsc_lock_release(&mutex->lock);
    tsc_admission_close(&mutex->admission);
    return 0;
}

/* Does not wait for the lock. */
static int read_for_wait(void *subject, int64_t deadline, int64_t *value)
{
    struct mutex_counter *mutex = subject;

    (void)deadline;
    tsc_lock_fence(&mutex->lock);
    *value = tsc_sequential_read(&mutex->state);
    return 0;
}

static int mutex_wait_at_most(struct tsc_counter *counter, int64_t threshold, int64_t timeout_ns)
{
    struct mutex_counter *mutex = to_mutex(counter);

    if (inside_own_callback(mutex))
        return -EDEADLK;
    return tsc_watch_wait(&mutex->watch, threshold, timeout_ns, read_for_wait, counter);
}

static struct tsc_watch *mutex_watch(struct tsc_counter *counter)
{
    return &to_mutex(counter)->watch;
}

static int mutex_notify_at_most(struct tsc_counter *counter, int64_t threshold, int fd)
{
    if (inside_own_callback(to_mutex(counter)))
        return -EDEADLK;
    return tsc_watch_notify(mutex_watch(counter), threshold, fd, read_for_wait, counter);
}

static int64_t read_for_notification(struct tsc_watch *watch)
{
    struct mutex_counter *mutex = tsc_container_of(watch, struct mutex_counter, watch);
    int64_t value;

    read_for_wait(mutex, TSC_NEVER, &value);
    tsc_sanitizer_acquire(mutex);
    return value;
}

static const struct tsc_watch_ops watch_ops = {.read = read_for_notification};

static int mutex_init(struct tsc_counter *counter, const struct tsc_counter_attr *attr)
{
    struct mutex_counter *mutex = to_mutex(counter);

    tsc_lock_init(&mutex->lock);
    atomic_init(&mutex->updater, 0);
    tsc_sequential_init(&mutex->state, attr);
    tsc_watch_init(&mutex->watch, &watch_ops);
    tsc_admission_init(&mutex->admission, attr->bounds.min, attr->bounds.max, read_for_admission, mutex);
    return 0;
}

/*
 * fork() does not acquire the lock, because it would wait for a callback that holds it; so a thread of the parent
 * may hold it. The lock protects two atomic words, and the repair covers the moment between their stores.
 *
 * Stores only where needed: a store copies a page that parent and child could share.
 */
static void mutex_child(struct tsc_object *object)
{
    struct mutex_counter *mutex = to_mutex(tsc_counter_of_object(object));

    tsc_lock_forget_holder(&mutex->lock);
    if (atomic_load_explicit(&mutex->updater, memory_order_relaxed) != 0)
        atomic_store_explicit(&mutex->updater, 0, memory_order_relaxed);
    tsc_sequential_repair(&mutex->state);
    tsc_watch_forget_waiters(&mutex->watch);
    tsc_admission_forget_waiters(&mutex->admission, mutex->state.bounds.min, mutex->state.bounds.max);
}

const struct tsc_backend_ops tsc_mutex_ops = {
    TSC_REQUIRED(mutex, tsc_counter_free), TSC_FETCH(mutex), TSC_UPDATE(mutex), TSC_PEAK(mutex), TSC_BOUNDS(mutex),
};
