/* SPDX-License-Identifier: MIT */
#include "sync/watch.h"

#include "sync/deadline.h"
#include "sync/registry.h"
#include "test-point.h"

#include <errno.h>
#include <pthread.h>

static void disarm(struct tsc_watch *watch)
{
    /* seq_cst: a thread that arms after this reads the value after this, and sees the change that fired. */
    atomic_exchange_explicit(&watch->threshold, TSC_WATCH_DISARMED, memory_order_seq_cst);
    TSC_TEST_POINT(watch_fired);
    tsc_eventcount_notify_all(&watch->waiters);
}

static void arm(struct tsc_watch *watch, int64_t threshold)
{
    int64_t armed = atomic_load_explicit(&watch->threshold, memory_order_seq_cst);

    if (threshold == TSC_WATCH_DISARMED)
        threshold++;

    /* seq_cst: before the read of the value. To see a threshold that is high enough is as good as to store it. */
    while (armed < threshold && !atomic_compare_exchange_weak_explicit(&watch->threshold, &armed, threshold,
                                                                       memory_order_seq_cst, memory_order_seq_cst))
        ;
}

/* -------- the notification; model: test/model/notify.pml -------- */

static bool is_armed_for_nobody(struct tsc_watch *watch)
{
    return !tsc_eventcount_has_sleepers(&watch->waiters) && !tsc_notification_is_pending(&watch->notification) &&
           tsc_watch_is_armed(watch);
}

enum attempt { NOT_MINE, SENT, ARMED_AGAIN };

/* With ARMED_AGAIN the caller has to read the value once more; `threshold` is the notification's. */
static enum attempt try_claimed(struct tsc_watch *watch, int64_t *threshold)
{
    struct tsc_notification *notification = &watch->notification;

    TSC_TEST_POINT(notification_claimed);
    *threshold = notification->threshold;
    if (watch->ops->read(watch) > *threshold) {
        tsc_notification_settle(notification, TSC_NOTIFICATION_ARMED);
        TSC_TEST_POINT(notification_unclaimed);
        arm(watch, *threshold);
        return ARMED_AGAIN;
    }
    tsc_notification_send(notification);
    if (watch->ops->leave != NULL)
        watch->ops->leave(watch);
    TSC_TEST_POINT(notification_sent);
    tsc_notification_settle(notification, TSC_NOTIFICATION_SENT);
    return SENT;
}

/* write() is a cancellation point, and a thread that ends with the claim would block those that await it. */
static enum attempt try_notify(struct tsc_watch *watch, int64_t *threshold)
{
    enum attempt attempt = NOT_MINE;
    int state;

    if (!tsc_notification_is_pending(&watch->notification))
        return NOT_MINE;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    if (tsc_notification_claim(&watch->notification))
        attempt = try_claimed(watch, threshold);
    pthread_setcancelstate(state, NULL);
    return attempt;
}

/*
 * After an attempt the watch may be armed for nobody: by a waiter that left while the notification was pending, or
 * by this thread, after another one has sent the notification.
 */
void tsc_watch_fire(struct tsc_watch *watch)
{
    enum attempt attempt;
    int64_t threshold;

    do {
        disarm(watch);
        do
            attempt = try_notify(watch, &threshold);
        while (attempt == ARMED_AGAIN && watch->ops->read(watch) <= threshold);
    } while (is_armed_for_nobody(watch));
}

/* With the registry locked, so no notification is armed meanwhile, which would be lost. */
static void disarm_if_unused(struct tsc_watch *watch)
{
    if (is_armed_for_nobody(watch))
        disarm(watch);
}

/* False if another thread has claimed the notification. */
static bool take_back(struct tsc_watch *watch, int *was_sent)
{
    struct tsc_notification *notification = &watch->notification;
    uint32_t found = tsc_notification_withdraw(notification, TSC_NOTIFICATION_NONE);

    if (found > TSC_NOTIFICATION_ARMED)
        return false;
    if (found == TSC_NOTIFICATION_ARMED) {
        if (watch->ops->leave != NULL)
            watch->ops->leave(watch);
        disarm_if_unused(watch);
        tsc_notification_close(notification->descriptor);
    }
    if (found == TSC_NOTIFICATION_SENT)
        tsc_notification_settle(notification, TSC_NOTIFICATION_NONE);
    *was_sent = found == TSC_NOTIFICATION_SENT;
    return true;
}

static void set_notification(struct tsc_watch *watch, int64_t threshold, int descriptor)
{
    if (watch->ops->enter != NULL)
        watch->ops->enter(watch);
    tsc_notification_arm(&watch->notification, threshold, descriptor);
    TSC_TEST_POINT(notification_armed);
    arm(watch, threshold);
}

/* False if another thread has claimed the former notification: it may be about to write. */
static bool replace(struct tsc_watch *watch, int64_t threshold, int fd, int *result)
{
    int duplicate = fd == -1 ? -1 : tsc_notification_duplicate(fd);

    if (duplicate < 0 && fd != -1) {
        *result = duplicate;
        return true;
    }
    if (!take_back(watch, result)) {
        if (fd != -1)
            tsc_notification_close(duplicate);
        return false;
    }
    if (fd != -1)
        set_notification(watch, threshold, duplicate);
    return true;
}

