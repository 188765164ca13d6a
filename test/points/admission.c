/* SPDX-License-Identifier: MIT */
/* Threads that wait for admission, and threads that make room, stop at named points. Each test kills mutations of
 * test/mutate. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "fork/child.h"
#include "point.h"
#include "stopped.h"
#include "support/backends.h"
#include "support/results.h"
#include "support/suite.h"
#include "support/threads.h"

enum { CASE_SECONDS = 10, MAX = 10, CROWD = 20, SHORT_TIMEOUT_NS = 1000000 };

/* The first two make a change on the thread that calls, so that it can be stopped. */
static const tsc_backend_t backends[] = {TSC_BACKEND_MUTEX, TSC_BACKEND_ATOMIC, TSC_BACKEND_QUEUE};

enum { ON_CALLERS_THREAD = 2, BACKENDS = sizeof backends / sizeof *backends };

/* -------- counters and calls -------- */

static tsc_counter_t *make_with(tsc_backend_t backend, int64_t initial, bool track_peak)
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *counter;

    ck_assert_int_eq(tsc_counter_attr_create(&attr), 0);
    ck_assert_int_eq(tsc_counter_attr_set_track_peak(attr, track_peak), 0);
    ck_assert_int_eq(tsc_counter_attr_set_bounds(attr, 0, MAX, TSC_BOUNDS_REJECT), 0);
    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, initial), 0);
    ck_assert_int_eq(tsc_counter_create(&counter, backend, attr), 0);
    tsc_counter_attr_destroy(attr);
    return counter;
}

static tsc_counter_t *make(tsc_backend_t backend, int64_t initial)
{
    return make_with(backend, initial, false);
}

static int wait_add(struct call *call)
{
    return tsc_counter_wait_add(call->counter, call->operand, -1);
}

static int wait_add_shortly(struct call *call)
{
    return tsc_counter_wait_add(call->counter, call->operand, SHORT_TIMEOUT_NS);
}

static int try_once(struct call *call)
{
    return tsc_counter_wait_add(call->counter, call->operand, 0);
}

static struct call waiter_of(tsc_counter_t *counter, int64_t delta)
{
    return (struct call){.make = wait_add, .counter = counter, .operand = delta, .result = UNTOUCHED};
}

static void all_fall_asleep(struct call *waiters, int count)
{
    for (int i = 0; i < count; i++)
        call_falls_asleep(&waiters[i]);
}

/* A cancelled call does not return. */
static void call_is_cancelled(struct call *call)
{
    ck_assert_int_eq(pthread_cancel(call->thread), 0);
}

/* -------- a waiter and a release -------- */

