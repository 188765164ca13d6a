/* SPDX-License-Identifier: MIT */
#include "sync/admission.h"

#include "bounds.h"
#include "sync/deadline.h"
#include "sync/futex.h"
#include "test-point.h"

#include <errno.h>
#include <pthread.h>

/* The thread sleeps; it makes an attempt; a check has found since that it fits, so it makes another one. */
enum { ASLEEP = 0, AWAKE = 1, WOKEN = 2 };

/* Within this time a thread that has made its addition leaves the queue, unless it is preempted; then it takes up
 * to the other. */
#define LEAVING_NS_MIN INT64_C(50000)
#define LEAVING_NS_MAX INT64_C(10000000)

/* On the stack of the thread that waits. */
struct tsc_waiter {
    struct tsc_waiter *next;
    struct tsc_waiter **link; /* the pointer to this waiter */
    int64_t delta;
    _Atomic uint32_t state;
};

static enum tsc_direction direction_of(int64_t delta)
{
    return delta > 0 ? TSC_UP : TSC_DOWN;
}

/* -------- the arithmetic -------- */

/* A sum that is too large stays so: an addition behind it does not fit. */
static int64_t saturating_add(int64_t a, int64_t b)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return a > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

/* -------- under the lock -------- */

static struct tsc_bounds bounds_of(const struct tsc_admission *admission)
{
    return (struct tsc_bounds){.min = admission->min, .max = admission->max, .bounded = true};
}

static bool fits(const struct tsc_admission *admission, int64_t value, int64_t ahead, int64_t delta)
{
    const struct tsc_bounds bounds = bounds_of(admission);
    int64_t sum;

    return tsc_bounds_add_behind(&bounds, value, delta, ahead, &sum) == 0;
}

static void append(struct tsc_admission *admission, struct tsc_waiter *waiter)
{
    enum tsc_direction direction = direction_of(waiter->delta);

    waiter->link = admission->end[direction];
    *waiter->link = waiter;
    admission->end[direction] = &waiter->next;
}

static void unlink_waiter(struct tsc_admission *admission, struct tsc_waiter *waiter)
{
    *waiter->link = waiter->next;
    if (waiter->next != NULL)
        waiter->next->link = waiter->link;
    else
        admission->end[direction_of(waiter->delta)] = waiter->link;
}

/* More than fits, if the additions ahead leave no room: the sum is as long as what fits, the queue may be longer.
 */
static int64_t sum_ahead_of(struct tsc_admission *admission, const struct tsc_waiter *waiter)
{
    struct tsc_waiter *ahead = admission->first[direction_of(waiter->delta)];
    int64_t value = admission->read_value(admission->subject);
    int64_t sum = 0;

    for (; ahead != waiter; ahead = ahead->next) {
        sum = saturating_add(sum, ahead->delta);
        if (!fits(admission, value, sum, waiter->delta))
            return tsc_admission_too_much(waiter->delta);
    }
    return sum;
}

/*
 * Whether an attempt that fails now may have counted an addition twice: in the value, and ahead, because its
 * thread has not left the queue yet. Such a thread is awake, and without those that are the addition fits.
 */
static bool may_count_twice(struct tsc_admission *admission, const struct tsc_waiter *waiter)
{
    struct tsc_waiter *ahead = admission->first[direction_of(waiter->delta)];
    int64_t value = admission->read_value(admission->subject);
    int64_t asleep = 0;
    bool is_any_awake = false;

    for (; ahead != waiter && fits(admission, value, asleep, waiter->delta); ahead = ahead->next) {
        /* relaxed: a thread wakes up under the lock. */
        if (atomic_load_explicit(&ahead->state, memory_order_relaxed) == ASLEEP)
            asleep = saturating_add(asleep, ahead->delta);
        else
            is_any_awake = true;
    }
    return is_any_awake && fits(admission, value, asleep, waiter->delta);
}

/*
 * Sleeping waiters to wake once the lock is released: a woken thread needs the lock. By then a waiter may be gone;
 * the kernel uses only the address.
 */
struct wakes {
    _Atomic uint32_t *words[8];
    size_t count;
};

/* False if there is no more place. */
static bool mark_woken(struct wakes *wakes, struct tsc_waiter *waiter)
{
    if (wakes->count == sizeof(wakes->words) / sizeof(wakes->words[0]))
        return false;
    /* relaxed: the waiter acquires the lock before it acts. A read-modify-write: either this finds the thread
     * asleep, or fall_asleep() finds this. */
    if (atomic_exchange_explicit(&waiter->state, WOKEN, memory_order_relaxed) == ASLEEP)
        wakes->words[wakes->count++] = &waiter->state;
    return true;
}

/* The waiters that fit together, from the front. */
static bool mark_front(struct tsc_admission *admission, enum tsc_direction direction, struct wakes *wakes)
{
    struct tsc_waiter *waiter = admission->first[direction];
    int64_t value = waiter != NULL ? admission->read_value(admission->subject) : 0;
    int64_t ahead = 0;

    for (; waiter != NULL && fits(admission, value, ahead, waiter->delta); waiter = waiter->next) {
        if (!mark_woken(wakes, waiter))
            return false;
        ahead = saturating_add(ahead, waiter->delta);
    }
    return true;
}

