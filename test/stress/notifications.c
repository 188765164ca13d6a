/* SPDX-License-Identifier: MIT */
/* An event loop beside a thousand threads: each registration fires, once, and not too early. */
#include <errno.h>
#include <sched.h>

#include "crew.h"
#include "subject.h"
#include "support/channel.h"
#include "support/suite.h"
#include "support/threads.h"
#include "ways.h"

enum { ROUNDS = 150, LOOPS = 3, OPS = 100, AWAY = 4, WAIT_NS = 20000 };

struct load {
    struct subject subject;
    size_t workers;
    struct channel channels[LOOPS];
    int64_t reported[LOOPS];
    atomic_size_t workers_left;
};

static void load_open(struct load *load, const struct variant *variant, size_t workers, int64_t initial)
{
    tsc_counter_attr_t *attr = variant_attr(variant);

    *load = (struct load){.workers = workers};
    atomic_init(&load->workers_left, workers);
    for (size_t i = 0; i < LOOPS; i++)
        load->channels[i] = channel_open(CHANNEL_EVENTFD);
    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, initial), 0);
    subject_open(&load->subject, variant, attr);
}

static void load_close(struct load *load)
{
    subject_close(&load->subject);
    for (size_t i = 0; i < LOOPS; i++)
        channel_close(&load->channels[i]);
}

/* -------- a drain -------- */

/* The loop's thread: it is notified when no worker is inside any more. */
static void drain_by_notification(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    tsc_counter_t *counter = load->subject.counter;

    witness_equal(witness, "close", tsc_counter_close(counter), 0);
    witness_equal(witness, "notify_at_most", tsc_counter_notify_at_most(counter, 0, load->channels[0].out), 0);
    witness_equal(witness, "a notification within its time", channel_await(&load->channels[0]), true);
    witness_equal(witness, "the workers left", (int64_t)atomic_load(&load->workers_left), 0);
    witness_equal(witness, "the report", tsc_counter_notify_at_most(counter, 0, -1), 1);
}

static void leave_or_drain(size_t index, void *arg)
{
    struct load *load = arg;

    if (index == load->workers) {
        drain_by_notification(load);
        return;
    }
    atomic_fetch_sub_explicit(&load->workers_left, 1, memory_order_relaxed);
    witness_equal(&load->subject.witness, "dec", tsc_counter_dec(load->subject.counter), 0);
}

static void drain(const struct variant *variant, size_t workers)
{
    struct load load;

    load_open(&load, variant, workers, (int64_t)workers);
    crew_run(workers + 1, leave_or_drain, &load);
    subject_assert_value(&load.subject, 0);
    ck_assert_int_eq(channel_read(&load.channels[0]), 1);
    load_close(&load);
}

START_TEST(test_the_last_of_many_threads_notifies)
{
    drain(&variants[_i], stress_threads());
}
END_TEST

/* Few decrements race with the registration: a lost notification is never made up for. */
START_TEST(test_no_notification_is_lost)
{
    for (int round = 0; round < ROUNDS; round++)
        drain(&variants[_i], 1 + (size_t)round % 3);
}
END_TEST

/* -------- loops that take the registration from each other -------- */

/* It fires if AWAY workers are away at the same time. Each result is about the registration of any loop. */
static void register_and_take_back(struct load *load, size_t loop)
{
    tsc_counter_t *counter = load->subject.counter;
    int64_t threshold = (int64_t)load->workers - AWAY;
    int result = tsc_counter_notify_at_most(counter, threshold, load->channels[loop].out);

    witness_between(&load->subject.witness, "notify_at_most", result, 0, 1);
    load->reported[loop] += result;
    if (loop == 0) {
        result = tsc_counter_notify_at_most(counter, 0, -1);
        witness_between(&load->subject.witness, "notify_at_most that takes back", result, 0, 1);
        load->reported[loop] += result;
    }
}

/* Its threshold is above that of the registrations, so the watch fires for it alone, too. */
static void wait_shortly(struct load *load)
{
    int result = tsc_counter_wait_at_most(load->subject.counter, (int64_t)load->workers - AWAY + 1, WAIT_NS);

    witness_equal(&load->subject.witness, "wait_at_most", result == -ETIMEDOUT ? 0 : result, 0);
}

static void come_and_go(struct load *load, size_t index)
{
    struct witness *witness = &load->subject.witness;

    for (uint64_t op = 0; op < support_ops(OPS); op++) {
        witness_equal(witness, "dec", tsc_counter_dec(load->subject.counter), 0);
        sched_yield();
        witness_equal(witness, "inc", tsc_counter_inc(load->subject.counter), 0);
        if (op % 8 == index % 8)
            wait_shortly(load);
    }
    atomic_fetch_sub(&load->workers_left, 1);
}

/* The loops are woken first. */
static void take_turns(size_t index, void *arg)
{
    struct load *load = arg;

    if (index >= LOOPS)
        come_and_go(load, index);
    else
        while (atomic_load(&load->workers_left) != 0)
            register_and_take_back(load, index);
}

/* As many notifications are written as are reported. */
START_TEST(test_each_notification_is_reported)
{
    struct load load;
    int64_t reported;
    int64_t written = 0;

    load_open(&load, &variants[_i], stress_threads(), (int64_t)stress_threads());
    crew_run(load.workers + LOOPS, take_turns, &load);
    reported = tsc_counter_notify_at_most(load.subject.counter, 0, -1);
    for (size_t i = 0; i < LOOPS; i++) {
        reported += load.reported[i];
        written += channel_read(&load.channels[i]);
    }
    ck_assert_int_eq(written, reported);
    subject_assert_value(&load.subject, (int64_t)load.workers);
    load_close(&load);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("notifications");
    TCase *tcase = support_add_case(suite, "notifications", 90);

    add_variant_test(tcase, test_the_last_of_many_threads_notifies, 0);
    add_variant_test(tcase, test_no_notification_is_lost, 0);
    add_variant_test(tcase, test_each_notification_is_reported, 0);
    return support_run_suite(suite);
}
