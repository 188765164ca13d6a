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

/* The time that the system call takes is the kernel's, whatever the size of the C library's time_t. */
#ifdef SYS_futex
#define FUTEX_CALL SYS_futex
typedef struct __kernel_old_timespec futex_time;
#else
#define FUTEX_CALL SYS_futex_time64
typedef struct __kernel_timespec futex_time;
#endif

static long futex_wait_until(_Atomic uint32_t *word, uint32_t value, uint32_t set, int64_t deadline)
{
    futex_time until;

    if (deadline == TSC_NEVER)
        return syscall(FUTEX_CALL, word, FUTEX_WAIT_BITSET_PRIVATE, value, NULL, NULL, set);
    if (deadline / TSC_NS_PER_S > LONG_MAX)
        until.tv_sec = LONG_MAX;
    else
        until.tv_sec = deadline / TSC_NS_PER_S;
    until.tv_nsec = deadline % TSC_NS_PER_S;
    return syscall(FUTEX_CALL, word, FUTEX_WAIT_BITSET_PRIVATE, value, &until, NULL, set);
}

/* Whatever the call answers, the clock decides: where waiting is forbidden or fails, a deadline holds all the
 * same. */
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
 * The system call is not a cancellation point of the C library, and a deferred cancellation does not interrupt it.
 * So cancellation is asynchronous while the thread is in the call. The function holds nothing that would have to
 * be undone: whatever instruction the cancellation hits, the handlers of the callers see a thread that is inside
 * this call.
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
