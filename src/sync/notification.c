/* SPDX-License-Identifier: MIT */
#include "sync/notification.h"

#include "sanitizer.h"
#include "sync/deadline.h"
#include "sync/futex.h"
#include "test-point.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

/* The lowest number of a duplicate: never that of a standard stream which the program has closed. */
enum { DESCRIPTOR_MIN = STDERR_FILENO + 1 };

static bool change_state(struct tsc_notification *notification, uint32_t *found, uint32_t wanted)
{
    /* seq_cst: as tsc_notification_state(), and so is a failure. */
    bool done = atomic_compare_exchange_strong_explicit(&notification->state, found, wanted, memory_order_seq_cst,
                                                        memory_order_seq_cst);

    if (done)
        tsc_sanitizer_acquire(notification);
    return done;
}

bool tsc_notification_claim(struct tsc_notification *notification)
{
    uint32_t found = tsc_notification_state(notification);

    /* Another thread may claim it in between. */
    return found == TSC_NOTIFICATION_ARMED &&                            /* GCOVR_EXCL_BR_LINE */
           change_state(notification, &found, TSC_NOTIFICATION_CLAIMED); /* GCOVR_EXCL_BR_LINE */
}

void tsc_notification_send(struct tsc_notification *notification)
{
    const uint64_t one = 1;
    int saved_errno = errno;
    ssize_t written = write(notification->descriptor, &one, sizeof(one));

    (void)written;
    errno = saved_errno;
    TSC_TEST_POINT(notification_written);
    tsc_notification_close(notification->descriptor);
}

void tsc_notification_settle(struct tsc_notification *notification, enum tsc_notification_state state)
{
    uint32_t former;

    tsc_sanitizer_release(notification);
    /* seq_cst: before the arming of the watch. release: of the members, to the thread that replaces them. */
    former = atomic_exchange_explicit(&notification->state, state, memory_order_seq_cst);
    if (former == TSC_NOTIFICATION_AWAITED)
        tsc_futex_wake(&notification->state, INT32_MAX);
}

void tsc_notification_await(struct tsc_notification *notification)
{
    uint32_t found = TSC_NOTIFICATION_CLAIMED;

    if (change_state(notification, &found, TSC_NOTIFICATION_AWAITED) || found == TSC_NOTIFICATION_AWAITED)
        tsc_futex_wait(&notification->state, TSC_NOTIFICATION_AWAITED, TSC_NEVER);
}

int tsc_notification_duplicate(int fd)
{
    int saved_errno = errno;
    int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, DESCRIPTOR_MIN);

    /* Of other errors, EINVAL means that the process may only have lower numbers. */
    if (duplicate < 0)
        duplicate = errno == EBADF ? -EBADF : -EMFILE;
    else
        tsc_sanitizer_duplicated(fd, duplicate);
    errno = saved_errno;
    return duplicate;
}

/* close() is a cancellation point; no caller of this is one. */
void tsc_notification_close(int descriptor)
{
    int saved_errno = errno;
    int state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    close(descriptor);
    pthread_setcancelstate(state, NULL);
    errno = saved_errno;
}

void tsc_notification_arm(struct tsc_notification *notification, int64_t threshold, int descriptor)
{
    notification->threshold = threshold;
    notification->descriptor = descriptor;
    tsc_notification_settle(notification, TSC_NOTIFICATION_ARMED);
}

uint32_t tsc_notification_withdraw(struct tsc_notification *notification, enum tsc_notification_state state)
{
    uint32_t found = TSC_NOTIFICATION_ARMED;

    change_state(notification, &found, state);
    return found;
}

void tsc_notification_forget(struct tsc_notification *notification)
{
    /* relaxed: no other thread uses the notification. */
    uint32_t state = atomic_load_explicit(&notification->state, memory_order_relaxed);

    if (state >= TSC_NOTIFICATION_ARMED)
        tsc_notification_close(notification->descriptor);
    if (state != TSC_NOTIFICATION_NONE)
        atomic_store_explicit(&notification->state, TSC_NOTIFICATION_NONE, memory_order_relaxed);
}
