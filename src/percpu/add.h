/* SPDX-License-Identifier: MIT */
#ifndef TSC_PERCPU_ADD_H
#define TSC_PERCPU_ADD_H

#include "compiler.h"
#include "percpu/cpu.h"
#include "percpu/slots.h"
#include "sync/barrier.h"

#include <stddef.h>

/*
 * An addition to the slot of the thread's CPU. The process uses one of two ways.
 *
 * Restartable sequence: a plain addition, in a section that the kernel aborts when it preempts, migrates or
 * signals the thread. It costs a third of an atomic addition, because it does not drain the store buffer. The
 * addition becomes visible in the order of the thread's stores (x86): a thread that learns of it from a later
 * store sees it. A read fences first, so that of two threads that each add and then read, one sees both additions.
 * close() and a waiter about to sleep must see every addition, so they issue a membarrier. Only threads on the CPU
 * write its slot; an addition that cannot use it goes atomically to the shared overflow slot.
 * Models: test/model/close-percpu.pml, test/model/watch-percpu.pml, test/model/read-percpu.pml
 *
 * Atomic addition, where restartable sequences are not available. Any slot is correct then.
 */
static inline void tsc_slot_add_atomically(_Atomic uint64_t *word, uint64_t amount)
{
    /* seq_cst: see sync/gate.h. */
    atomic_fetch_add_explicit(word, amount, memory_order_seq_cst);
}

#ifdef TSC_HAVE_RSEQ_ADDITION

/*
 * The descriptor holds the start of the section, its length, and the address where the kernel resumes a thread
 * that it aborted; the kernel demands a signature in the four bytes before that address. The section starts once
 * the descriptor's address is stored, reads the CPU number, and ends with the addition. The address is cleared
 * afterwards, because the code may be unloaded.
 *
 * An aborted addition is not restarted: so it takes a bounded number of steps, and a debugger can step through it.
 * All of it lies inside the function, so the function's unwind table covers the abort handler. The two further ELF
 * sections are for debuggers: they list the descriptors, and the exits of the section.
 *
 * False if nothing was added: the CPU is beyond the count, the thread has no rseq area, or it was aborted.
 */
static inline bool tsc_rseq_add(const struct tsc_slots *slots, enum tsc_slot_word word, uint64_t amount)
{
    _Atomic uint64_t *first = tsc_slots_word(slots, 0, word);
    intptr_t cpu_field = tsc_rseq_cpu_offset;

    __asm__ volatile goto(
        ".pushsection __rseq_cs, \"aw\"\n\t"
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
        "imulq %[stride], %%rax, %%rax\n\t"
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
        : [cpu_field] "r"(cpu_field), [to_descriptor] "i"(TSC_RSEQ_CPU_TO_DESCRIPTOR), [count] "m"(tsc_cpu_count),
          [stride] "i"(TSC_REGION_STRIDE), [first] "r"(first), [amount] "r"(amount), [signature] "i"(RSEQ_SIG)
        : "rax", "memory", "cc"
        : added);
    return false;
added:
    return true;
}

#endif

/* Makes this thread's additions visible to all threads before it loads any slot. */
static inline void tsc_slots_fence(void)
{
#ifdef TSC_HAVE_RSEQ_ADDITION
    /* seq_cst: pairs with the same fence in other threads. An atomic addition is visible already. */
    if (tsc_rseq_adds)
        atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* Every addition is visible to the caller, or its thread then sees what the caller stored before. */
static inline void tsc_slots_barrier(void)
{
#ifdef TSC_HAVE_RSEQ_ADDITION
    if (tsc_rseq_adds)
        tsc_barrier_on_all_threads();
#endif
}

/* The fast path, without a call. False if nothing was added; tsc_slots_add_fallback() does it then. */
static inline bool tsc_slots_try_add(const struct tsc_slots *slots, enum tsc_slot_word word, uint64_t amount)
{
    uint32_t cpu;

#ifdef TSC_HAVE_RSEQ_ADDITION
    if (tsc_likely(tsc_rseq_adds))
        return tsc_rseq_add(slots, word, amount);
#endif
    if (tsc_unlikely(!tsc_cpu_current_fast(&cpu)))
        return false;
    tsc_slot_add_atomically(tsc_slots_word(slots, cpu, word), amount);
    return true;
}

/* Adds atomically: to the overflow slot if there is one, else to the slot of any CPU. */
static inline void tsc_slots_add_fallback(const struct tsc_slots *slots, enum tsc_slot_word word, uint64_t amount)
{
    uint32_t index = tsc_rseq_adds ? tsc_cpu_count : tsc_cpu_current_slow();

    tsc_slot_add_atomically(tsc_slots_word(slots, index, word), amount);
}

#endif
