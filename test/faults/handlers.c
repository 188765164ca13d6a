/* SPDX-License-Identifier: MIT */
/* Memory is short when the library is loaded, so it cannot register its fork handlers. Later there is memory. */
#include <errno.h>

#include <tscounter/tscounter.h>

#include "fork/child.h"
#include "support/backends.h"
#include "support/procfs.h"
#include "support/results.h"
#include "support/suite.h"

static bool is_short = true;

/* --wrap links each call of pthread_atfork to this. */
int __real_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return is_short ? ENOMEM : __real_pthread_atfork(prepare, parent, child);
}

static void count_in_child(void *counter)
{
    CHILD_CHECK(tsc_counter_inc(counter) == 0);
    CHILD_CHECK(value_in_child(counter) == 2);
    tsc_counter_unref(counter);
    child_check_owners(0);
}

START_TEST(creation_fails_until_there_are_handlers)
{
    tsc_backend_t backend = (tsc_backend_t)_i;
    tsc_counter_t *counter;

    if (!support_is_built(backend))
        return;
    RETURNS(-ENOMEM, tsc_counter_create(&counter, backend, NULL));
    ck_assert_ptr_null(counter);
    ck_assert(support_threads_named_become("tscounter", 0));
    is_short = false;
    RETURNS(0, tsc_counter_create(&counter, backend, NULL));
    wait_for_owner(counter);
    RETURNS(0, tsc_counter_inc(counter));
    ck_assert_int_eq(child_run(count_in_child, counter), 0);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(owners_are_not_made_without_handlers)
{
    tsc_owner_t *owner;

    if (!support_is_built(TSC_BACKEND_QUEUE))
        return;
    RETURNS(-ENOMEM, tsc_owner_create(&owner, NULL));
    ck_assert(support_threads_named_become("tscounter", 0));
    is_short = false;
    RETURNS(0, tsc_owner_create(&owner, NULL));
    tsc_owner_unref(owner);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handlers");
    TCase *tcase = support_add_case(suite, "handlers", 30);

    tcase_add_loop_test(tcase, creation_fails_until_there_are_handlers, 0, TSC_BACKEND_COUNT);
    tcase_add_test(tcase, owners_are_not_made_without_handlers);
    return support_run_suite(suite);
}
