/* SPDX-License-Identifier: MIT */
/* The atomic backend: one atomic integer. */
#include "counter-internal.h"
#include "sanitizer.h"
#include "sync/deadline.h"
#include "sync/gate.h"
#include "test-point.h"

#include <errno.h>

/*
 * Set if the counter has bounds or tracks a peak: its changes are compare-and-swap loops. A total with neither
 * adds as other counters do; only exchange and compare_exchange, which could lower it, are careful.
 */
enum { CAREFUL = TSC_GATE_BACKEND };

struct atom_counter {
    struct tsc_counter base;
    struct tsc_gate gate;
    bool track_peak;
    struct tsc_bounds bounds;
    struct tsc_eventcount closers; /* where close sleeps until no increment is admitted */

    /* Written by every change; what is above is only read. */
    _Alignas(TSC_CACHE_ALIGN) _Atomic int64_t value;
    _Atomic int64_t peak;
    _Atomic uint32_t admitted; /* careful increments in progress */
};

static struct atom_counter *to_atom(struct tsc_counter *counter)
{
    return (struct atom_counter *)counter;
}

static int64_t read_value(struct atom_counter *atom)
{
    /* seq_cst: after the write of the state; pairs with every change. See sync/gate.h. */
    return atomic_load_explicit(&atom->value, memory_order_seq_cst);
}

static void check_watch(struct atom_counter *atom)
{
    if (tsc_gate_has_waiters(&atom->gate))
        tsc_watch_check(&atom->gate.watch, read_value(atom));
}

/* Completes an addition that found the state nonzero after it. */
TSC_COLD static int settle(struct atom_counter *atom, int64_t delta)
{
    int result = 0;

    if (tsc_gate_refuses(tsc_gate_state(&atom->gate), delta)) {
        TSC_TEST_POINT(atomic_refusing);
        /* seq_cst: before the load of the state in check_watch; pairs with read_value. */
        atomic_fetch_sub_explicit(&atom->value, delta, memory_order_seq_cst);
        result = -ESHUTDOWN;
    }
    check_watch(atom);
    return result;
}

/*
 * Careful increments are counted while they run, and close waits for them. They cannot be undone as in settle(),
 * because other changes may already depend on them. Model: test/model/close-careful.pml
 */
static void leave(struct atom_counter *atom)
{
    /* seq_cst: before the load of the sleepers; pairs with wait_for_admitted. */
    atomic_fetch_sub_explicit(&atom->admitted, 1, memory_order_seq_cst);
    TSC_TEST_POINT(atomic_left);
    tsc_eventcount_notify_all(&atom->closers);
}

static bool admit(struct atom_counter *atom)
{
    /* seq_cst: before the load of the state. Either this sees CLOSED, or close sees this. */
    atomic_fetch_add_explicit(&atom->admitted, 1, memory_order_seq_cst);
    TSC_TEST_POINT(atomic_counted);
    if (!(tsc_gate_state(&atom->gate) & TSC_GATE_CLOSED))
        return true;
    leave(atom);
    return false;
}

static void wait_for_admitted(struct atom_counter *atom)
{
    /* seq_cst: pairs with admit and leave. */
    while (atomic_load_explicit(&atom->admitted, memory_order_seq_cst) != 0) {
        uint32_t key = tsc_eventcount_prepare(&atom->closers);

        TSC_TEST_POINT(eventcount_prepared);
        if (atomic_load_explicit(&atom->admitted, memory_order_seq_cst) == 0)
            tsc_eventcount_cancel(&atom->closers);
        else
            tsc_eventcount_commit(&atom->closers, key, TSC_NEVER);
    }
}

/*
 * A change raises the peak to the value that it is about to replace. So the peak covers every former value, and
 * the highest value ever is the higher of peak and value. Model: test/model/peak.pml
 */
static void raise_peak(struct atom_counter *atom, int64_t value)
{
    int64_t peak = atomic_load_explicit(&atom->peak, memory_order_relaxed);

    TSC_TEST_POINT(atomic_raising);
    /* release: pairs with get_peak; this thread has acquired the value that it publishes. */
    while (peak < value && !atomic_compare_exchange_weak_explicit(&atom->peak, &peak, value, memory_order_release,
                                                                  memory_order_relaxed))
        ;
}

