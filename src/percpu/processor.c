/* SPDX-License-Identifier: MIT */
#include "percpu/processor.h"

#include "sync/deadline.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <unistd.h>

#ifdef TSC_HAVE_RSEQ
intptr_t tsc_rseq_cpu_offset;
#endif

/* A getcpu that is a system call costs more than the cache line that it is to save. */
enum { GETCPU_ROUNDS = 8, GETCPU_CALLS = 8, GETCPU_NS_MAX = 40 };

uint32_t tsc_processor_count;
static bool getcpu_is_fast;

static bool is_round_of_getcpu_fast(void)
{
    int64_t began = tsc_now();

    for (int call = 0; call < GETCPU_CALLS; call++)
        if (sched_getcpu() < 0)
            return false;
    return tsc_now() - began < GETCPU_CALLS * GETCPU_NS_MAX;
}

/* One round is enough: the others were interrupted. */
static bool measure_getcpu(void)
{
    for (int round = 0; round < GETCPU_ROUNDS; round++)
        if (is_round_of_getcpu_fast())
            return true;
    return false;
}

static uint32_t configured_processors(void)
{
    long configured = sysconf(_SC_NPROCESSORS_CONF);

    return configured > 0 ? (uint32_t)configured : 1;
}

void tsc_processor_init(void)
{
    if (tsc_processor_count != 0)
        return;
#ifdef TSC_HAVE_RSEQ
    /* The size first: without an area, the offset may be anything. */
    if (__rseq_size != 0)
        tsc_rseq_cpu_offset = (intptr_t)__rseq_offset + (intptr_t)offsetof(struct rseq, cpu_id);
#endif
    getcpu_is_fast = measure_getcpu();
    tsc_processor_count = configured_processors();
}

/* A stripe for each thread: its address is as good as any number, once its bits are mixed. */
static uint32_t stripe_of_thread(void)
{
    uint64_t mixed = (uint64_t)(uintptr_t)pthread_self() * UINT64_C(0x9e3779b97f4a7c15);

    return (uint32_t)(mixed >> 32);
}

uint32_t tsc_processor_slow(void)
{
    uint32_t number;

#ifdef TSC_HAVE_RSEQ
    /* A thread without an area reads INT32_MIN and above; one beyond the count has its number folded. */
    number = tsc_rseq_cpu_offset != 0 ? tsc_rseq_cpu(tsc_rseq_cpu_offset) : UINT32_MAX;
    if (number <= INT32_MAX)
        return number % tsc_processor_count;
#endif
    number = getcpu_is_fast ? (uint32_t)sched_getcpu() : stripe_of_thread();
    return number % tsc_processor_count;
}
