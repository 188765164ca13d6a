/* SPDX-License-Identifier: MIT */
/* A counter whose last reference is dropped in its own update callback is freed as soon as the update ends. */
#include <errno.h>
#include <stdatomic.h>

#include "counter-internal.h"
#include "support/backends.h"
#include "support/results.h"
#include "support/suite.h"
#include "support/threads.h"

void __real_tsc_counter_free(struct tsc_object *object);
void __wrap_tsc_counter_free(struct tsc_object *object);

static atomic_int freed;
static atomic_int last_result;

/* A mutex counter whose lock is still held refuses to try. */
static void try_once_more(tsc_counter_t *counter)
{
    if (counter->backend == TSC_BACKEND_MUTEX)
        atomic_store(&last_result, tsc_counter_try_add(counter, 1));
}

void __wrap_tsc_counter_free(struct tsc_object *object)
{
    try_once_more(tsc_counter_of_object(object));
    atomic_fetch_add(&freed, 1);
    __real_tsc_counter_free(object);
}

struct last_unref {
    tsc_counter_t *counter;
    int result;
    int freed_inside;
};

static int drop_last_reference(int64_t *value, void *arg)
{
    struct last_unref *last_unref = arg;

    *value += 1;
    tsc_counter_unref(last_unref->counter);
    last_unref->freed_inside = atomic_load(&freed);
    return last_unref->result;
}

static bool is_freed(void *arg)
{
    (void)arg;
    return atomic_load(&freed) == 1;
}

static void check_last_unref(tsc_backend_t backend, int result)
{
    struct last_unref last_unref = {.result = result};

    atomic_store(&freed, 0);
    RETURNS(0, tsc_counter_create(&last_unref.counter, backend, NULL));
    RETURNS(result, tsc_counter_update(last_unref.counter, drop_last_reference, &last_unref));
    /* On the queue, the owner's thread replies before it frees. */
    ck_assert(backend == TSC_BACKEND_QUEUE ? support_eventually(is_freed, NULL) : is_freed(NULL));
    ck_assert_int_eq(last_unref.freed_inside, 0);
}

START_TEST(counter_is_freed_after_the_update)
{
    static const tsc_backend_t backends[] = {TSC_BACKEND_MUTEX, TSC_BACKEND_QUEUE};

    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        if (!support_is_built(backends[i]))
            continue;
        check_last_unref(backends[i], 0);
        check_last_unref(backends[i], -EBUSY);
    }
}
END_TEST

static int drop_and_end_thread(int64_t *value, void *arg)
{
    struct last_unref *last_unref = arg;

    drop_last_reference(value, last_unref);
    pthread_exit(NULL);
}

static void *update_and_end(void *arg)
{
    struct last_unref *last_unref = arg;

    (void)tsc_counter_update(last_unref->counter, drop_and_end_thread, last_unref);
    return arg;
}

START_TEST(counter_is_freed_after_the_callback_unwinds)
{
    struct last_unref last_unref = {.result = 0};
    void *result = &last_unref;

    atomic_store(&freed, 0);
    atomic_store(&last_result, -EINVAL);
    RETURNS(0, tsc_counter_create(&last_unref.counter, TSC_BACKEND_MUTEX, NULL));
    pthread_join(support_start_thread(update_and_end, &last_unref), &result);
    ck_assert_ptr_null(result);
    ck_assert_int_eq(atomic_load(&freed), 1);
    ck_assert_int_eq(last_unref.freed_inside, 0);
    ck_assert_int_eq(atomic_load(&last_result), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("last reference");
    TCase *tcase = support_add_case(suite, "last reference", 20);

    tcase_add_test(tcase, counter_is_freed_after_the_update);
    if (TEST_BUILT_MUTEX)
        tcase_add_test(tcase, counter_is_freed_after_the_callback_unwinds);
    return support_run_suite(suite);
}
