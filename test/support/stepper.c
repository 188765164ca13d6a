/* SPDX-License-Identifier: MIT */
#include "stepper.h"

#include <stdio.h>
#include <stdlib.h>

#include "suite.h"

#if (defined(__x86_64__) || defined(__i386__)) && !defined(__SANITIZE_THREAD__)
#define HAS_TRAP_FLAG 1
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef HAS_TRAP_FLAG
#endif
#endif

#ifdef HAS_TRAP_FLAG

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <ucontext.h>
#include <x86intrin.h>

enum { TRAP_FLAG = 0x100 };

#ifdef __x86_64__
enum { NEXT_INSTRUCTION = REG_RIP };
#else
enum { NEXT_INSTRUCTION = REG_EIP };
#endif

/* Set by the linker: the bounds of this program's instructions. */
extern const char __executable_start[];
extern const char etext[];

/* Shared with a handler of the same thread. The fences keep the compiler from moving code across the flag. */
static _Thread_local struct {
    uint64_t begun;
    uint64_t left;
    void (*interrupt)(void *arg);
    void *arg;
} run;

static bool is_of_this_program(uintptr_t instruction)
{
    return instruction >= (uintptr_t)__executable_start && instruction < (uintptr_t)etext;
}

/* The rest of the run is not stepped. */
static void take_step(int signal_number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    int saved_errno = errno;

    (void)signal_number;
    (void)info;
    if (!is_of_this_program((uintptr_t)registers[NEXT_INSTRUCTION]) || --run.left != 0)
        return;
    registers[REG_EFL] &= ~TRAP_FLAG;
    run.interrupt(run.arg);
    errno = saved_errno;
}

void stepper_begin(uint64_t instructions, void (*interrupt)(void *arg), void *arg)
{
    run.begun = run.left = instructions;
    run.interrupt = interrupt;
    run.arg = arg;
    atomic_signal_fence(memory_order_seq_cst);
    __writeeflags(__readeflags() | TRAP_FLAG);
}

bool stepper_end(void)
{
    __writeeflags(__readeflags() & ~(uintptr_t)TRAP_FLAG);
    atomic_signal_fence(memory_order_seq_cst);
    return run.left == 0;
}

uint64_t stepper_taken(void)
{
    return run.begun - run.left;
}

static void nothing(void *arg)
{
    (void)arg;
}

/*
 * The handler blocks no signals: another one that interrupts it finds the thread as it would be without the trap.
 */
bool stepper_works(void)
{
    const struct sigaction stepping = {.sa_sigaction = take_step, .sa_flags = SA_SIGINFO};

    if (support_is_skipped("trap_flag") || sigaction(SIGTRAP, &stepping, NULL) != 0)
        return false;
    stepper_begin(1, nothing, NULL);
    return stepper_end();
}

#else

void stepper_begin(uint64_t instructions, void (*interrupt)(void *arg), void *arg)
{
    (void)instructions;
    (void)interrupt;
    (void)arg;
}

bool stepper_end(void)
{
    return false;
}

uint64_t stepper_taken(void)
{
    return 0;
}

bool stepper_works(void)
{
    return false;
}

#endif

int stepper_run_suite(Suite *suite)
{
    if (!stepper_works()) {
        printf("1..0 # SKIP The trap flag has no effect here: valgrind, ThreadSanitizer, or an emulator\n");
        srunner_free(srunner_create(suite));
        return EXIT_SUCCESS;
    }
    return support_run_suite(suite);
}
