/* SPDX-License-Identifier: MIT */
#include "sync/eventcount.h"

#include "sync/count.h"
#include "sync/futex.h"
#include "test-point.h"

#include <pthread.h>

static void sleepers_dec(void *eventcount)
{
    /* A count that is too high for a moment costs a system call. release: see leave() in watch.c, which has to see
     * what the thread did while it was counted. */
    tsc_count_down(&((struct tsc_eventcount *)eventcount)->sleepers, memory_order_release);
}

void tsc_eventcount_cancel(struct tsc_eventcount *eventcount)
{
    sleepers_dec(eventcount);
}

static bool epoch_is(struct tsc_eventcount *eventcount, uint32_t key)
{
    /* acquire: what the notifier did before is seen by the one it wakes. */
    return atomic_load_explicit(&eventcount->epoch, memory_order_acquire) == key;
}

bool tsc_eventcount_commit(struct tsc_eventcount *eventcount, uint32_t key, int64_t deadline)
{
    bool in_time = true;

    while (in_time && epoch_is(eventcount, key)) {
        TSC_TEST_POINT(eventcount_falling_asleep);
        in_time = tsc_futex_wait(&eventcount->epoch, key, deadline);
    }
    sleepers_dec(eventcount);
    return in_time;
}

bool tsc_eventcount_commit_cancellable(struct tsc_eventcount *eventcount, uint32_t key, int64_t deadline)
{
    bool in_time = true;

    pthread_cleanup_push(sleepers_dec, eventcount);
    while (in_time && epoch_is(eventcount, key)) {
        TSC_TEST_POINT(eventcount_falling_asleep);
        in_time = tsc_futex_wait_cancellable(&eventcount->epoch, key, deadline);
    }
    pthread_cleanup_pop(1);
    return in_time;
}

void tsc_eventcount_wake(struct tsc_eventcount *eventcount, int sleepers)
{
    TSC_TEST_POINT(eventcount_notifying);
    /* release: pairs with prepare and epoch_is. */
    atomic_fetch_add_explicit(&eventcount->epoch, 1, memory_order_release);
    TSC_TEST_POINT(eventcount_waking);
    tsc_futex_wake(&eventcount->epoch, sleepers);
}
