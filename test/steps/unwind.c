/* SPDX-License-Identifier: MIT */
/*
 * A profiler's signal arrives at each instruction of a change, and its handler unwinds the stack to the caller.
 * That includes the abort handler to which the kernel sends a thread that it interrupted in a restartable
 * sequence.
 */
#include <string.h>
#include <unwind.h>

#include <tscounter/tscounter.h>

#include "percpu/add.h"
#include "support/backends.h"
#include "support/stepper.h"
#include "support/suite.h"

enum { CASE_SECONDS = 60, INSTRUCTIONS_MIN = 5, INSTRUCTIONS_MAX = 10000 };

struct trace {
    const char *interrupted; /* the instruction before which the signal came */
    const char *frame;       /* of the caller */
    bool reaches_caller;
    volatile bool has_returned;
};

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *arg)
{
    struct trace *trace = arg;
    int is_before_instruction = 0;
    uintptr_t instruction = _Unwind_GetIPInfo(context, &is_before_instruction);

    if (is_before_instruction)
        trace->interrupted = (const char *)instruction;
    trace->reaches_caller |= _Unwind_GetCFA(context) > (uintptr_t)trace->frame;
    return _URC_NO_REASON;
}

/* The stepper's own instructions are ignored. */
static void unwind(void *arg)
{
    struct trace *trace = arg;

    if (!trace->has_returned)
        _Unwind_Backtrace(note_frame, trace);
}

/* Whether the instruction is an abort handler. */
static bool is_after_signature(const char *instruction)
{
#ifdef TSC_HAVE_RSEQ_ADDITION
    const uint32_t signature = RSEQ_SIG;

    return memcmp(instruction - sizeof signature, &signature, sizeof signature) == 0;
#else
    (void)instruction;
    return false;
#endif
}

static uint64_t unwind_at_each_instruction(tsc_counter_t *counter, int (*change)(tsc_counter_t *counter))
{
    uint64_t aborted = 0;
    uint64_t instruction = 1;

    for (; instruction < INSTRUCTIONS_MAX; instruction++) {
        struct trace trace = {.frame = __builtin_frame_address(0)};

        stepper_begin(instruction, unwind, &trace);
        change(counter);
        trace.has_returned = true;
        if (!stepper_end() || trace.interrupted == NULL)
            break;
        ck_assert_msg(trace.reaches_caller, "instruction %d", (int)instruction);
        aborted += is_after_signature(trace.interrupted);
    }
    ck_assert_uint_gt(instruction, INSTRUCTIONS_MIN);
    ck_assert_uint_lt(instruction, INSTRUCTIONS_MAX);
    return aborted;
}

START_TEST(test_the_stack_unwinds_from_each_instruction)
{
    tsc_counter_t *counter;
    uint64_t aborted = 0;

    ck_assert_int_eq(tsc_counter_create(&counter, (tsc_backend_t)_i, NULL), 0);
    aborted += unwind_at_each_instruction(counter, tsc_counter_inc);
    aborted += unwind_at_each_instruction(counter, tsc_counter_dec);
    tsc_counter_unref(counter);
#ifdef TSC_HAVE_RSEQ_ADDITION
    ck_assert_int_eq(aborted != 0, _i == TSC_BACKEND_PERCPU && tsc_rseq_adds);
#endif
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unwind");
    TCase *tcase = support_add_case(suite, "unwind", CASE_SECONDS);

    for (tsc_backend_t backend = 0; backend < TSC_BACKEND_COUNT; backend++)
        if (support_is_built(backend))
            tcase_add_loop_test(tcase, test_the_stack_unwinds_from_each_instruction, (int)backend,
                                (int)backend + 1);
    return stepper_run_suite(suite);
}
