/* SPDX-License-Identifier: MIT */
/* Threads stop at named points, in the one order that shows whether two statements were exchanged. Each test kills
 * mutations of test/mutate. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "fork/child.h"
#include "percpu/add.h"
#include "point.h"
#include "queue/owner.h"
#include "stopped.h"
#include "support/backends.h"
#include "support/procfs.h"
#include "support/results.h"
#include "support/suite.h"
#include "support/threads.h"

enum { CASE_SECONDS = 10 };

/* -------- counters and calls -------- */

static tsc_counter_attr_t *new_attr(void)
{
    tsc_counter_attr_t *attr;

    ck_assert_int_eq(tsc_counter_attr_create(&attr), 0);
    return attr;
}

static tsc_counter_t *make(tsc_backend_t backend, tsc_counter_attr_t *attr)
{
    tsc_counter_t *counter;

    ck_assert_int_eq(tsc_counter_create(&counter, backend, attr), 0);
    tsc_counter_attr_destroy(attr);
    return counter;
}

static tsc_counter_t *make_plain(tsc_backend_t backend)
{
    return make(backend, new_attr());
}

static tsc_counter_t *make_bounded(tsc_backend_t backend, int64_t max)
{
    tsc_counter_attr_t *attr = new_attr();

    ck_assert_int_eq(tsc_counter_attr_set_bounds(attr, 0, max, TSC_BOUNDS_REJECT), 0);
    return make(backend, attr);
}

static tsc_counter_t *make_with_peak(tsc_backend_t backend, int64_t initial)
{
    tsc_counter_attr_t *attr = new_attr();

    ck_assert_int_eq(tsc_counter_attr_set_track_peak(attr, 1), 0);
    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, initial), 0);
    return make(backend, attr);
}

static tsc_counter_t *make_total(tsc_backend_t backend)
{
    tsc_counter_attr_t *attr = new_attr();

    ck_assert_int_eq(tsc_counter_attr_set_kind(attr, TSC_KIND_TOTAL), 0);
    return make(backend, attr);
}

static int fetch_add(struct call *call)
{
    return tsc_counter_fetch_add(call->counter, call->operand, &call->output);
}

static int drain(struct call *call)
{
    return tsc_counter_wait_at_most(call->counter, 0, -1);
}

static int get_peak(struct call *call)
{
    return tsc_counter_get_peak(call->counter, &call->output);
}

static int change_by(int64_t *value, void *delta)
{
    *value += *(int64_t *)delta;
    return 0;
}

static int update(struct call *call)
{
    return tsc_counter_update(call->counter, change_by, &call->operand);
}

static int wait_add(struct call *call)
{
    return tsc_counter_wait_add(call->counter, call->operand, 30 * SUPPORT_MILLISECOND_NS);
}

/* -------- admission -------- */

/*
 * For a while, an addition counts in the value, and ahead of those behind its thread. At the deadline the second
 * thread looks once more, and then again.
 */