/* False if the value was not replaced; `current` is the value then. */
static bool swap(struct atom_counter *atom, int64_t *current, int64_t wanted)
{
    if (atom->track_peak)
        raise_peak(atom, *current);
    TSC_TEST_POINT(atomic_swapping);
    /* seq_cst: as an addition. acquire: for the release in raise_peak. */
    return atomic_compare_exchange_weak_explicit(&atom->value, current, wanted, memory_order_seq_cst,
                                                 memory_order_acquire);
}

static int careful_add(struct atom_counter *atom, int64_t delta, int64_t *previous)
{
    int64_t current = atomic_load_explicit(&atom->value, memory_order_acquire);
    int64_t sum;
    int result;

    if (delta > 0 && !admit(atom))
        return -ESHUTDOWN;
    do
        result = tsc_bounds_add(&atom->bounds, current, delta, &sum);
    while (result >= 0 && !swap(atom, &current, sum));
    if (result >= 0)
        *previous = current;
    if (delta > 0)
        leave(atom);
    check_watch(atom);
    return result;
}

static int careful_exchange(struct atom_counter *atom, int64_t value, int64_t *previous)
{
    int64_t current = atomic_load_explicit(&atom->value, memory_order_acquire);
    int64_t allowed;
    int result;

    do {
        result = tsc_bounds_set(&atom->bounds, current, value, &allowed);
        if (result < 0)
            return result;
    } while (!swap(atom, &current, allowed));
    *previous = current;
    check_watch(atom);
    return result;
}

static int careful_compare_exchange(struct atom_counter *atom, int64_t *expected, int64_t desired)
{
    int64_t current = atomic_load_explicit(&atom->value, memory_order_acquire);
    int64_t allowed;
    int result = tsc_bounds_set(&atom->bounds, *expected, desired, &allowed);

    do {
        if (current != *expected) {
            *expected = current;
            return 0;
        }
        if (result < 0)
            return result;
    } while (!swap(atom, &current, allowed));
    check_watch(atom);
    return 1;
}

static TSC_HOT int plain_add(struct atom_counter *atom, int64_t delta, int64_t *previous)
{
    TSC_TEST_POINT(atomic_state_checked);
    /* seq_cst: before the load of the state; pairs with read_value. */
    *previous = atomic_fetch_add_explicit(&atom->value, delta, memory_order_seq_cst);
    TSC_TEST_POINT(atomic_added);
    if (tsc_unlikely(tsc_gate_state(&atom->gate) != 0))
        return settle(atom, delta);
    return 0;
}

static int add_unless_closed(struct atom_counter *atom, uint32_t state, int64_t delta, int64_t *previous)
{
    if (tsc_gate_refuses(state, delta))
        return -ESHUTDOWN;
    if (state & CAREFUL)
        return careful_add(atom, delta, previous);
    return plain_add(atom, delta, previous);
}

TSC_COLD static int add_slow(struct atom_counter *atom, uint32_t state, int64_t delta)
{
    int64_t previous;

    return add_unless_closed(atom, state, delta, &previous);
}

static int atom_add(struct tsc_counter *counter, int64_t delta)
{
    struct atom_counter *atom = to_atom(counter);
    uint32_t state = tsc_gate_state_relaxed(&atom->gate);
    int64_t previous;

    if (tsc_unlikely(state != 0))
        return add_slow(atom, state, delta);
    return plain_add(atom, delta, &previous);
}

static int atom_fetch_add(struct tsc_counter *counter, int64_t delta, int64_t *previous)
{
    struct atom_counter *atom = to_atom(counter);
    int64_t found;
    int result = add_unless_closed(atom, tsc_gate_state_relaxed(&atom->gate), delta, &found);

    if (result >= 0)
        *previous = found;
    return result;
}

static int atom_get(struct tsc_counter *counter, int64_t *value)
{
    /* acquire: pairs with the release in every change. */
    *value = atomic_load_explicit(&to_atom(counter)->value, memory_order_acquire);
    return 0;
}

static int atom_get_peak(struct tsc_counter *counter, int64_t *peak)
{
    struct atom_counter *atom = to_atom(counter);
    int64_t value;
    int64_t highest_before;

    if (!atom->track_peak)
        return -ENOTSUP;
    /* In this order, the peak covers all values before the loaded one. acquire: pairs with raise_peak. */
    value = atomic_load_explicit(&atom->value, memory_order_acquire);
    highest_before = atomic_load_explicit(&atom->peak, memory_order_acquire);
    *peak = value > highest_before ? value : highest_before;
    return 0;
}

