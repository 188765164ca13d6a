/* SPDX-License-Identifier: MIT */
#include "sync/phase.h"

#include "sync/deadline.h"

static bool is_empty(struct tsc_phases *phases, uint32_t phase)
{
    /* seq_cst: pairs with enter and leave. */
    return atomic_load_explicit(&phases->inside[phase & 1], memory_order_seq_cst) == 0;
}

/* Model: test/model/phase.pml */
void tsc_phases_advance(struct tsc_phases *phases)
{
    uint32_t former = tsc_phase_current(phases);

    /* seq_cst: before the load of the count. release: a worker that enters sees its rules. */
    atomic_store_explicit(&phases->current, former + 1, memory_order_seq_cst);
    TSC_TEST_POINT(phase_advanced);
    while (!is_empty(phases, former)) {
        uint32_t key = tsc_eventcount_prepare(&phases->controller);

        TSC_TEST_POINT(eventcount_prepared);
        if (is_empty(phases, former))
            tsc_eventcount_cancel(&phases->controller);
        else
            tsc_eventcount_commit(&phases->controller, key, TSC_NEVER);
    }
}

/* Stores only where needed: a store copies a page that parent and child could share. */
void tsc_phases_forget_others(struct tsc_phases *phases)
{
    for (uint32_t phase = 0; phase < 2; phase++)
        if (atomic_load_explicit(&phases->inside[phase], memory_order_relaxed) != 0)
            atomic_store_explicit(&phases->inside[phase], 0, memory_order_relaxed);
    tsc_eventcount_forget_sleepers(&phases->controller);
    tsc_lock_forget_holder(&phases->lock);
}