START_TEST(thread_that_leaves_the_queue_takes_no_room_of_those_behind)
{
    tsc_counter_t *counter = make_bounded((tsc_backend_t)_i, 10);
    struct call first = {.make = wait_add, .counter = counter, .operand = 1};
    struct call second = first;

    RETURNS(0, tsc_counter_add(counter, 10));
    ck_assert(call_stops(&first, "admission_entered"));
    RETURNS(0, tsc_counter_sub(counter, 2));
    ck_assert(call_stops_again(&first, "admission_leaving"));
    HOLDS(counter, 9);
    ck_assert(call_stops(&second, "admission_awake"));
    ck_assert(call_stops_again(&second, "admission_awake"));
    ck_assert(call_stops_again(&second, "admission_awake"));
    call_continues(&first);
    ck_assert_int_eq(call_ends(&first), 0);
    call_continues(&second);
    ck_assert_int_eq(call_ends(&second), 0);
    HOLDS(counter, 10);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- mutex: the peak -------- */

/* A reader that has loaded the former peak finds that the new one is not the value any more. */
START_TEST(peak_that_is_raised_meanwhile_is_read)
{
    tsc_counter_t *counter = make_with_peak(TSC_BACKEND_MUTEX, 0);
    struct call raise = {.make = call_add, .counter = counter, .operand = 5};
    struct call reader = {.make = get_peak, .counter = counter};

    ck_assert(call_stops(&raise, "sequential_stored"));
    ck_assert(call_stops(&reader, "sequential_peak_loaded"));
    call_continues(&raise);
    ck_assert_int_eq(call_ends(&raise), 0);
    RETURNS(0, tsc_counter_sub(counter, 5));
    call_continues(&reader);
    ck_assert_int_eq(call_ends(&reader), 0);
    ck_assert_int_eq(reader.output, 5);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- atomic: totals -------- */

START_TEST(exchange_lowers_no_total_that_has_grown_meanwhile)
{
    tsc_counter_t *counter = make_total(TSC_BACKEND_ATOMIC);
    struct call change = {.make = call_exchange, .counter = counter, .operand = 5, .output = UNTOUCHED};

    ck_assert(call_stops(&change, "atomic_swapping"));
    RETURNS(0, tsc_counter_add(counter, 9));
    call_continues(&change);
    ck_assert_int_eq(call_ends(&change), -ERANGE);
    ck_assert_int_eq(change.output, UNTOUCHED);
    HOLDS(counter, 9);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- atomic: additions and the close -------- */

START_TEST(refused_addition_wakes_the_drain)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_ATOMIC);
    struct call inc = {.make = call_add, .counter = counter, .operand = 1};
    struct call drainer = {.make = drain, .counter = counter};

    ck_assert(call_stops(&inc, "atomic_added"));
    RETURNS(0, tsc_counter_close(counter));
    call_falls_asleep(&drainer);
    call_continues(&inc);
    ck_assert_int_eq(call_ends(&inc), -ESHUTDOWN);
    ck_assert_int_eq(call_ends(&drainer), 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(addition_after_the_close_changes_nothing)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_ATOMIC);
    struct call inc = {.make = call_add, .counter = counter, .operand = 1};

    RETURNS(0, tsc_counter_close(counter));
    ck_assert(!call_stops(&inc, "atomic_added"));
    ck_assert_int_eq(call_ends(&inc), -ESHUTDOWN);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(close_waits_for_all_admitted_changes)
{
    tsc_counter_t *counter = make_bounded(TSC_BACKEND_ATOMIC, 10);
    struct call first = {.make = call_add, .counter = counter, .operand = 1};
    struct call second = first;
    struct call closer = {.make = call_close, .counter = counter};

    ck_assert(call_stops(&first, "atomic_swapping"));
    ck_assert(call_stops(&second, "atomic_swapping"));
    call_falls_asleep(&closer);
    call_continues(&first);
    ck_assert_int_eq(call_ends(&first), 0);
    call_stays_asleep(&closer);
    call_continues(&second);
    ck_assert_int_eq(call_ends(&second), 0);
    ck_assert_int_eq(call_ends(&closer), 0);
    HOLDS(counter, 2);
    tsc_counter_unref(counter);
}
END_TEST

/* A close that is woken too early still finds the change counted, and sleeps again for ever. */
START_TEST(close_is_woken_after_the_last_change_has_left)
{
    tsc_counter_t *counter = make_bounded(TSC_BACKEND_ATOMIC, 10);
    struct call inc = {.make = call_add, .counter = counter, .operand = 1};
    struct call closer = {.make = call_close, .counter = counter};

    ck_assert(call_stops(&inc, "atomic_swapping"));
    call_falls_asleep(&closer);
    ck_assert(call_stops_again(&inc, "phase_left"));
    call_stays_asleep(&closer);
    call_continues(&inc);
    ck_assert_int_eq(call_ends(&inc), 0);
    ck_assert_int_eq(call_ends(&closer), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* The last change leaves after the close has looked, and advances the epoch before the close reads it. */
START_TEST(close_rechecks_before_it_sleeps)
{
    tsc_counter_t *counter = make_bounded(TSC_BACKEND_ATOMIC, 10);
    struct call inc = {.make = call_add, .counter = counter, .operand = 1};
    struct call closer = {.make = call_close, .counter = counter};

    ck_assert(call_stops(&inc, "atomic_swapping"));
    ck_assert(call_stops(&closer, "eventcount_counted"));
    call_continues(&inc);
    ck_assert_int_eq(call_ends(&inc), 0);
    call_continues(&closer);
    ck_assert_int_eq(call_ends(&closer), 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(waiting_close_admits_no_change)
{
    tsc_counter_t *counter = make_bounded(TSC_BACKEND_ATOMIC, 10);
    struct call inc = {.make = call_add, .counter = counter, .operand = 1};
    struct call closer = {.make = call_close, .counter = counter};

    ck_assert(call_stops(&closer, "atomic_closed"));
    ck_assert(!call_stops(&inc, "atomic_swapping"));
    ck_assert_int_eq(call_ends(&inc), -ESHUTDOWN);
    call_continues(&closer);
    ck_assert_int_eq(call_ends(&closer), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* The change was counted before the close, and then finds the counter closed. */
START_TEST(change_refused_at_admission_leaves)
{
    tsc_counter_t *counter = make_bounded(TSC_BACKEND_ATOMIC, 10);
    struct call inc = {.make = call_add, .counter = counter, .operand = 1};
    struct call closer = {.make = call_close, .counter = counter};

    ck_assert(call_stops(&inc, "phase_counted"));
    call_falls_asleep(&closer);
    call_continues(&inc);
    ck_assert_int_eq(call_ends(&inc), -ESHUTDOWN);
    ck_assert_int_eq(call_ends(&closer), 0);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(close_does_not_wait_for_a_change_out_of_bounds)
{
    tsc_counter_t *counter = make_bounded(TSC_BACKEND_ATOMIC, 1);

    RETURNS(-ERANGE, tsc_counter_add(counter, 2));
    RETURNS(0, tsc_counter_close(counter));
    tsc_counter_unref(counter);
}
END_TEST

/* -------- atomic: changes with bounds, and waits -------- */

static int set_to_zero(tsc_counter_t *counter)
{
    return tsc_counter_set(counter, 0);
}

static int compare_and_set_to_zero(tsc_counter_t *counter)
{
    int64_t expected = 1;

    return tsc_counter_compare_exchange(counter, &expected, 0) - 1;
}

static int (*const ways_to_lower[])(tsc_counter_t *counter) = {tsc_counter_dec, set_to_zero,
                                                               compare_and_set_to_zero};

enum { WAYS_TO_LOWER = sizeof ways_to_lower / sizeof *ways_to_lower };

START_TEST(each_decrease_within_bounds_wakes)
{
    tsc_counter_t *counter = make_bounded(TSC_BACKEND_ATOMIC, 10);
    struct call drainer = {.make = drain, .counter = counter};

    RETURNS(0, tsc_counter_inc(counter));
    call_falls_asleep(&drainer);
    RETURNS(0, ways_to_lower[_i](counter));
    ck_assert_int_eq(call_ends(&drainer), 0);
    tsc_counter_unref(counter);
}
END_TEST

static int wait_for_operand(struct call *call)
{
    return tsc_counter_wait_at_most(call->counter, call->operand, -1);
}

static int set_to_operand(struct call *call)
{
    return tsc_counter_set(call->counter, call->operand);
}

/* The waiter with the lower threshold comes first, or last. */
START_TEST(watch_is_armed_for_the_highest_threshold)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_ATOMIC);
    struct call first = {.make = wait_for_operand, .counter = counter, .operand = _i == 0 ? 0 : 3};
    struct call second = {.make = wait_for_operand, .counter = counter, .operand = _i == 0 ? 3 : 0};

    RETURNS(0, tsc_counter_set(counter, 5));
    call_falls_asleep(&first);
    call_falls_asleep(&second);
    RETURNS(0, tsc_counter_set(counter, 3));
    ck_assert_int_eq(call_ends(_i == 0 ? &second : &first), 0);
    RETURNS(0, tsc_counter_set(counter, 0));
    ck_assert_int_eq(call_ends(_i == 0 ? &first : &second), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* A thread lowered the value and is about to wake the waiter. Before it does, the value rises again, and a second
 * thread waits for a higher threshold. */
START_TEST(watch_is_disarmed_before_waiters_wake)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_ATOMIC);
    struct call first = {.make = wait_for_operand, .counter = counter, .operand = 0};
    struct call decrease = {.make = set_to_operand, .counter = counter, .operand = 0};
    struct call second = {.make = wait_for_operand, .counter = counter, .operand = 3};

    RETURNS(0, tsc_counter_set(counter, 5));
    call_falls_asleep(&first);
    ck_assert(call_stops(&decrease, "eventcount_waking"));
    RETURNS(0, tsc_counter_set(counter, 5));
    call_falls_asleep(&second);
    call_continues(&decrease);
    ck_assert_int_eq(call_ends(&decrease), 0);
    RETURNS(0, tsc_counter_set(counter, 3));
    ck_assert_int_eq(call_ends(&second), 0);
    RETURNS(0, tsc_counter_set(counter, 0));
    ck_assert_int_eq(call_ends(&first), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- atomic: the peak -------- */

enum { LOW = 5, BETWEEN = 7, HIGH = 10 };

/* A change has read an old value and peak. Other changes raise the peak before it stores. */
START_TEST(late_change_does_not_lower_the_peak)
{
    tsc_counter_t *counter = make_with_peak(TSC_BACKEND_ATOMIC, LOW);
    struct call stale = {.make = call_add, .counter = counter, .operand = -1};
    int64_t peak = UNTOUCHED;

    RETURNS(0, tsc_counter_add(counter, BETWEEN - LOW));
    ck_assert(call_stops(&stale, "atomic_raising"));
    RETURNS(0, tsc_counter_add(counter, HIGH - BETWEEN));
    RETURNS(0, tsc_counter_add(counter, -HIGH));
    call_continues(&stale);
    ck_assert_int_eq(call_ends(&stale), 0);
    RETURNS(0, tsc_counter_get_peak(counter, &peak));
    ck_assert_int_eq(peak, HIGH);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- per-CPU: additions, the close, and intervals -------- */

/* As if the sequence were aborted, or the CPU number were beyond the count. */
static void have_no_slot_for_this_cpu(void)
{
#ifdef TSC_HAVE_RSEQ_ADDITION
    if (tsc_rseq_adds) {
        tsc_cpu_count = 0;
        return;
    }
#endif
#ifdef TSC_HAVE_RSEQ
    tsc_rseq_cpu_offset = 0;
#endif
}

static void close_before_the_recheck(tsc_counter_t *counter)
{
    struct call inc = {.make = call_add, .counter = counter, .operand = 1};

    ck_assert(call_stops(&inc, "percpu_added"));
    RETURNS(0, tsc_counter_close(counter));
    call_continues(&inc);
    ck_assert_int_eq(call_ends(&inc), -ESHUTDOWN);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}

START_TEST(addition_to_a_slot_rechecks)
{
    close_before_the_recheck(make_plain(TSC_BACKEND_PERCPU));
}
END_TEST

START_TEST(addition_to_the_overflow_slot_rechecks)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_PERCPU);

    have_no_slot_for_this_cpu();
    close_before_the_recheck(counter);
}
END_TEST

struct interval {
    int64_t low;
    int64_t high;
};

static int get_interval(struct call *call)
{
    struct interval *interval = call->arg;

    return tsc_counter_get_interval(call->counter, &interval->low, &interval->high);
}

/* Before the first, the second or the third scan, the value goes to 1 and back to 0, twice. */
START_TEST(interval_contains_a_value_of_its_time)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_PERCPU);
    struct interval interval = {UNTOUCHED, UNTOUCHED};
    struct call reader = {.make = get_interval, .counter = counter, .arg = &interval};

    ck_assert(call_stops(&reader, "percpu_slot"));
    for (uint32_t slot = 0; slot < (uint32_t)_i * tsc_slot_count(); slot++)
        ck_assert(call_stops_again(&reader, "percpu_slot"));
    for (int visit = 0; visit < 2; visit++) {
        RETURNS(0, tsc_counter_inc(counter));
        RETURNS(0, tsc_counter_dec(counter));
    }
    call_continues(&reader);
    ck_assert_int_eq(call_ends(&reader), 0);
    ck_assert_int_le(interval.low, interval.high);
    ck_assert_int_le(interval.low, 1);
    ck_assert_int_ge(interval.high, 0);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- mutex: the lock -------- */

/* A waiter is woken, but another thread acquires the lock first. */
START_TEST(woken_waiter_sleeps_again_if_the_lock_is_held)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_MUTEX);
    struct call first = {.make = call_add, .counter = counter, .operand = 1};
    struct call woken = first;
    struct call quicker = first;

    ck_assert(call_stops(&first, "mutex_locked"));
    ck_assert(call_stops(&woken, "lock_falling_asleep"));
    call_continues(&first);
    ck_assert_int_eq(call_ends(&first), 0);
    ck_assert(call_stops_again(&woken, "lock_found_free"));
    ck_assert(call_stops(&quicker, "mutex_locked"));
    call_continues_and_sleeps(&woken);
    call_continues(&quicker);
    ck_assert_int_eq(call_ends(&quicker), 0);
    ck_assert_int_eq(call_ends(&woken), 0);
    HOLDS(counter, 3);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- queue: the position of a close -------- */

/* A thread that was refused is behind the close, and so are all its later calls. */
START_TEST(refusal_fixes_the_close)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_QUEUE);
    struct call closer = {.make = call_close, .counter = counter};
    int64_t expected = 0;

    ck_assert(call_stops(&closer, "queue_closed"));
    RETURNS(-ESHUTDOWN, tsc_counter_inc(counter));
    RETURNS(-ESHUTDOWN, tsc_counter_exchange(counter, 5, &expected));
    RETURNS(-ESHUTDOWN, tsc_counter_compare_exchange(counter, &expected, 5));
    call_continues(&closer);
    ck_assert_int_eq(call_ends(&closer), 0);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(refusal_of_try_add_fixes_the_close)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_QUEUE);
    struct call closer = {.make = call_close, .counter = counter};

    ck_assert(call_stops(&closer, "queue_closed"));
    RETURNS(-ESHUTDOWN, tsc_counter_try_add(counter, 1));
    RETURNS(-ESHUTDOWN, tsc_counter_set(counter, 5));
    call_continues(&closer);
    ck_assert_int_eq(call_ends(&closer), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* The owner of both counters is inside a callback of the first. */
static void make_occupied(tsc_counter_t **first, tsc_counter_t **second, struct occupation *occupation)
{
    tsc_counter_attr_t *attr = new_attr();
    tsc_owner_t *owner;

    ck_assert_int_eq(tsc_owner_create(&owner, NULL), 0);
    ck_assert_int_eq(tsc_counter_attr_set_owner(attr, owner), 0);
    ck_assert_int_eq(tsc_counter_attr_set_track_peak(attr, 1), 0);
    tsc_owner_unref(owner);
    ck_assert_int_eq(tsc_counter_create(first, TSC_BACKEND_QUEUE, attr), 0);
    ck_assert_int_eq(tsc_counter_create(second, TSC_BACKEND_QUEUE, attr), 0);
    tsc_counter_attr_destroy(attr);
    occupation_prepare(occupation, *first);
}

/* An admitted update is applied before the close returns, also if it began during the close. */
START_TEST(close_waits_for_messages_before_its_position)
{
    tsc_counter_t *first;
    tsc_counter_t *second;
    struct occupation occupation;
    struct call closer = {.make = call_close};
    struct call updater = {.make = update, .operand = 1};

    make_occupied(&first, &second, &occupation);
    closer.counter = updater.counter = second;
    ck_assert(call_stops(&closer, "queue_closed"));
    occupation_begins(&occupation);
    call_falls_asleep(&updater);
    call_continues_and_sleeps(&closer);
    occupation_ends(&occupation);
    ck_assert_int_eq(call_ends(&closer), 0);
    ck_assert_int_eq(call_ends(&updater), 0);
    HOLDS(second, 1);
    tsc_counter_unref(first);
    tsc_counter_unref(second);
}
END_TEST

START_TEST(peak_includes_all_earlier_adds)
{
    tsc_counter_t *first;
    tsc_counter_t *second;
    struct occupation occupation;
    struct call reader = {.make = get_peak};

    make_occupied(&first, &second, &occupation);
    reader.counter = second;
    occupation_begins(&occupation);
    RETURNS(0, tsc_counter_add(second, HIGH));
    RETURNS(0, tsc_counter_add(second, -HIGH));
    call_falls_asleep(&reader);
    occupation_ends(&occupation);
    ck_assert_int_eq(call_ends(&reader), 0);
    ck_assert_int_eq(reader.output, HIGH);
    tsc_counter_unref(first);
    tsc_counter_unref(second);
}
END_TEST

static int drop(struct call *call)
{
    tsc_counter_unref(call->counter);
    return 0;
}

/* The last unref drops no message: when it returns, all have been applied. */
START_TEST(last_unref_waits_for_sent_messages)
{
    tsc_counter_t *first;
    tsc_counter_t *second;
    struct occupation occupation;
    struct call dropper = {.make = drop};

    make_occupied(&first, &second, &occupation);
    dropper.counter = second;
    occupation_begins(&occupation);
    RETURNS(0, tsc_counter_inc(second));
    call_falls_asleep(&dropper);
    occupation_ends(&occupation);
    ck_assert_int_eq(call_ends(&dropper), 0);
    tsc_counter_unref(first);
}
END_TEST

/* -------- queue: positions in the ring -------- */

START_TEST(two_senders_reserve_at_the_same_time)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_QUEUE);
    struct call slower = {.make = call_add, .counter = counter, .operand = 1};

    ck_assert(call_stops(&slower, "ring_reserving"));
    RETURNS(0, tsc_counter_add(counter, 2));
    call_continues(&slower);
    ck_assert_int_eq(call_ends(&slower), 0);
    HOLDS(counter, 3);
    tsc_counter_unref(counter);
}
END_TEST

/* The second message wakes the owner, which waits for the first. The first is published just before the owner
 * looks again. */
START_TEST(owner_awaits_a_reserved_message)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_QUEUE);
    struct call first = {.make = call_add, .counter = counter, .operand = 1};

    others_stop("owner_awaits_publication");
    ck_assert(call_stops(&first, "message_reserved"));
    RETURNS(0, tsc_counter_inc(counter));
    others_have_stopped();
    call_continues(&first);
    ck_assert_int_eq(call_ends(&first), 0);
    others_continue();
    HOLDS(counter, 2);
    tsc_counter_unref(counter);
}
END_TEST

/* The owner sleeps throughout, although only the owner wakes senders that wait for room. */
START_TEST(delivering_sender_has_blocked_senders_woken)
{
    tsc_counter_attr_t *attr = new_attr();
    tsc_counter_t *counter;
    struct call first = {.make = call_add, .operand = 1};
    struct call second = {.make = call_add, .operand = 1};

    ck_assert_int_eq(tsc_counter_attr_set_queue_capacity(attr, 1), 0);
    others_stop("parker_falling_asleep");
    counter = make(TSC_BACKEND_QUEUE, attr);
    first.counter = second.counter = counter;
    others_have_stopped();
    ck_assert(call_stops(&first, "message_reserved"));
    call_falls_asleep(&second);
    call_continues(&first);
    ck_assert_int_eq(call_ends(&first), 0);
    others_continue();
    ck_assert_int_eq(call_ends(&second), 0);
    HOLDS(counter, 2);
    tsc_counter_unref(counter);
}
END_TEST

static tsc_counter_t *make_on(tsc_owner_t *owner)
{
    tsc_counter_attr_t *attr = new_attr();

    ck_assert_int_eq(tsc_counter_attr_set_owner(attr, owner), 0);
    return make(TSC_BACKEND_QUEUE, attr);
}

static tsc_owner_t *make_owner_with_one_cell(void)
{
    tsc_owner_attr_t *attr;
    tsc_owner_t *owner;

    ck_assert_int_eq(tsc_owner_attr_create(&attr), 0);
    ck_assert_int_eq(tsc_owner_attr_set_queue_capacity(attr, 1), 0);
    ck_assert_int_eq(tsc_owner_create(&owner, attr), 0);
    tsc_owner_attr_destroy(attr);
    return owner;
}

/* The sender is counted but has not read the epoch when the owner notifies it and sleeps again. */
START_TEST(counted_sender_looks_for_room_again)
{
    tsc_owner_t *owner;
    tsc_counter_t *counter;
    struct call first = {.make = call_add, .operand = 1};
    struct call second = {.make = call_add, .operand = 1};

    others_stop("parker_falling_asleep");
    owner = make_owner_with_one_cell();
    others_have_stopped();
    counter = first.counter = second.counter = make_on(owner);
    ck_assert(call_stops(&first, "message_reserved"));
    ck_assert(call_stops(&second, "eventcount_counted"));
    call_continues(&first);
    ck_assert_int_eq(call_ends(&first), 0);
    others_stop_again("parker_falling_asleep");
    call_continues(&second);
    ck_assert_int_eq(call_ends(&second), 0);
    ck_assert(!tsc_eventcount_has_sleepers(&owner->room));
    others_continue();
    HOLDS(counter, 2);
    tsc_counter_unref(counter);
    tsc_owner_unref(owner);
}
END_TEST

/* The owner has found nothing to do. The request comes before the owner is parked, so no thread wakes it. */
START_TEST(owner_rechecks_before_it_sleeps)
{
    tsc_counter_t *counter;
    struct call updater = {.make = update, .operand = 1};

    others_stop("owner_parking");
    counter = make_plain(TSC_BACKEND_QUEUE);
    others_have_stopped();
    updater.counter = counter;
    call_falls_asleep(&updater);
    others_continue();
    ck_assert_int_eq(call_ends(&updater), 0);
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- queue: flushes, and callbacks -------- */

static int flush(struct call *call)
{
    return tsc_counter_flush(call->counter);
}

/* The last message is released after the flush has looked, and before it reads the epoch. */
START_TEST(flush_rechecks_before_it_sleeps)
{
    tsc_owner_t *owner = make_owner_with_one_cell();
    tsc_counter_t *counter = make_on(owner);
    struct call inc = {.make = call_add, .counter = counter, .operand = 1};
    struct call flusher = {.make = flush, .counter = counter};

    ck_assert(call_stops(&inc, "message_reserved"));
    ck_assert(call_stops(&flusher, "eventcount_counted"));
    call_continues(&inc);
    ck_assert_int_eq(call_ends(&inc), 0);
    HOLDS(counter, 1);
    call_continues(&flusher);
    ck_assert_int_eq(call_ends(&flusher), 0);
    ck_assert(!tsc_eventcount_has_sleepers(&owner->progress));
    tsc_counter_unref(counter);
    tsc_owner_unref(owner);
}
END_TEST

/* A sender has advanced the epoch for a sleeping flush when a second flush begins. */
START_TEST(delivery_is_released_before_it_is_notified)
{
    tsc_counter_t *counter;
    struct call inc = {.make = call_add, .operand = 1};
    struct call sleeping = {.make = flush};
    struct call late = {.make = flush};

    others_stop("parker_falling_asleep");
    counter = inc.counter = sleeping.counter = late.counter = make_plain(TSC_BACKEND_QUEUE);
    others_have_stopped();
    ck_assert(call_stops(&inc, "message_reserved"));
    call_falls_asleep(&sleeping);
    ck_assert(call_stops_again(&inc, "eventcount_waking"));
    ck_assert(!call_stops(&late, "eventcount_falling_asleep"));
    ck_assert_int_eq(call_ends(&late), 0);
    call_continues(&inc);
    ck_assert_int_eq(call_ends(&inc), 0);
    ck_assert_int_eq(call_ends(&sleeping), 0);
    others_continue();
    tsc_counter_unref(counter);
}
END_TEST

/* The owner sleeps again when it is told: a spurious wake-up does not help it. */
START_TEST(owner_is_woken_after_it_is_told_to_end)
{
    struct call dropper = {.make = drop, .counter = make_plain(TSC_BACKEND_QUEUE)};

    ck_assert(support_thread_named_falls_asleep("tscounter"));
    ck_assert(call_stops(&dropper, "owner_end_stored"));
    ck_assert(support_thread_named_falls_asleep("tscounter"));
    call_continues(&dropper);
    ck_assert_int_eq(call_ends(&dropper), 0);
}
END_TEST

enum { SHORT_TIMEOUT_NS = 1000 };

static int drain_until_timeout(struct call *call)
{
    return tsc_counter_wait_at_most(call->counter, 0, SHORT_TIMEOUT_NS);
}

/* The waiter waits for the callback's position. The callback begins just before the waiter reads the epoch. */
START_TEST(counted_flush_looks_for_a_callback_again)
{
    tsc_counter_t *first;
    tsc_counter_t *second;
    struct occupation occupation;
    struct call drainer = {.make = drain_until_timeout};

    make_occupied(&first, &second, &occupation);
    drainer.counter = second;
    ck_assert(call_stops(&occupation.call, "message_reserved"));
    ck_assert(call_stops(&drainer, "eventcount_counted"));
    call_continues(&occupation.call);
    support_sem_wait(&occupation.begun);
    call_continues(&drainer);
    ck_assert_int_eq(call_ends(&drainer), -ETIMEDOUT);
    occupation_ends(&occupation);
    tsc_counter_unref(first);
    tsc_counter_unref(second);
}
END_TEST

/* The owner is about to wake a sleeping flush when a second flush begins. No thread wakes the second before the
 * callback ends. */
START_TEST(callback_is_marked_before_flushes_wake)
{
    tsc_counter_t *first;
    tsc_counter_t *second;
    struct occupation occupation;
    struct call flusher = {.make = flush};
    struct call drainer = {.make = drain_until_timeout};

    make_occupied(&first, &second, &occupation);
    flusher.counter = drainer.counter = second;
    ck_assert(call_stops(&occupation.call, "message_reserved"));
    call_falls_asleep(&flusher);
    others_stop("eventcount_waking");
    call_continues(&occupation.call);
    others_have_stopped();
    ck_assert(call_stops(&drainer, "eventcount_falling_asleep"));
    others_continue();
    support_sem_wait(&occupation.begun);
    call_continues(&drainer);
    ck_assert_int_eq(call_ends(&drainer), -ETIMEDOUT);
    occupation_ends(&occupation);
    ck_assert_int_eq(call_ends(&flusher), 0);
    tsc_counter_unref(first);
    tsc_counter_unref(second);
}
END_TEST

/* -------- queue: the reply -------- */

static void ignore(int signal_number)
{
    (void)signal_number;
}

static bool returns_when_interrupted(void *arg)
{
    struct call *call = arg;

    pthread_kill(call->thread, SIGUSR1);
    return atomic_load(&call->returned);
}

static int update_beyond(int64_t *value, void *unused)
{
    (void)value;
    (void)unused;
    return -ERANGE;
}

static int update_without_success(struct call *call)
{
    return tsc_counter_update(call->counter, update_beyond, NULL);
}

/* The owner has notified the caller and is about to wake it. The caller wakes up by itself. */
START_TEST(reply_has_its_result_when_it_is_notified)
{
    const struct sigaction ignoring = {.sa_handler = ignore};
    tsc_counter_t *first;
    tsc_counter_t *second;
    struct occupation occupation;
    struct call updater = {.make = update_without_success};

    ck_assert_int_eq(sigaction(SIGUSR1, &ignoring, NULL), 0);
    make_occupied(&first, &second, &occupation);
    updater.counter = second;
    occupation_begins(&occupation);
    call_falls_asleep(&updater);
    others_stop("parker_waking");
    sem_post(&occupation.may_end);
    others_have_stopped();
    others_stop_again("parker_waking");
    ck_assert(support_eventually(returns_when_interrupted, &updater));
    others_continue();
    ck_assert_int_eq(call_ends(&updater), -ERANGE);
    occupation_ends(&occupation);
    tsc_counter_unref(first);
    tsc_counter_unref(second);
}
END_TEST

/* -------- forks -------- */

static void check_peak(void *arg)
{
    tsc_counter_t *counter = arg;
    int64_t value = value_in_child(counter);
    int64_t peak = -1;

    CHILD_CHECK(tsc_counter_get_peak(counter, &peak) == 0);
    CHILD_CHECK(peak == value);
}

/* A fork between the two stores sees both the new value and its peak, or neither. */
static void fork_between_the_stores(tsc_backend_t backend)
{
    tsc_counter_t *counter = make_with_peak(backend, LOW);
    struct call raise = {.make = fetch_add, .counter = counter, .operand = HIGH - LOW};

    ck_assert(call_stops(&raise, "sequential_stored"));
    ck_assert_int_eq(child_run(check_peak, counter), 0);
    call_continues(&raise);
    ck_assert_int_eq(call_ends(&raise), 0);
    tsc_counter_unref(counter);
}

START_TEST(child_has_the_peak_of_its_value)
{
    fork_between_the_stores(TSC_BACKEND_MUTEX);
}
END_TEST

/* -------- the list of named counters -------- */

static tsc_counter_t *make_named(const char *name)
{
    tsc_counter_attr_t *attr = new_attr();

    ck_assert_int_eq(tsc_counter_attr_set_name(attr, name), 0);
    return make(TSC_BACKEND_ATOMIC, attr);
}

static int unref(struct call *call)
{
    tsc_counter_unref(call->counter);
    return 0;
}

/* The call's counter is the one before. */
static int step(struct call *call)
{
    return tsc_counter_next(&call->counter);
}

START_TEST(walk_skips_a_counter_that_is_about_to_be_freed)
{
    tsc_counter_t *other;
    tsc_counter_t *counter = NULL;
    struct call dropper = {.make = unref, .counter = make_named("dropped")};

    other = make_named("other");
    ck_assert(call_stops(&dropper, "object_unreferenced"));
    RETURNS(1, tsc_counter_next(&counter));
    ck_assert_ptr_eq(counter, other);
    RETURNS(0, tsc_counter_next(&counter));
    call_continues(&dropper);
    ck_assert_int_eq(call_ends(&dropper), 0);
    tsc_counter_unref(other);
}
END_TEST

/* The thread that drops the last reference waits until the walk has looked. */
START_TEST(last_reference_goes_while_a_walk_looks)
{
    struct call dropper = {.make = unref, .counter = make_named("dropped")};
    tsc_counter_t *other = make_named("other");
    struct call walker = {.make = step};

    ck_assert(call_stops(&walker, "listing_found"));
    call_falls_asleep(&dropper);
    call_continues(&walker);
    ck_assert_int_eq(call_ends(&walker), 1);
    ck_assert_int_eq(call_ends(&dropper), 0);
    ck_assert_ptr_eq(walker.counter, other);
    RETURNS(0, tsc_counter_next(&walker.counter));
    tsc_counter_unref(other);
}
END_TEST

static void list_in_child(void *other)
{
    tsc_counter_t *counter = NULL;

    CHILD_CHECK(tsc_counter_next(&counter) == 1 && counter == other);
    CHILD_CHECK(tsc_counter_next(&counter) == 0 && counter == NULL);
    tsc_counter_unref(other);
    CHILD_CHECK(tsc_counter_next(&counter) == 0);
}

START_TEST(child_lists_no_counter_that_was_about_to_be_freed)
{
    struct call dropper = {.make = unref, .counter = make_named("dropped")};
    tsc_counter_t *other = make_named("other");

    ck_assert(call_stops(&dropper, "object_unreferenced"));
    ck_assert_int_eq(child_run(list_in_child, other), 0);
    call_continues(&dropper);
    ck_assert_int_eq(call_ends(&dropper), 0);
    tsc_counter_unref(other);
}
END_TEST

static void add_listing_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "listing", CASE_SECONDS);

    tcase_add_test(tcase, walk_skips_a_counter_that_is_about_to_be_freed);
    tcase_add_test(tcase, last_reference_goes_while_a_walk_looks);
}

