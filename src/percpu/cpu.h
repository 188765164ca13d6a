/* SPDX-License-Identifier: MIT */
#ifndef TSC_CPU_H
#define TSC_CPU_H

#include "compiler.h"
#include "config.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The number of the CPU that a thread runs on. It may be stale when it is used: atomic additions tolerate that,
 * and a restartable sequence reads the number itself.
 *
 * glibc registers an rseq area for each thread, where the kernel stores the number; reading it takes one load.
 * Older versions, other C libraries and emulators have none.
 */
#ifdef TSC_HAVE_RSEQ
#include <sys/rseq.h>
#endif

/* ThreadSanitizer does not see what assembly does. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define TSC_UNDER_TSAN
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define TSC_UNDER_TSAN
#endif
#if defined(TSC_HAVE_RSEQ) && defined(TSC_HAVE_MEMBARRIER) && defined(__x86_64__) && defined(__LP64__) && \
    !defined(TSC_UNDER_TSAN)
#define TSC_HAVE_RSEQ_ADDITION
#endif

struct tsc_cpu_info {
    uint32_t count; /* the highest possible CPU number, plus one: numbers have gaps, and CPUs are hotplugged */
    intptr_t rseq_cpu_offset; /* of the CPU number, from the thread pointer; 0 without an rseq area */
    bool rseq_adds;
    bool getcpu_is_fast;
};

/* Takes milliseconds. Not a cancellation point. */
void tsc_cpu_detect(struct tsc_cpu_info *info);

/* Sets the variables below. Called once, before any thread asks for its CPU. */
void tsc_cpu_use(const struct tsc_cpu_info *info);

/*
 * Variables of their own: an addition would take one or two instructions more to reach them in a struct.
 *
 * A CPU beyond the count may still turn up; its threads use the fallback.
 */
extern uint32_t tsc_cpu_count TSC_HIDDEN;

/* Whether this process adds by restartable sequence: it has rseq areas and membarrier(). */
extern bool tsc_rseq_adds TSC_HIDDEN;

/* Always below the count. */
uint32_t tsc_cpu_current_slow(void);

#ifdef TSC_HAVE_RSEQ

/* From the CPU number in the area to the pointer to the descriptor of a restartable sequence. */
#define TSC_RSEQ_CPU_TO_DESCRIPTOR (offsetof(struct rseq, rseq_cs) - offsetof(struct rseq, cpu_id))

extern intptr_t tsc_rseq_cpu_offset TSC_HIDDEN;

static inline uint32_t tsc_rseq_cpu(intptr_t offset)
{
    uint32_t cpu;

#if defined(__x86_64__)
    __asm__ volatile("movl %%fs:(%1), %0" : "=r"(cpu) : "r"(offset));
#elif defined(__i386__)
    __asm__ volatile("movl %%gs:(%1), %0" : "=r"(cpu) : "r"(offset));
#else
    cpu = *(volatile uint32_t *)((char *)__builtin_thread_pointer() + offset);
#endif
    return cpu;
}

#endif

/* False if this thread has no rseq area, or runs on a CPU beyond the count. */
static inline bool tsc_cpu_current_fast(uint32_t *cpu)
{
#ifdef TSC_HAVE_RSEQ
    intptr_t offset = tsc_rseq_cpu_offset;

    if (tsc_unlikely(offset == 0))
        return false;
    *cpu = tsc_rseq_cpu(offset);
    return tsc_likely(*cpu < tsc_cpu_count);
#else
    (void)cpu;
    return false;
#endif
}

#endif
