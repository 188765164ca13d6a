/* SPDX-License-Identifier: MIT */
/* One row for each point: the counters that pass it, and the actions that are allowed there. */
#include "point.h"

static bool any(const struct variant *variant)
{
    (void)variant;
    return true;
}

static bool none(const struct variant *variant)
{
    (void)variant;
    return false;
}

static bool is_mutex(const struct variant *variant)
{
    return variant->backend == TSC_BACKEND_MUTEX;
}

static bool is_atomic(const struct variant *variant)
{
    return variant->backend == TSC_BACKEND_ATOMIC;
}

static bool is_percpu(const struct variant *variant)
{
    return variant->backend == TSC_BACKEND_PERCPU;
}

static bool has_gate(const struct variant *variant)
{
    return is_atomic(variant) || is_percpu(variant);
}

static bool is_queue(const struct variant *variant)
{
    return variant->backend == TSC_BACKEND_QUEUE;
}

static bool is_careful(const struct variant *variant)
{
    return variant->bounded || variant->track_peak;
}

static bool is_plain_atomic(const struct variant *variant)
{
    return is_atomic(variant) && !is_careful(variant);
}

static bool is_careful_atomic(const struct variant *variant)
{
    return is_atomic(variant) && is_careful(variant);
}

static bool is_atomic_with_peak(const struct variant *variant)
{
    return is_atomic(variant) && variant->track_peak;
}

static bool is_bounded(const struct variant *variant)
{
    return variant->bounded;
}

static bool is_bounded_atomic(const struct variant *variant)
{
    return is_atomic(variant) && variant->bounded;
}

static bool is_bounded_sequential(const struct variant *variant)
{
    return !is_atomic(variant) && variant->bounded;
}

static bool is_bounded_queue(const struct variant *variant)
{
    return is_queue(variant) && variant->bounded;
}

static bool is_careful_sequential(const struct variant *variant)
{
    return !is_atomic(variant) && is_careful(variant);
}

static bool is_unbounded_queue(const struct variant *variant)
{
    return is_queue(variant) && !variant->bounded;
}

/* No other thread can fork while a thread at the point holds the registry lock or has claimed a notification. */
enum { ALL = PAUSE | YIELD | SIGNAL | FORK, NO_FORK = PAUSE | YIELD | SIGNAL };