/* -------- the lock -------- */

static void unlock(struct tsc_admission *admission)
{
    tsc_lock_release(&admission->lock);
    TSC_TEST_POINT(admission_unlocked);
    tsc_lock_fence(&admission->lock);
}

static bool lock_if_pending(struct tsc_admission *admission)
{
    /* relaxed: it follows a fence. */
    return atomic_load_explicit(&admission->pending, memory_order_relaxed) && tsc_lock_try(&admission->lock);
}

/* Under the lock, which it releases. */
static void check_and_unlock(struct tsc_admission *admission)
{
    struct wakes wakes = {.count = 0};

    /* acquire: the value that is read next includes the changes of all threads that set it. */
    atomic_exchange_explicit(&admission->pending, false, memory_order_acquire);
    TSC_TEST_POINT(admission_checking);
    if (!mark_front(admission, TSC_UP, &wakes) || !mark_front(admission, TSC_DOWN, &wakes))
        /* relaxed: this thread loads it next; a read-modify-write, so that the releases of others stay. */
        atomic_exchange_explicit(&admission->pending, true, memory_order_relaxed);
    TSC_TEST_POINT(admission_checked);
    unlock(admission);
    for (size_t i = 0; i < wakes.count; i++)
        tsc_futex_wake(wakes.words[i], 1);
}

/* Follows a fence: makes the checks of threads that found the lock held. */
static void make_pending_checks(struct tsc_admission *admission)
{
    while (lock_if_pending(admission))
        check_and_unlock(admission);
}

static bool is_awaited_by(struct tsc_admission *admission, enum tsc_direction direction)
{
    /* relaxed: pairs as the load of `waiting` before it, which is counted later. */
    return atomic_load_explicit(&admission->waiting_in[direction], memory_order_relaxed) != 0;
}

TSC_COLD void tsc_admission_check(struct tsc_admission *admission, int64_t delta)
{
    if (!(delta <= 0 && is_awaited_by(admission, TSC_UP)) && !(delta >= 0 && is_awaited_by(admission, TSC_DOWN)))
        return;
    /* release: pairs with check_and_unlock. A read-modify-write: one check sees the changes of all that set it. */
    atomic_exchange_explicit(&admission->pending, true, memory_order_release);
    TSC_TEST_POINT(admission_pending);
    tsc_lock_fence(&admission->lock);
    make_pending_checks(admission);
}

/* -------- waiting -------- */

struct wait {
    struct tsc_admission *admission;
    struct tsc_waiter waiter;
    int64_t deadline;
    tsc_admission_try_fn try_add;
    bool may_have_counted_twice; /* as of the last attempt */
};

/* Adds 1, or subtracts it. */
static void count(struct tsc_admission *admission, const struct tsc_waiter *waiter, uint32_t one)
{
    /* relaxed: a thread that loads the other count first sees this one. */
    atomic_fetch_add_explicit(&admission->waiting_in[direction_of(waiter->delta)], one, memory_order_relaxed);
    /* seq_cst: before the addition; pairs with tsc_admission_has_waiters. */
    atomic_fetch_add_explicit(&admission->waiting, one, memory_order_seq_cst);
}

static void enter(struct wait *wait)
{
    struct tsc_admission *admission = wait->admission;

    tsc_lock_acquire(&admission->lock);
    append(admission, &wait->waiter);
    count(admission, &wait->waiter, 1);
    unlock(admission);
    make_pending_checks(admission);
    TSC_TEST_POINT(admission_entered);
}

/* The check is for those behind: this thread was ahead of them, or was woken and makes no addition. */
static void leave(void *arg)
{
    struct wait *wait = arg;
    struct tsc_admission *admission = wait->admission;

    TSC_TEST_POINT(admission_leaving);
    tsc_lock_acquire(&admission->lock);
    unlink_waiter(admission, &wait->waiter);
    count(admission, &wait->waiter, UINT32_MAX);
    check_and_unlock(admission);
    make_pending_checks(admission);
}

static int try_in_turn(struct wait *wait)
{
    struct tsc_admission *admission = wait->admission;
    struct tsc_waiter *waiter = &wait->waiter;
    int64_t ahead;

    tsc_lock_acquire(&admission->lock);
    /* relaxed: under the lock. */
    atomic_store_explicit(&waiter->state, AWAKE, memory_order_relaxed);
    ahead = sum_ahead_of(admission, waiter);
    wait->may_have_counted_twice = may_count_twice(admission, waiter);
    unlock(admission);
    make_pending_checks(admission);
    TSC_TEST_POINT(admission_awake);
    return wait->try_add(admission->subject, waiter->delta, ahead, wait->deadline);
}

/* False if a check has marked the thread since its attempt began. */
static bool fall_asleep(struct tsc_waiter *waiter)
{
    uint32_t awake = AWAKE;

    /* relaxed: the thread acquires the lock before it acts. */
    return atomic_compare_exchange_strong_explicit(&waiter->state, &awake, ASLEEP, memory_order_relaxed,
                                                   memory_order_relaxed);
}

