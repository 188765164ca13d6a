/* SPDX-License-Identifier: MIT */
/* The atomic backend: one atomic integer. */
#include "counter-internal.h"
#include "sanitizer.h"
#include "sync/admission.h"
#include "sync/gate.h"
#include "sync/phase.h"
#include "test-point.h"

#include <errno.h>
#include <pthread.h>

/*
 * Set if the counter has bounds or tracks a peak: its changes are compare-and-swap loops. A total with neither
 * adds as other counters do; only exchange and compare_exchange, which could lower it, are careful.
 */
enum { CAREFUL = TSC_GATE_BACKEND };

/* Rules of careful changes that may be changed: those of a phase. */
struct rules {
    _Atomic int64_t min;
    _Atomic int64_t max;
    _Atomic uint32_t peak; /* which of the two peaks is raised */
};

struct atom_counter {
    struct tsc_counter base;
    struct tsc_gate gate;
    bool track_peak;
    _Atomic bool counts_decrements;
    struct tsc_bounds bounds; /* of the first phase; the policy is that of all */
    struct rules rules[2];
    struct tsc_admission admission;

    /* Written by every change; what is above is only read. */
    _Alignas(TSC_CACHE_ALIGN) _Atomic int64_t value;
    struct tsc_phases phases;
    _Atomic int64_t peaks[2];
};

/* The peak that is not raised. */
#define NO_PEAK INT64_MIN

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

/* -------- careful changes -------- */

/*
 * A careful increment works in a phase, and so does each change that raises a peak or replaces the value. A close,
 * new bounds and the end of a peak each begin a phase, and wait until no thread works in the former one. A careful
 * change cannot be undone as in settle(), because other changes may already depend on it.
 *
 * Decrements are counted from the first call on that changes `min`, and where they raise a peak: to count them
 * doubles their cost. So one that overlaps that first call may still be made by the former `min`.
 *
 * Models: test/model/close-careful.pml, test/model/phase.pml
 */
static bool is_counted(struct atom_counter *atom, int64_t delta)
{
    /* relaxed: a decrement that follows the call sees what the call stored. */
    return delta > 0 || atomic_load_explicit(&atom->counts_decrements, memory_order_relaxed);
}

static struct rules *rules_of(struct atom_counter *atom, uint32_t phase)
{
    return &atom->rules[phase & 1];
}

/* relaxed: a worker has acquired its phase, and a decrement that is not counted needs no more than one of the two.
 */
static TSC_HOT struct tsc_bounds bounds_of(struct atom_counter *atom, uint32_t phase)
{
    struct tsc_bounds bounds = atom->bounds;

    bounds.min = atomic_load_explicit(&rules_of(atom, phase)->min, memory_order_relaxed);
    bounds.max = atomic_load_explicit(&rules_of(atom, phase)->max, memory_order_relaxed);
    return bounds;
}

static uint32_t peak_index(struct atom_counter *atom, uint32_t phase)
{
    return atomic_load_explicit(&rules_of(atom, phase)->peak, memory_order_relaxed);
}

static _Atomic int64_t *peak_of(struct atom_counter *atom, uint32_t phase)
{
    return &atom->peaks[peak_index(atom, phase)];
}

/*
 * A change raises the peak of its phase to the value that it is about to replace. So that peak covers every value
 * that was replaced in the phase, and the highest value ever is the higher of peak and value.
 * Model: test/model/peak.pml
 */
static void raise_peak(_Atomic int64_t *peak, int64_t value)
{
    int64_t highest = atomic_load_explicit(peak, memory_order_relaxed);

    TSC_TEST_POINT(atomic_raising);
    /* release: pairs with get_peak; this thread has acquired the value that it publishes. */
    while (highest < value && !atomic_compare_exchange_weak_explicit(peak, &highest, value, memory_order_release,
                                                                     memory_order_relaxed))
        ;
}

/* False if the value was not replaced; `current` is the value then. */
static TSC_HOT bool swap(struct atom_counter *atom, uint32_t phase, int64_t *current, int64_t wanted)
{
    if (atom->track_peak)
        raise_peak(peak_of(atom, phase), *current);
    TSC_TEST_POINT(atomic_swapping);
    /* seq_cst: as an addition. acquire: for the release in raise_peak. */
    return atomic_compare_exchange_weak_explicit(&atom->value, current, wanted, memory_order_seq_cst,
                                                 memory_order_acquire);
}