static bool replace_locked(struct tsc_watch *watch, int64_t threshold, int fd, int *result)
{
    bool done;

    tsc_registry_lock();
    done = replace(watch, threshold, fd, result);
    tsc_registry_unlock();
    return done;
}

static void lock_and_disarm_if_unused(struct tsc_watch *watch)
{
    if (!is_armed_for_nobody(watch))
        return;
    tsc_registry_lock();
    disarm_if_unused(watch);
    tsc_registry_unlock();
}

/* The read that follows an arming. A read under the claim may find the value too high, and arm once more. */
static void read_after_arming(struct tsc_watch *watch, int64_t threshold, tsc_watch_read_fn read_value,
                              void *subject)
{
    int64_t value = INT64_MAX;

    do
        (void)read_value(subject, TSC_NEVER, &value);
    while (value <= threshold &&                          /* GCOVR_EXCL_BR_LINE: again only if it rises */
           try_notify(watch, &threshold) == ARMED_AGAIN); /* GCOVR_EXCL_BR_LINE */
    lock_and_disarm_if_unused(watch);
}

int tsc_watch_notify(struct tsc_watch *watch, int64_t threshold, int fd, tsc_watch_read_fn read_value,
                     void *subject)
{
    int result;

    while (!replace_locked(watch, threshold, fd, &result))
        tsc_notification_await(&watch->notification);
    if (result >= 0 && fd != -1)
        read_after_arming(watch, threshold, read_value, subject);
    return result;
}

void tsc_watch_hold_notification(struct tsc_watch *watch)
{
    /* Stores only if needed: a store copies a page that the process shares with an earlier child. */
    while (tsc_notification_is_pending(&watch->notification) &&
           tsc_notification_withdraw(&watch->notification, TSC_NOTIFICATION_HELD) > TSC_NOTIFICATION_ARMED)
        tsc_notification_await(&watch->notification);
}

void tsc_watch_resume_notification(struct tsc_watch *watch)
{
    int64_t threshold = watch->notification.threshold;

    if (tsc_notification_state(&watch->notification) != TSC_NOTIFICATION_HELD)
        return;
    tsc_notification_settle(&watch->notification, TSC_NOTIFICATION_ARMED);
    arm(watch, threshold);
    if (watch->ops->read(watch) <= threshold)
        tsc_watch_fire(watch);
    disarm_if_unused(watch);
}

/* -------- waiters -------- */

/*
 * The last waiter to leave disarms the watch; otherwise the next low value would fire it for nobody.
 *
 * A leaving waiter is no longer counted; it disarms the watch if it then finds no sleepers. The last one finds
 * none, and its exchange follows every arming: each waiter arms, then is uncounted with release, and has_sleepers
 * acquires. A waiter that arrives meanwhile is counted before it arms, so it is woken and arms again.
 */
static void leave(void *watch)
{
    lock_and_disarm_if_unused(watch);
}

enum { TOO_HIGH = 1 };

struct wait {
    struct tsc_watch *watch;
    int64_t threshold;
    int64_t deadline;
    tsc_watch_read_fn read_value;
    void *subject;
};

/* 0, TOO_HIGH, or the error of `read_value`. */
static int check_value(const struct wait *wait)
{
    int64_t value;
    int error = wait->read_value(wait->subject, wait->deadline, &value);

    if (error)
        return error;
    return value <= wait->threshold ? 0 : TOO_HIGH;
}

/* A change that returned before the deadline counts even if its wake-up is late: hence the read at the end. */
static int sleep_until_low(const struct wait *wait)
{
    bool in_time;

    do {
        uint32_t key = tsc_eventcount_prepare(&wait->watch->waiters);
        int result;

        TSC_TEST_POINT(eventcount_prepared);
        arm(wait->watch, wait->threshold);
        TSC_TEST_POINT(watch_armed);
        result = check_value(wait);
        if (result != TOO_HIGH) {
            tsc_eventcount_cancel(&wait->watch->waiters);
            return result;
        }
        in_time = tsc_eventcount_commit_cancellable(&wait->watch->waiters, key, wait->deadline);
    } while (in_time);
    TSC_TEST_POINT(watch_time_is_up);
    return check_value(wait);
}

/*
 * Models: test/model/watch-atomic.pml, test/model/watch-mutex.pml, test/model/watch-percpu.pml,
 * test/model/watch-queue.pml
 */
int tsc_watch_wait(struct tsc_watch *watch, int64_t threshold, int64_t timeout_ns, tsc_watch_read_fn read_value,
                   void *subject)
{
    const struct wait wait = {watch, threshold, tsc_deadline_after(timeout_ns), read_value, subject};
    int result;

    pthread_testcancel();
    result = check_value(&wait);
    if (result == TOO_HIGH && timeout_ns != 0) {
        pthread_cleanup_push(leave, watch);
        result = sleep_until_low(&wait);
        pthread_cleanup_pop(1);
    }
    return result == TOO_HIGH ? -ETIMEDOUT : result;
}
