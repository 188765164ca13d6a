/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "second_thread.h"
#include "support/channel.h"
#include "support/suite.h"
#include "support/threads.h"

/* The notifications that the caller's changes have caused. */
static int notifications(tsc_counter_t *counter, const struct channel *channel)
{
    RETURNS(0, tsc_counter_flush(counter));
    return channel_read(channel);
}

#define NOTIFIED(expected, counter, channel) ck_assert_int_eq(notifications(counter, channel), expected)

/* -------- when -------- */

START_TEST(low_value_notifies_at_once)
{
    static const struct {
        int64_t value;
        int64_t threshold;
    } met[] = {{3, 3}, {3, 4}, {-7, 0}, {0, 0}, {INT64_MAX, INT64_MAX}, {INT64_MIN, INT64_MIN}, {INT64_MIN, 0}};

    for (size_t i = 0; i < sizeof met / sizeof met[0]; i++) {
        tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = met[i].value});

        for (enum channel_kind kind = 0; kind < CHANNEL_KINDS; kind++) {
            struct channel channel = channel_open(kind);

            RETURNS(0, tsc_counter_notify_at_most(counter, met[i].threshold, channel.out));
            ck_assert_int_eq(channel_read(&channel), 1);
            RETURNS(1, tsc_counter_notify_at_most(counter, 0, -1));
            channel_close(&channel);
        }
        tsc_counter_unref(counter);
    }
}
END_TEST

static void check_notifying(const struct variant *variant, int (*lower)(tsc_counter_t *counter),
                            enum channel_kind kind)
{
    tsc_counter_t *counter = make_counter(variant, &(struct options){.initial = 2});
    struct channel channel = channel_open(kind);

    RETURNS(0, tsc_counter_notify_at_most(counter, 1, channel.out));
    NOTIFIED(0, counter, &channel);
    RETURNS(0, lower(counter));
    NOTIFIED(1, counter, &channel);
    tsc_counter_unref(counter);
    channel_close(&channel);
}

START_TEST(every_way_to_lower_notifies)
{
    uint64_t caps = caps_of(&variants[_i]);

    for (size_t i = 0; i < WAYS_TO_LOWER; i++) {
        if ((caps & ways_to_lower[i].needs) != ways_to_lower[i].needs)
            continue;
        check_notifying(&variants[_i], ways_to_lower[i].lower, CHANNEL_EVENTFD);
        check_notifying(&variants[_i], ways_to_lower[i].lower, CHANNEL_PIPE);
    }
}
END_TEST

START_TEST(registration_fires_once)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    struct channel channel = channel_open(CHANNEL_PIPE);

    RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
    for (int visit = 0; visit < 3; visit++) {
        RETURNS(0, tsc_counter_dec(counter));
        RETURNS(0, tsc_counter_inc(counter));
    }
    NOTIFIED(1, counter, &channel);
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

/* The value comes near the threshold, and rises again. */
START_TEST(no_value_above_the_threshold_notifies)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 5});
    struct channel channel = channel_open(CHANNEL_EVENTFD);

    RETURNS(0, tsc_counter_notify_at_most(counter, 2, channel.out));
    RETURNS(0, tsc_counter_add(counter, -2));
    RETURNS(0, tsc_counter_add(counter, 7));
    RETURNS(0, tsc_counter_add(counter, -7));
    NOTIFIED(0, counter, &channel);
    RETURNS(0, tsc_counter_dec(counter));
    NOTIFIED(1, counter, &channel);
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

/* It is below the lowest threshold that a watch can be armed for. */
START_TEST(lowest_threshold_notifies)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = INT64_MIN + 2});
    struct channel channel = channel_open(CHANNEL_EVENTFD);

    RETURNS(0, tsc_counter_notify_at_most(counter, INT64_MIN, channel.out));
    RETURNS(0, tsc_counter_dec(counter));
    NOTIFIED(0, counter, &channel);
    RETURNS(0, tsc_counter_dec(counter));
    NOTIFIED(1, counter, &channel);
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