static bool is_asleep(struct tsc_waiter *waiter)
{
    /* relaxed: the same. */
    return atomic_load_explicit(&waiter->state, memory_order_relaxed) == ASLEEP;
}

/* False once the deadline has passed. */
static bool sleep_until_woken(struct tsc_waiter *waiter, int64_t deadline)
{
    bool in_time = true;

    if (!fall_asleep(waiter))
        return true;
    while (in_time && is_asleep(waiter)) {
        TSC_TEST_POINT(admission_falling_asleep);
        in_time = tsc_futex_wait_cancellable(&waiter->state, ASLEEP, deadline);
    }
    return in_time;
}

/* A change that returned before the deadline counts even if its wake-up is late: hence the attempts after it. */
static int attempt_last(struct wait *wait)
{
    int64_t leaving_ns = LEAVING_NS_MIN;
    int result = try_in_turn(wait);

    while (result == -EAGAIN && wait->may_have_counted_twice) {
        sleep_until_woken(&wait->waiter, tsc_deadline_after(leaving_ns));
        /* No test keeps a thread from running for as long as the maximum. */
        leaving_ns = leaving_ns < LEAVING_NS_MAX ? 2 * leaving_ns : leaving_ns; /* GCOVR_EXCL_BR_LINE */
        result = try_in_turn(wait);
    }
    return result == -EAGAIN ? -ETIMEDOUT : result;
}

static int wait_in_turn(struct wait *wait)
{
    int result;

    do {
        result = try_in_turn(wait);
        if (result != -EAGAIN)
            return result;
    } while (sleep_until_woken(&wait->waiter, wait->deadline));
    return attempt_last(wait);
}

TSC_COLD int tsc_admission_wait(struct tsc_admission *admission, int64_t delta, int64_t timeout_ns,
                                tsc_admission_try_fn try_add)
{
    struct wait wait = {
        .admission = admission,
        .waiter = {.delta = delta},
        .deadline = tsc_deadline_after(timeout_ns),
        .try_add = try_add,
    };
    int result;

    if (timeout_ns == 0)
        return -ETIMEDOUT;
    atomic_init(&wait.waiter.state, AWAKE);
    enter(&wait);
    pthread_cleanup_push(leave, &wait);
    result = wait_in_turn(&wait);
    pthread_cleanup_pop(1);
    return result;
}

/* -------- life -------- */

static void reset(struct tsc_admission *admission)
{
    tsc_lock_init(&admission->lock);
    atomic_store_explicit(&admission->pending, false, memory_order_relaxed);
    atomic_store_explicit(&admission->waiting, 0, memory_order_relaxed);
    for (int direction = 0; direction < TSC_DIRECTIONS; direction++) {
        atomic_store_explicit(&admission->waiting_in[direction], 0, memory_order_relaxed);
        admission->first[direction] = NULL;
        admission->end[direction] = &admission->first[direction];
    }
}

void tsc_admission_init(struct tsc_admission *admission, int64_t min, int64_t max,
                        int64_t (*read_value)(void *subject), void *subject)
{
    admission->min = min;
    admission->max = max;
    admission->read_value = read_value;
    admission->subject = subject;
    reset(admission);
}

/* Under the lock. */
static void wake(struct tsc_waiter *waiter)
{
    /* relaxed: the waiter acquires the lock before it acts. */
    atomic_store_explicit(&waiter->state, WOKEN, memory_order_relaxed);
    tsc_futex_wake(&waiter->state, 1);
}

void tsc_admission_close(struct tsc_admission *admission)
{
    tsc_lock_acquire(&admission->lock);
    for (struct tsc_waiter *waiter = admission->first[TSC_UP]; waiter != NULL; waiter = waiter->next)
        wake(waiter);
    unlock(admission);
    make_pending_checks(admission);
}

/* Nobody waits on a total, so the value does not matter. */
static void wake_impossible(struct tsc_admission *admission, enum tsc_direction direction)
{
    const struct tsc_bounds bounds = bounds_of(admission);

    for (struct tsc_waiter *waiter = admission->first[direction]; waiter != NULL; waiter = waiter->next)
        if (!tsc_bounds_ever_admit(&bounds, 0, waiter->delta))
            wake(waiter);
}

void tsc_admission_set_bounds(struct tsc_admission *admission, int64_t min, int64_t max)
{
    tsc_lock_acquire(&admission->lock);
    admission->min = min;
    admission->max = max;
    wake_impossible(admission, TSC_UP);
    wake_impossible(admission, TSC_DOWN);
    check_and_unlock(admission);
    make_pending_checks(admission);
}

static bool is_idle(struct tsc_admission *admission)
{
    return !tsc_admission_has_waiters(admission) && !tsc_lock_is_held(&admission->lock) &&
           !atomic_load_explicit(&admission->pending, memory_order_relaxed);
}

/* Stores only where needed: a store copies a page that parent and child could share. */
void tsc_admission_forget_waiters(struct tsc_admission *admission, int64_t min, int64_t max)
{
    if (!is_idle(admission))
        reset(admission);
    if (admission->min != min || admission->max != max) {
        admission->min = min;
        admission->max = max;
    }
}
