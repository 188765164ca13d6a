/* SPDX-License-Identifier: MIT */
#include "sync/watch.h"

#include "sync/deadline.h"
#include "test-point.h"

#include <errno.h>
#include <pthread.h>

void tsc_watch_fire(struct tsc_watch *watch)
{
    /* seq_cst: a waiter that arms after this reads the value after this, and sees the change that fired. */
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

/*
 * The last waiter to leave disarms the watch; otherwise the next low value would fire it for nobody.
 *
 * A leaving waiter is no longer counted; it fires the watch if it then finds no sleepers. The last one finds none,
 * and its exchange follows every arming: each waiter arms, then is uncounted with release, and has_sleepers
 * acquires. A waiter that arrives meanwhile is counted before it arms, so it is woken and arms again.
 */
static void leave(void *arg)
{
    struct tsc_watch *watch = arg;

    if (!tsc_eventcount_has_sleepers(&watch->waiters) && tsc_watch_is_armed(watch))
        tsc_watch_fire(watch);
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
