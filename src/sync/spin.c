/* SPDX-License-Identifier: MIT */
#include "sync/spin.h"

#include "sync/deadline.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

enum { PAUSES_PER_CHECK = 8, CHECKS_PER_ROUND = 8, YIELDS_MAX = 8, CPUS_MAX = 16384 };

static _Atomic uint32_t spinning;
static _Atomic uint32_t cpus; /* that the process may run on; 0: not counted yet */

static uint32_t count_cpus(void)
{
    cpu_set_t allowed[CPUS_MAX / CPU_SETSIZE]; /* the kernel refuses a set smaller than its own */
    int saved_errno = errno;
    long count;

    if (sched_getaffinity(0, sizeof(allowed), allowed) == 0)
        count = CPU_COUNT_S(sizeof(allowed), allowed);
    else
        count = sysconf(_SC_NPROCESSORS_ONLN);
    errno = saved_errno;
    return (uint32_t)count;
}

static uint32_t cpu_count(void)
{
    uint32_t count = atomic_load_explicit(&cpus, memory_order_relaxed);

    if (count == 0) {
        count = count_cpus();
        atomic_store_explicit(&cpus, count, memory_order_relaxed);
    }
    return count;
}

bool tsc_is_multiprocessor(void)
{
    return cpu_count() > 1;
}

bool tsc_spin_until(bool (*ready)(void *), void *arg, int64_t budget_ns)
{
    int64_t deadline = tsc_now() + budget_ns;

    do {
        for (int check = 0; check < CHECKS_PER_ROUND; check++) {
            if (ready(arg))
                return true;
            for (int pause = 0; pause < PAUSES_PER_CHECK; pause++)
                tsc_pause();
        }
        /* The thread that this one waits for may need this CPU. */
        sched_yield();
    } while (tsc_now() < deadline);
    return ready(arg);
}

/* Few times, because a yield may take long and no wake-up ends it. */
static bool yield_until(bool (*ready)(void *), void *arg, int64_t budget_ns)
{
    int64_t deadline = tsc_now() + budget_ns;
    int yields = 0;

    do {
        sched_yield();
        if (ready(arg))
            return true;
    } while (++yields < YIELDS_MAX && tsc_now() < deadline);
    return false;
}

bool tsc_spin_among_many_until(bool (*ready)(void *), void *arg, int64_t budget_ns)
{
    bool is_ready;

    if (ready(arg))
        return true;
    /* relaxed: a heuristic. */
    if (atomic_fetch_add_explicit(&spinning, 1, memory_order_relaxed) + 1 < cpu_count())
        is_ready = tsc_spin_until(ready, arg, budget_ns);
    else
        is_ready = yield_until(ready, arg, budget_ns);
    atomic_fetch_sub_explicit(&spinning, 1, memory_order_relaxed);
    return is_ready;
}

void tsc_spin_forget_others(void)
{
    atomic_store_explicit(&spinning, 0, memory_order_relaxed);
}
