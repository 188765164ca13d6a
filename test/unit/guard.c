/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

/* The guards of this file decrement through dec_and_look(). */
static int dec_and_look(tsc_counter_t *decremented);

#define tsc_counter_dec dec_and_look
#include <tscounter/guard.h>
#undef tsc_counter_dec

#include "support/backends.h"
#include "support/results.h"
#include "support/suite.h"
#include "support/threads.h"

static tsc_counter_t *counter;

/* A guard that a test watches, and its error when it decremented. */
static const tsc_guard_t *watched;
static int error_when_decremented;

static int dec_and_look(tsc_counter_t *decremented)
{
    if (watched != NULL)
        error_when_decremented = tsc_guard_error(watched);
    return tsc_counter_dec(decremented);
}

static void make_counter(void)
{
    tsc_backend_t backend = TSC_BACKEND_MUTEX;

    while (!support_is_built(backend))
        backend++;
    RETURNS(0, tsc_counter_create(&counter, backend, NULL));
}

static void drop_counter(void)
{
    tsc_counter_unref(counter);
}

static int64_t value_now(void)
{
    int64_t value = UNTOUCHED;

    tsc_counter_get(counter, &value);
    return value;
}

START_TEST(leaving_by_the_end)
{
    {
        TSC_SCOPED_INC(counter);
        HOLDS(counter, 1);
        {
            TSC_SCOPED_INC(counter);
            TSC_SCOPED_INC(counter);
            HOLDS(counter, 3);
        }
        HOLDS(counter, 1);
    }
    HOLDS(counter, 0);
}
END_TEST

static int64_t return_from_the_scope(void)
{
    TSC_SCOPED_INC(counter);
    if (value_now() == 1)
        return value_now();
    return UNTOUCHED;
}

START_TEST(leaving_by_return)
{
    ck_assert_int_eq(return_from_the_scope(), 1);
    HOLDS(counter, 0);
}
END_TEST

START_TEST(leaving_by_break)
{
    int rounds = 0;

    for (;;) {
        TSC_SCOPED_INC(counter);
        HOLDS(counter, 1);
        if (++rounds == 3)
            break;
    }
    ck_assert_int_eq(rounds, 3);
    HOLDS(counter, 0);
}
END_TEST

START_TEST(leaving_by_continue)
{
    for (int round = 0; round < 3; round++) {
        TSC_SCOPED_INC(counter);
        HOLDS(counter, 1);
        if (round >= 0)
            continue;
        ck_abort_msg("continue did not leave the scope");
    }
    HOLDS(counter, 0);
}
END_TEST

START_TEST(leaving_by_goto)
{
    int rounds = 0;

again : {
    TSC_SCOPED_INC(counter);
    {
        TSC_SCOPED_INC(counter);
        HOLDS(counter, 2);
        if (++rounds < 3)
            goto again;
        goto out;
    }
}
out:
    ck_assert_int_eq(rounds, 3);
    HOLDS(counter, 0);
}
END_TEST

static void *exit_from_the_scope(void *arg)
{
    int64_t *seen = arg;

    TSC_SCOPED_INC(counter);
    *seen = value_now();
    pthread_exit(NULL);
}

START_TEST(leaving_by_pthread_exit)
{
    int64_t seen = UNTOUCHED;

    pthread_join(support_start_thread(exit_from_the_scope, &seen), NULL);
    ck_assert_int_eq(seen, 1);
    HOLDS(counter, 0);
}
END_TEST

static void *be_cancelled_in_the_scope(void *arg)
{
    TSC_SCOPED_INC(counter);
    pthread_cancel(pthread_self());
    pthread_testcancel();
    return arg;
}

START_TEST(leaving_by_cancellation)
{
    void *result = NULL;

    pthread_join(support_start_thread(be_cancelled_in_the_scope, NULL), &result);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    HOLDS(counter, 0);
}
END_TEST

START_TEST(admitted_guard_has_no_error)
{
    {
        TSC_SCOPED_INC_OK(guard, counter);
        ck_assert_int_eq(tsc_guard_error(&guard), 0);
        HOLDS(counter, 1);
    }
    HOLDS(counter, 0);
}
END_TEST

START_TEST(refused_guard_changes_nothing)
{
    RETURNS(0, tsc_counter_add(counter, 2));
    RETURNS(0, tsc_counter_close(counter));
    {
        TSC_SCOPED_INC_OK(guard, counter);
        TSC_SCOPED_INC(counter);
        ck_assert_int_eq(tsc_guard_error(&guard), -ESHUTDOWN);
        HOLDS(counter, 2);
    }
    HOLDS(counter, 2);
}
END_TEST

START_TEST(guard_without_a_counter)
{
    TSC_SCOPED_INC_OK(guard, NULL);

    ck_assert_int_eq(tsc_guard_error(&guard), -EINVAL);
}
END_TEST

/* Once the decrement is visible, another thread may free the object that has the guard. */
START_TEST(guard_is_idle_before_it_decrements)
{
    tsc_guard_t guard = tsc_guard_enter(counter);

    watched = &guard;
    error_when_decremented = UNTOUCHED;
    tsc_guard_leave(&guard);
    watched = NULL;
    ck_assert_int_eq(error_when_decremented, -EINVAL);
    HOLDS(counter, 0);
}
END_TEST

/* The increment returns 1, not 0. */
START_TEST(clamped_guard_does_not_decrement)
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *clamped;
    tsc_backend_t backend = UNTOUCHED;

    RETURNS(0, tsc_counter_get_backend(counter, &backend));
    RETURNS(0, tsc_counter_attr_create(&attr));
    RETURNS(0, tsc_counter_attr_set_bounds(attr, -5, 0, TSC_BOUNDS_CLAMP));
    RETURNS(0, tsc_counter_create(&clamped, backend, attr));
    tsc_counter_attr_destroy(attr);
    {
        TSC_SCOPED_INC_OK(guard, clamped);
        ck_assert_int_eq(tsc_guard_error(&guard), 1);
    }
    HOLDS(clamped, 0);
    tsc_counter_unref(clamped);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("guard");
    TCase *tcase = support_add_case(suite, "scopes", 10);

    tcase_add_checked_fixture(tcase, make_counter, drop_counter);
    tcase_add_test(tcase, leaving_by_the_end);
    tcase_add_test(tcase, leaving_by_return);
    tcase_add_test(tcase, leaving_by_break);
    tcase_add_test(tcase, leaving_by_continue);
    tcase_add_test(tcase, leaving_by_goto);
    if (!support_is_skipped(leaving_by_pthread_exit->name))
        tcase_add_test(tcase, leaving_by_pthread_exit);
    if (!support_is_skipped(leaving_by_cancellation->name))
        tcase_add_test(tcase, leaving_by_cancellation);
    tcase_add_test(tcase, admitted_guard_has_no_error);
    tcase_add_test(tcase, refused_guard_changes_nothing);
    tcase_add_test(tcase, guard_without_a_counter);
    tcase_add_test(tcase, guard_is_idle_before_it_decrements);
    tcase_add_test(tcase, clamped_guard_does_not_decrement);
    return support_run_suite(suite);
}
