/* SPDX-License-Identifier: MIT */
#include "percpu/cpu.h"

#include "sync/barrier.h"
#include "sync/deadline.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

/* More than Linux can be built for. */
enum { CPUS_MAX = 16 * CPU_SETSIZE };

/* Where getcpu is a system call, it costs more than the shared cache line that it avoids. */
enum { GETCPU_ROUNDS = 8, GETCPU_CALLS = 8, GETCPU_NS_MAX = 40 };

uint32_t tsc_cpu_count;
bool tsc_rseq_adds;
#ifdef TSC_HAVE_RSEQ
intptr_t tsc_rseq_cpu_offset;
#endif
static bool getcpu_is_fast;

/* One fast round is enough: the others were preempted. */
static bool measure_getcpu(void)
{
    for (int round = 0; round < GETCPU_ROUNDS; round++) {
        int64_t start = tsc_now();

        for (int call = 0; call < GETCPU_CALLS; call++)
            if (sched_getcpu() < 0)
                return false;
        if (tsc_now() - start < GETCPU_CALLS * GETCPU_NS_MAX)
            return true;
    }
    return false;
}

/* The last number in a list such as "0-3,8-11", plus one; 0 if there is none. */
static uint32_t count_to_last(int file)
{
    char text[128];
    uint32_t count = 0;
    bool in_number = false;
    ssize_t bytes;

    while ((bytes = read(file, text, sizeof(text))) > 0) {
        for (ssize_t i = 0; i < bytes; i++) {
            bool is_digit = text[i] >= '0' && text[i] <= '9';

            if (is_digit)
                count = (in_number ? (count - 1) * 10 : 0) + (uint32_t)(text[i] - '0') + 1;
            in_number = is_digit;
        }
    }
    return count;
}

static uint32_t possible_cpus(void)
{
    int file = open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC);
    uint32_t count = 0;

    if (file >= 0) {
        count = count_to_last(file);
        close(file);
    }
    return count <= CPUS_MAX ? count : 0;
}

/* The highest CPU number that this thread may run on, plus one. */
static uint32_t allowed_cpus(void)
{
    cpu_set_t allowed[CPUS_MAX / CPU_SETSIZE];
    uint32_t count = CPUS_MAX;

    CPU_ZERO_S(sizeof(allowed), allowed);
    if (sched_getaffinity(0, sizeof(allowed), allowed) != 0)
        return 0;
    /* A thread may run on some CPU, so count stays above 0. The index that CPU_ISSET_S checks is valid. */
    while (count > 0 && !CPU_ISSET_S(count - 1, sizeof(allowed), allowed)) /* GCOVR_EXCL_BR_LINE */
        count--;
    return count;
}

/* The other two help where /sys is absent, or shows only a part of the machine. */
static uint32_t count_cpus(void)
{
    long configured = sysconf(_SC_NPROCESSORS_CONF);
    uint32_t possible = possible_cpus();
    uint32_t allowed = allowed_cpus();
    uint32_t count = configured > 0 ? (uint32_t)configured : 1;

    if (count < possible)
        count = possible;
    return count < allowed ? allowed : count;
}

void tsc_cpu_detect(struct tsc_cpu_info *info)
{
    int cancellation;

    /* open() is a cancellation point. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellation);
    *info = (struct tsc_cpu_info){.count = count_cpus(), .getcpu_is_fast = measure_getcpu()};
#ifdef TSC_HAVE_RSEQ
    /* Without an area, the offset is undefined. */
    if (__rseq_size != 0)
        info->rseq_cpu_offset = (intptr_t)__rseq_offset + (intptr_t)offsetof(struct rseq, cpu_id);
#endif
#ifdef TSC_HAVE_RSEQ_ADDITION
    info->rseq_adds = info->rseq_cpu_offset != 0 && tsc_barrier_prepare();
#endif
    pthread_setcancelstate(cancellation, NULL);
}

void tsc_cpu_use(const struct tsc_cpu_info *info)
{
    tsc_cpu_count = info->count;
    tsc_rseq_adds = info->rseq_adds;
    getcpu_is_fast = info->getcpu_is_fast;
#ifdef TSC_HAVE_RSEQ
    tsc_rseq_cpu_offset = info->rseq_cpu_offset;
#endif
}

/* Spreads threads over the slots by a hash of their addresses. */
static uint32_t hash_of_thread(void)
{
    uint64_t hash = (uint64_t)(uintptr_t)pthread_self() * UINT64_C(0x9e3779b97f4a7c15);

    return (uint32_t)(hash >> 32);
}

uint32_t tsc_cpu_current_slow(void)
{
    uint32_t cpu;

#ifdef TSC_HAVE_RSEQ
    /* A thread without an area reads INT32_MIN or above; the number of a CPU beyond the count is folded. */
    cpu = tsc_rseq_cpu_offset != 0 ? tsc_rseq_cpu(tsc_rseq_cpu_offset) : UINT32_MAX;
    if (cpu <= INT32_MAX)
        return cpu % tsc_cpu_count;
#endif
    cpu = getcpu_is_fast ? (uint32_t)sched_getcpu() : hash_of_thread();
    return cpu % tsc_cpu_count;
}