TSC_COLD static void check_waiters_slow(struct atom_counter *atom, int64_t delta)
{
    tsc_watch_check(&atom->gate.watch, read_value(atom));
    if (tsc_admission_has_waiters(&atom->admission))
        tsc_admission_check(&atom->admission, delta);
}

/* Follows a careful change; `delta` has its sign, or is 0. The gate counts the threads that wait for admission
 * too. */
static TSC_HOT void check_waiters(struct atom_counter *atom, int64_t delta)
{
    if (tsc_unlikely(tsc_gate_has_waiters(&atom->gate)))
        check_waiters_slow(atom, delta);
}

/* `ahead` is what has to fit too, of the same sign; `in_turn` where bounds reject. */
static TSC_HOT int add_in_phase(struct atom_counter *atom, uint32_t phase, int64_t delta, bool in_turn,
                                int64_t ahead, int64_t *previous)
{
    struct tsc_bounds bounds = bounds_of(atom, phase);
    int64_t current;
    int64_t sum;
    int result;

    /* Constant in each copy of this function. */
    if (in_turn) { /* GCOVR_EXCL_BR_LINE */
        bounds.bounded = true;
        bounds.clamp = false;
    }
    if (tsc_gate_refuses(tsc_gate_state(&atom->gate), delta))
        return -ESHUTDOWN;
    /* seq_cst: after the count of a thread that waits for admission; pairs with the compare-and-swap of a change.
     */
    current = atomic_load_explicit(&atom->value, memory_order_seq_cst);
    do
        result = in_turn ? tsc_bounds_add_behind(&bounds, current, delta, ahead, &sum) /* GCOVR_EXCL_BR_LINE */
                         : tsc_bounds_add(&bounds, current, delta, &sum);              /* GCOVR_EXCL_BR_LINE */
    while (result >= 0 && !swap(atom, phase, &current, sum));
    *previous = current;
    return result;
}

static TSC_HOT int careful_add(struct atom_counter *atom, int64_t delta, bool in_turn, int64_t ahead,
                               int64_t *previous)
{
    bool counted = is_counted(atom, delta);
    uint32_t phase = counted ? tsc_phase_enter(&atom->phases) : tsc_phase_current(&atom->phases);
    int result = add_in_phase(atom, phase, delta, in_turn, ahead, previous);

    if (counted)
        tsc_phase_leave(&atom->phases, phase);
    check_waiters(atom, delta);
    return result;
}

static int exchange_in_phase(struct atom_counter *atom, uint32_t phase, int64_t value, int64_t *previous)
{
    struct tsc_bounds bounds = bounds_of(atom, phase);
    int64_t current = atomic_load_explicit(&atom->value, memory_order_acquire);
    int64_t allowed;
    int result;

    do {
        result = tsc_bounds_set(&bounds, current, value, &allowed);
        if (result < 0)
            return result;
    } while (!swap(atom, phase, &current, allowed));
    *previous = current;
    return result;
}

static int careful_exchange(struct atom_counter *atom, int64_t value, int64_t *previous)
{
    uint32_t phase = tsc_phase_enter(&atom->phases);
    int result = exchange_in_phase(atom, phase, value, previous);

    tsc_phase_leave(&atom->phases, phase);
    check_waiters(atom, 0);
    return result;
}

static int compare_exchange_in_phase(struct atom_counter *atom, uint32_t phase, int64_t *expected, int64_t desired)
{
    struct tsc_bounds bounds = bounds_of(atom, phase);
    int64_t current = atomic_load_explicit(&atom->value, memory_order_acquire);
    int64_t allowed;
    int result = tsc_bounds_set(&bounds, *expected, desired, &allowed);

    do {
        if (current != *expected) {
            *expected = current;
            return 0;
        }
        if (result < 0)
            return result;
    } while (!swap(atom, phase, &current, allowed));
    return 1;
}

static int careful_compare_exchange(struct atom_counter *atom, int64_t *expected, int64_t desired)
{
    uint32_t phase = tsc_phase_enter(&atom->phases);
    int result = compare_exchange_in_phase(atom, phase, expected, desired);

    tsc_phase_leave(&atom->phases, phase);
    check_waiters(atom, 0);
    return result;
}

/* -------- controllers -------- */

