/* SPDX-License-Identifier: MIT */
#include "sync/eventcount.h"

#include "sync/futex.h"
#include "test-point.h"

#include <pthread.h>

void tsc_eventcount_cancel(struct tsc_eventcount *eventcount)
{
    /* release: pairs with has_sleepers in watch.c's leave(), which must see what the thread did while counted. */
    atomic_fetch_sub_explicit(&eventcount->sleepers, 1, memory_order_release);
}

static void cancel(void *eventcount)
{
    tsc_eventcount_cancel(eventcount);
}

static bool epoch_is(struct tsc_eventcount *eventcount, uint32_t key)
{
    /* acquire: pairs with the release in wake. */
    return atomic_load_explicit(&eventcount->epoch, memory_order_acquire) == key;
}

static bool commit(struct tsc_eventcount *eventcount, uint32_t key, int64_t deadline,
                   bool (*wait)(_Atomic uint32_t *word, uint32_t value, int64_t deadline))
{
    bool in_time = true;

    pthread_cleanup_push(cancel, eventcount);
    while (in_time && epoch_is(eventcount, key)) {
        TSC_TEST_POINT(eventcount_falling_asleep);
        in_time = wait(&eventcount->epoch, key, deadline);
    }
    pthread_cleanup_pop(1);
    return in_time;
}

bool tsc_eventcount_commit(struct tsc_eventcount *eventcount, uint32_t key, int64_t deadline)
{
    return commit(eventcount, key, deadline, tsc_futex_wait);
}

bool tsc_eventcount_commit_cancellable(struct tsc_eventcount *eventcount, uint32_t key, int64_t deadline)
{
    return commit(eventcount, key, deadline, tsc_futex_wait_cancellable);
}

void tsc_eventcount_wake(struct tsc_eventcount *eventcount, int sleepers)
{
    TSC_TEST_POINT(eventcount_notifying);
    /* release: pairs with prepare and epoch_is. */
    atomic_fetch_add_explicit(&eventcount->epoch, 1, memory_order_release);
    TSC_TEST_POINT(eventcount_waking);
    tsc_futex_wake(&eventcount->epoch, sleepers);
}