/* Ordered after the caller's own additions, those that lower the value and those that raise it. */
START_TEST(registration_follows_own_additions)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    struct channel channel = channel_open(CHANNEL_EVENTFD);

    for (int i = 0; i < 500; i++)
        RETURNS(0, tsc_counter_inc(counter));
    RETURNS(0, tsc_counter_notify_at_most(counter, 499, channel.out));
    ck_assert_int_eq(channel_read(&channel), 0);
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(1, tsc_counter_notify_at_most(counter, 499, channel.out));
    ck_assert_int_eq(channel_read(&channel), 2);
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

START_TEST(notification_drains_a_closed_counter)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 2});
    struct channel channel = channel_open(CHANNEL_EVENTFD);

    RETURNS(0, tsc_counter_notify_at_most(counter, 1, channel.out));
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(0, tsc_counter_dec(counter));
    NOTIFIED(1, counter, &channel);
    RETURNS(1, tsc_counter_notify_at_most(counter, 0, channel.out));
    RETURNS(-ESHUTDOWN, tsc_counter_inc(counter));
    NOTIFIED(0, counter, &channel);
    RETURNS(0, tsc_counter_dec(counter));
    NOTIFIED(1, counter, &channel);
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

static void *decrement(void *counter)
{
    tsc_counter_dec(counter);
    return NULL;
}

START_TEST(change_of_another_thread_notifies)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    struct channel channel = channel_open(CHANNEL_EVENTFD);
    pthread_t thread;

    RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
    thread = support_start_thread(decrement, counter);
    ck_assert(channel_await(&channel));
    HOLDS(counter, 0);
    pthread_join(thread, NULL);
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

/* -------- beside waiters -------- */

START_TEST(waiter_with_a_higher_threshold_wakes_alone)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 3});
    struct channel channel = channel_open(CHANNEL_EVENTFD);
    struct sleeper waiter;

    RETURNS(0, tsc_counter_notify_at_most(counter, 1, channel.out));
    waiter_start(&waiter, counter, 2, -1);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(sleeper_join(&waiter), 0);
    NOTIFIED(0, counter, &channel);
    RETURNS(0, tsc_counter_dec(counter));
    NOTIFIED(1, counter, &channel);
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

START_TEST(waiter_with_a_lower_threshold_sleeps_on)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 2});
    struct channel channel = channel_open(CHANNEL_EVENTFD);
    struct sleeper waiter;

    waiter_start(&waiter, counter, 0, -1);
    RETURNS(0, tsc_counter_notify_at_most(counter, 1, channel.out));
    RETURNS(0, tsc_counter_dec(counter));
    NOTIFIED(1, counter, &channel);
    sleeper_sleeps_on(&waiter);
    RETURNS(0, tsc_counter_dec(counter));
    ck_assert_int_eq(sleeper_join(&waiter), 0);
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

/* Below and above the threshold of the registration. */
START_TEST(wait_that_times_out_leaves_the_registration)
{
    static const int64_t thresholds[] = {0, 2};

    for (size_t i = 0; i < sizeof thresholds / sizeof thresholds[0]; i++) {
        tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 3});
        struct channel channel = channel_open(CHANNEL_EVENTFD);

        RETURNS(0, tsc_counter_notify_at_most(counter, 1, channel.out));
        RETURNS(-ETIMEDOUT, tsc_counter_wait_at_most(counter, thresholds[i], SUPPORT_MILLISECOND_NS));
        RETURNS(0, tsc_counter_dec(counter));
        NOTIFIED(0, counter, &channel);
        RETURNS(0, tsc_counter_dec(counter));
        NOTIFIED(1, counter, &channel);
        tsc_counter_unref(counter);
        channel_close(&channel);
    }
}
END_TEST

START_TEST(waiter_outlasts_a_registration_that_is_taken_back)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 2});
    struct channel channel = channel_open(CHANNEL_EVENTFD);
    struct sleeper waiter;

    waiter_start(&waiter, counter, 0, -1);
    RETURNS(0, tsc_counter_notify_at_most(counter, 1, channel.out));
    RETURNS(0, tsc_counter_notify_at_most(counter, 1, -1));
    sleeper_sleeps_on(&waiter);
    RETURNS(0, tsc_counter_add(counter, -2));
    ck_assert_int_eq(sleeper_join(&waiter), 0);
    NOTIFIED(0, counter, &channel);
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

/* -------- replaced, taken back, reported -------- */

