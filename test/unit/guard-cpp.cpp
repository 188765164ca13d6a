/* SPDX-License-Identifier: MIT */
/* The guards of C++ in scopes and containers. conformance/guards.cpp has the rest. */
#include <stdexcept>
#include <type_traits>
#include <vector>

#include <tscounter/guard.h>

#include "support/backends.h"
#include "support/results.h"
#include "support/suite.h"

static_assert(std::is_same<tsc::scoped_inc, tsc::v1::scoped_inc>::value, "lives in an inline namespace");
static_assert(sizeof(tsc::scoped_inc) == sizeof(tsc_guard_t), "has the layout of the guard in C");
static_assert(std::is_standard_layout<tsc::scoped_inc>::value, "has the layout of the guard in C");
static_assert(std::is_nothrow_default_constructible<tsc::scoped_inc>::value, "is idle without an exception");
static_assert(!std::is_copy_constructible<tsc::scoped_inc>::value, "decrements once");
static_assert(!std::is_copy_assignable<tsc::scoped_inc>::value, "decrements once");
static_assert(std::is_nothrow_move_constructible<tsc::scoped_inc>::value, "moves without an exception");
static_assert(std::is_nothrow_move_assignable<tsc::scoped_inc>::value, "moves without an exception");
static_assert(!std::is_convertible<tsc_counter_t *, tsc::scoped_inc>::value, "increments only explicitly");
static_assert(!std::is_convertible<tsc::scoped_inc, bool>::value, "is not a number");

namespace
{

tsc_counter_t *counter;

void make_counter()
{
    tsc_backend_t backend = TSC_BACKEND_MUTEX;

    while (!support_is_built(backend))
        backend++;
    RETURNS(0, tsc_counter_create(&counter, backend, nullptr));
}

void drop_counter()
{
    tsc_counter_unref(counter);
}

START_TEST(leaving_by_the_end)
{
    {
        tsc::scoped_inc guard(counter);
        tsc::scoped_inc second(counter);

        ck_assert(static_cast<bool>(guard));
        ck_assert_int_eq(guard.error(), 0);
        HOLDS(counter, 2);
    }
    HOLDS(counter, 0);
}
END_TEST

int64_t return_from_the_scope()
{
    tsc::scoped_inc guard(counter);
    int64_t value = UNTOUCHED;

    tsc_counter_get(counter, &value);
    return value;
}

START_TEST(leaving_by_return)
{
    ck_assert_int_eq(return_from_the_scope(), 1);
    HOLDS(counter, 0);
}
END_TEST

START_TEST(leaving_by_break_and_continue)
{
    for (int round = 0;; round++) {
        tsc::scoped_inc guard(counter);

        HOLDS(counter, 1);
        if (round < 3)
            continue;
        break;
    }
    HOLDS(counter, 0);
}
END_TEST

START_TEST(leaving_by_goto)
{
    {
        tsc::scoped_inc guard(counter);

        HOLDS(counter, 1);
        goto out;
    }
out:
    HOLDS(counter, 0);
}
END_TEST

void throw_from_the_scope()
{
    tsc::scoped_inc guard(counter);

    HOLDS(counter, 1);
    throw std::runtime_error("thrown");
}

START_TEST(leaving_by_an_exception)
{
    bool caught = false;

    try {
        throw_from_the_scope();
    } catch (const std::runtime_error &) {
        caught = true;
    }
    ck_assert(caught);
    HOLDS(counter, 0);
}
END_TEST

START_TEST(guards_live_in_containers)
{
    std::vector<tsc::scoped_inc> guards;

    for (int i = 0; i < 20; i++)
        guards.emplace_back(counter);
    HOLDS(counter, 20);
    guards.erase(guards.begin(), guards.begin() + 5);
    HOLDS(counter, 15);
    guards.clear();
    HOLDS(counter, 0);
}
END_TEST

} // namespace

int main()
{
    Suite *suite = suite_create("guard in C++");
    TCase *tcase = support_add_case(suite, "scopes", 10);

    tcase_add_checked_fixture(tcase, make_counter, drop_counter);
    tcase_add_test(tcase, leaving_by_the_end);
    tcase_add_test(tcase, leaving_by_return);
    tcase_add_test(tcase, leaving_by_break_and_continue);
    tcase_add_test(tcase, leaving_by_goto);
    tcase_add_test(tcase, leaving_by_an_exception);
    tcase_add_test(tcase, guards_live_in_containers);
    return support_run_suite(suite);
}