/* The attempt has failed, and the thread is not asleep yet. */
START_TEST(release_after_an_attempt_is_seen)
{
    static const char *const ends[] = {
        [TSC_BACKEND_MUTEX] = "mutex_unlocked", [TSC_BACKEND_ATOMIC] = "phase_left"};
    tsc_counter_t *counter = make(backends[_i], MAX);
    struct call waiter = waiter_of(counter, 1);

    ck_assert(call_stops(&waiter, "admission_awake"));
    ck_assert(call_stops_again(&waiter, ends[backends[_i]]));
    RETURNS(0, tsc_counter_dec(counter));
    call_continues(&waiter);
    ck_assert_int_eq(call_ends(&waiter), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* A plain addition takes the room before the thread does. */
START_TEST(thread_that_is_woken_in_vain_sleeps_again)
{
    tsc_counter_t *counter = make(backends[_i], MAX);
    struct call waiter = waiter_of(counter, 1);

    ck_assert(call_stops(&waiter, "admission_falling_asleep"));
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(0, tsc_counter_inc(counter));
    call_continues_and_sleeps(&waiter);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(call_ends(&waiter), 0);
    HOLDS(counter, MAX);
    tsc_counter_unref(counter);
}
END_TEST

/* The waiter has queued, is about to make an attempt, and is about to sleep. */
static const char *const moments[] = {"admission_entered", "admission_awake", "admission_falling_asleep"};

enum { MOMENTS = sizeof moments / sizeof *moments };

START_TEST(release_during_a_wait_is_seen)
{
    tsc_counter_t *counter = make(backends[_i / MOMENTS], MAX);
    struct call waiter = waiter_of(counter, 1);

    ck_assert(call_stops(&waiter, moments[_i % MOMENTS]));
    RETURNS(0, tsc_counter_dec(counter));
    call_continues(&waiter);
    ck_assert_int_eq(call_ends(&waiter), 0);
    HOLDS(counter, MAX);
    tsc_counter_unref(counter);
}
END_TEST

static int set_lower(tsc_counter_t *counter)
{
    return tsc_counter_set(counter, MAX - 1);
}

static int compare_and_set_lower(tsc_counter_t *counter)
{
    int64_t expected = MAX;

    return tsc_counter_compare_exchange(counter, &expected, MAX - 1) - 1;
}

static int raise_max(tsc_counter_t *counter)
{
    return tsc_counter_set_bounds(counter, 0, MAX + 1);
}

static int (*const ways_to_release[])(tsc_counter_t *counter) = {tsc_counter_dec, set_lower, compare_and_set_lower,
                                                                 raise_max};

enum { WAYS_TO_RELEASE = sizeof ways_to_release / sizeof *ways_to_release };

START_TEST(each_release_wakes)
{
    tsc_counter_t *counter = make(backends[_i / WAYS_TO_RELEASE], MAX);
    struct call waiter = waiter_of(counter, 1);

    call_falls_asleep(&waiter);
    RETURNS(0, ways_to_release[_i % WAYS_TO_RELEASE](counter));
    ck_assert_int_eq(call_ends(&waiter), 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(increment_wakes_a_thread_that_waits_to_subtract)
{
    tsc_counter_t *counter = make(backends[_i], 0);
    struct call waiter = waiter_of(counter, -2);

    call_falls_asleep(&waiter);
    RETURNS(0, tsc_counter_inc(counter));
    call_stays_asleep(&waiter);
    RETURNS(0, tsc_counter_inc(counter));
    ck_assert_int_eq(call_ends(&waiter), 0);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

/* Each of the two additions makes room for the other direction. */
START_TEST(addition_in_turn_wakes_the_other_direction)
{
    tsc_counter_t *counter = make(backends[_i], 3);
    struct call up = waiter_of(counter, MAX);
    struct call down = waiter_of(counter, -MAX);

    call_falls_asleep(&up);
    call_falls_asleep(&down);
    RETURNS(0, tsc_counter_add(counter, MAX - 3));
    ck_assert_int_eq(call_ends(&down), 0);
    ck_assert_int_eq(call_ends(&up), 0);
    HOLDS(counter, MAX);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- turns -------- */

START_TEST(release_wakes_no_more_than_fit)
{
    tsc_counter_t *counter = make(backends[_i], MAX);
    struct call waiters[] = {waiter_of(counter, 1), waiter_of(counter, 2), waiter_of(counter, 1)};

    all_fall_asleep(waiters, 3);
    RETURNS(0, tsc_counter_add(counter, -3));
    ck_assert_int_eq(call_ends(&waiters[0]), 0);
    ck_assert_int_eq(call_ends(&waiters[1]), 0);
    call_stays_asleep(&waiters[2]);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(call_ends(&waiters[2]), 0);
    HOLDS(counter, MAX);
    tsc_counter_unref(counter);
}
END_TEST

/* A woken thread that has not added yet is still ahead. */
START_TEST(woken_thread_keeps_its_turn)
{
    tsc_counter_t *counter = make(backends[_i], MAX);
    struct call first = waiter_of(counter, 1);
    struct call second = waiter_of(counter, 1);

    ck_assert(call_stops(&first, "admission_falling_asleep"));
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 1, 0));
    call_falls_asleep(&second);
    call_continues(&first);
    ck_assert_int_eq(call_ends(&first), 0);
    call_stays_asleep(&second);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(call_ends(&second), 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(smaller_addition_does_not_overtake)
{
    tsc_counter_t *counter = make(backends[_i], MAX);
    struct call larger = waiter_of(counter, 3);
    struct call smaller = waiter_of(counter, 1);

    call_falls_asleep(&larger);
    call_falls_asleep(&smaller);
    RETURNS(0, tsc_counter_add(counter, -2));
    call_stays_asleep(&smaller);
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 1, 0));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 1, 1));
    RETURNS(0, tsc_counter_wait_add(counter, -1, 0));
    ck_assert_int_eq(call_ends(&larger), 0);
    call_stays_asleep(&smaller);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(call_ends(&smaller), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* More threads than one check can wake. */
START_TEST(release_wakes_a_crowd)
{
    tsc_counter_t *counter = make(backends[_i], MAX);
    struct call waiters[CROWD];

    for (int i = 0; i < CROWD; i++)
        waiters[i] = waiter_of(counter, 1);
    RETURNS(0, tsc_counter_set_bounds(counter, -CROWD, MAX));
    all_fall_asleep(waiters, CROWD);
    RETURNS(0, tsc_counter_add(counter, -CROWD));
    for (int i = 0; i < CROWD; i++)
        ck_assert_int_eq(call_ends(&waiters[i]), 0);
    HOLDS(counter, MAX);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- giving up -------- */

START_TEST(cancelled_thread_lets_the_next_go_on)
{
    tsc_counter_t *counter = make(backends[_i], MAX - 1);
    struct call larger = waiter_of(counter, 3);
    struct call smaller = waiter_of(counter, 1);

    call_falls_asleep(&larger);
    call_falls_asleep(&smaller);
    call_is_cancelled(&larger);
    ck_assert_int_eq(call_ends(&larger), UNTOUCHED);
    ck_assert_int_eq(call_ends(&smaller), 0);
    HOLDS(counter, MAX);
    tsc_counter_unref(counter);
}
END_TEST

/* The thread has been woken and is cancelled before it adds. */
START_TEST(cancelled_thread_passes_its_wake_up_on)
{
    tsc_counter_t *counter = make(backends[_i], MAX);
    struct call first = waiter_of(counter, 1);
    struct call second = waiter_of(counter, 1);

    ck_assert(call_stops(&first, "admission_falling_asleep"));
    call_falls_asleep(&second);
    RETURNS(0, tsc_counter_dec(counter));
    call_is_cancelled(&first);
    call_continues(&first);
    ck_assert_int_eq(call_ends(&first), UNTOUCHED);
    ck_assert_int_eq(call_ends(&second), 0);
    HOLDS(counter, MAX);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(thread_that_times_out_lets_the_next_go_on)
{
    tsc_counter_t *counter = make(backends[_i], MAX - 1);
    struct call larger = {.make = wait_add_shortly, .counter = counter, .operand = 3};
    struct call smaller = waiter_of(counter, 1);

    ck_assert(call_stops(&larger, "admission_leaving"));
    call_falls_asleep(&smaller);
    call_continues(&larger);
    ck_assert_int_eq(call_ends(&larger), -ETIMEDOUT);
    ck_assert_int_eq(call_ends(&smaller), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* The value has changed, but the thread that changed it has woken nobody yet. */
START_TEST(thread_whose_time_is_up_tries_once_more)
{
    tsc_counter_t *counter = make(backends[_i], MAX);
    struct call waiter = {.make = wait_add_shortly, .counter = counter, .operand = 1};
    struct call release = {.make = call_add, .counter = counter, .operand = -1};

    ck_assert(call_stops(&waiter, "admission_falling_asleep"));
    ck_assert(call_stops(&release, "admission_pending"));
    call_continues(&waiter);
    ck_assert_int_eq(call_ends(&waiter), 0);
    call_continues(&release);
    ck_assert_int_eq(call_ends(&release), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* A thread that has left is no longer counted: a later call does not queue behind it, but as the first. */
START_TEST(nobody_waits_behind_a_thread_that_has_left)
{
    tsc_counter_t *counter = make(backends[_i], MAX);
    struct call waiter = waiter_of(counter, 1);

    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 3, 1));
    RETURNS(0, tsc_counter_add(counter, -2));
    RETURNS(0, tsc_counter_wait_add(counter, 2, 0));
    call_falls_asleep(&waiter);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(call_ends(&waiter), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- new bounds, and a close -------- */

START_TEST(new_bounds_let_in_as_many_as_fit)
{
    tsc_counter_t *counter = make(backends[_i], MAX);
    struct call waiters[] = {waiter_of(counter, 1), waiter_of(counter, 1), waiter_of(counter, 1)};

    all_fall_asleep(waiters, 3);
    RETURNS(0, tsc_counter_set_bounds(counter, 0, MAX + 2));
    ck_assert_int_eq(call_ends(&waiters[0]), 0);
    ck_assert_int_eq(call_ends(&waiters[1]), 0);
    call_stays_asleep(&waiters[2]);
    RETURNS(0, tsc_counter_set_bounds(counter, 0, MAX + 3));
    ck_assert_int_eq(call_ends(&waiters[2]), 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(new_bounds_end_an_impossible_wait)
{
    tsc_counter_t *counter = make(backends[_i], MAX);
    struct call impossible = waiter_of(counter, 3);
    struct call possible = waiter_of(counter, 2);

    call_falls_asleep(&impossible);
    call_falls_asleep(&possible);
    RETURNS(0, tsc_counter_set_bounds(counter, 0, 2));
    ck_assert_int_eq(call_ends(&impossible), -ERANGE);
    call_stays_asleep(&possible);
    RETURNS(-ERANGE, tsc_counter_wait_add(counter, 3, 0));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 2, 0));
    RETURNS(0, tsc_counter_add(counter, -MAX));
    ck_assert_int_eq(call_ends(&possible), 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(close_ends_waits_to_add_and_no_others)
{
    tsc_counter_t *counter = make(backends[_i], 0);
    struct call up = waiter_of(counter, MAX);
    struct call up_too = waiter_of(counter, MAX);
    struct call down = waiter_of(counter, -2);

    RETURNS(0, tsc_counter_inc(counter));
    call_falls_asleep(&up);
    call_falls_asleep(&up_too);
    call_falls_asleep(&down);
    RETURNS(0, tsc_counter_close(counter));
    ck_assert_int_eq(call_ends(&up), -ESHUTDOWN);
    ck_assert_int_eq(call_ends(&up_too), -ESHUTDOWN);
    RETURNS(-ESHUTDOWN, tsc_counter_wait_add(counter, 1, 0));
    call_stays_asleep(&down);
    RETURNS(0, tsc_counter_set_bounds(counter, -1, MAX));
    ck_assert_int_eq(call_ends(&down), 0);
    HOLDS(counter, -1);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- checks that find the lock held -------- */

static tsc_counter_t *handled;
static atomic_int handler_result;

static void release_in_handler(int signal_number)
{
    (void)signal_number;
    atomic_store(&handler_result, tsc_counter_dec(handled));
}

static bool handler_has_run(void *unused)
{
    (void)unused;
    return atomic_load(&handler_result) != UNTOUCHED;
}

/* A handler of the stopped thread makes room for one more. */
static void interrupt(struct call *call)
{
    const struct sigaction handling = {.sa_handler = release_in_handler};

    handled = call->counter;
    atomic_store(&handler_result, UNTOUCHED);
    ck_assert_int_eq(sigaction(SIGUSR1, &handling, NULL), 0);
    ck_assert_int_eq(pthread_kill(call->thread, SIGUSR1), 0);
    ck_assert(support_eventually(handler_has_run, NULL));
    ck_assert_int_eq(atomic_load(&handler_result), 0);
}

static void release(struct call *call)
{
    RETURNS(0, tsc_counter_dec(call->counter));
}

/* The thread that checks holds the lock: it has not read the value, or has read it, or has unlocked. */
static const char *const checks[] = {"admission_checking", "admission_checked", "admission_unlocked"};

enum { CHECKS = sizeof checks / sizeof *checks };

static void release_twice(tsc_backend_t backend, const char *point, void (*release_again)(struct call *call))
{
    tsc_counter_t *counter = make(backend, MAX);
    struct call waiters[] = {waiter_of(counter, 1), waiter_of(counter, 1)};
    struct call first = {.make = call_add, .counter = counter, .operand = -1};

    all_fall_asleep(waiters, 2);
    ck_assert(call_stops(&first, point));
    release_again(&first);
    call_continues(&first);
    ck_assert_int_eq(call_ends(&first), 0);
    ck_assert_int_eq(call_ends(&waiters[0]), 0);
    ck_assert_int_eq(call_ends(&waiters[1]), 0);
    HOLDS(counter, MAX);
    tsc_counter_unref(counter);
}

START_TEST(release_during_a_check_is_checked_too)
{
    release_twice(backends[_i / CHECKS], checks[_i % CHECKS], release);
}
END_TEST

START_TEST(handler_of_the_thread_that_checks_releases_too)
{
    release_twice(TSC_BACKEND_ATOMIC, checks[_i], interrupt);
}
END_TEST

/* A thread that holds the lock for itself makes the check of a release that found it held. */
START_TEST(leaving_thread_makes_the_check_of_a_release)
{
    tsc_counter_t *counter = make(backends[_i / 2], MAX);
    struct call leaving = {.make = wait_add_shortly, .counter = counter, .operand = MAX};
    struct call sleeping = waiter_of(counter, 1);

    ck_assert(call_stops(&leaving, "admission_leaving"));
    call_falls_asleep(&sleeping);
    ck_assert(call_stops_again(&leaving, checks[_i % 2]));
    release(&leaving);
    call_continues(&leaving);
    ck_assert_int_eq(call_ends(&leaving), -ETIMEDOUT);
    ck_assert_int_eq(call_ends(&sleeping), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- the mutex and the queue: callbacks -------- */

/* These two have callbacks. */
static const tsc_backend_t with_callbacks[] = {TSC_BACKEND_MUTEX, TSC_BACKEND_QUEUE};

START_TEST(callback_does_not_delay_a_timeout)
{
    tsc_counter_t *counter = make(with_callbacks[_i], 0);
    struct occupation occupation;

    occupation_prepare(&occupation, counter);
    occupation_begins(&occupation);
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 1, 0));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, MAX + 1, 0));
    RETURNS(-ETIMEDOUT, tsc_counter_wait_add(counter, 1, SHORT_TIMEOUT_NS));
    occupation_ends(&occupation);
    RETURNS(0, tsc_counter_wait_add(counter, 1, 0));
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(addition_follows_a_callback_that_ends)
{
    tsc_counter_t *counter = make(with_callbacks[_i], 0);
    struct call waiter = waiter_of(counter, 1);
    struct occupation occupation;

    occupation_prepare(&occupation, counter);
    occupation_begins(&occupation);
    call_falls_asleep(&waiter);
    occupation_ends(&occupation);
    ck_assert_int_eq(call_ends(&waiter), 0);
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
}
END_TEST

/* Without a callback a thread may hold the lock, but not for long. */
START_TEST(short_critical_section_is_waited_for)
{
    tsc_counter_t *counter = make(TSC_BACKEND_MUTEX, 0);
    struct call holder = {.make = call_add, .counter = counter, .operand = 1};
    struct call waiter = {.make = try_once, .counter = counter, .operand = 1};

    ck_assert(call_stops(&holder, "mutex_locked"));
    call_falls_asleep(&waiter);
    call_continues(&holder);
    ck_assert_int_eq(call_ends(&holder), 0);
    ck_assert_int_eq(call_ends(&waiter), 0);
    HOLDS(counter, 2);
    tsc_counter_unref(counter);
}
END_TEST

/* The callback begins once the other thread waits for the lock. */
START_TEST(callback_that_begins_later_does_not_delay_a_timeout)
{
    tsc_counter_t *counter = make(TSC_BACKEND_MUTEX, 0);
    struct call waiter = {.make = wait_add_shortly, .counter = counter, .operand = 1};
    struct occupation occupation;

    occupation_prepare(&occupation, counter);
    ck_assert(call_stops(&occupation.call, "mutex_locked"));
    call_falls_asleep(&waiter);
    call_continues(&occupation.call);
    support_sem_wait(&occupation.begun);
    ck_assert_int_eq(call_ends(&waiter), -ETIMEDOUT);
    occupation_ends(&occupation);
    tsc_counter_unref(counter);
}
END_TEST

static int read_bounds(struct call *call)
{
    return tsc_counter_get_bounds(call->counter, &call->output, &call->output);
}

/* The thread that makes room has the lock to hand on, too, to one that changes nothing. */
START_TEST(contended_release_wakes)
{
    tsc_counter_t *counter = make(TSC_BACKEND_MUTEX, MAX);
    struct call waiter = waiter_of(counter, 1);
    struct call release = {.make = call_add, .counter = counter, .operand = -1};
    struct call reader = {.make = read_bounds, .counter = counter};

    call_falls_asleep(&waiter);
    ck_assert(call_stops(&release, "mutex_locked"));
    call_falls_asleep(&reader);
    call_continues(&release);
    ck_assert_int_eq(call_ends(&release), 0);
    ck_assert_int_eq(call_ends(&reader), 0);
    ck_assert_int_eq(call_ends(&waiter), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* An exclusive operation comes between the flush and the callback that begins just then. */
START_TEST(callback_excludes_exclusive_operations)
{
    static int (*const operations[])(struct call * call) = {call_set_max, read_bounds, call_take_peak, wait_add};
    tsc_counter_t *counter = make_with(TSC_BACKEND_QUEUE, 0, true);
    struct call exclusive = {.make = operations[_i], .counter = counter, .operand = MAX};
    struct occupation occupation;

    occupation_prepare(&occupation, counter);
    ck_assert(call_stops(&exclusive, "exclusive_flushed"));
    occupation_begins(&occupation);
    call_continues_and_sleeps(&exclusive);
    occupation_ends(&occupation);
    ck_assert_int_eq(call_ends(&exclusive), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- forks -------- */

/* A child has the former bounds or the new ones, and a wait goes by the same. */
static void check_bounds_in_child(void *arg)
{
    tsc_counter_t *counter = arg;
    int64_t min = UNTOUCHED;
    int64_t max = UNTOUCHED;

    CHILD_CHECK(tsc_counter_get_bounds(counter, &min, &max) == 0);
    CHILD_CHECK((min == 0 && max == MAX) || (min == 2 * MAX && max == 4 * MAX));
    CHILD_CHECK(tsc_counter_set(counter, max) == 0);
    CHILD_CHECK(tsc_counter_wait_add(counter, max - min, 0) == -ETIMEDOUT);
    CHILD_CHECK(tsc_counter_wait_add(counter, max - min + 1, 0) == -ERANGE);
    CHILD_CHECK(tsc_counter_wait_add(counter, max - min, 1) == -ETIMEDOUT);
    CHILD_CHECK(tsc_counter_wait_add(counter, max - min + 1, -1) == -ERANGE);
    CHILD_CHECK(tsc_counter_set_bounds(counter, 0, MAX) == 0);
    CHILD_CHECK(tsc_counter_dec(counter) == 0);
}

static int move_bounds(struct call *call)
{
    return tsc_counter_set_bounds(call->counter, 2 * MAX, 4 * MAX);
}

static int fork_and_check_bounds(struct call *call)
{
    return child_run(check_bounds_in_child, call->counter);
}

/* The fork waits until both are set. */
START_TEST(child_has_whole_bounds_of_a_mutex)
{
    tsc_counter_t *counter = make(TSC_BACKEND_MUTEX, 0);
    struct call setter = {.make = move_bounds, .counter = counter};
    struct call forking = {.make = fork_and_check_bounds, .counter = counter};

    ck_assert(call_stops(&setter, "sequential_setting_bounds"));
    call_falls_asleep(&forking);
    call_continues(&setter);
    ck_assert_int_eq(call_ends(&setter), 0);
    ck_assert_int_eq(call_ends(&forking), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* The new bounds are in force, but a thread still works by the former ones. */
START_TEST(child_has_whole_bounds_of_an_atomic)
{
    tsc_counter_t *counter = make(TSC_BACKEND_ATOMIC, 0);
    struct call inc = {.make = call_add, .counter = counter, .operand = 1};
    struct call setter = {.make = move_bounds, .counter = counter};

    ck_assert(call_stops(&inc, "atomic_swapping"));
    call_falls_asleep(&setter);
    ck_assert_int_eq(child_run(check_bounds_in_child, counter), 0);
    call_continues(&inc);
    ck_assert_int_eq(call_ends(&inc), 0);
    ck_assert_int_eq(call_ends(&setter), 0);
    tsc_counter_unref(counter);
}
END_TEST

static void wait_in_child(void *arg)
{
    tsc_counter_t *counter = arg;

    CHILD_CHECK(tsc_counter_wait_add(counter, 1, 0) == 0);
    CHILD_CHECK(tsc_counter_wait_add(counter, 1, 0) == -ETIMEDOUT);
    CHILD_CHECK(tsc_counter_wait_add(counter, 1, 1) == -ETIMEDOUT);
    CHILD_CHECK(tsc_counter_dec(counter) == 0);
    CHILD_CHECK(tsc_counter_wait_add(counter, 1, -1) == 0);
    CHILD_CHECK(value_in_child(counter) == MAX);
}

/* A thread of the parent holds the lock of the queues, or is about to check. */
START_TEST(child_forgets_the_threads_that_wait)
{
    static const char *const points_of_check[] = {"admission_pending", "admission_checking", "admission_unlocked"};
    tsc_counter_t *counter = make(backends[_i / 3], MAX);
    struct call waiter = waiter_of(counter, 2);
    struct call first = {.make = call_add, .counter = counter, .operand = -1};

    call_falls_asleep(&waiter);
    ck_assert(call_stops(&first, points_of_check[_i % 3]));
    ck_assert_int_eq(child_run(wait_in_child, counter), 0);
    call_continues(&first);
    ck_assert_int_eq(call_ends(&first), 0);
    call_stays_asleep(&waiter);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(call_ends(&waiter), 0);
    tsc_counter_unref(counter);
}
END_TEST

/* -------- the suite -------- */

static void add_turns(TCase *tcase, int first, int last)
{
    tcase_add_loop_test(tcase, release_during_a_wait_is_seen, first * MOMENTS, last * MOMENTS);
    tcase_add_loop_test(tcase, thread_that_is_woken_in_vain_sleeps_again, first, last);
    tcase_add_loop_test(tcase, each_release_wakes, first * WAYS_TO_RELEASE, last * WAYS_TO_RELEASE);
    tcase_add_loop_test(tcase, increment_wakes_a_thread_that_waits_to_subtract, first, last);
    tcase_add_loop_test(tcase, addition_in_turn_wakes_the_other_direction, first, last);
    tcase_add_loop_test(tcase, release_wakes_no_more_than_fit, first, last);
    tcase_add_loop_test(tcase, woken_thread_keeps_its_turn, first, last);
    tcase_add_loop_test(tcase, smaller_addition_does_not_overtake, first, last);
    tcase_add_loop_test(tcase, release_wakes_a_crowd, first, last);
    tcase_add_loop_test(tcase, cancelled_thread_lets_the_next_go_on, first, last);
    tcase_add_loop_test(tcase, cancelled_thread_passes_its_wake_up_on, first, last);
    tcase_add_loop_test(tcase, thread_that_times_out_lets_the_next_go_on, first, last);
    tcase_add_loop_test(tcase, nobody_waits_behind_a_thread_that_has_left, first, last);
    tcase_add_loop_test(tcase, new_bounds_let_in_as_many_as_fit, first, last);
    tcase_add_loop_test(tcase, new_bounds_end_an_impossible_wait, first, last);
    tcase_add_loop_test(tcase, close_ends_waits_to_add_and_no_others, first, last);
}

static void add_checks(TCase *tcase, int backend)
{
    tcase_add_loop_test(tcase, release_after_an_attempt_is_seen, backend, backend + 1);
    tcase_add_loop_test(tcase, thread_whose_time_is_up_tries_once_more, backend, backend + 1);
    tcase_add_loop_test(tcase, release_during_a_check_is_checked_too, backend * CHECKS, (backend + 1) * CHECKS);
    tcase_add_loop_test(tcase, leaving_thread_makes_the_check_of_a_release, backend * 2, (backend + 1) * 2);
    if (backends[backend] == TSC_BACKEND_ATOMIC)
        tcase_add_loop_test(tcase, handler_of_the_thread_that_checks_releases_too, 0, CHECKS);
}

static void add_callbacks(TCase *tcase, int index)
{
    tcase_add_loop_test(tcase, callback_does_not_delay_a_timeout, index, index + 1);
    tcase_add_loop_test(tcase, addition_follows_a_callback_that_ends, index, index + 1);
    if (with_callbacks[index] == TSC_BACKEND_QUEUE) {
        tcase_add_loop_test(tcase, callback_excludes_exclusive_operations, 0, 4);
        return;
    }
    tcase_add_test(tcase, short_critical_section_is_waited_for);
    tcase_add_test(tcase, contended_release_wakes);
    tcase_add_test(tcase, callback_that_begins_later_does_not_delay_a_timeout);
}

static void add_tests(Suite *suite)
{
    for (int i = 0; i < BACKENDS; i++) {
        TCase *tcase;

        if (!support_is_built(backends[i]))
            continue;
        tcase = support_add_case(suite, tsc_backend_name(backends[i]), CASE_SECONDS);
        add_turns(tcase, i, i + 1);
        if (i < ON_CALLERS_THREAD)
            add_checks(tcase, i);
        if (backends[i] != TSC_BACKEND_ATOMIC)
            add_callbacks(tcase, backends[i] == TSC_BACKEND_QUEUE);
    }
}

static void add_fork_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "forks", CASE_SECONDS);

    if (support_is_built(TSC_BACKEND_MUTEX)) {
        tcase_add_test(tcase, child_has_whole_bounds_of_a_mutex);
        tcase_add_loop_test(tcase, child_forgets_the_threads_that_wait, 0, 3);
    }
    if (support_is_built(TSC_BACKEND_ATOMIC)) {
        tcase_add_test(tcase, child_has_whole_bounds_of_an_atomic);
        tcase_add_loop_test(tcase, child_forgets_the_threads_that_wait, 3, 6);
    }
}

/* Runs the tests without forks or, with the argument "forks", only those with forks. */
int main(int argc, char **argv)
{
    Suite *suite = suite_create("admission");

    if (argc > 1 && strcmp(argv[1], "forks") == 0)
        add_fork_tests(suite);
    else
        add_tests(suite);
    return support_run_suite(suite);
}
