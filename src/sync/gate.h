/* SPDX-License-Identifier: MIT */
#ifndef TSC_GATE_H
#define TSC_GATE_H

#include "sync/watch.h"

/*
 * The state of a counter whose changes take no lock: closed or not, and how many threads wait for a lower value.
 * A change loads the state, adds, and loads the state again; 0 both times is the fast path. A close and a waiter
 * write the state, then read the value.
 *
 * A change and a close see each other, or one of them does; so do a change and a waiter (Dekker). All four
 * accesses are seq_cst: the addition and the second load of the state; the write of the state and the read of the
 * value. Where the addition is a restartable sequence, a membarrier between the write and the read does it
 * (percpu/add.h).
 *
 *  - close: an increment that does not see CLOSED was added before the close, so every later read includes it. One
 *    that sees CLOSED subtracts itself again and is refused.
 *  - waiting: a change that sees no waiter, or finds the watch disarmed, is seen when the waiter reads the value.
 *
 * The bits above the flags count the waiters. A waiter is counted from before its first read of the value until
 * after its last; a notification as long as it is pending. The last one to leave restores the state, so changes
 * take the fast path again.
 *
 * Models: test/model/close-atomic.pml, test/model/close-careful.pml, test/model/close-percpu.pml,
 * test/model/watch-atomic.pml, test/model/watch-percpu.pml, test/model/watch-refused.pml
 */
enum {
    TSC_GATE_CLOSED = 1,
    TSC_GATE_BACKEND = 2, /* for the backend's use; constant */
    TSC_GATE_WAITER = 4,
    TSC_GATE_FLAGS = TSC_GATE_WAITER - 1,
};

struct tsc_gate {
    _Atomic uint32_t state;
    struct tsc_watch watch;
};

/* The operations of the watch enter and leave the gate by tsc_gate_enter_by_watch() and tsc_gate_leave_by_watch().
 */
static inline void tsc_gate_init(struct tsc_gate *gate, uint32_t state, const struct tsc_watch_ops *ops)
{
    atomic_init(&gate->state, state);
    tsc_watch_init(&gate->watch, ops);
}

void tsc_gate_enter_by_watch(struct tsc_watch *watch);
void tsc_gate_leave_by_watch(struct tsc_watch *watch);

/* For the fast path. relaxed: a call after close has returned sees CLOSED anyway; for a concurrent one the second
 * load decides. */
static inline uint32_t tsc_gate_state_relaxed(struct tsc_gate *gate)
{
    return atomic_load_explicit(&gate->state, memory_order_relaxed);
}

/* seq_cst: after the addition; pairs with close and tsc_gate_enter(). */
static inline uint32_t tsc_gate_state(struct tsc_gate *gate)
{
    return atomic_load_explicit(&gate->state, memory_order_seq_cst);
}

static inline bool tsc_gate_refuses(uint32_t state, int64_t delta)
{
    return (state & TSC_GATE_CLOSED) && delta > 0;
}

static inline bool tsc_gate_has_waiters(struct tsc_gate *gate)
{
    return tsc_gate_state(gate) >= TSC_GATE_WAITER;
}

static inline void tsc_gate_close(struct tsc_gate *gate)
{
    /* seq_cst: before the read of the value; pairs with tsc_gate_state(). */
    atomic_fetch_or_explicit(&gate->state, TSC_GATE_CLOSED, memory_order_seq_cst);
}

/* Counts a waiter, and no longer. */
void tsc_gate_enter(struct tsc_gate *gate);
void tsc_gate_leave(void *gate);

/* As tsc_watch_wait(). A timeout of 0 leaves the state alone. */
int tsc_gate_wait(struct tsc_gate *gate, int64_t threshold, int64_t timeout_ns, tsc_watch_read_fn read_value,
                  void *subject);

/* In a forked child, which has no other threads. */
void tsc_gate_forget_waiters(struct tsc_gate *gate);

#endif
