/* SPDX-License-Identifier: MIT */
/* Threads that stop at named points, in the one order in which a change of two statements is seen: each test is
 * the answer to mutations of test/mutate. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "fork/child.h"
#include "percpu/add.h"
#include "point.h"
#include "queue/owner.h"
#include "stopped.h"
#include "support/answers.h"
#include "support/backends.h"
#include "support/procfs.h"
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

static int add(struct call *call)
{
    return tsc_counter_add(call->counter, call->operand);
}

static int fetch_add(struct call *call)
{
    return tsc_counter_fetch_add(call->counter, call->operand, &call->result);
}

static int close_it(struct call *call)
{
    return tsc_counter_close(call->counter);
}

static int drain(struct call *call)
{
    return tsc_counter_wait_at_most(call->counter, 0, -1);
}

static int get_peak(struct call *call)
{
    return tsc_counter_get_peak(call->counter, &call->result);
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

/* -------- atomic: additions and the close -------- */

START_TEST(refused_addition_wakes_who_drains)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_ATOMIC);
    struct call inc = {.make = add, .counter = counter, .operand = 1};
    struct call drainer = {.make = drain, .counter = counter};

    ck_assert(call_stops(&inc, "atomic_added"));
    ANSWERS(0, tsc_counter_close(counter));
    call_falls_asleep(&drainer);
    call_goes_on(&inc);
    ck_assert_int_eq(call_ends(&inc), -ESHUTDOWN);
    ck_assert_int_eq(call_ends(&drainer), 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(what_begins_after_the_close_shows_nowhere)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_ATOMIC);
    struct call inc = {.make = add, .counter = counter, .operand = 1};

    ANSWERS(0, tsc_counter_close(counter));
    ck_assert(!call_stops(&inc, "atomic_added"));
    ck_assert_int_eq(call_ends(&inc), -ESHUTDOWN);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(close_waits_for_all_that_are_admitted)
{
    tsc_counter_t *counter = make_bounded(TSC_BACKEND_ATOMIC, 10);
    struct call first = {.make = add, .counter = counter, .operand = 1};
    struct call second = first;
    struct call closer = {.make = close_it, .counter = counter};

    ck_assert(call_stops(&first, "atomic_swapping"));
    ck_assert(call_stops(&second, "atomic_swapping"));
    call_falls_asleep(&closer);
    call_goes_on(&first);
    ck_assert_int_eq(call_ends(&first), 0);
    call_sleeps_on(&closer);
    call_goes_on(&second);
    ck_assert_int_eq(call_ends(&second), 0);
    ck_assert_int_eq(call_ends(&closer), 0);
    HOLDS(counter, 2);
    tsc_counter_unref(counter);
}
END_TEST