START_TEST(registration_replaces_the_former)
{
    static const int64_t thresholds[][2] = {{1, 2}, {2, 1}, {1, 1}};

    for (size_t i = 0; i < sizeof thresholds / sizeof thresholds[0]; i++) {
        tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 3});
        struct channel former = channel_open(CHANNEL_EVENTFD);
        struct channel latter = channel_open(CHANNEL_PIPE);

        RETURNS(0, tsc_counter_notify_at_most(counter, thresholds[i][0], former.out));
        RETURNS(0, tsc_counter_notify_at_most(counter, thresholds[i][1], latter.out));
        RETURNS(0, tsc_counter_dec(counter));
        NOTIFIED(thresholds[i][1] == 2, counter, &latter);
        RETURNS(0, tsc_counter_dec(counter));
        NOTIFIED(thresholds[i][1] != 2, counter, &latter);
        NOTIFIED(0, counter, &former);
        tsc_counter_unref(counter);
        channel_close(&former);
        channel_close(&latter);
    }
}
END_TEST

START_TEST(registration_that_is_taken_back_does_not_fire)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    struct channel channel = channel_open(CHANNEL_EVENTFD);

    RETURNS(0, tsc_counter_notify_at_most(counter, 0, -1));
    RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
    RETURNS(0, tsc_counter_notify_at_most(counter, INT64_MAX, -1));
    RETURNS(0, tsc_counter_dec(counter));
    NOTIFIED(0, counter, &channel);
    RETURNS(0, tsc_counter_notify_at_most(counter, 0, -1));
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

START_TEST(fired_registration_is_reported_once)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    struct channel channel = channel_open(CHANNEL_EVENTFD);

    RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(1, tsc_counter_notify_at_most(counter, -1, channel.out));
    RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
    RETURNS(1, tsc_counter_notify_at_most(counter, 0, -1));
    RETURNS(0, tsc_counter_notify_at_most(counter, 0, -1));
    ck_assert_int_eq(channel_read(&channel), 2);
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

/* -------- descriptors -------- */

/* The first number from `lowest` on that is not in use; no other thread opens descriptors. */
static int unused_descriptor(int lowest)
{
    int descriptor = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, lowest);

    ck_assert_int_ge(descriptor, lowest);
    close(descriptor);
    return descriptor;
}

START_TEST(bad_descriptor_leaves_the_former_registration)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    struct channel channel = channel_open(CHANNEL_EVENTFD);
    const int bad[] = {-2, INT_MIN, INT_MAX, unused_descriptor(channel.out + 100)};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        RETURNS(-EBADF, tsc_counter_notify_at_most(counter, 0, bad[i]));
    RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        RETURNS(-EBADF, tsc_counter_notify_at_most(counter, 1, bad[i]));
    NOTIFIED(0, counter, &channel);
    RETURNS(0, tsc_counter_dec(counter));
    NOTIFIED(1, counter, &channel);
    RETURNS(-EBADF, tsc_counter_notify_at_most(counter, 0, bad[0]));
    RETURNS(1, tsc_counter_notify_at_most(counter, 0, -1));
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

static void allow_descriptors(rlim_t below)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = below;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* No number is left; or only numbers that the library does not use. */
START_TEST(lack_of_descriptors_leaves_the_former_registration)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    struct channel channel = channel_open(CHANNEL_EVENTFD);
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
    allow_descriptors((rlim_t)unused_descriptor(0));
    RETURNS(-EMFILE, tsc_counter_notify_at_most(counter, 1, channel.out));
    allow_descriptors(1);
    RETURNS(-EMFILE, tsc_counter_notify_at_most(counter, 1, channel.out));
    allow_descriptors(limit.rlim_cur);
    NOTIFIED(0, counter, &channel);
    RETURNS(0, tsc_counter_dec(counter));
    NOTIFIED(1, counter, &channel);
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

/* Its reader finds the end of the pipe once the library has closed its duplicate. */
static bool is_at_end(const struct channel *channel)
{
    char byte;

    return read(channel->in, &byte, 1) == 0;
}

START_TEST(caller_may_close_its_descriptor)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    struct channel channel = channel_open(CHANNEL_PIPE);

    RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
    channel_close_out(&channel);
    ck_assert(!is_at_end(&channel));
    RETURNS(0, tsc_counter_dec(counter));
    NOTIFIED(1, counter, &channel);
    ck_assert(is_at_end(&channel));
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