#define POINTS(ROW) \
    /* read the state, about to add; added, about to read it again; about to undo the addition */ \
    ROW(atomic_state_checked, is_plain_atomic, ALL, false) \
    ROW(atomic_added, is_plain_atomic, ALL, false) \
    ROW(atomic_refusing, is_plain_atomic, ALL, false) \
    /* read the phase, about to count itself; counted, about to read it again; left, about to notify */ \
    ROW(phase_entering, is_careful_atomic, ALL, false) \
    ROW(phase_counted, is_careful_atomic, ALL, false) \
    ROW(phase_left, is_careful_atomic, ALL, false) \
    /* began a phase, about to wait; about to swap */ \
    ROW(phase_advanced, is_careful_atomic, ALL, false) \
    ROW(atomic_swapping, is_careful_atomic, ALL, false) \
    ROW(atomic_closed, is_atomic, ALL, false) \
    /* read the peak, about to raise it */ \
    ROW(atomic_raising, is_atomic_with_peak, ALL, false) \
    /* began a new peak, about to read the former one */ \
    ROW(atomic_peak_begun, is_bounded_atomic, ALL, false) \
    /* set `pending`, about to try the lock; has the lock, about to read the value; read it, about to unlock; \
     * unlocked, about to read `pending` */ \
    ROW(admission_pending, is_bounded, ALL, false) \
    ROW(admission_checking, is_bounded, ALL, false) \
    ROW(admission_checked, is_bounded, ALL, false) \
    ROW(admission_unlocked, is_bounded, ALL, false) \
    /* queued; has its turn, about to add; about to sleep; about to leave the queue */ \
    ROW(admission_entered, is_bounded, ALL, false) \
    ROW(admission_awake, is_bounded, ALL, false) \
    ROW(admission_falling_asleep, is_bounded, ALL, false) \
    ROW(admission_leaving, is_bounded, ALL, false) \
    /* flushed, about to exclude deliveries */ \
    ROW(exclusive_flushed, is_bounded_queue, ALL, false) \
    /* as for the atomic backend */ \
    ROW(percpu_state_checked, is_percpu, ALL, false) \
    ROW(percpu_added, is_percpu, ALL, false) \
    ROW(percpu_refusing, is_percpu, ALL, false) \
    ROW(percpu_closed, is_percpu, ALL, false) \
    /* a waiter is counted, about to read */ \
    ROW(gate_entered, has_gate, ALL, false) \
    /* found the watch armed and made the addition visible, about to scan */ \
    ROW(percpu_made_visible, is_percpu, ALL, false) \
    /* about to read a slot; between the sums of decrements and of increments */ \
    ROW(percpu_slot, is_percpu, ALL, false) \
    ROW(percpu_between_sums, is_percpu, ALL, false) \
    ROW(mutex_locked, is_mutex, ALL, false) \
    ROW(mutex_unlocked, is_mutex, ALL, false) \
    /* set the mark, about to sleep; released, about to hand over; cleared the marks, about to wake */ \
    ROW(lock_falling_asleep, is_mutex, ALL, false) \
    ROW(lock_waking, is_mutex, ALL, false) \
    ROW(lock_cleared, is_mutex, ALL, false) \
    /* woken, found the lock free, about to acquire it (held.c stops there) */ \
    ROW(lock_found_free, none, ALL, false) \
    /* the value is stored, the peak is not */ \
    ROW(sequential_stored, is_careful_sequential, ALL, false) \
    /* loaded the peak, about to read the value */ \
    ROW(sequential_peak_loaded, none, ALL, false) \
    /* has set one of the bounds, not the other */ \
    ROW(sequential_setting_bounds, is_bounded_sequential, NO_FORK, false) \
    /* found the counter open, about to reserve */ \
    ROW(queue_closed_checked, is_unbounded_queue, ALL, false) \
    /* reserved a position, about to check that the counter is open; found room, about to reserve; reserved, \
     * about to publish; published, about to wake */ \
    ROW(queue_reserved, is_unbounded_queue, ALL, false) \
    ROW(ring_reserving, is_queue, ALL, false) \
    ROW(message_reserved, is_queue, ALL, false) \
    ROW(message_published, is_queue, ALL, false) \
    ROW(owner_found_parked, is_queue, ALL, false) \
    /* closed, about to fix the position; about to store the position; fixed, about to flush */ \
    ROW(queue_closed, is_queue, ALL, false) \
    ROW(queue_fixing_close, is_queue, ALL, false) \
    ROW(queue_fixed_close, is_queue, ALL, false) \
    ROW(flush_began, is_queue, ALL, false) \
    ROW(flush_callback_checked, is_queue, ALL, false) \
    /* delivered, about to release; released, about to notify */ \
    ROW(owner_delivered, is_queue, ALL, false) \
    ROW(owner_released, is_queue, ALL, false) \
    /* became the consumer, and stopped being it: the owner's thread; around a callback; a sender */ \
    ROW(owner_delivers, is_queue, ALL, false) \
    ROW(owner_unlocked_delivery, is_queue, ALL, false) \
    ROW(owner_begins_callback, is_queue, ALL, false) \
    ROW(owner_in_callback, is_queue, ALL, false) \
    ROW(helper_delivers, is_queue, ALL, false) \
    ROW(helper_unlocked_delivery, is_queue, ALL, false) \
    /* about to free retired objects; took one off the list (stops.c stops there); found nothing to do */ \
    ROW(owner_freeing, is_queue, ALL, false) \
    ROW(owner_took_retired, none, ALL, false) \
    ROW(owner_out_of_work, is_queue, ALL, false) \
    /* found a reserved, unpublished message (held.c stops there); about to park; parked, about to look again; \
     * told to end, not woken */ \
    ROW(owner_awaits_publication, none, ALL, false) \
    ROW(owner_parking, is_queue, ALL, false) \
    ROW(owner_parked, is_queue, ALL, false) \
    ROW(owner_end_stored, is_queue, NO_FORK, false) \
    /* told of a retired object, not woken (stops.c stops there) */ \
    ROW(owner_retired_listed, none, NO_FORK, false) \
    ROW(parker_falling_asleep, is_queue, ALL, false) \
    ROW(parker_waking, is_queue, ALL, false) \
    /* counted as a sleeper, about to read the epoch; about to check the condition; about to sleep */ \
    ROW(eventcount_counted, any, ALL, false) \
    ROW(eventcount_prepared, any, ALL, false) \
    ROW(eventcount_falling_asleep, any, ALL, false) \
    /* saw sleepers, about to advance the epoch; about to wake them */ \
    ROW(eventcount_notifying, any, ALL, false) \
    ROW(eventcount_waking, any, ALL, false) \
    /* armed, about to read the value; changed the value, about to check the watch; disarmed, about to notify */ \
    ROW(watch_armed, any, ALL, false) \
    ROW(watch_checking, any, ALL, false) \
    ROW(watch_fired, any, ALL, false) \
    /* armed by its registration, about to arm the watch */ \
    ROW(notification_armed, any, NO_FORK, false) \
    /* claimed, about to read the value; to be armed again, about to arm the watch; written, about to close; \
     * closed, about to end the claim */ \
    ROW(notification_claimed, any, NO_FORK, false) \
    ROW(notification_unclaimed, any, ALL, false) \
    ROW(notification_written, any, NO_FORK, false) \
    ROW(notification_sent, any, NO_FORK, false) \
    /* a wait's deadline has passed, about to read once more */ \
    ROW(watch_time_is_up, any, ALL, false) \
    /* dropped the last reference, about to release (held.c stops there); found the next of a walk, about to \
     * acquire a reference (held.c stops there) */ \
    ROW(object_unreferenced, none, ALL, false) \
    ROW(listing_found, none, NO_FORK, false) \
    ROW(registry_locked, any, NO_FORK, true) \
    ROW(fork_all_locked, any, NO_FORK, true) \
    ROW(fork_in_child, any, NO_FORK, true) \
    ROW(fork_unlocking, any, NO_FORK, true)

#define DEFINE(point, passed_by, may, forking) \
    struct tsc_test_point tsc_test_point_##point = { \
        .name = #point, .is_passed_by = passed_by, .actions = may, .in_fork = forking};

#define ADDRESS(point, passed_by, may, forking) &tsc_test_point_##point,

POINTS(DEFINE)

struct tsc_test_point *const points[] = {POINTS(ADDRESS)};

const size_t point_count = sizeof points / sizeof *points;
