/* SPDX-License-Identifier: MIT */
#ifndef TSC_PERCPU_ADD_H
#define TSC_PERCPU_ADD_H

#include "compiler.h"
#include "percpu/processor.h"
#include "percpu/slots.h"
#include "sync/barrier.h"

#include <stddef.h>

/*
 * An addition to the slot of the processor that the thread runs on. There are two ways, one for the whole process.
 *
 * By restartable sequence: a plain addition, in a section that the kernel leads out of where it interrupted it to
 * run something else on the processor. It costs a third of an atomic one, because it does not wait until it is
 * visible to others. It becomes so in the order of the thread's other stores (x86), so a thread that learns of the
 * addition from a later store sees it. A read fences first, so that of two threads that each add and then read,
 * one sees both additions. close() and a waiter that is about to sleep must see every addition, so they ask the
 * kernel for a barrier on all processors: see sync/barrier.h. Only threads on the processor itself write its slot;
 * an addition that cannot use it goes, atomically, to the overflow slot.
 * Models: test/model/close-percpu.pml, test/model/watch-percpu.pml, test/model/read-percpu.pml
 *
 * By atomic addition, where that cannot be had. Any slot is right then, for any thread.
 */
#if defined(TSC_HAVE_RSEQ) && defined(TSC_HAVE_MEMBARRIER) && defined(__x86_64__) && defined(__LP64__) && \
    !defined(__SANITIZE_THREAD__)
#define TSC_HAVE_RSEQ_ADDITION 1
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef TSC_HAVE_RSEQ_ADDITION /* it does not see what assembly does */
#endif
#endif

/* Whether this process adds by restartable sequence. */
extern bool tsc_rseq_adds TSC_HIDDEN;

/* Adds atomically: to the overflow slot, or, where there is none, to the slot of any processor. */
void tsc_slots_add_anywhere(const struct tsc_slots *slots, enum tsc_slot_word word, uint64_t amount);

static inline void tsc_slot_add_atomically(_Atomic uint64_t *word, uint64_t amount)
{
    /* seq_cst: see sync/gate.h. */
    atomic_fetch_add_explicit(word, amount, memory_order_seq_cst);
}

#ifdef TSC_HAVE_RSEQ_ADDITION

/*
 * The descriptor says where the section begins, how long it is, and where the kernel sends a thread that it
 * interrupted inside; the four bytes before that place are the signature that the kernel demands. The section
 * begins once the descriptor's address is stored, reads the number of the processor, and ends with the addition.
 * The address is taken back, because the code may be unloaded.
 *
 * A thread that is interrupted does not try again: so an addition takes a bounded number of steps, and a debugger
 * can step through it. Everything lies inside the function, so that its unwind table covers the place that the
 * kernel sends the thread to. The two other sections are for debuggers: they list the descriptors, and the places
 * outside the section that it jumps to.
 *
 * False where nothing was added: the number of the processor is beyond the count, the thread has no rseq area, or
 * it was interrupted.
 */
static inline bool tsc_rseq_add(const struct tsc_slots *slots, enum tsc_slot_word word, uint64_t amount)
{
    _Atomic uint64_t *first = tsc_slots_word(slots, 0, word);
    intptr_t cpu_field = tsc_rseq_cpu_offset;

    __asm__ volatile goto(".pushsection __rseq_cs, \"aw\"\n\t"
                          ".balign 32\n"
                          "3:\n\t"
                          ".long 0, 0\n\t"
                          ".quad 1f, 2f - 1f, 4f\n\t"
                          ".popsection\n\t"
                          ".pushsection __rseq_cs_ptr_array, \"aw\"\n\t"
                          ".balign 8\n\t"
                          ".quad 3b\n\t"
                          ".popsection\n\t"
                          ".pushsection __rseq_exit_point_array, \"aw\"\n\t"
                          ".balign 8\n\t"
                          ".quad 1f, 5f\n\t"
                          ".popsection\n\t"
                          "leaq 3b(%%rip), %%rax\n\t"
                          "movq %%rax, %%fs:%c[to_descriptor](%[cpu_field])\n"
                          "1:\n\t"
                          "movl %%fs:(%[cpu_field]), %%eax\n\t"
                          "cmpl %[count], %%eax\n\t"
                          "jae 5f\n\t"
                          "imulq %[stride], %%rax\n\t"
                          "addq %[amount], (%[first], %%rax)\n"
                          "2:\n\t"
                          "movq $0, %%fs:%c[to_descriptor](%[cpu_field])\n\t"
                          "jmp %l[added]\n"
                          "5:\n\t"
                          "movq $0, %%fs:%c[to_descriptor](%[cpu_field])\n\t"
                          "jmp 4f\n\t"
                          ".byte 0x0f, 0xb9, 0x3d\n\t"
                          ".long %c[signature]\n"
                          "4:"
                          :
                          : [cpu_field] "r"(cpu_field), [to_descriptor] "i"(TSC_RSEQ_CPU_TO_DESCRIPTOR),
                            [count] "m"(tsc_processor_count), [stride] "m"(slots->stride), [first] "r"(first),
                            [amount] "r"(amount), [signature] "i"(RSEQ_SIG)
                          : "rax", "memory", "cc"
                          : added);
    return false;
added:
    return true;
}

#endif

/* Makes the additions of this thread visible to all threads before it loads any slot. */
static inline void tsc_slots_make_visible(void)
{
#ifdef TSC_HAVE_RSEQ_ADDITION
    /* seq_cst: pairs with the same fence in the other threads. An atomic addition is visible already. */
    if (tsc_rseq_adds)
        atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* A barrier between what the caller has written and all additions: they are visible, or look at it after. */
static inline void tsc_slots_wait_for_additions(void)
{
#ifdef TSC_HAVE_RSEQ_ADDITION
    if (tsc_rseq_adds)
        tsc_barrier_on_all_threads();
#endif
}

/* The fast way, without a call. False where nothing was added: then tsc_slots_add_anywhere is to do it. */
static inline bool tsc_slots_try_add(const struct tsc_slots *slots, enum tsc_slot_word word, uint64_t amount)
{
    uint32_t processor;

#ifdef TSC_HAVE_RSEQ_ADDITION
    if (tsc_likely(tsc_rseq_adds))
        return tsc_rseq_add(slots, word, amount);
#endif
    if (tsc_unlikely(!tsc_processor_fast(&processor)))
        return false;
    tsc_slot_add_atomically(tsc_slots_word(slots, processor, word), amount);
    return true;
}

#endif
