/* SPDX-License-Identifier: MIT */
/* The per-CPU backend: each CPU has a slot of two monotone sums, in (increments) and out (decrements). */
#include "counter-internal.h"
#include "percpu/add.h"
#include "sanitizer.h"
#include "sync/deadline.h"
#include "sync/gate.h"
#include "test-point.h"

#include <errno.h>

struct percpu_counter {
    struct tsc_counter base;
    struct tsc_slots slots;
    int64_t initial;
    struct tsc_gate gate;
};

static struct percpu_counter *to_percpu(struct tsc_counter *counter)
{
    return (struct percpu_counter *)counter;
}

static inline bool try_add_to_slot(struct percpu_counter *percpu, int64_t delta)
{
    return delta > 0 ? tsc_slots_try_add(&percpu->slots, TSC_SLOT_IN, (uint64_t)delta)
                     : tsc_slots_try_add(&percpu->slots, TSC_SLOT_OUT, -(uint64_t)delta);
}

static void add_fallback(struct percpu_counter *percpu, int64_t delta)
{
    if (delta > 0)
        tsc_slots_add_fallback(&percpu->slots, TSC_SLOT_IN, (uint64_t)delta);
    else
        tsc_slots_add_fallback(&percpu->slots, TSC_SLOT_OUT, -(uint64_t)delta);
}

static uint64_t sum(struct percpu_counter *percpu, enum tsc_slot_word word)
{
    uint32_t slots = tsc_slot_count();
    uint64_t total = 0;

    for (uint32_t index = 0; index < slots; index++) {
        TSC_TEST_POINT(percpu_slot);
        /* seq_cst: see sync/gate.h. */
        total += atomic_load_explicit(tsc_slots_word(&percpu->slots, index, word), memory_order_seq_cst);
    }
    return total;
}

static int64_t value_of(struct percpu_counter *percpu, uint64_t in, uint64_t out)
{
    return (int64_t)((uint64_t)percpu->initial + in - out);
}

/*
 * The result is never below the value at the moment t between the two sums, because both only grow: the out that
 * was read is at most out(t), and the in that is read next is at least in(t). It is too high by at most what was
 * added and subtracted during the scans. Model: test/model/scan.pml
 */
static int64_t scan(struct percpu_counter *percpu)
{
    uint64_t out = sum(percpu, TSC_SLOT_OUT);

    TSC_TEST_POINT(percpu_between_sums);
    return value_of(percpu, sum(percpu, TSC_SLOT_IN), out);
}

/*
 * A final value that is low enough for the waiter is always noticed. Every changer that finds the watch armed
 * fences, then scans. Of these changers and the waiter, the last to scan sees all decrements, so its result is at
 * most the final value.
 */
static void check_watch(struct percpu_counter *percpu)
{
    if (!tsc_gate_has_waiters(&percpu->gate) || !tsc_watch_is_armed(&percpu->gate.watch))
        return;
    tsc_slots_fence();
    TSC_TEST_POINT(percpu_made_visible);
    tsc_watch_check(&percpu->gate.watch, scan(percpu));
}

/* Completes an addition that found the state nonzero after it. */
TSC_COLD static int settle(struct percpu_counter *percpu, int64_t delta)
{
    int result = 0;

    if (tsc_gate_refuses(tsc_gate_state(&percpu->gate), delta)) {
        TSC_TEST_POINT(percpu_refusing);
        add_fallback(percpu, -delta);
        result = -ESHUTDOWN;
    }
    check_watch(percpu);
    return result;
}

TSC_COLD static int add_slow(struct percpu_counter *percpu, int64_t delta)
{
    add_fallback(percpu, delta);
    TSC_TEST_POINT(percpu_added);
    return tsc_gate_state(&percpu->gate) != 0 ? settle(percpu, delta) : 0;
}

/* The slow paths are tail calls, so the fast path needs no frame. */
static int percpu_add(struct tsc_counter *counter, int64_t delta)
{
    struct percpu_counter *percpu = to_percpu(counter);

    if (tsc_unlikely(tsc_gate_refuses(tsc_gate_state_relaxed(&percpu->gate), delta)))
        return -ESHUTDOWN;
    TSC_TEST_POINT(percpu_state_checked);
    if (tsc_unlikely(!try_add_to_slot(percpu, delta)))
        return add_slow(percpu, delta);
    TSC_TEST_POINT(percpu_added);
    if (tsc_unlikely(tsc_gate_state(&percpu->gate) != 0))
        return settle(percpu, delta);
    return 0;
}

