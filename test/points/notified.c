/* SPDX-License-Identifier: MIT */
/* As held.c: threads stop at named points, around a notification that is claimed, sent, replaced or taken back. */
#include <errno.h>

#include "fork/child.h"
#include "point.h"
#include "stopped.h"
#include "support/backends.h"
#include "support/channel.h"
#include "support/results.h"
#include "support/suite.h"
#include "support/threads.h"

enum { CASE_SECONDS = 10 };

struct scene {
    tsc_counter_t *counter;
    struct channel first; /* registered for the threshold 0 */
    struct channel second;
    struct call lower;
    struct call replace;
    struct call take_back;
    struct call wait;
};

static int notify(struct call *call)
{
    const struct channel *channel = call->arg;

    return tsc_counter_notify_at_most(call->counter, call->operand, channel != NULL ? channel->out : -1);
}

static int wait_briefly(struct call *call)
{
    return tsc_counter_wait_at_most(call->counter, call->operand, SUPPORT_MILLISECOND_NS);
}

/* False for the queue, whose changes are applied by any thread, and for a backend that is not built. */
static bool open_scene(struct scene *scene, int backend, int64_t initial)
{
    *scene = (struct scene){.first = channel_open(CHANNEL_PIPE), .second = channel_open(CHANNEL_PIPE)};
    if (backend == TSC_BACKEND_QUEUE || !support_is_built((tsc_backend_t)backend))
        return false;
    ck_assert_int_eq(tsc_counter_create(&scene->counter, (tsc_backend_t)backend, NULL), 0);
    RETURNS(0, tsc_counter_add(scene->counter, initial));
    scene->lower = (struct call){.make = call_add, .counter = scene->counter, .operand = -1};
    scene->replace = (struct call){.make = notify, .counter = scene->counter, .arg = &scene->second};
    scene->take_back = (struct call){.make = notify, .counter = scene->counter};
    scene->wait = (struct call){.make = wait_briefly, .counter = scene->counter};
    return true;
}

static void register_first(struct scene *scene)
{
    RETURNS(0, tsc_counter_notify_at_most(scene->counter, 0, scene->first.out));
}

static void close_scene(struct scene *scene, int first, int second)
{
    ck_assert_int_eq(channel_read(&scene->first), first);
    ck_assert_int_eq(channel_read(&scene->second), second);
    tsc_counter_unref(scene->counter);
    channel_close(&scene->first);
    channel_close(&scene->second);
}

static const char *const claimed_points[] = {"notification_claimed", "notification_written", "notification_sent"};

enum { CLAIMED_POINTS = sizeof claimed_points / sizeof *claimed_points };

/* Wherever the sending thread stops, the replacing one waits for it, and then knows. */
START_TEST(replacement_awaits_the_sending_thread)
{
    for (size_t point = 0; point < CLAIMED_POINTS; point++) {
        struct scene scene;

        if (!open_scene(&scene, _i, 1))
            return;
        register_first(&scene);
        ck_assert(call_stops(&scene.lower, claimed_points[point]));
        call_falls_asleep(&scene.replace);
        ck_assert_int_eq(channel_read(&scene.second), 0);
        call_continues(&scene.lower);
        ck_assert_int_eq(call_ends(&scene.lower), 0);
        ck_assert_int_eq(call_ends(&scene.replace), 1);
        close_scene(&scene, 1, 1);
    }
}
END_TEST

/* Of the two, either comes first. Each notification is reported once. */
START_TEST(two_calls_await_the_sending_thread)
{
    struct scene scene;
    int reported;
    int written;

    if (!open_scene(&scene, _i, 1))
        return;
    register_first(&scene);
    ck_assert(call_stops(&scene.lower, "notification_written"));
    call_falls_asleep(&scene.take_back);
    call_falls_asleep(&scene.replace);
    call_continues(&scene.lower);
    ck_assert_int_eq(call_ends(&scene.lower), 0);
    reported = call_ends(&scene.take_back) + call_ends(&scene.replace);
    written = channel_read(&scene.second);
    RETURNS(1 + written - reported, tsc_counter_notify_at_most(scene.counter, 0, -1));
    close_scene(&scene, 1, 0);
}
END_TEST