/* Who is woken before it is counted out finds it there, and sleeps again. */
START_TEST(close_is_woken_after_the_last_is_counted_out)
{
    tsc_counter_t *counter = make_bounded(TSC_BACKEND_ATOMIC, 10);
    struct call inc = {.make = add, .counter = counter, .operand = 1};
    struct call closer = {.make = close_it, .counter = counter};

    ck_assert(call_stops(&inc, "atomic_swapping"));
    call_falls_asleep(&closer);
    ck_assert(call_stops_again(&inc, "atomic_left"));
    call_sleeps_on(&closer);
    call_goes_on(&inc);
    ck_assert_int_eq(call_ends(&inc), 0);
    ck_assert_int_eq(call_ends(&closer), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* The last one leaves after the close has looked, and moves the epoch on before the close has read it. */
START_TEST(close_looks_once_more_before_it_sleeps)
{
    tsc_counter_t *counter = make_bounded(TSC_BACKEND_ATOMIC, 10);
    struct call inc = {.make = add, .counter = counter, .operand = 1};
    struct call closer = {.make = close_it, .counter = counter};

    ck_assert(call_stops(&inc, "atomic_swapping"));
    ck_assert(call_stops(&closer, "eventcount_counted"));
    call_goes_on(&inc);
    ck_assert_int_eq(call_ends(&inc), 0);
    call_goes_on(&closer);
    ck_assert_int_eq(call_ends(&closer), 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(close_admits_nobody_once_it_waits)
{
    tsc_counter_t *counter = make_bounded(TSC_BACKEND_ATOMIC, 10);
    struct call inc = {.make = add, .counter = counter, .operand = 1};
    struct call closer = {.make = close_it, .counter = counter};

    ck_assert(call_stops(&closer, "atomic_closed"));
    ck_assert(!call_stops(&inc, "atomic_swapping"));
    ck_assert_int_eq(call_ends(&inc), -ESHUTDOWN);
    call_goes_on(&closer);
    ck_assert_int_eq(call_ends(&closer), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* It came before the close, is counted, and finds the counter closed. */
START_TEST(refused_at_admission_is_counted_out)
{
    tsc_counter_t *counter = make_bounded(TSC_BACKEND_ATOMIC, 10);
    struct call inc = {.make = add, .counter = counter, .operand = 1};
    struct call closer = {.make = close_it, .counter = counter};

    ck_assert(call_stops(&inc, "atomic_counted"));
    call_falls_asleep(&closer);
    call_goes_on(&inc);
    ck_assert_int_eq(call_ends(&inc), -ESHUTDOWN);
    ck_assert_int_eq(call_ends(&closer), 0);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(refused_by_bounds_is_not_waited_for)
{
    tsc_counter_t *counter = make_bounded(TSC_BACKEND_ATOMIC, 1);

    ANSWERS(-ERANGE, tsc_counter_add(counter, 2));
    ANSWERS(0, tsc_counter_close(counter));
    tsc_counter_unref(counter);
}
END_TEST

/* -------- atomic: changes with bounds, and who waits -------- */

static int set_to_none(tsc_counter_t *counter)
{
    return tsc_counter_set(counter, 0);
}

static int compare_and_set_to_none(tsc_counter_t *counter)
{
    int64_t expected = 1;

    return tsc_counter_compare_exchange(counter, &expected, 0) - 1;
}

static int (*const ways_down[])(tsc_counter_t *counter) = {tsc_counter_dec, set_to_none, compare_and_set_to_none};

enum { WAYS_DOWN = sizeof ways_down / sizeof *ways_down };

START_TEST(each_way_down_within_bounds_wakes)
{
    tsc_counter_t *counter = make_bounded(TSC_BACKEND_ATOMIC, 10);
    struct call drainer = {.make = drain, .counter = counter};

    ANSWERS(0, tsc_counter_inc(counter));
    call_falls_asleep(&drainer);
    ANSWERS(0, ways_down[_i](counter));
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

/* The one with the lower threshold comes first, or last. */
START_TEST(watch_is_armed_for_the_highest_threshold)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_ATOMIC);
    struct call first = {.make = wait_for_operand, .counter = counter, .operand = _i == 0 ? 0 : 3};
    struct call second = {.make = wait_for_operand, .counter = counter, .operand = _i == 0 ? 3 : 0};

    ANSWERS(0, tsc_counter_set(counter, 5));
    call_falls_asleep(&first);
    call_falls_asleep(&second);
    ANSWERS(0, tsc_counter_set(counter, 3));
    ck_assert_int_eq(call_ends(_i == 0 ? &second : &first), 0);
    ANSWERS(0, tsc_counter_set(counter, 0));
    ck_assert_int_eq(call_ends(_i == 0 ? &first : &second), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* One who lowered the value is about to wake the waiter; before it does, the value rises again and another one
 * waits, for less. */
START_TEST(watch_is_disarmed_before_it_wakes)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_ATOMIC);
    struct call first = {.make = wait_for_operand, .counter = counter, .operand = 0};
    struct call lowering = {.make = set_to_operand, .counter = counter, .operand = 0};
    struct call second = {.make = wait_for_operand, .counter = counter, .operand = 3};

    ANSWERS(0, tsc_counter_set(counter, 5));
    call_falls_asleep(&first);
    ck_assert(call_stops(&lowering, "eventcount_waking"));
    ANSWERS(0, tsc_counter_set(counter, 5));
    call_falls_asleep(&second);
    call_goes_on(&lowering);
    ck_assert_int_eq(call_ends(&lowering), 0);
    ANSWERS(0, tsc_counter_set(counter, 3));
    ck_assert_int_eq(call_ends(&second), 0);
    ANSWERS(0, tsc_counter_set(counter, 0));
    ck_assert_int_eq(call_ends(&first), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- atomic: the peak -------- */

enum { LOW = 5, BETWEEN = 7, HIGH = 10 };

/* One knows a value that is no longer there, and the peak of that time; others have raised that meanwhile. */
START_TEST(peak_is_not_lowered_by_one_that_comes_late)
{
    tsc_counter_t *counter = make_with_peak(TSC_BACKEND_ATOMIC, LOW);
    struct call stale = {.make = add, .counter = counter, .operand = -1};
    int64_t peak = UNTOUCHED;

    ANSWERS(0, tsc_counter_add(counter, BETWEEN - LOW));
    ck_assert(call_stops(&stale, "atomic_raising"));
    ANSWERS(0, tsc_counter_add(counter, HIGH - BETWEEN));
    ANSWERS(0, tsc_counter_add(counter, -HIGH));
    call_goes_on(&stale);
    ck_assert_int_eq(call_ends(&stale), 0);
    ANSWERS(0, tsc_counter_get_peak(counter, &peak));
    ck_assert_int_eq(peak, HIGH);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- per-CPU: additions and the close; what an interval says -------- */

/* As where a thread is interrupted, or runs on a processor beyond the count. */
static void have_no_slot_for_this_processor(void)
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

static void close_before_the_second_look(tsc_counter_t *counter)
{
    struct call inc = {.make = add, .counter = counter, .operand = 1};

    ck_assert(call_stops(&inc, "percpu_added"));
    ANSWERS(0, tsc_counter_close(counter));
    call_goes_on(&inc);
    ck_assert_int_eq(call_ends(&inc), -ESHUTDOWN);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}

START_TEST(addition_to_its_slot_looks_again)
{
    close_before_the_second_look(make_plain(TSC_BACKEND_PERCPU));
}
END_TEST

START_TEST(addition_anywhere_looks_again)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_PERCPU);

    have_no_slot_for_this_processor();
    close_before_the_second_look(counter);
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

/* Before the first scan, before the second, and before the third: two come and go again, one after the other. */
START_TEST(interval_meets_what_the_value_was)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_PERCPU);
    struct interval interval = {UNTOUCHED, UNTOUCHED};
    struct call reader = {.make = get_interval, .counter = counter, .arg = &interval};

    ck_assert(call_stops(&reader, "percpu_slot"));
    for (uint32_t slot = 0; slot < (uint32_t)_i * tsc_slot_count(); slot++)
        ck_assert(call_stops_again(&reader, "percpu_slot"));
    for (int visit = 0; visit < 2; visit++) {
        ANSWERS(0, tsc_counter_inc(counter));
        ANSWERS(0, tsc_counter_dec(counter));
    }
    call_goes_on(&reader);
    ck_assert_int_eq(call_ends(&reader), 0);
    ck_assert_int_le(interval.low, interval.high);
    ck_assert_int_le(interval.low, 1);
    ck_assert_int_ge(interval.high, 0);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- mutex: the lock -------- */

/* It is woken, and another one is quicker. */
START_TEST(who_is_woken_and_finds_it_taken_sleeps_on)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_MUTEX);
    struct call first = {.make = add, .counter = counter, .operand = 1};
    struct call woken = first;
    struct call quicker = first;

    ck_assert(call_stops(&first, "mutex_locked"));
    ck_assert(call_stops(&woken, "lock_falling_asleep"));
    call_goes_on(&first);
    ck_assert_int_eq(call_ends(&first), 0);
    ck_assert(call_stops_again(&woken, "lock_found_free"));
    ck_assert(call_stops(&quicker, "mutex_locked"));
    call_goes_on_and_falls_asleep(&woken);
    call_goes_on(&quicker);
    ck_assert_int_eq(call_ends(&quicker), 0);
    ck_assert_int_eq(call_ends(&woken), 0);
    HOLDS(counter, 3);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- queue: the place of a close -------- */

/* Who was refused is behind the close, and so is all that it calls after that. */
START_TEST(refusal_settles_the_close)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_QUEUE);
    struct call closer = {.make = close_it, .counter = counter};
    int64_t expected = 0;

    ck_assert(call_stops(&closer, "queue_closed"));
    ANSWERS(-ESHUTDOWN, tsc_counter_inc(counter));
    ANSWERS(-ESHUTDOWN, tsc_counter_exchange(counter, 5, &expected));
    ANSWERS(-ESHUTDOWN, tsc_counter_compare_exchange(counter, &expected, 5));
    call_goes_on(&closer);
    ck_assert_int_eq(call_ends(&closer), 0);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(refusal_settles_the_close_for_try_add)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_QUEUE);
    struct call closer = {.make = close_it, .counter = counter};

    ck_assert(call_stops(&closer, "queue_closed"));
    ANSWERS(-ESHUTDOWN, tsc_counter_try_add(counter, 1));
    ANSWERS(-ESHUTDOWN, tsc_counter_set(counter, 5));
    call_goes_on(&closer);
    ck_assert_int_eq(call_ends(&closer), 0);
    tsc_counter_unref(counter);
}
END_TEST

struct stay {
    sem_t begun;
    sem_t may_end;
};

static int stay_inside(int64_t *value, void *arg)
{
    struct stay *stay = arg;

    (void)value;
    sem_post(&stay->begun);
    support_sem_wait(&stay->may_end);
    return 0;
}

static int occupy(struct call *call)
{
    return tsc_counter_update(call->counter, stay_inside, call->arg);
}

/* The owner of both counters is inside a callback of the first. */
static void make_occupied(tsc_counter_t **first, tsc_counter_t **second, struct call *occupation,
                          struct stay *stay)
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
    ck_assert_int_eq(sem_init(&stay->begun, 0, 0), 0);
    ck_assert_int_eq(sem_init(&stay->may_end, 0, 0), 0);
    *occupation = (struct call){.make = occupy, .counter = *first, .arg = stay};
}

static void occupation_begins(struct call *occupation, struct stay *stay)
{
    call_falls_asleep(occupation);
    support_sem_wait(&stay->begun);
}

static void occupation_ends(struct call *occupation, struct stay *stay)
{
    sem_post(&stay->may_end);
    ck_assert_int_eq(call_ends(occupation), 0);
    sem_destroy(&stay->begun);
    sem_destroy(&stay->may_end);
}

/* An update that is admitted is done before the close returns, also one that came while the close was under way.
 */
START_TEST(close_waits_for_what_comes_before_its_place)
{
    tsc_counter_t *first;
    tsc_counter_t *second;
    struct stay stay;
    struct call occupation;
    struct call closer = {.make = close_it};
    struct call updater = {.make = update, .operand = 1};

    make_occupied(&first, &second, &occupation, &stay);
    closer.counter = updater.counter = second;
    ck_assert(call_stops(&closer, "queue_closed"));
    occupation_begins(&occupation, &stay);
    call_falls_asleep(&updater);
    call_goes_on_and_falls_asleep(&closer);
    occupation_ends(&occupation, &stay);
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
    struct stay stay;
    struct call occupation;
    struct call reader = {.make = get_peak};

    make_occupied(&first, &second, &occupation, &stay);
    reader.counter = second;
    occupation_begins(&occupation, &stay);
    ANSWERS(0, tsc_counter_add(second, HIGH));
    ANSWERS(0, tsc_counter_add(second, -HIGH));
    call_falls_asleep(&reader);
    occupation_ends(&occupation, &stay);
    ck_assert_int_eq(call_ends(&reader), 0);
    ck_assert_int_eq(reader.result, HIGH);
    tsc_counter_unref(first);
    tsc_counter_unref(second);
}
END_TEST

static int drop(struct call *call)
{
    tsc_counter_unref(call->counter);
    return 0;
}

/* Nothing that was sent is dropped, and whoever gives the last reference back knows that it is applied. */
START_TEST(last_unref_waits_for_what_was_sent)
{
    tsc_counter_t *first;
    tsc_counter_t *second;
    struct stay stay;
    struct call occupation;
    struct call dropper = {.make = drop};

    make_occupied(&first, &second, &occupation, &stay);
    dropper.counter = second;
    occupation_begins(&occupation, &stay);
    ANSWERS(0, tsc_counter_inc(second));
    call_falls_asleep(&dropper);
    occupation_ends(&occupation, &stay);
    ck_assert_int_eq(call_ends(&dropper), 0);
    tsc_counter_unref(first);
}
END_TEST

/* -------- queue: places in the ring -------- */

START_TEST(two_reserve_at_the_same_time)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_QUEUE);
    struct call slower = {.make = add, .counter = counter, .operand = 1};

    ck_assert(call_stops(&slower, "ring_reserving"));
    ANSWERS(0, tsc_counter_add(counter, 2));
    call_goes_on(&slower);
    ck_assert_int_eq(call_ends(&slower), 0);
    HOLDS(counter, 3);
    tsc_counter_unref(counter);
}
END_TEST