/*
 * A read includes every addition that its own thread made, and every addition that its thread has learnt of from a
 * later store of the adding thread. Of two threads that each add and then read, the thread whose fence is last
 * sees both additions, because the other thread's fence made that one's visible. So when all threads leave and
 * then read, the last one reads 0. A read that is later only by the clock may miss an addition whose thread has
 * passed no fence since. Model: test/model/read-percpu.pml
 */
static int percpu_get(struct tsc_counter *counter, int64_t *value)
{
    tsc_slots_fence();
    *value = scan(to_percpu(counter));
    return 0;
}

static int percpu_get_interval(struct tsc_counter *counter, int64_t *low, int64_t *high)
{
    struct percpu_counter *percpu = to_percpu(counter);
    uint64_t in_before;
    uint64_t out;

    tsc_slots_fence();
    in_before = sum(percpu, TSC_SLOT_IN);
    out = sum(percpu, TSC_SLOT_OUT);
    *low = value_of(percpu, in_before, out);
    *high = value_of(percpu, sum(percpu, TSC_SLOT_IN), out);
    return 0;
}

static int percpu_flush(struct tsc_counter *counter)
{
    (void)counter;
    return 0;
}

static int percpu_close(struct tsc_counter *counter)
{
    tsc_gate_close(&to_percpu(counter)->gate);
    TSC_TEST_POINT(percpu_closed);
    tsc_slots_barrier();
    return 0;
}

static int read_for_wait(void *subject, int64_t deadline, int64_t *value)
{
    (void)deadline;
    tsc_slots_fence();
    *value = scan(subject);
    return 0;
}

static int read_after_barrier(void *subject, int64_t deadline, int64_t *value)
{
    tsc_slots_barrier();
    return read_for_wait(subject, deadline, value);
}

static int percpu_wait_at_most(struct tsc_counter *counter, int64_t threshold, int64_t timeout_ns)
{
    struct percpu_counter *percpu = to_percpu(counter);

    return tsc_gate_wait(&percpu->gate, threshold, timeout_ns,
                         timeout_ns == 0 ? read_for_wait : read_after_barrier, percpu);
}

static struct tsc_watch *percpu_watch(struct tsc_counter *counter)
{
    return &to_percpu(counter)->gate.watch;
}

static int percpu_notify_at_most(struct tsc_counter *counter, int64_t threshold, int fd)
{
    return tsc_watch_notify(percpu_watch(counter), threshold, fd, read_after_barrier, to_percpu(counter));
}

static int64_t read_for_notification(struct tsc_watch *watch)
{
    struct percpu_counter *percpu = tsc_container_of(watch, struct percpu_counter, gate.watch);
    int64_t value;

    read_after_barrier(percpu, TSC_NEVER, &value);
    tsc_sanitizer_acquire(percpu);
    return value;
}

static const struct tsc_watch_ops watch_ops = {
    .read = read_for_notification,
    .enter = tsc_gate_enter_by_watch,
    .leave = tsc_gate_leave_by_watch,
};

static int percpu_init(struct tsc_counter *counter, const struct tsc_counter_attr *attr)
{
    struct percpu_counter *percpu = to_percpu(counter);

    percpu->initial = attr->initial;
    tsc_gate_init(&percpu->gate, 0, &watch_ops);
    return tsc_slots_acquire(&percpu->slots);
}

static struct tsc_deferred percpu_fini(struct tsc_counter *counter)
{
    struct tsc_slots_chunk *empty = tsc_slots_release(&to_percpu(counter)->slots);

    return (struct tsc_deferred){.run = empty != NULL ? tsc_slots_free_chunk : NULL, .arg = empty};
}

static void percpu_child(struct tsc_object *object)
{
    tsc_gate_forget_waiters(&to_percpu(tsc_counter_of_object(object))->gate);
}

/* An addition never waits. */
#define percpu_try_add percpu_add

const struct tsc_backend_ops tsc_percpu_ops = {
    TSC_REQUIRED(percpu, tsc_counter_free),
    TSC_INTERVAL(percpu),
    .fini = percpu_fini,
};