/* The value has risen again: nothing is written, and the call that waited takes the registration back. */
START_TEST(claim_in_vain_writes_nothing)
{
    struct scene scene;

    if (!open_scene(&scene, _i, 1))
        return;
    register_first(&scene);
    ck_assert(call_stops(&scene.lower, "notification_claimed"));
    RETURNS(0, tsc_counter_inc(scene.counter));
    call_falls_asleep(&scene.take_back);
    call_continues(&scene.lower);
    ck_assert_int_eq(call_ends(&scene.lower), 0);
    ck_assert_int_eq(call_ends(&scene.take_back), 0);
    RETURNS(0, tsc_counter_dec(scene.counter));
    close_scene(&scene, 0, 0);
}
END_TEST

/* A change has found the watch armed, and stops before it fires it. Until it continues, the value rises. */
START_TEST(late_change_sends_no_old_value)
{
    struct scene scene;

    if (!open_scene(&scene, _i, 1))
        return;
    register_first(&scene);
    ck_assert(call_stops(&scene.lower, "watch_fired"));
    RETURNS(0, tsc_counter_inc(scene.counter));
    RETURNS(0, tsc_counter_notify_at_most(scene.counter, 0, scene.second.out));
    call_continues(&scene.lower);
    ck_assert_int_eq(call_ends(&scene.lower), 0);
    ck_assert_int_eq(channel_read(&scene.second), 0);
    RETURNS(0, tsc_counter_dec(scene.counter));
    close_scene(&scene, 0, 1);
}
END_TEST

/* The value falls while the watch is disarmed, after a thread has claimed the notification in vain. */
static void lower_while_disarmed(int backend, const char *point)
{
    struct scene scene;

    if (!open_scene(&scene, backend, 1))
        return;
    register_first(&scene);
    ck_assert(call_stops(&scene.lower, "notification_claimed"));
    RETURNS(0, tsc_counter_inc(scene.counter));
    if (point != NULL)
        ck_assert(call_stops_again(&scene.lower, point));
    RETURNS(0, tsc_counter_dec(scene.counter));
    call_continues(&scene.lower);
    ck_assert_int_eq(call_ends(&scene.lower), 0);
    close_scene(&scene, 1, 0);
}

START_TEST(change_during_a_claim_is_seen)
{
    lower_while_disarmed(_i, NULL);
}
END_TEST

START_TEST(change_before_the_arming_is_seen)
{
    lower_while_disarmed(_i, "notification_unclaimed");
}
END_TEST

START_TEST(registration_reads_after_it_has_armed)
{
    struct scene scene;

    if (!open_scene(&scene, _i, 1))
        return;
    ck_assert(call_stops(&scene.replace, "notification_armed"));
    RETURNS(0, tsc_counter_dec(scene.counter));
    call_continues(&scene.replace);
    ck_assert_int_eq(call_ends(&scene.replace), 0);
    close_scene(&scene, 0, 1);
}
END_TEST

/*
 * The watch is armed for a waiter with a higher threshold. It fires between the steps of a registration, which
 * must not be lost.
 */
START_TEST(watch_fires_during_a_registration)
{
    struct scene scene;

    if (!open_scene(&scene, _i, 2))
        return;
    scene.wait.operand = 1;
    ck_assert(call_stops(&scene.wait, "watch_armed"));
    ck_assert(call_stops(&scene.replace, "notification_armed"));
    RETURNS(0, tsc_counter_dec(scene.counter));
    call_continues(&scene.replace);
    ck_assert_int_eq(call_ends(&scene.replace), 0);
    call_continues(&scene.wait);
    ck_assert_int_eq(call_ends(&scene.wait), 0);
    RETURNS(0, tsc_counter_dec(scene.counter));
    close_scene(&scene, 0, 1);
}
END_TEST