static void fill(const struct channel *channel)
{
    const char byte = 0;

    while (write(channel->out, &byte, 1) == 1)
        ;
    ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(full_pipe_counts_as_notified)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    struct channel channel = channel_open(CHANNEL_PIPE);

    fill(&channel);
    RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(1, tsc_counter_notify_at_most(counter, 0, -1));
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

START_TEST(no_descriptor_is_leaked)
{
    struct channel channel = channel_open(CHANNEL_EVENTFD);
    size_t open = support_open_descriptors();
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});

    RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
    ck_assert_uint_eq(support_open_descriptors(), open + 1);
    RETURNS(0, tsc_counter_notify_at_most(counter, -1, channel.out));
    ck_assert_uint_eq(support_open_descriptors(), open + 1);
    RETURNS(0, tsc_counter_notify_at_most(counter, 0, -1));
    ck_assert_uint_eq(support_open_descriptors(), open);
    RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(0, tsc_counter_flush(counter));
    ck_assert_uint_eq(support_open_descriptors(), open);
    RETURNS(1, tsc_counter_notify_at_most(counter, 0, channel.out));
    ck_assert_uint_eq(support_open_descriptors(), open);
    tsc_counter_unref(counter);
    channel_close(&channel);
}
END_TEST

START_TEST(last_unref_takes_the_registration_back)
{
    struct channel channel = channel_open(CHANNEL_PIPE);
    size_t open = support_open_descriptors();
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});

    RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
    tsc_counter_unref(counter);
    ck_assert_uint_eq(support_open_descriptors(), open);
    ck_assert_int_eq(channel_read(&channel), 0);
    channel_close_out(&channel);
    ck_assert(is_at_end(&channel));
    channel_close(&channel);
}
END_TEST

/* The pending decrement fires. */
START_TEST(last_unref_applies_what_is_pending)
{
    struct channel channel = channel_open(CHANNEL_EVENTFD);
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});

    RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
    RETURNS(0, tsc_counter_dec(counter));
    tsc_counter_unref(counter);
    ck_assert_int_eq(channel_read(&channel), 1);
    channel_close(&channel);
}
END_TEST

/* The program has closed its standard input; the duplicate does not take its place, and does not survive exec. */
START_TEST(duplicate_is_no_standard_stream)
{
    struct channel channel = channel_open(CHANNEL_EVENTFD);
    int duplicate = unused_descriptor(0);
    int input = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, duplicate + 1);
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});

    close(STDIN_FILENO);
    RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
    ck_assert_int_eq(fcntl(STDIN_FILENO, F_GETFD), -1);
    ck_assert_int_eq(fcntl(duplicate, F_GETFD), FD_CLOEXEC);
    tsc_counter_unref(counter);
    if (input >= 0)
        dup2(input, STDIN_FILENO);
    channel_close(&channel);
}
END_TEST

/* -------- callbacks, cancellation, signals -------- */

struct attempt {
    tsc_counter_t *counter;
    int fd;
    int result;
};

static int notify_in_callback(int64_t *value, void *arg)
{
    struct attempt *attempt = arg;

    *value = 1;
    attempt->result = tsc_counter_notify_at_most(attempt->counter, 0, attempt->fd);
    return 0;
}

/* Before the descriptor is looked at. */
START_TEST(notify_in_a_callback_is_refused)
{
    static const int descriptors[] = {-1, -2};

    for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++) {
        struct attempt attempt = {.counter = make_counter(&variants[_i], NULL), .fd = descriptors[i]};

        RETURNS(0, tsc_counter_update(attempt.counter, notify_in_callback, &attempt));
        ck_assert_int_eq(attempt.result, -EDEADLK);
        tsc_counter_unref(attempt.counter);
    }
}
END_TEST

struct cancelled {
    tsc_counter_t *counter;
    int fd;
    int results[4];
};