static void add_atomic_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "atomic", CASE_SECONDS);

    tcase_add_test(tcase, exchange_lowers_no_total_that_has_grown_meanwhile);
    tcase_add_test(tcase, refused_addition_wakes_the_drain);
    tcase_add_test(tcase, addition_after_the_close_changes_nothing);
    tcase_add_test(tcase, close_waits_for_all_admitted_changes);
    tcase_add_test(tcase, close_is_woken_after_the_last_change_has_left);
    tcase_add_test(tcase, close_rechecks_before_it_sleeps);
    tcase_add_test(tcase, waiting_close_admits_no_change);
    tcase_add_test(tcase, change_refused_at_admission_leaves);
    tcase_add_test(tcase, close_does_not_wait_for_a_change_out_of_bounds);
    tcase_add_loop_test(tcase, each_decrease_within_bounds_wakes, 0, WAYS_TO_LOWER);
    tcase_add_loop_test(tcase, watch_is_armed_for_the_highest_threshold, 0, 2);
    tcase_add_test(tcase, watch_is_disarmed_before_waiters_wake);
    tcase_add_test(tcase, late_change_does_not_lower_the_peak);
}

static void add_mutex_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "mutex", CASE_SECONDS);

    tcase_add_test(tcase, woken_waiter_sleeps_again_if_the_lock_is_held);
    tcase_add_test(tcase, peak_that_is_raised_meanwhile_is_read);
}

