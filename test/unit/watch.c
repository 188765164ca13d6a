/* SPDX-License-Identifier: MIT */
/* Waits: the arguments and results of their looks at the value, and changes just before they sleep. */
#include <errno.h>
#include <time.h>

#include <tscounter/tscounter.h>

#include "support/backends.h"
#include "support/channel.h"
#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"
#include "sync/deadline.h"
#include "sync/watch.h"

enum { SHORT_NS = 5000000, LOOKS_MAX = 3 };

/* Above every threshold that the tests wait for. */
static const int64_t high = INT64_MAX;

static struct {
    struct tsc_watch watch;
    int looks;
    int64_t deadline; /* of the latest look */
    int error;        /* returned by the look with the number `failing`; the others find a high value */
    int failing;
} scene;

static void open_scene(void)
{
    scene.looks = scene.error = scene.failing = 0;
    tsc_watch_init(&scene.watch, NULL);
}

static int look(void *subject, int64_t deadline, int64_t *value)
{
    (void)subject;
    scene.looks++;
    scene.deadline = deadline;
    if (scene.looks == scene.failing)
        return scene.error;
    *value = high;
    return 0;
}

static int look_at_the_deadline(void *subject, int64_t deadline, int64_t *value)
{
    (void)subject;
    scene.looks++;
    *value = tsc_now() < deadline ? high : 0;
    return 0;
}

static int wait_at_most(int64_t threshold, int64_t timeout_ns)
{
    return tsc_watch_wait(&scene.watch, threshold, timeout_ns, look, NULL);
}

/* After the waits, the watch is disarmed and has no waiters. */
static void assert_at_rest(void)
{
    ck_assert_int_eq(atomic_load(&scene.watch.threshold), TSC_WATCH_DISARMED);
    ck_assert_uint_eq(atomic_load(&scene.watch.waiters.sleepers), 0);
}

START_TEST(the_last_look_is_after_the_deadline)
{
    open_scene();
    ck_assert_int_eq(tsc_watch_wait(&scene.watch, 0, SHORT_NS, look_at_the_deadline, NULL), 0);
    ck_assert_int_le(scene.looks, LOOKS_MAX);
    assert_at_rest();
}
END_TEST

START_TEST(looks_get_the_deadline)
{
    int64_t begun = tsc_now();

    open_scene();
    ck_assert_int_eq(wait_at_most(0, SHORT_NS), -ETIMEDOUT);
    ck_assert_int_ge(scene.deadline, begun + SHORT_NS);
    ck_assert_int_le(scene.deadline, tsc_now());
    assert_at_rest();
    ck_assert_int_eq(wait_at_most(0, 0), -ETIMEDOUT);
    ck_assert_int_le(scene.deadline, tsc_now());
    ck_assert_int_eq(wait_at_most(high, -1), 0);
    ck_assert_int_eq(scene.deadline, TSC_NEVER);
}
END_TEST

START_TEST(a_timeout_of_0_is_one_look)
{
    open_scene();
    ck_assert_int_eq(wait_at_most(0, 0), -ETIMEDOUT);
    ck_assert_int_eq(scene.looks, 1);
}
END_TEST

/* A failing look does not write the value. */
START_TEST(a_failing_look_ends_the_wait)
{
    static const int errors[] = {-ETIMEDOUT, -EDEADLK};

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        for (int failing = 1; failing <= LOOKS_MAX; failing++) {
            int64_t threshold = failing == 1 ? high : high - 1;

            open_scene();
            scene.error = errors[i];
            scene.failing = failing;
            ck_assert_int_eq(wait_at_most(threshold, SHORT_NS), errors[i]);
            ck_assert_int_eq(scene.looks, failing);
            assert_at_rest();
        }
    }
}
END_TEST

/* Called in several threads at once. */
static int look_in_vain(void *subject, int64_t deadline, int64_t *value)
{
    (void)subject;
    (void)deadline;
    *value = high;
    return 0;
}

static void *wait_for_ever(void *arg)
{
    tsc_watch_wait(&scene.watch, 0, -1, look_in_vain, NULL);
    return arg;
}

START_TEST(a_cancelled_wait_disarms_the_watch)
{
    pid_t ids[2];
    pthread_t waiters[2];

    open_scene();
    for (size_t i = 0; i < 2; i++)
        waiters[i] = support_start_sleeper(wait_for_ever, NULL, &ids[i]);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_ne(atomic_load(&scene.watch.threshold), TSC_WATCH_DISARMED);
        pthread_cancel(waiters[i]);
        pthread_join(waiters[i], NULL);
    }
    assert_at_rest();
}
END_TEST

START_TEST(forgetting_waiters_disarms_the_watch)
{
    pid_t id;
    pthread_t waiter;

    open_scene();
    waiter = support_start_sleeper(wait_for_ever, NULL, &id);
    tsc_watch_forget_waiters(&scene.watch);
    assert_at_rest();
    pthread_cancel(waiter);
    pthread_join(waiter, NULL);
}
END_TEST

/* -------- notifications -------- */

static int64_t value_read;