/* They write to the descriptor and close it, which are cancellation points. */
static void *notify_while_cancelled(void *arg)
{
    struct cancelled *cancelled = arg;

    pthread_cancel(pthread_self());
    cancelled->results[0] = tsc_counter_notify_at_most(cancelled->counter, 2, cancelled->fd);
    cancelled->results[1] = tsc_counter_notify_at_most(cancelled->counter, 0, cancelled->fd);
    cancelled->results[2] = tsc_counter_notify_at_most(cancelled->counter, 1, cancelled->fd);
    cancelled->results[3] = tsc_counter_dec(cancelled->counter) + tsc_counter_flush(cancelled->counter);
    pthread_testcancel();
    return NULL;
}

START_TEST(cancellation_stops_no_notification)
{
    struct channel channel = channel_open(CHANNEL_PIPE);
    struct cancelled cancelled = {.counter = make_counter(&variants[_i], &(struct options){.initial = 2}),
                                  .fd = channel.out,
                                  .results = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED}};
    void *result = NULL;

    pthread_join(support_start_thread(notify_while_cancelled, &cancelled), &result);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    ck_assert_int_eq(cancelled.results[0], 0);
    ck_assert_int_eq(cancelled.results[1], 1);
    ck_assert_int_eq(cancelled.results[2], 0);
    ck_assert_int_eq(cancelled.results[3], 0);
    ck_assert_int_eq(channel_read(&channel), 2);
    RETURNS(1, tsc_counter_notify_at_most(cancelled.counter, 0, -1));
    tsc_counter_unref(cancelled.counter);
    channel_close(&channel);
}
END_TEST

static tsc_counter_t *handled_counter;
static volatile sig_atomic_t result_in_handler;

static void decrement_in_handler(int number)
{
    (void)number;
    result_in_handler = tsc_counter_dec(handled_counter);
}

START_TEST(decrement_in_a_handler_notifies)
{
    struct channel channel = channel_open(CHANNEL_PIPE);
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = decrement_in_handler;
    handled_counter = make_counter(&variants[_i], &(struct options){.initial = 2});
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    RETURNS(0, tsc_counter_notify_at_most(handled_counter, 0, channel.out));
    for (int left = 1; left >= 0; left--) {
        RETURNS(0, raise(SIGUSR1));
        ck_assert_int_eq(result_in_handler, 0);
        ck_assert_int_eq(channel_read(&channel), left == 0);
    }
    tsc_counter_unref(handled_counter);
    channel_close(&channel);
}
END_TEST

void add_notify_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "notify", 30);

    add_test(tcase, low_value_notifies_at_once, 0);
    add_test(tcase, every_way_to_lower_notifies, 0);
    add_test(tcase, registration_fires_once, 0);
    add_test(tcase, no_value_above_the_threshold_notifies, 0);
    add_test(tcase, lowest_threshold_notifies, 0);
    add_test(tcase, registration_follows_own_additions, 0);
    add_test(tcase, notification_drains_a_closed_counter, 0);
    add_test(tcase, change_of_another_thread_notifies, 0);
    add_test(tcase, waiter_with_a_higher_threshold_wakes_alone, 0);
    add_test(tcase, waiter_with_a_lower_threshold_sleeps_on, 0);
    add_test(tcase, wait_that_times_out_leaves_the_registration, 0);
    add_test(tcase, waiter_outlasts_a_registration_that_is_taken_back, 0);
    add_test(tcase, registration_replaces_the_former, 0);
    add_test(tcase, registration_that_is_taken_back_does_not_fire, 0);
    add_test(tcase, fired_registration_is_reported_once, 0);
    add_test(tcase, bad_descriptor_leaves_the_former_registration, 0);
    add_test(tcase, lack_of_descriptors_leaves_the_former_registration, 0);
    add_test(tcase, caller_may_close_its_descriptor, 0);
    add_test(tcase, full_pipe_counts_as_notified, 0);
    add_test(tcase, no_descriptor_is_leaked, 0);
    add_test(tcase, last_unref_takes_the_registration_back, 0);
    add_test(tcase, last_unref_applies_what_is_pending, 0);
    add_test(tcase, duplicate_is_no_standard_stream, 0);
    add_test(tcase, notify_in_a_callback_is_refused, TSC_CAP_UPDATE);
    add_test(tcase, cancellation_stops_no_notification, 0);
    add_test(tcase, decrement_in_a_handler_notifies, TSC_CAP_SIGNAL_SAFE);
}
