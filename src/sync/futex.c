/* SPDX-License-Identifier: MIT */
#include "sync/futex.h"

#include "sync/deadline.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/time_types.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's timespec, whatever the size of the C library's time_t. */
#ifdef SYS_futex
#define FUTEX_CALL SYS_futex
typedef struct __kernel_old_timespec futex_time;
#else
#define FUTEX_CALL SYS_futex_time64
typedef struct __kernel_timespec futex_time;
#endif

static long futex_wait_until(_Atomic uint32_t *word, uint32_t value, uint32_t set, int64_t deadline)
{
    int64_t seconds = deadline / TSC_NS_PER_S;
    futex_time until = {.tv_sec = seconds > LONG_MAX ? LONG_MAX : seconds, .tv_nsec = deadline % TSC_NS_PER_S};

    return syscall(FUTEX_CALL, word, FUTEX_WAIT_BITSET_PRIVATE, value, deadline == TSC_NEVER ? NULL : &until, NULL,
                   set);
}

/* The clock decides, not errno: the deadline holds even where the system call is forbidden. */
bool tsc_futex_wait_in_set(_Atomic uint32_t *word, uint32_t value, uint32_t set, int64_t deadline)
{
    int saved_errno = errno;
    bool woken = futex_wait_until(word, value, set, deadline) == 0;

    errno = saved_errno;
    return woken || deadline == TSC_NEVER || tsc_now() < deadline;
}

bool tsc_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline)
{
    return tsc_futex_wait_in_set(word, value, FUTEX_BITSET_MATCH_ANY, deadline);
}

/*
 * syscall() is not a cancellation point, so cancellation is asynchronous during the call. That is safe because the
 * function owns nothing: at whatever instruction it is cancelled, the caller's handlers see a thread in this call.
 */
__attribute__((noinline)) bool tsc_futex_wait_cancellable(_Atomic uint32_t *word, uint32_t value, int64_t deadline)
{
    bool in_time;
    int type;

    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
    in_time = tsc_futex_wait(word, value, deadline);
    pthread_setcanceltype(type, NULL);
    return in_time;
}

int tsc_futex_wake_in_set(_Atomic uint32_t *word, uint32_t set, int sleepers)
{
    int saved_errno = errno;
    long woken = syscall(FUTEX_CALL, word, FUTEX_WAKE_BITSET_PRIVATE, sleepers, NULL, NULL, set);

    errno = saved_errno;
    return woken > 0 ? (int)woken : 0;
}

void tsc_futex_wake(_Atomic uint32_t *word, int sleepers)
{
    tsc_futex_wake_in_set(word, FUTEX_BITSET_MATCH_ANY, sleepers);
}