/* fork() waits for the thread that has claimed the notification, so the child knows what is open. */
static size_t open_descriptors;

static void check_descriptors(void *arg)
{
    (void)arg;
    CHILD_CHECK(support_open_descriptors() == open_descriptors);
}

static int fork_and_check(struct call *call)
{
    (void)call;
    return child_run(check_descriptors, NULL);
}

START_TEST(fork_awaits_the_sending_thread)
{
    for (size_t point = 0; point < CLAIMED_POINTS; point++) {
        struct call forker = {.make = fork_and_check};
        struct scene scene;

        if (!open_scene(&scene, _i, 1))
            return;
        open_descriptors = support_open_descriptors();
        register_first(&scene);
        ck_assert(call_stops(&scene.lower, claimed_points[point]));
        call_falls_asleep(&forker);
        call_continues(&scene.lower);
        ck_assert_int_eq(call_ends(&scene.lower), 0);
        ck_assert_int_eq(call_ends(&forker), 0);
        close_scene(&scene, 1, 0);
    }
}
END_TEST

/* The value falls while fork() holds the notification. The parent sends it then. */
START_TEST(change_during_a_fork_notifies)
{
    struct call forker = {.make = fork_and_check};
    struct scene scene;

    if (!open_scene(&scene, _i, 1))
        return;
    open_descriptors = support_open_descriptors();
    register_first(&scene);
    ck_assert(call_stops(&forker, "fork_all_locked"));
    RETURNS(0, tsc_counter_dec(scene.counter));
    ck_assert_int_eq(channel_read(&scene.first), 0);
    call_continues(&forker);
    ck_assert_int_eq(call_ends(&forker), 0);
    ck_assert_int_eq(channel_read(&scene.first), 1);
    RETURNS(1, tsc_counter_notify_at_most(scene.counter, 0, -1));
    close_scene(&scene, 0, 0);
}
END_TEST

/* While fork() holds the notification, the watch fires for a waiter with a higher threshold. */
START_TEST(watch_fires_during_a_fork)
{
    struct call forker = {.make = fork_and_check};
    struct scene scene;

    if (!open_scene(&scene, _i, 2))
        return;
    open_descriptors = support_open_descriptors();
    register_first(&scene);
    scene.wait.operand = 1;
    ck_assert(call_stops(&scene.wait, "watch_armed"));
    ck_assert(call_stops(&forker, "fork_all_locked"));
    RETURNS(0, tsc_counter_dec(scene.counter));
    call_continues(&forker);
    ck_assert_int_eq(call_ends(&forker), 0);
    call_continues(&scene.wait);
    ck_assert_int_eq(call_ends(&scene.wait), 0);
    ck_assert_int_eq(channel_read(&scene.first), 0);
    RETURNS(0, tsc_counter_dec(scene.counter));
    close_scene(&scene, 1, 0);
}
END_TEST

static void add_test(TCase *tcase, const TTest *test)
{
    tcase_add_loop_test(tcase, test, 0, TSC_BACKEND_COUNT);
}

int main(void)
{
    Suite *suite = suite_create("notified");
    TCase *tcase = support_add_case(suite, "notified", CASE_SECONDS);

    add_test(tcase, replacement_awaits_the_sending_thread);
    add_test(tcase, two_calls_await_the_sending_thread);
    add_test(tcase, claim_in_vain_writes_nothing);
    add_test(tcase, late_change_sends_no_old_value);
    add_test(tcase, change_during_a_claim_is_seen);
    add_test(tcase, change_before_the_arming_is_seen);
    add_test(tcase, registration_reads_after_it_has_armed);
    add_test(tcase, watch_fires_during_a_registration);
    add_test(tcase, fork_awaits_the_sending_thread);
    add_test(tcase, change_during_a_fork_notifies);
    add_test(tcase, watch_fires_during_a_fork);
    return support_run_suite(suite);
}