/* The message behind it wakes the owner, if that sleeps; it finds the first one published when it has just begun
 * to wait. */
START_TEST(owner_awaits_what_is_reserved)
{
    tsc_counter_t *counter = make_plain(TSC_BACKEND_QUEUE);
    struct call first = {.make = add, .counter = counter, .operand = 1};

    others_stop("owner_awaits_publication");
    ck_assert(call_stops(&first, "message_reserved"));
    ANSWERS(0, tsc_counter_inc(counter));
    others_have_stopped();
    call_goes_on(&first);
    ck_assert_int_eq(call_ends(&first), 0);
    others_go_on();
    HOLDS(counter, 2);
    tsc_counter_unref(counter);
}
END_TEST

/* The owner sleeps all the while, and it is for the owner to wake who waits for room. */
START_TEST(who_helps_sees_that_senders_are_woken)
{
    tsc_counter_attr_t *attr = new_attr();
    tsc_counter_t *counter;
    struct call first = {.make = add, .operand = 1};
    struct call second = {.make = add, .operand = 1};

    ck_assert_int_eq(tsc_counter_attr_set_queue_capacity(attr, 1), 0);
    others_stop("parker_falling_asleep");
    counter = make(TSC_BACKEND_QUEUE, attr);
    first.counter = second.counter = counter;
    others_have_stopped();
    ck_assert(call_stops(&first, "message_reserved"));
    call_falls_asleep(&second);
    call_goes_on(&first);
    ck_assert_int_eq(call_ends(&first), 0);
    others_go_on();
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

static tsc_owner_t *make_owner_with_one_place(void)
{
    tsc_owner_attr_t *attr;
    tsc_owner_t *owner;

    ck_assert_int_eq(tsc_owner_attr_create(&attr), 0);
    ck_assert_int_eq(tsc_owner_attr_set_queue_capacity(attr, 1), 0);
    ck_assert_int_eq(tsc_owner_create(&owner, attr), 0);
    tsc_owner_attr_destroy(attr);
    return owner;
}

/* The sender is counted and has not read the epoch; the owner sees it, wakes it, and sleeps again. */
START_TEST(sender_looks_for_room_once_it_is_counted)
{
    tsc_owner_t *owner;
    tsc_counter_t *counter;
    struct call first = {.make = add, .operand = 1};
    struct call second = {.make = add, .operand = 1};

    others_stop("parker_falling_asleep");
    owner = make_owner_with_one_place();
    others_have_stopped();
    counter = first.counter = second.counter = make_on(owner);
    ck_assert(call_stops(&first, "message_reserved"));
    ck_assert(call_stops(&second, "eventcount_counted"));
    call_goes_on(&first);
    ck_assert_int_eq(call_ends(&first), 0);
    others_stop_again("parker_falling_asleep");
    call_goes_on(&second);
    ck_assert_int_eq(call_ends(&second), 0);
    ck_assert(!tsc_eventcount_has_sleepers(&owner->room));
    others_go_on();
    HOLDS(counter, 2);
    tsc_counter_unref(counter);
    tsc_owner_unref(owner);
}
END_TEST

/* It found nothing to do, and the request comes before it is parked, so nobody wakes it. */
START_TEST(owner_looks_once_more_before_it_sleeps)
{
    tsc_counter_t *counter;
    struct call updater = {.make = update, .operand = 1};

    others_stop("owner_parking");
    counter = make_plain(TSC_BACKEND_QUEUE);
    others_have_stopped();
    updater.counter = counter;
    call_falls_asleep(&updater);
    others_go_on();
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

/* All is released after the look before the sleep, and before the epoch was read. */
START_TEST(flush_looks_once_more_before_it_sleeps)
{
    tsc_owner_t *owner = make_owner_with_one_place();
    tsc_counter_t *counter = make_on(owner);
    struct call inc = {.make = add, .counter = counter, .operand = 1};
    struct call flusher = {.make = flush, .counter = counter};

    ck_assert(call_stops(&inc, "message_reserved"));
    ck_assert(call_stops(&flusher, "eventcount_counted"));
    call_goes_on(&inc);
    ck_assert_int_eq(call_ends(&inc), 0);
    HOLDS(counter, 1);
    call_goes_on(&flusher);
    ck_assert_int_eq(call_ends(&flusher), 0);
    ck_assert(!tsc_eventcount_has_sleepers(&owner->progress));
    tsc_counter_unref(counter);
    tsc_owner_unref(owner);
}
END_TEST

/* It has moved the epoch on, for one who sleeps; another one comes. */
START_TEST(what_is_delivered_is_released_before_it_is_told)
{
    tsc_counter_t *counter;
    struct call inc = {.make = add, .operand = 1};
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
    call_goes_on(&inc);
    ck_assert_int_eq(call_ends(&inc), 0);
    ck_assert_int_eq(call_ends(&sleeping), 0);
    others_go_on();
    tsc_counter_unref(counter);
}
END_TEST

/* Once the owner sleeps, though it may have been woken for nothing. */
START_TEST(owner_is_woken_once_it_is_to_end)
{
    struct call dropper = {.make = drop, .counter = make_plain(TSC_BACKEND_QUEUE)};

    ck_assert(support_thread_named_falls_asleep("tscounter"));
    ck_assert(call_stops(&dropper, "owner_told_to_end"));
    ck_assert(support_thread_named_falls_asleep("tscounter"));
    call_goes_on(&dropper);
    ck_assert_int_eq(call_ends(&dropper), 0);
}
END_TEST

enum { SHORT_TIMEOUT_NS = 1000 };

static int drain_in_vain(struct call *call)
{
    return tsc_counter_wait_at_most(call->counter, 0, SHORT_TIMEOUT_NS);
}

/* The callback lies at the place that the wait waits for, and begins when the waiter is about to read the epoch.
 */
START_TEST(flush_looks_for_a_callback_once_it_is_counted)
{
    tsc_counter_t *first;
    tsc_counter_t *second;
    struct stay stay;
    struct call occupation;
    struct call drainer = {.make = drain_in_vain};

    make_occupied(&first, &second, &occupation, &stay);
    drainer.counter = second;
    ck_assert(call_stops(&occupation, "message_reserved"));
    ck_assert(call_stops(&drainer, "eventcount_counted"));
    call_goes_on(&occupation);
    support_sem_wait(&stay.begun);
    call_goes_on(&drainer);
    ck_assert_int_eq(call_ends(&drainer), -ETIMEDOUT);
    occupation_ends(&occupation, &stay);
    tsc_counter_unref(first);
    tsc_counter_unref(second);
}
END_TEST

/* The owner has seen one who sleeps, and stands before it wakes it; another one comes, and nobody will wake that
 * before the callback ends. */
START_TEST(callback_is_marked_before_it_wakes_who_flushes)
{
    tsc_counter_t *first;
    tsc_counter_t *second;
    struct stay stay;
    struct call occupation;
    struct call flusher = {.make = flush};
    struct call drainer = {.make = drain_in_vain};

    make_occupied(&first, &second, &occupation, &stay);
    flusher.counter = drainer.counter = second;
    ck_assert(call_stops(&occupation, "message_reserved"));
    call_falls_asleep(&flusher);
    others_stop("eventcount_waking");
    call_goes_on(&occupation);
    others_have_stopped();
    ck_assert(call_stops(&drainer, "eventcount_falling_asleep"));
    others_go_on();
    support_sem_wait(&stay.begun);
    call_goes_on(&drainer);
    ck_assert_int_eq(call_ends(&drainer), -ETIMEDOUT);
    occupation_ends(&occupation, &stay);
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

static bool is_back_when_interrupted(void *arg)
{
    struct call *call = arg;

    pthread_kill(call->thread, SIGUSR1);
    return atomic_load(&call->is_back);
}

static int update_beyond(int64_t *value, void *unused)
{
    (void)value;
    (void)unused;
    return -ERANGE;
}

static int update_in_vain(struct call *call)
{
    return tsc_counter_update(call->counter, update_beyond, NULL);
}

/* The owner has notified the caller, and stands before it wakes it; the caller gets up by itself. */
START_TEST(reply_comes_with_the_answer)
{
    const struct sigaction ignoring = {.sa_handler = ignore};
    tsc_counter_t *first;
    tsc_counter_t *second;
    struct stay stay;
    struct call occupation;
    struct call updater = {.make = update_in_vain};

    ck_assert_int_eq(sigaction(SIGUSR1, &ignoring, NULL), 0);
    make_occupied(&first, &second, &occupation, &stay);
    updater.counter = second;
    occupation_begins(&occupation, &stay);
    call_falls_asleep(&updater);
    others_stop("parker_waking");
    sem_post(&stay.may_end);
    others_have_stopped();
    others_stop_again("parker_waking");
    ck_assert(support_eventually(is_back_when_interrupted, &updater));
    others_go_on();
    ck_assert_int_eq(call_ends(&updater), -ERANGE);
    occupation_ends(&occupation, &stay);
    tsc_counter_unref(first);
    tsc_counter_unref(second);
}
END_TEST

/* -------- forks -------- */

static void look_at_the_peak(void *arg)
{
    tsc_counter_t *counter = arg;
    int64_t value = value_in_child(counter);
    int64_t peak = -1;

    CHILD_CHECK(tsc_counter_get_peak(counter, &peak) == 0);
    CHILD_CHECK(peak == value);
}

/* Between two stores the value has risen to its peak, or neither has. */
static void fork_between_the_stores(tsc_backend_t backend)
{
    tsc_counter_t *counter = make_with_peak(backend, LOW);
    struct call raising = {.make = fetch_add, .counter = counter, .operand = HIGH - LOW};

    ck_assert(call_stops(&raising, "sequential_stored"));
    ck_assert_int_eq(child_run(look_at_the_peak, counter), 0);
    call_goes_on(&raising);
    ck_assert_int_eq(call_ends(&raising), 0);
    tsc_counter_unref(counter);
}

START_TEST(child_has_the_peak_of_its_value)
{
    fork_between_the_stores(TSC_BACKEND_MUTEX);
}
END_TEST

static void add_atomic_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "atomic", CASE_SECONDS);

    tcase_add_test(tcase, refused_addition_wakes_who_drains);
    tcase_add_test(tcase, what_begins_after_the_close_shows_nowhere);
    tcase_add_test(tcase, close_waits_for_all_that_are_admitted);
    tcase_add_test(tcase, close_is_woken_after_the_last_is_counted_out);
    tcase_add_test(tcase, close_looks_once_more_before_it_sleeps);
    tcase_add_test(tcase, close_admits_nobody_once_it_waits);
    tcase_add_test(tcase, refused_at_admission_is_counted_out);
    tcase_add_test(tcase, refused_by_bounds_is_not_waited_for);
    tcase_add_loop_test(tcase, each_way_down_within_bounds_wakes, 0, WAYS_DOWN);
    tcase_add_loop_test(tcase, watch_is_armed_for_the_highest_threshold, 0, 2);
    tcase_add_test(tcase, watch_is_disarmed_before_it_wakes);
    tcase_add_test(tcase, peak_is_not_lowered_by_one_that_comes_late);
}

static void add_mutex_tests(Suite *suite)
{
    tcase_add_test(support_add_case(suite, "mutex", CASE_SECONDS), who_is_woken_and_finds_it_taken_sleeps_on);
}

static void add_percpu_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "percpu", CASE_SECONDS);

    tcase_add_test(tcase, addition_to_its_slot_looks_again);
    tcase_add_test(tcase, addition_anywhere_looks_again);
    tcase_add_loop_test(tcase, interval_meets_what_the_value_was, 0, 3);
}

