/* SPDX-License-Identifier: MIT */
#ifndef TSC_GATE_H
#define TSC_GATE_H

#include "sync/watch.h"

/*
 * The state of a counter whose changes take no lock: whether it is closed, and whether threads wait for a lower
 * value. A change looks at the state, adds, and looks again; 0 both times is the fast path. Closing and waiting
 * write the state, then read the value.
 *
 * Of a change and a close, or a change and a waiter, at least one sees the other: the addition and the second
 * look, and the write of the state and the read of the value, are all seq_cst. Where the addition is a restartable
 * sequence, a barrier on all threads between the write and the read takes the place of that (percpu/add.h).
 *
 *  - close: an increment that does not see CLOSED was added before the close, so it is in each value read after.
 *    One that sees CLOSED takes its addition back, and is refused.
 *  - waiting: a change that does not see a waiter, or does not see the watch armed, is seen by the waiter's look.
 *
 * The bits above the flags count the waiters. A waiter is counted from before its first look until after its last,
 * so the above holds for as long as it may sleep, whoever else comes or leaves. When the last one has left, the
 * state is what it was, and changes take the fast path again.
 *
 * Models: test/model/close-atomic.pml, test/model/close-careful.pml, test/model/close-percpu.pml,
 * test/model/watch-atomic.pml, test/model/watch-percpu.pml, test/model/watch-refused.pml
 */
enum {
    TSC_GATE_CLOSED = 1,
    TSC_GATE_OWN = 2, /* the backend's own, set for life */
    TSC_GATE_WAITER = 4,
    TSC_GATE_FLAGS = TSC_GATE_WAITER - 1,
};

struct tsc_gate {
    _Atomic uint32_t state;
    struct tsc_watch watch;
};

static inline void tsc_gate_init(struct tsc_gate *gate, uint32_t state)
{
    atomic_init(&gate->state, state);
    tsc_watch_init(&gate->watch);
}

/* relaxed: a call that begins after close has returned sees CLOSED; for one that overlaps it, the second look
 * decides. */
static inline uint32_t tsc_gate_first_look(struct tsc_gate *gate)
{
    return atomic_load_explicit(&gate->state, memory_order_relaxed);
}

static inline uint32_t tsc_gate_look(struct tsc_gate *gate)
{
    return atomic_load_explicit(&gate->state, memory_order_seq_cst);
}

static inline bool tsc_gate_refuses(uint32_t state, int64_t delta)
{
    return (state & TSC_GATE_CLOSED) && delta > 0;
}

static inline bool tsc_gate_has_waiters(struct tsc_gate *gate)
{
    return tsc_gate_look(gate) >= TSC_GATE_WAITER;
}

static inline void tsc_gate_close(struct tsc_gate *gate)
{
    atomic_fetch_or_explicit(&gate->state, TSC_GATE_CLOSED, memory_order_seq_cst);
}

/* As tsc_watch_wait. With a timeout of 0 it only looks. */
int tsc_gate_wait(struct tsc_gate *gate, int64_t threshold, int64_t timeout_ns, tsc_watch_look_fn look,
                  void *subject);

/* In the child of a fork: the waiters are not in it. */
void tsc_gate_forget_waiters(struct tsc_gate *gate);

#endif