static void add_percpu_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "percpu", CASE_SECONDS);

    tcase_add_test(tcase, addition_to_a_slot_rechecks);
    tcase_add_test(tcase, addition_to_the_overflow_slot_rechecks);
    tcase_add_loop_test(tcase, interval_contains_a_value_of_its_time, 0, 3);
}

static void add_queue_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "queue", CASE_SECONDS);

    tcase_add_test(tcase, refusal_fixes_the_close);
    tcase_add_test(tcase, refusal_of_try_add_fixes_the_close);
    tcase_add_test(tcase, close_waits_for_messages_before_its_position);
    tcase_add_test(tcase, peak_includes_all_earlier_adds);
    tcase_add_test(tcase, last_unref_waits_for_sent_messages);
    tcase_add_test(tcase, two_senders_reserve_at_the_same_time);
    tcase_add_test(tcase, owner_awaits_a_reserved_message);
    tcase_add_test(tcase, delivering_sender_has_blocked_senders_woken);
    tcase_add_test(tcase, counted_sender_looks_for_room_again);
    tcase_add_test(tcase, owner_rechecks_before_it_sleeps);
    tcase_add_test(tcase, flush_rechecks_before_it_sleeps);
    tcase_add_test(tcase, counted_flush_looks_for_a_callback_again);
    tcase_add_test(tcase, delivery_is_released_before_it_is_notified);
    tcase_add_test(tcase, owner_is_woken_after_it_is_told_to_end);
    tcase_add_test(tcase, callback_is_marked_before_flushes_wake);
    tcase_add_test(tcase, reply_has_its_result_when_it_is_notified);
}

