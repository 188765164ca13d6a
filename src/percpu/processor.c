/* SPDX-License-Identifier: MIT */
#include "percpu/processor.h"

#include "sync/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <unistd.h>

#ifdef TSC_HAVE_RSEQ
intptr_t tsc_rseq_cpu_offset;
#endif

/* More than Linux can be built for. */
enum { PROCESSORS_MAX = 16 * CPU_SETSIZE };

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

/* The number behind the last one in a list such as "0-3,8-11"; 0 where there is none. */
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

static uint32_t possible_processors(void)
{
    int file = open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC);
    uint32_t count = 0;

    if (file >= 0) {
        count = count_to_last(file);
        close(file);
    }
    return count <= PROCESSORS_MAX ? count : 0;
}

/* The number behind the highest one that this thread may run on. */
static uint32_t allowed_processors(void)
{
    cpu_set_t allowed[PROCESSORS_MAX / CPU_SETSIZE];
    uint32_t count = PROCESSORS_MAX;

    CPU_ZERO_S(sizeof(allowed), allowed);
    if (sched_getaffinity(0, sizeof(allowed), allowed) != 0)
        return 0;
    /* A thread may run on some CPU, so count stays above 0. The index that CPU_ISSET_S checks is valid. */
    while (count > 0 && !CPU_ISSET_S(count - 1, sizeof(allowed), allowed)) /* GCOVR_EXCL_BR_LINE */
        count--;
    return count;
}

/* Where /sys is absent, or shows a part of the machine, the others know more. */
static uint32_t count_processors(void)
{
    long configured = sysconf(_SC_NPROCESSORS_CONF);
    uint32_t possible = possible_processors();
    uint32_t allowed = allowed_processors();
    uint32_t count = configured > 0 ? (uint32_t)configured : 1;

    if (count < possible)
        count = possible;
    return count < allowed ? allowed : count;
}

static intptr_t find_rseq_cpu(void)
{
#ifdef TSC_HAVE_RSEQ
    /* The size first: without an area, the offset may be anything. */
    if (__rseq_size != 0)
        return (intptr_t)__rseq_offset + (intptr_t)offsetof(struct rseq, cpu_id);
#endif
    return 0;
}

/* Files are opened, which is a cancellation point. */
void tsc_processors_find(struct tsc_processors *processors)
{
    int saved_errno = errno;
    int cancellation;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellation);
    processors->count = count_processors();
    processors->rseq_cpu_offset = find_rseq_cpu();
    processors->getcpu_is_fast = measure_getcpu();
    pthread_setcancelstate(cancellation, NULL);
    errno = saved_errno;
}

void tsc_processors_use(const struct tsc_processors *processors)
{
    tsc_processor_count = processors->count;
    getcpu_is_fast = processors->getcpu_is_fast;
#ifdef TSC_HAVE_RSEQ
    tsc_rseq_cpu_offset = processors->rseq_cpu_offset;
#endif
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