static void write_rules(struct rules *rules, int64_t min, int64_t max, uint32_t peak)
{
    /* relaxed: published by the store of the phase. */
    atomic_store_explicit(&rules->min, min, memory_order_relaxed);
    atomic_store_explicit(&rules->max, max, memory_order_relaxed);
    atomic_store_explicit(&rules->peak, peak, memory_order_relaxed);
}

/* After it, no careful increment is admitted that did not see the counter closed. */
static void wait_for_admitted(struct atom_counter *atom)
{
    struct tsc_bounds bounds;
    uint32_t phase;

    tsc_phases_lock(&atom->phases);
    phase = tsc_phase_current(&atom->phases);
    bounds = bounds_of(atom, phase);
    write_rules(rules_of(atom, phase + 1), bounds.min, bounds.max, peak_index(atom, phase));
    tsc_phases_advance(&atom->phases);
    tsc_phases_unlock(&atom->phases);
}

static int atom_set_bounds(struct tsc_counter *counter, int64_t min, int64_t max)
{
    struct atom_counter *atom = to_atom(counter);
    uint32_t phase;

    if (!atom->bounds.bounded)
        return -ENOTSUP;
    tsc_phases_lock(&atom->phases);
    phase = tsc_phase_current(&atom->phases);
    if (min != bounds_of(atom, phase).min)
        atomic_store_explicit(&atom->counts_decrements, true, memory_order_relaxed);
    write_rules(rules_of(atom, phase + 1), min, max, peak_index(atom, phase));
    tsc_phases_advance(&atom->phases);
    tsc_admission_set_bounds(&atom->admission, min, max);
    tsc_phases_unlock(&atom->phases);
    return 0;
}

/* Works in a phase, as does atom_get_peak(): its rules stay as they are until the reader leaves. */
static int atom_get_bounds(struct tsc_counter *counter, int64_t *min, int64_t *max)
{
    struct atom_counter *atom = to_atom(counter);
    struct tsc_bounds bounds;
    uint32_t phase;

    if (!atom->bounds.bounded)
        return -ENOTSUP;
    phase = tsc_phase_enter(&atom->phases);
    bounds = bounds_of(atom, phase);
    tsc_phase_leave(&atom->phases, phase);
    tsc_bounds_get(&bounds, min, max);
    return 0;
}

static int64_t higher(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* In this order, the peak covers all values before the loaded one. acquire: pairs with swap and raise_peak. */
static int64_t highest(struct atom_counter *atom, _Atomic int64_t *peak)
{
    int64_t value = atomic_load_explicit(&atom->value, memory_order_acquire);

    return higher(value, atomic_load_explicit(peak, memory_order_acquire));
}

static int atom_get_peak(struct tsc_counter *counter, int64_t *peak)
{
    struct atom_counter *atom = to_atom(counter);
    uint32_t phase;

    if (!atom->track_peak)
        return -ENOTSUP;
    phase = tsc_phase_enter(&atom->phases);
    *peak = highest(atom, peak_of(atom, phase));
    tsc_phase_leave(&atom->phases, phase);
    return 0;
}

/*
 * The next phase raises the other peak. Once no thread works in the former phase, every value that was held before
 * is the value now, or was replaced: by a thread of the former phase, so its peak covers it, or by one of the next
 * phase, so the other peak does. The former peak is not raised any more, and is forgotten.
 *
 * So the result is at least every value held between the call before and this one, and the next call returns none
 * from before this one. A value that was held during the call counts in this call, in the next one, or in both.
 *
 * The peak of a former phase is NO_PEAK, except during this call: see atom_child().
 * Model: test/model/take-peak.pml
 */
static int atom_take_peak(struct tsc_counter *counter, int64_t *peak)
{
    struct atom_counter *atom = to_atom(counter);
    struct tsc_bounds bounds;
    uint32_t phase;
    uint32_t former;

    if (!atom->track_peak)
        return -ENOTSUP;
    tsc_phases_lock(&atom->phases);
    phase = tsc_phase_current(&atom->phases);
    bounds = bounds_of(atom, phase);
    former = peak_index(atom, phase);
    write_rules(rules_of(atom, phase + 1), bounds.min, bounds.max, !former);
    tsc_phases_advance(&atom->phases);
    TSC_TEST_POINT(atomic_peak_begun);
    /* relaxed: this thread has waited for those that raised it. */
    *peak = higher(highest(atom, &atom->peaks[!former]),
                   atomic_load_explicit(&atom->peaks[former], memory_order_relaxed));
    atomic_store_explicit(&atom->peaks[former], NO_PEAK, memory_order_relaxed);
    tsc_phases_unlock(&atom->phases);
    return 0;
}

/* -------- changes -------- */

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

static __attribute__((noinline)) int careful_add_out_of_line(struct atom_counter *atom, int64_t delta,
                                                             int64_t *previous)
{
    return careful_add(atom, delta, false, 0, previous);
}

static int add_unless_closed(struct atom_counter *atom, uint32_t state, int64_t delta, int64_t *previous)
{
    if (tsc_gate_refuses(state, delta))
        return -ESHUTDOWN;
    if (state & CAREFUL)
        return careful_add_out_of_line(atom, delta, previous);
    return plain_add(atom, delta, previous);
}

/* Not cold: all changes with bounds or a peak. */
static __attribute__((noinline)) int add_slow(struct atom_counter *atom, uint32_t state, int64_t delta)
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
    if (tsc_gate_state(&atom->gate) & CAREFUL)
        wait_for_admitted(atom);
    tsc_admission_close(&atom->admission);
    return 0;
}