static int atom_get_bounds(struct tsc_counter *counter, int64_t *min, int64_t *max)
{
    struct atom_counter *atom = to_atom(counter);

    if (!atom->bounds.bounded)
        return -ENOTSUP;
    tsc_bounds_get(&atom->bounds, min, max);
    return 0;
}

static int atom_exchange(struct tsc_counter *counter, int64_t value, int64_t *previous)
{
    struct atom_counter *atom = to_atom(counter);
    uint32_t state = tsc_gate_state_relaxed(&atom->gate);

    if (state & TSC_GATE_CLOSED)
        return -ESHUTDOWN;
    if (state & CAREFUL || atom->bounds.total)
        return careful_exchange(atom, value, previous);
    /* seq_cst: as an addition. */
    *previous = atomic_exchange_explicit(&atom->value, value, memory_order_seq_cst);
    check_watch(atom);
    return 0;
}

static int atom_compare_exchange(struct tsc_counter *counter, int64_t *expected, int64_t desired)
{
    struct atom_counter *atom = to_atom(counter);
    uint32_t state = tsc_gate_state_relaxed(&atom->gate);

    if (state & TSC_GATE_CLOSED)
        return -ESHUTDOWN;
    if (state & CAREFUL || atom->bounds.total)
        return careful_compare_exchange(atom, expected, desired);
    /* seq_cst: as an addition. acquire: a failure is a read. */
    if (!atomic_compare_exchange_strong_explicit(&atom->value, expected, desired, memory_order_seq_cst,
                                                 memory_order_acquire))
        return 0;
    check_watch(atom);
    return 1;
}

static int atom_flush(struct tsc_counter *counter)
{
    (void)counter;
    return 0;
}

static int atom_close(struct tsc_counter *counter)
{
    struct atom_counter *atom = to_atom(counter);

    tsc_gate_close(&atom->gate);
    TSC_TEST_POINT(atomic_closed);
    wait_for_admitted(atom);
    return 0;
}

static int read_for_wait(void *subject, int64_t deadline, int64_t *value)
{
    (void)deadline;
    *value = read_value(subject);
    return 0;
}

static int atom_wait_at_most(struct tsc_counter *counter, int64_t threshold, int64_t timeout_ns)
{
    return tsc_gate_wait(&to_atom(counter)->gate, threshold, timeout_ns, read_for_wait, counter);
}

static struct tsc_watch *atom_watch(struct tsc_counter *counter)
{
    return &to_atom(counter)->gate.watch;
}

static int atom_notify_at_most(struct tsc_counter *counter, int64_t threshold, int fd)
{
    return tsc_watch_notify(atom_watch(counter), threshold, fd, read_for_wait, counter);
}

static int64_t read_for_notification(struct tsc_watch *watch)
{
    struct atom_counter *atom = tsc_container_of(watch, struct atom_counter, gate.watch);

    tsc_sanitizer_acquire(atom);
    return read_value(atom);
}

static const struct tsc_watch_ops watch_ops = {
    .read = read_for_notification,
    .enter = tsc_gate_enter_by_watch,
    .leave = tsc_gate_leave_by_watch,
};

static int atom_init(struct tsc_counter *counter, const struct tsc_counter_attr *attr)
{
    struct atom_counter *atom = to_atom(counter);

    atom->bounds = attr->bounds;
    atom->track_peak = attr->track_peak;
    tsc_gate_init(&atom->gate, attr->bounds.bounded || attr->track_peak ? CAREFUL : 0, &watch_ops);
    atomic_init(&atom->value, attr->initial);
    atomic_init(&atom->peak, attr->initial);
    return 0;
}

/* Stores only where needed: a store copies a page that parent and child could share. */
static void atom_child(struct tsc_object *object)
{
    struct atom_counter *atom = to_atom(tsc_counter_of_object(object));

    if (atomic_load_explicit(&atom->admitted, memory_order_relaxed) != 0)
        atomic_store_explicit(&atom->admitted, 0, memory_order_relaxed);
    tsc_eventcount_forget_sleepers(&atom->closers);
    tsc_gate_forget_waiters(&atom->gate);
}

/* An addition never waits. */
#define atom_try_add atom_add

const struct tsc_backend_ops tsc_atomic_ops = {
    TSC_REQUIRED(atom, tsc_counter_free),
    TSC_FETCH(atom),
    TSC_PEAK(atom),
    TSC_BOUNDS(atom),
};
