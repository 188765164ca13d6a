/* SPDX-License-Identifier: MIT */
#include "sync/gate.h"

#include "test-point.h"

#include <pthread.h>

/* Models: test/model/watch-atomic.pml, test/model/watch-percpu.pml, test/model/watch-refused.pml */
void tsc_gate_enter(struct tsc_gate *gate)
{
    /* seq_cst: before the reads of the value; pairs with tsc_gate_state(). */
    atomic_fetch_add_explicit(&gate->state, TSC_GATE_WAITER, memory_order_seq_cst);
}

void tsc_gate_leave(void *gate)
{
    /* relaxed: this waiter reads the value no more, so a change may ignore it. */
    atomic_fetch_sub_explicit(&((struct tsc_gate *)gate)->state, TSC_GATE_WAITER, memory_order_relaxed);
}

void tsc_gate_enter_by_watch(struct tsc_watch *watch)
{
    tsc_gate_enter(tsc_container_of(watch, struct tsc_gate, watch));
}

void tsc_gate_leave_by_watch(struct tsc_watch *watch)
{
    tsc_gate_leave(tsc_container_of(watch, struct tsc_gate, watch));
}

int tsc_gate_wait(struct tsc_gate *gate, int64_t threshold, int64_t timeout_ns, tsc_watch_read_fn read_value,
                  void *subject)
{
    int result;

    if (timeout_ns == 0)
        return tsc_watch_wait(&gate->watch, threshold, timeout_ns, read_value, subject);
    tsc_gate_enter(gate);
    pthread_cleanup_push(tsc_gate_leave, gate);
    TSC_TEST_POINT(gate_entered);
    result = tsc_watch_wait(&gate->watch, threshold, timeout_ns, read_value, subject);
    pthread_cleanup_pop(1);
    return result;
}

void tsc_gate_forget_waiters(struct tsc_gate *gate)
{
    uint32_t state = atomic_load_explicit(&gate->state, memory_order_relaxed);

    if (state >= TSC_GATE_WAITER)
        atomic_store_explicit(&gate->state, state & TSC_GATE_FLAGS, memory_order_relaxed);
    tsc_watch_forget_waiters(&gate->watch);
}
