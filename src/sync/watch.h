/* SPDX-License-Identifier: MIT */
#ifndef TSC_WATCH_H
#define TSC_WATCH_H

#include "compiler.h"
#include "sync/eventcount.h"
#include "sync/notification.h"
#include "test-point.h"

/*
 * Threads wait until a value is at most a threshold; a notification is sent when it is.
 *
 * A waiter prepares to sleep, arms the watch with its threshold, reads the value, and sleeps. A changer changes
 * the value, reads the watch, and fires it if the value is at most the threshold. Firing disarms the watch and
 * wakes all waiters; those that need a lower value arm it again. The last waiter to leave disarms it.
 *
 * No wake-up is lost if either the waiter sees the changed value or the changer sees the armed watch; each backend
 * says why that holds. A changer that sees the watch armed fires it after the waiter has prepared, so the waiter's
 * commit returns.
 *
 * The notification is a waiter that never sleeps: others wait for it. The thread that registers it arms the watch
 * and reads the value. A thread that fires the watch claims the notification and reads the value: it sends the
 * notification, or arms the watch for it again and reads the value once more. So after each arming there is a read
 * of the value, which sees every change that found the watch disarmed. A thread that finds the notification
 * claimed leaves it: the thread that claimed it, if it does not send it, arms and reads later.
 *
 * Only a thread that may read the value in this way disarms a watch that has a notification. On the queue that is
 * a thread that delivers, or one that flushes. A waiter that leaves may not flush, so it locks the registry and
 * leaves a watch armed that has a notification.
 *
 * Models: test/model/watch-atomic.pml, test/model/watch-percpu.pml, test/model/notify.pml
 */
struct tsc_watch;

struct tsc_watch_ops {
    /*
     * Reads the value, for the notification: on a thread that has claimed it, or that has changed the value and
     * then armed the watch. Async-signal-safe where changes are.
     */
    int64_t (*read)(struct tsc_watch *watch);
    /* Called before the notification is armed, and when it is not pending any more; may be NULL. The second is
     * async-signal-safe. */
    void (*enter)(struct tsc_watch *watch);
    void (*leave)(struct tsc_watch *watch);
};

struct tsc_watch {
    _Atomic int64_t threshold;
    struct tsc_eventcount waiters;
    const struct tsc_watch_ops *ops;
    struct tsc_notification notification;
};

/*
 * Also the lowest value. A change to that value may fire a disarmed watch, which wakes nobody. A waiter for that
 * value arms the watch one above it.
 */
#define TSC_WATCH_DISARMED INT64_MIN

/*
 * Reads the value. An error ends the wait; a read that would wait for a callback beyond the deadline returns
 * -ETIMEDOUT. The deadline may have passed already: the last read, and one with a timeout of 0.
 */
typedef int (*tsc_watch_read_fn)(void *subject, int64_t deadline, int64_t *value);

/* The memory is zero. */
static inline void tsc_watch_init(struct tsc_watch *watch, const struct tsc_watch_ops *ops)
{
    atomic_init(&watch->threshold, TSC_WATCH_DISARMED);
    watch->ops = ops;
}

void tsc_watch_fire(struct tsc_watch *watch);

/*
 * Before the check, for a change that is not seq_cst. The arming is a read-modify-write too, so one comes first:
 * if this, the waiter then reads the changed value; if the arming, the check sees it.
 */
static inline void tsc_watch_fence(struct tsc_watch *watch)
{
    /* acq_rel: pairs with arm. */
    atomic_fetch_add_explicit(&watch->threshold, 0, memory_order_acq_rel);
}

/* For a changer to which the value is costly. seq_cst: after the change; pairs with arm. */
static inline bool tsc_watch_is_armed(struct tsc_watch *watch)
{
    return atomic_load_explicit(&watch->threshold, memory_order_seq_cst) != TSC_WATCH_DISARMED;
}

/* seq_cst: after the change; pairs with arm. */
static inline bool tsc_watch_would_fire(struct tsc_watch *watch, int64_t value)
{
    TSC_TEST_POINT(watch_checking);
    return tsc_unlikely(value <= atomic_load_explicit(&watch->threshold, memory_order_seq_cst));
}

/* Async-signal-safe. */
static inline void tsc_watch_check(struct tsc_watch *watch, int64_t value)
{
    if (tsc_watch_would_fire(watch, value))
        tsc_watch_fire(watch);
}

/* A cancellation point. Returns 0, -ETIMEDOUT if a read after the deadline finds the value too high, or the error
 * of `read_value`. */
int tsc_watch_wait(struct tsc_watch *watch, int64_t threshold, int64_t timeout_ns, tsc_watch_read_fn read_value,
                   void *subject);

/*
 * Registers a notification on a duplicate of `fd`, in place of the former one; with `fd` -1 only ends the former
 * one. Returns 1 if that was sent, and no call has returned 1 for it. Otherwise 0, and it will not be sent; or
 * -EBADF or -EMFILE, and it stays. `read_value` must not fail without a deadline.
 */
int tsc_watch_notify(struct tsc_watch *watch, int64_t threshold, int fd, tsc_watch_read_fn read_value,
                     void *subject);

/*
 * Around a fork, with the registry locked: no thread claims the notification in between. The second is for the
 * parent, and does nothing in the child, which has forgotten the notification. On a queue no thread delivers
 * in between.
 */
void tsc_watch_hold_notification(struct tsc_watch *watch);
void tsc_watch_resume_notification(struct tsc_watch *watch);

/* With the registry locked; nobody uses the watch. */
static inline void tsc_watch_fini(struct tsc_watch *watch)
{
    tsc_notification_forget(&watch->notification);
}

/* In a forked child, which has no other threads. It has no notification either: see tsc_notification_forget(). */
static inline void tsc_watch_forget_waiters(struct tsc_watch *watch)
{
    tsc_notification_forget(&watch->notification);
    if (atomic_load_explicit(&watch->threshold, memory_order_relaxed) != TSC_WATCH_DISARMED)
        atomic_store_explicit(&watch->threshold, TSC_WATCH_DISARMED, memory_order_relaxed);
    tsc_eventcount_forget_sleepers(&watch->waiters);
}

#endif
