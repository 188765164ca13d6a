/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "second_thread.h"
#include "support/suite.h"
#include "support/threads.h"

enum { SIGNALS = 100 };

static volatile sig_atomic_t signals_handled;

static void handle(int signal, void (*handler)(int signal))
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    ck_assert_int_eq(sigaction(signal, &action, NULL), 0);
}

static void set_alarms(suseconds_t microseconds)
{
    struct itimerval interval = {.it_interval.tv_usec = microseconds, .it_value.tv_usec = microseconds};

    ck_assert_int_eq(setitimer(ITIMER_REAL, &interval, NULL), 0);
}

static void count_signal(int signal)
{
    (void)signal;
    signals_handled++;
}

START_TEST(signals_disturb_no_operation)
{
    uint64_t caps = caps_of(&variants[_i]);

    handle(SIGALRM, count_signal);
    set_alarms(300);
    while (signals_handled < SIGNALS) {
        tsc_counter_t *counter = make_counter(&variants[_i], NULL);

        for (size_t i = 0; i < OPERATION_COUNT; i++) {
            int64_t outputs[2] = {UNTOUCHED, UNTOUCHED};

            if ((caps & operations[i].needs) == operations[i].needs)
                RETURNS(0, operations[i].call(counter, &outputs[0], &outputs[1]));
        }
        tsc_counter_unref(counter);
    }
    set_alarms(0);
}
END_TEST

START_TEST(signals_end_no_wait)
{
    const int64_t timeout = 60 * SUPPORT_MILLISECOND_NS;
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    int64_t begin = support_now_ns();

    handle(SIGALRM, count_signal);
    set_alarms(2000);
    RETURNS(-ETIMEDOUT, tsc_counter_wait_at_most(counter, 0, timeout));
    set_alarms(0);
    ck_assert_int_ge(support_now_ns() - begin, timeout);
    ck_assert_int_gt(signals_handled, 0);
    tsc_counter_unref(counter);
}
END_TEST

static tsc_counter_t *handled_counter;
static volatile sig_atomic_t handler_failures;

/* Adds 1 in sum, by every operation that is allowed in a handler. */
static void count_in_handler(int signal)
{
    int64_t value;
    int saved_errno = errno;

    (void)signal;
    handler_failures += tsc_counter_inc(handled_counter) != 0;
    handler_failures += tsc_counter_dec(handled_counter) != 0;
    handler_failures += tsc_counter_add(handled_counter, 3) != 0;
    handler_failures += tsc_counter_try_add(handled_counter, -3) != 0;
    handler_failures += tsc_counter_sub(handled_counter, -1) != 0;
    handler_failures += tsc_counter_get(handled_counter, &value) != 0;
    handler_failures += errno != saved_errno;
    signals_handled++;
}

static void count_under_signals(const struct variant *variant, const struct options *options)
{
    int64_t added = 0;

    signals_handled = 0;
    handled_counter = make_counter(variant, options);
    handle(SIGALRM, count_in_handler);
    set_alarms(300);
    while (signals_handled < SIGNALS) {
        RETURNS(0, tsc_counter_inc(handled_counter));
        added++;
    }
    set_alarms(0);
    ck_assert_int_eq(handler_failures, 0);
    HOLDS(handled_counter, added + signals_handled);
    tsc_counter_unref(handled_counter);
}

START_TEST(handlers_may_count)
{
    count_under_signals(&variants[_i], NULL);
}
END_TEST

START_TEST(handlers_may_count_inside_bounds)
{
    count_under_signals(&variants[_i], &(struct options){.bounded = true, .max = INT64_MAX, .track_peak = true});
}
END_TEST

static void decrement_in_handler(int signal)
{
    (void)signal;
    handler_failures += tsc_counter_dec(handled_counter) != 0;
}

START_TEST(handlers_may_wake)
{
    struct sleeper waiter;

    handled_counter = make_counter(&variants[_i], &(struct options){.initial = 1});
    handle(SIGUSR1, decrement_in_handler);
    waiter_start(&waiter, handled_counter, 0, -1);
    raise(SIGUSR1);
    ck_assert_int_eq(sleeper_join(&waiter), 0);
    ck_assert_int_eq(handler_failures, 0);
    tsc_counter_unref(handled_counter);
}
END_TEST

static void read_handlers(void (*handlers[])(int signal))
{
    for (int signal = 1; signal < NSIG; signal++) {
        struct sigaction action;

        memset(&action, 0, sizeof action);
        sigaction(signal, NULL, &action);
        handlers[signal] = action.sa_handler;
    }
}

START_TEST(library_installs_no_handler)
{
    void (*before[NSIG])(int signal);
    void (*after[NSIG])(int signal);
    tsc_counter_t *counter;

    read_handlers(before);
    counter = make_counter(&variants[_i], NULL);
    RETURNS(0, tsc_counter_inc(counter));
    HOLDS(counter, 1);
    read_handlers(after);
    for (int signal = 1; signal < NSIG; signal++)
        ck_assert_msg(before[signal] == after[signal], "signal %d has a handler", signal);
    tsc_counter_unref(counter);
}
END_TEST

void add_signal_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "signals", 30);

    add_test(tcase, signals_disturb_no_operation, 0);
    add_test(tcase, signals_end_no_wait, 0);
    add_test(tcase, handlers_may_count, TSC_CAP_SIGNAL_SAFE);
    add_test(tcase, handlers_may_count_inside_bounds, TSC_CAP_SIGNAL_SAFE | TSC_CAP_BOUNDS | TSC_CAP_PEAK);
    add_test(tcase, handlers_may_wake, TSC_CAP_SIGNAL_SAFE);
    add_test(tcase, library_installs_no_handler, 0);
}
