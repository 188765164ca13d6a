/* SPDX-License-Identifier: MIT */
#ifndef TSC_PROCESSOR_H
#define TSC_PROCESSOR_H

#include "compiler.h"
#include "config.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Which processor am I on? It is a hint: the thread may be on another one when the answer is used, so what it
 * leads to is changed by atomic operations, which tolerate that, or in a restartable sequence, which reads the
 * number itself.
 *
 * The count is of the numbers that there may be: numbers have gaps, and processors are added while we run. A
 * thread that runs beyond the count all the same falls back to what all such threads share.
 *
 * glibc registers an rseq area for each thread, in which the kernel keeps the number of the processor; to read it
 * takes one load. It is absent in older versions, in other C libraries and in emulators.
 */
extern uint32_t tsc_processor_count TSC_HIDDEN;

/* What is to be known of the processors of this machine. */
struct tsc_processors {
    uint32_t count;
    intptr_t rseq_cpu_offset;
    bool getcpu_is_fast;
};

/* Asks the system, which takes long. No cancellation point; keeps errno. */
void tsc_processors_find(struct tsc_processors *processors);

/* Once, before any thread asks for its processor. */
void tsc_processors_use(const struct tsc_processors *processors);

/* Finds the number in the way that takes longer. */
uint32_t tsc_processor_slow(void);

#ifdef TSC_HAVE_RSEQ
#include <sys/rseq.h>

/* From the area's processor number to the address of the descriptor of a restartable sequence. */
#define TSC_RSEQ_CPU_TO_DESCRIPTOR (offsetof(struct rseq, rseq_cs) - offsetof(struct rseq, cpu_id))

/* Where the area's processor number lies, from the thread pointer; 0 where there is no area. */
extern intptr_t tsc_rseq_cpu_offset TSC_HIDDEN;

static inline uint32_t tsc_rseq_cpu(intptr_t offset)
{
    uint32_t number;

#if defined(__x86_64__)
    __asm__ volatile("movl %%fs:(%1), %0" : "=r"(number) : "r"(offset));
#elif defined(__i386__)
    __asm__ volatile("movl %%gs:(%1), %0" : "=r"(number) : "r"(offset));
#else
    number = *(volatile uint32_t *)((char *)__builtin_thread_pointer() + offset);
#endif
    return number;
}

/* False where it takes longer: there is no area for this thread, or the number is beyond the count. */
static inline bool tsc_processor_fast(uint32_t *number)
{
    intptr_t offset = tsc_rseq_cpu_offset;

    if (tsc_unlikely(offset == 0))
        return false;
    *number = tsc_rseq_cpu(offset);
    return tsc_likely(*number < tsc_processor_count);
}

#else

static inline bool tsc_processor_fast(uint32_t *number)
{
    (void)number;
    return false;
}

#endif

#endif