/* As if a waiter armed the watch for its threshold during the read, and left. */
static int64_t read_while_a_waiter_comes(struct tsc_watch *watch)
{
    atomic_store(&watch->threshold, high);
    return value_read;
}

static int look_while_a_waiter_comes(void *subject, int64_t deadline, int64_t *value)
{
    (void)deadline;
    *value = read_while_a_waiter_comes(subject);
    return 0;
}

static void open_scene_of_notifications(int64_t value)
{
    static const struct tsc_watch_ops ops = {.read = read_while_a_waiter_comes};

    open_scene();
    tsc_watch_init(&scene.watch, &ops);
    value_read = value;
}

static int notify(int64_t threshold, const struct channel *channel)
{
    return tsc_watch_notify(&scene.watch, threshold, channel != NULL ? channel->out : -1,
                            look_while_a_waiter_comes, &scene.watch);
}

START_TEST(sent_notification_leaves_the_watch_disarmed)
{
    struct channel channel = channel_open(CHANNEL_EVENTFD);

    open_scene_of_notifications(0);
    ck_assert_int_eq(notify(0, &channel), 0);
    assert_at_rest();
    value_read = 1;
    ck_assert_int_eq(notify(0, &channel), 1);
    ck_assert_int_eq(channel_read(&channel), 1);
    value_read = 0;
    tsc_watch_check(&scene.watch, value_read);
    ck_assert_int_eq(channel_read(&channel), 1);
    assert_at_rest();
    ck_assert_int_eq(notify(0, NULL), 1);
    channel_close(&channel);
}
END_TEST

START_TEST(notification_that_is_taken_back_leaves_the_watch_disarmed)
{
    struct channel channel = channel_open(CHANNEL_EVENTFD);

    open_scene_of_notifications(1);
    ck_assert_int_eq(notify(0, &channel), 0);
    ck_assert_int_eq(notify(0, NULL), 0);
    assert_at_rest();
    channel_close(&channel);
}
END_TEST

/* -------- just before a waiter sleeps -------- */

static void (*before_sleeping)(int64_t deadline);

/* The linker replaces tsc_futex_wait_cancellable() by this. */
bool __real_tsc_futex_wait_cancellable(_Atomic uint32_t *word, uint32_t value, int64_t deadline);
bool __wrap_tsc_futex_wait_cancellable(_Atomic uint32_t *word, uint32_t value, int64_t deadline);
bool __wrap_tsc_futex_wait_cancellable(_Atomic uint32_t *word, uint32_t value, int64_t deadline)
{
    if (before_sleeping != NULL)
        before_sleeping(deadline);
    return __real_tsc_futex_wait_cancellable(word, value, deadline);
}

static tsc_counter_t *counter;
static bool was_lowered_in_time;

/* As if another thread decremented while this one is preempted until after the deadline. */
static void lower_and_pass_the_deadline(int64_t deadline)
{
    const struct timespec pause = {.tv_nsec = SUPPORT_MILLISECOND_NS};

    before_sleeping = NULL;
    ck_assert_int_eq(tsc_counter_dec(counter), 0);
    was_lowered_in_time = tsc_now() < deadline;
    while (tsc_now() <= deadline)
        nanosleep(&pause, NULL);
}

static int wait_past_the_deadline(tsc_backend_t backend, int64_t timeout_ns)
{
    int result;

    ck_assert_int_eq(tsc_counter_create(&counter, backend, NULL), 0);
    ck_assert_int_eq(tsc_counter_inc(counter), 0);
    before_sleeping = lower_and_pass_the_deadline;
    result = tsc_counter_wait_at_most(counter, 0, timeout_ns);
    tsc_counter_unref(counter);
    return result;
}

START_TEST(a_change_before_the_deadline_is_seen)
{
    tsc_backend_t backend = (tsc_backend_t)_i;
    int64_t timeout_ns = 10 * SUPPORT_MILLISECOND_NS;
    int result;

    if (!support_is_built(backend))
        return;
    /* On a busy machine the decrement may come after the deadline: then the timeout is doubled. */
    do {
        result = wait_past_the_deadline(backend, timeout_ns);
        timeout_ns *= 2;
    } while (!was_lowered_in_time);
    ck_assert_int_eq(result, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch");
    TCase *tcase = support_add_case(suite, "watch", 30);

    tcase_add_test(tcase, the_last_look_is_after_the_deadline);
    tcase_add_test(tcase, looks_get_the_deadline);
    tcase_add_test(tcase, a_timeout_of_0_is_one_look);
    tcase_add_test(tcase, a_failing_look_ends_the_wait);
    tcase_add_test(tcase, a_cancelled_wait_disarms_the_watch);
    tcase_add_test(tcase, forgetting_waiters_disarms_the_watch);
    tcase_add_test(tcase, sent_notification_leaves_the_watch_disarmed);
    tcase_add_test(tcase, notification_that_is_taken_back_leaves_the_watch_disarmed);
    tcase_add_loop_test(tcase, a_change_before_the_deadline_is_seen, 0, TSC_BACKEND_COUNT);
    return support_run_suite(suite);
}