static void add_fork_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "forks", CASE_SECONDS);

    if (support_is_built(TSC_BACKEND_MUTEX))
        tcase_add_test(tcase, child_has_the_peak_of_its_value);
    if (support_is_built(TSC_BACKEND_ATOMIC))
        tcase_add_test(tcase, child_lists_no_counter_that_was_about_to_be_freed);
}

/* Runs the tests without forks or, with the argument "forks", only those with forks. */
static void add_admission_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "admission", CASE_SECONDS);

    for (int backend = TSC_BACKEND_MUTEX; backend <= TSC_BACKEND_QUEUE; backend++)
        if (support_is_built((tsc_backend_t)backend))
            tcase_add_loop_test(tcase, thread_that_leaves_the_queue_takes_no_room_of_those_behind, backend,
                                backend + 1);
}

int main(int argc, char **argv)
{
    Suite *suite = suite_create("held");
    bool forks = argc > 1 && strcmp(argv[1], "forks") == 0;

    if (forks)
        add_fork_tests(suite);
    if (!forks && support_is_built(TSC_BACKEND_MUTEX))
        add_mutex_tests(suite);
    if (!forks && support_is_built(TSC_BACKEND_PERCPU))
        add_percpu_tests(suite);
    if (!forks && support_is_built(TSC_BACKEND_ATOMIC)) {
        add_atomic_tests(suite);
        add_listing_tests(suite);
    }
    if (!forks && support_is_built(TSC_BACKEND_QUEUE))
        add_queue_tests(suite);
    if (!forks)
        add_admission_tests(suite);
    return support_run_suite(suite);
}
