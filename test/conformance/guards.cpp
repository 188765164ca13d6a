/* SPDX-License-Identifier: MIT */
/* The guards of C++, on each backend of this build. The loop variable _i is the backend. */
#include <stdexcept>
#include <utility>

#include <tscounter/guard.h>

#include "support/backends.h"
#include "support/results.h"
#include "support/suite.h"

namespace
{

tsc_counter_t *make_counter(int backend)
{
    tsc_counter_t *counter = nullptr;

    RETURNS(0, tsc_counter_create(&counter, static_cast<tsc_backend_t>(backend), nullptr));
    return counter;
}

void check_idle(const tsc::scoped_inc &guard)
{
    ck_assert(!guard);
    ck_assert_int_eq(guard.error(), -EINVAL);
}

START_TEST(default_guard_is_idle)
{
    tsc_counter_t *counter = make_counter(_i);
    {
        tsc::scoped_inc guard;
        tsc::scoped_inc moved(std::move(guard));

        check_idle(guard);
        check_idle(moved);
        guard.leave();
        check_idle(guard);
        guard = tsc::scoped_inc(counter);
        ck_assert(static_cast<bool>(guard));
        HOLDS(counter, 1);
    }
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(second_leave_does_nothing)
{
    tsc_counter_t *counter = make_counter(_i);
    {
        tsc::scoped_inc guard(counter);

        for (int i = 0; i < 3; i++) {
            guard.leave();
            check_idle(guard);
            HOLDS(counter, 0);
        }
    }
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(moved_guard_leaves_an_idle_one)
{
    tsc_counter_t *counter = make_counter(_i);
    tsc::scoped_inc guard(counter);
    tsc::scoped_inc moved(std::move(guard));

    check_idle(guard);
    guard.leave();
    HOLDS(counter, 1);
    ck_assert_int_eq(moved.error(), 0);
    moved.leave();
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(assigned_guard_decrements_its_former_counter)
{
    tsc_counter_t *counter = make_counter(_i);
    tsc_counter_t *other = make_counter(_i);
    {
        tsc::scoped_inc guard(counter);
        {
            tsc::scoped_inc inner(other);

            guard = std::move(inner);
            check_idle(inner);
            HOLDS(counter, 0);
        }
        HOLDS(other, 1);
        guard = tsc::scoped_inc();
        check_idle(guard);
        HOLDS(other, 0);
        guard = tsc::scoped_inc(counter);
    }
    HOLDS(counter, 0);
    tsc_counter_unref(other);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(guard_moved_to_itself_still_counts)
{
    tsc_counter_t *counter = make_counter(_i);
    tsc::scoped_inc guard(counter);
    tsc::scoped_inc &alias = guard;

    guard = std::move(alias);
    ck_assert(static_cast<bool>(guard));
    HOLDS(counter, 1);
    guard.leave();
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(refusal_moves_along)
{
    tsc_counter_t *counter = make_counter(_i);

    RETURNS(0, tsc_counter_close(counter));
    {
        tsc::scoped_inc guard(counter);
        tsc::scoped_inc moved;

        moved = std::move(guard);
        ck_assert(!moved);
        ck_assert_int_eq(moved.error(), -ESHUTDOWN);
        check_idle(guard);
        moved.leave();
        check_idle(moved);
    }
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
    ck_assert_int_eq(tsc::scoped_inc(nullptr).error(), -EINVAL);
}
END_TEST

/* An object whose constructor throws after its guard has incremented. */
struct connection {
    tsc::scoped_inc in_flight;

    explicit connection(tsc_counter_t *counter) : in_flight(counter)
    {
        HOLDS(counter, 1);
        throw std::runtime_error("no memory for its buffer");
    }
};

bool constructor_throws(tsc_counter_t *counter)
{
    try {
        connection refused(counter);
    } catch (const std::runtime_error &) {
        return true;
    }
    return false;
}

void leave_and_throw(tsc_counter_t *counter)
{
    tsc::scoped_inc guard(counter);

    guard.leave();
    throw std::runtime_error("thrown");
}

START_TEST(exception_decrements_once)
{
    tsc_counter_t *counter = make_counter(_i);
    bool caught = false;

    ck_assert(constructor_throws(counter));
    HOLDS(counter, 0);
    try {
        leave_and_throw(counter);
    } catch (const std::runtime_error &) {
        caught = true;
    }
    ck_assert(caught);
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

} // namespace

int main()
{
    Suite *suite = suite_create("guards in C++");
    TCase *tcase = support_add_case(suite, "guard", 20);

    for (tsc_backend_t backend = 0; backend < TSC_BACKEND_COUNT; backend++) {
        int i = static_cast<int>(backend);

        if (!support_is_built(backend))
            continue;
        tcase_add_loop_test(tcase, default_guard_is_idle, i, i + 1);
        tcase_add_loop_test(tcase, second_leave_does_nothing, i, i + 1);
        tcase_add_loop_test(tcase, moved_guard_leaves_an_idle_one, i, i + 1);
        tcase_add_loop_test(tcase, assigned_guard_decrements_its_former_counter, i, i + 1);
        tcase_add_loop_test(tcase, guard_moved_to_itself_still_counts, i, i + 1);
        tcase_add_loop_test(tcase, refusal_moves_along, i, i + 1);
        tcase_add_loop_test(tcase, exception_decrements_once, i, i + 1);
    }
    return support_run_suite(suite);
}
