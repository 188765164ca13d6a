/* SPDX-License-Identifier: MIT */
#include <stdexcept>

#include <tscounter/tscounter.h>

#include "support/results.h"
#include "support/suite.h"
#include "support/threads.h"

namespace
{

int throw_after_a_change(int64_t *value, void *)
{
    *value = 99;
    throw std::runtime_error("refused");
}

int throw_inside_an_inner_update(int64_t *value, void *arg)
{
    *value += 1;
    return tsc_counter_update(static_cast<tsc_counter_t *>(arg), throw_after_a_change, nullptr);
}

int increment(int64_t *value, void *)
{
    *value += 1;
    return 0;
}

bool update_throws(tsc_counter_t *counter, tsc_update_fn update, void *arg)
{
    try {
        tsc_counter_update(counter, update, arg);
    } catch (const std::runtime_error &) {
        return true;
    }
    return false;
}

tsc_counter_t *make_mutex_counter(int64_t value)
{
    tsc_counter_t *counter = nullptr;

    RETURNS(0, tsc_counter_create(&counter, TSC_BACKEND_MUTEX, nullptr));
    RETURNS(0, tsc_counter_set(counter, value));
    return counter;
}

void add_one(size_t, void *arg)
{
    tsc_counter_inc(static_cast<tsc_counter_t *>(arg));
}

START_TEST(exception_leaves_the_counter_unlocked_and_unchanged)
{
    tsc_counter_t *counter = make_mutex_counter(5);

    ck_assert(update_throws(counter, throw_after_a_change, nullptr));
    HOLDS(counter, 5);
    support_run_threads(2, add_one, counter);
    HOLDS(counter, 7);
    RETURNS(0, tsc_counter_update(counter, increment, nullptr));
    HOLDS(counter, 8);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(exception_leaves_nested_updates)
{
    tsc_counter_t *outer = make_mutex_counter(1);
    tsc_counter_t *inner = make_mutex_counter(2);

    ck_assert(update_throws(outer, throw_inside_an_inner_update, inner));
    HOLDS(outer, 1);
    HOLDS(inner, 2);
    RETURNS(0, tsc_counter_update(outer, increment, nullptr));
    RETURNS(0, tsc_counter_update(inner, increment, nullptr));
    HOLDS(outer, 2);
    HOLDS(inner, 3);
    tsc_counter_unref(inner);
    tsc_counter_unref(outer);
}
END_TEST

} // namespace

int main()
{
    Suite *suite = suite_create("exceptions");
    TCase *tcase = support_add_case(suite, "mutex", 20);

    tcase_add_test(tcase, exception_leaves_the_counter_unlocked_and_unchanged);
    tcase_add_test(tcase, exception_leaves_nested_updates);
    return support_run_suite(suite);
}