static TSC_HOT int add_in_turn(void *subject, int64_t delta, int64_t ahead, int64_t deadline)
{
    int64_t previous;

    (void)deadline;
    return careful_add(subject, delta, true, ahead, &previous);
}

static int64_t read_for_admission(void *subject)
{
    return read_value(subject);
}

TSC_COLD static int wait_add_slow(struct atom_counter *atom, int64_t delta, int64_t timeout_ns)
{
    int result;

    tsc_gate_enter(&atom->gate);
    pthread_cleanup_push(tsc_gate_leave, &atom->gate);
    result = tsc_admission_wait(&atom->admission, delta, timeout_ns, add_in_turn);
    pthread_cleanup_pop(1);
    return result;
}

static int atom_wait_add(struct tsc_counter *counter, int64_t delta, int64_t timeout_ns)
{
    struct atom_counter *atom = to_atom(counter);
    int result;

    if (!tsc_bounds_reject(&atom->bounds))
        return -ENOTSUP;
    if (tsc_admission_try(&atom->admission, delta, add_in_turn, &result))
        return result;
    return wait_add_slow(atom, delta, timeout_ns);
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
    atomic_init(&atom->counts_decrements, attr->track_peak);
    tsc_gate_init(&atom->gate, attr->bounds.bounded || attr->track_peak ? CAREFUL : 0, &watch_ops);
    atomic_init(&atom->value, attr->initial);
    for (uint32_t phase = 0; phase < 2; phase++) {
        atomic_init(&atom->rules[phase].min, attr->bounds.min);
        atomic_init(&atom->rules[phase].max, attr->bounds.max);
    }
    atomic_init(&atom->peaks[0], attr->initial);
    atomic_init(&atom->peaks[1], NO_PEAK);
    tsc_phases_init(&atom->phases);
    tsc_admission_init(&atom->admission, attr->bounds.min, attr->bounds.max, read_for_admission, atom);
    return 0;
}

/*
 * The thread that was taking a former peak is not in the child, so nobody has taken it.
 * Model: test/model/take-peak.pml
 */
static void merge_peaks(struct atom_counter *atom)
{
    _Atomic int64_t *current = peak_of(atom, tsc_phase_current(&atom->phases));
    _Atomic int64_t *former = &atom->peaks[current == &atom->peaks[0]];

    if (atomic_load_explicit(former, memory_order_relaxed) == NO_PEAK)
        return;
    raise_peak(current, atomic_load_explicit(former, memory_order_relaxed));
    atomic_store_explicit(former, NO_PEAK, memory_order_relaxed);
}

/* Stores only where needed: a store copies a page that parent and child could share. */
static void atom_child(struct tsc_object *object)
{
    struct atom_counter *atom = to_atom(tsc_counter_of_object(object));
    struct tsc_bounds bounds = bounds_of(atom, tsc_phase_current(&atom->phases));

    tsc_phases_forget_others(&atom->phases);
    merge_peaks(atom);
    tsc_admission_forget_waiters(&atom->admission, bounds.min, bounds.max);
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
