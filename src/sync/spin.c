/* SPDX-License-Identifier: MIT */
#include "sync/spin.h"

#include "sync/count.h"
#include "sync/deadline.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

enum { PAUSES_BETWEEN_LOOKS = 8, LOOKS_BETWEEN_CLOCKS = 8, YIELDS_INSTEAD = 8, PROCESSORS_MAX = 16384 };

static _Atomic uint32_t spinning;
static _Atomic uint32_t processors;

/* The kernel refuses a set that is too small for the processors it knows. */
static uint32_t count_processors(void)
{
    cpu_set_t allowed[PROCESSORS_MAX / CPU_SETSIZE];
    int saved_errno = errno;
    long count;

    if (sched_getaffinity(0, sizeof(allowed), allowed) == 0)
        count = CPU_COUNT_S(sizeof(allowed), allowed);
    else
        count = sysconf(_SC_NPROCESSORS_ONLN);
    errno = saved_errno;
    return (uint32_t)count;
}

static uint32_t processor_count(void)
{
    uint32_t count = atomic_load_explicit(&processors, memory_order_relaxed);

    if (count == 0) {
        count = count_processors();
        atomic_store_explicit(&processors, count, memory_order_relaxed);
    }
    return count;
}

bool tsc_is_multiprocessor(void)
{
    return processor_count() > 1;
}

bool tsc_spin_until(bool (*ready)(void *), void *arg, int64_t budget_ns)
{
    int64_t deadline = tsc_now() + budget_ns;

    do {
        for (int look = 0; look < LOOKS_BETWEEN_CLOCKS; look++) {
            if (ready(arg))
                return true;
            for (int pause = 0; pause < PAUSES_BETWEEN_LOOKS; pause++)
                tsc_pause();
        }
        /* The one that is waited for may be waiting for this processor. */
        sched_yield();
    } while (tsc_now() < deadline);
    return ready(arg);
}

/* A yield may take long where others run, and nobody is woken out of it. */
static bool yield_until(bool (*ready)(void *), void *arg, int64_t budget_ns)
{
    int64_t deadline = tsc_now() + budget_ns;
    int yields = 0;

    do {
        sched_yield();
        if (ready(arg))
            return true;
    } while (++yields < YIELDS_INSTEAD && tsc_now() < deadline);
    return false;
}

bool tsc_spin_among_many_until(bool (*ready)(void *), void *arg, int64_t budget_ns)
{
    bool answer = ready(arg);

    if (answer)
        return true;
    /* relaxed: a count that is a little off spins a little too often or too seldom. */
    if (atomic_fetch_add_explicit(&spinning, 1, memory_order_relaxed) + 1 < processor_count())
        answer = tsc_spin_until(ready, arg, budget_ns);
    else
        answer = yield_until(ready, arg, budget_ns);
    tsc_count_down(&spinning, memory_order_relaxed);
    return answer;
}

void tsc_spin_forget_others(void)
{
    atomic_store_explicit(&spinning, 0, memory_order_relaxed);
}
