/* SPDX-License-Identifier: MIT */
/*
 * A callback is left as by an exception: the stack is unwound, with clean-ups, up to a frame of the caller. It is
 * in C, to run where there is no C++.
 */
#include <setjmp.h>
#include <stdint.h>
#include <unwind.h>

#include <tscounter/tscounter.h>

#include "support/results.h"
#include "support/suite.h"
#include "support/threads.h"

enum { INITIAL = 5, UNCOMMITTED = 99 };

static struct {
    struct _Unwind_Exception exception;
    uintptr_t caller; /* the function in which the unwinding ends */
    jmp_buf caught;
} escape;

static _Unwind_Reason_Code stop_in_caller(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                                          struct _Unwind_Exception *exception, struct _Unwind_Context *context,
                                          void *arg)
{
    (void)version, (void)actions, (void)class, (void)exception, (void)arg;
    if (_Unwind_GetRegionStart(context) == escape.caller)
        longjmp(escape.caught, 1);
    return _URC_NO_REASON;
}

static int unwind(int64_t *value, void *arg)
{
    (void)arg;
    *value = UNCOMMITTED;
    _Unwind_ForcedUnwind(&escape.exception, stop_in_caller, NULL);
    return -EFAULT; /* the end of the stack */
}

static __attribute__((noinline)) bool update_is_left(tsc_counter_t *counter)
{
    escape.caller = (uintptr_t)update_is_left;
    if (setjmp(escape.caught) != 0)
        return true;
    tsc_counter_update(counter, unwind, NULL);
    return false;
}

static int end_thread(int64_t *value, void *arg)
{
    (void)arg;
    *value = UNCOMMITTED;
    pthread_exit(NULL);
}

static int increment(int64_t *value, void *arg)
{
    (void)arg;
    *value += 1;
    return 0;
}

static tsc_counter_t *make_counter(void)
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *counter;

    RETURNS(0, tsc_counter_attr_create(&attr));
    RETURNS(0, tsc_counter_attr_set_initial(attr, INITIAL));
    RETURNS(0, tsc_counter_create(&counter, TSC_BACKEND_MUTEX, attr));
    tsc_counter_attr_destroy(attr);
    return counter;
}

START_TEST(unwinding_leaves_the_counter_unlocked_and_unchanged)
{
    tsc_counter_t *counter = make_counter();

    for (int round = 0; round < 3; round++) {
        ck_assert(update_is_left(counter));
        HOLDS(counter, INITIAL + 2 * round);
        RETURNS(0, tsc_counter_try_add(counter, 1));
        RETURNS(0, tsc_counter_update(counter, increment, NULL));
    }
    tsc_counter_unref(counter);
}
END_TEST

/* The end of the thread must not unwind again: the stack is in use for other frames by then. */
static void *unwind_then_end(void *counter)
{
    if (update_is_left(counter))
        tsc_counter_update(counter, end_thread, NULL);
    return counter;
}

START_TEST(thread_ends_after_unwinding)
{
    tsc_counter_t *counter = make_counter();
    void *result = counter;

    pthread_join(support_start_thread(unwind_then_end, counter), &result);
    ck_assert_ptr_null(result);
    HOLDS(counter, INITIAL);
    RETURNS(0, tsc_counter_try_add(counter, 1));
    tsc_counter_unref(counter);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unwinding");
    TCase *tcase = support_add_case(suite, "unwinding", 20);

    tcase_add_test(tcase, unwinding_leaves_the_counter_unlocked_and_unchanged);
    tcase_add_test(tcase, thread_ends_after_unwinding);
    return support_run_suite(suite);
}