static void add_queue_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "queue", CASE_SECONDS);

    tcase_add_test(tcase, refusal_settles_the_close);
    tcase_add_test(tcase, refusal_settles_the_close_for_try_add);
    tcase_add_test(tcase, close_waits_for_what_comes_before_its_place);
    tcase_add_test(tcase, peak_includes_all_earlier_adds);
    tcase_add_test(tcase, last_unref_waits_for_what_was_sent);
    tcase_add_test(tcase, two_reserve_at_the_same_time);
    tcase_add_test(tcase, owner_awaits_what_is_reserved);
    tcase_add_test(tcase, who_helps_sees_that_senders_are_woken);
    tcase_add_test(tcase, sender_looks_for_room_once_it_is_counted);
    tcase_add_test(tcase, owner_looks_once_more_before_it_sleeps);
    tcase_add_test(tcase, flush_looks_once_more_before_it_sleeps);
    tcase_add_test(tcase, flush_looks_for_a_callback_once_it_is_counted);
    tcase_add_test(tcase, what_is_delivered_is_released_before_it_is_told);
    tcase_add_test(tcase, owner_is_woken_once_it_is_to_end);
    tcase_add_test(tcase, callback_is_marked_before_it_wakes_who_flushes);
    tcase_add_test(tcase, reply_comes_with_the_answer);
}

static void add_fork_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "forks", CASE_SECONDS);

    tcase_add_test(tcase, child_has_the_peak_of_its_value);
}

/* What forks is left out, and with the argument "forks" all else is. */
int main(int argc, char **argv)
{
    Suite *suite = suite_create("held");
    bool forks = argc > 1 && strcmp(argv[1], "forks") == 0;

    if (forks && support_is_built(TSC_BACKEND_MUTEX))
        add_fork_tests(suite);
    if (!forks && support_is_built(TSC_BACKEND_MUTEX))
        add_mutex_tests(suite);
    if (!forks && support_is_built(TSC_BACKEND_PERCPU))
        add_percpu_tests(suite);
    if (!forks && support_is_built(TSC_BACKEND_ATOMIC))
        add_atomic_tests(suite);
    if (!forks && support_is_built(TSC_BACKEND_QUEUE))
        add_queue_tests(suite);
    return support_run_suite(suite);
}
