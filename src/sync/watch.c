/* SPDX-License-Identifier: MIT */
#include "sync/watch.h"

#include "sync/deadline.h"
#include "test-point.h"

#include <errno.h>
#include <pthread.h>

void tsc_watch_fire(struct tsc_watch *watch)
{
    /* seq_cst: a waiter that arms after this looks at the value after this, and sees the change that fired. */
    atomic_exchange_explicit(&watch->threshold, TSC_WATCH_DISARMED, memory_order_seq_cst);
    TSC_TEST_POINT(watch_fired);
    tsc_eventcount_notify_all(&watch->waiters);
}

static void arm(struct tsc_watch *watch, int64_t threshold)
{
    int64_t armed = atomic_load_explicit(&watch->threshold, memory_order_seq_cst);

    if (threshold == TSC_WATCH_DISARMED)
        threshold++;

    /* seq_cst: before the look at the value. Where a higher threshold is armed, seeing it is as good as arming it.
     */
    while (armed < threshold && !atomic_compare_exchange_weak_explicit(&watch->threshold, &armed, threshold,
                                                                       memory_order_seq_cst, memory_order_seq_cst))
        ;
}

/*
 * Models: test/model/watch-atomic.pml, test/model/watch-mutex.pml, test/model/watch-percpu.pml,
 * test/model/watch-queue.pml
 */
int tsc_watch_wait(struct tsc_watch *watch, int64_t threshold, int64_t timeout_ns, tsc_watch_look_fn look,
                   void *subject)
{
    int64_t deadline = tsc_deadline_after(timeout_ns);
    int64_t value;
    int error;

    pthread_testcancel();
    error = look(subject, timeout_ns == 0 ? TSC_NEVER : deadline, &value);
    if (error || value <= threshold)
        return error;
    if (timeout_ns == 0)
        return -ETIMEDOUT;
    for (;;) {
        uint32_t key = tsc_eventcount_prepare(&watch->waiters);

        TSC_TEST_POINT(eventcount_prepared);
        arm(watch, threshold);
        TSC_TEST_POINT(watch_armed);
        error = look(subject, deadline, &value);
        if (error || value <= threshold) {
            tsc_eventcount_cancel(&watch->waiters);
            return error;
        }
        if (!tsc_eventcount_commit_cancellable(&watch->waiters, key, deadline))
            return -ETIMEDOUT;
    }
}
