/* SPDX-License-Identifier: MIT */
#include "sync/barrier.h"

#include "sync/deadline.h"
#include "sync/futex.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Far longer than a store stays in a CPU's store buffer. */
#define STORES_ARE_VISIBLE_NS INT64_C(10000000)

static long membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0);
}

bool tsc_barrier_prepare(void)
{
    return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0 &&
           membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
}

static void wait_until_stores_are_visible(void)
{
    _Atomic uint32_t never_woken = 0;
    int64_t deadline = tsc_deadline_after(STORES_ARE_VISIBLE_NS);

    while (tsc_futex_wait(&never_woken, 0, deadline))
        ;
}

/*
 * A sandbox entered after tsc_barrier_prepare() may refuse the call.
 * Models: test/model/close-percpu.pml, test/model/watch-percpu.pml, test/model/watch-refused.pml
 */
void tsc_barrier_on_all_threads(void)
{
    int saved_errno = errno;

    if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0)
        wait_until_stores_are_visible();
    errno = saved_errno;
}
