/* SPDX-License-Identifier: MIT */
/* When a counter is freed whose last reference is given back inside its own update callback: not before the update
 * has ended, and then at once. */
#include <errno.h>
#include <stdatomic.h>

#include "counter-internal.h"
#include "support/answers.h"
#include "support/backends.h"
#include "support/suite.h"
#include "support/threads.h"

void __real_tsc_counter_free(struct tsc_object *object);
void __wrap_tsc_counter_free(struct tsc_object *object);

static atomic_int freed;
static atomic_int last_answer;

/* A mutex counter whose lock is still held refuses to try. */
static void try_once_more(tsc_counter_t *counter)
{
    if (counter->backend == TSC_BACKEND_MUTEX)
        atomic_store(&last_answer, tsc_counter_try_add(counter, 1));
}

void __wrap_tsc_counter_free(struct tsc_object *object)
{
    try_once_more(tsc_counter_of_object(object));
    atomic_fetch_add(&freed, 1);
    __real_tsc_counter_free(object);
}

struct farewell {
    tsc_counter_t *counter;
    int answer;
    int freed_inside;
};

static int drop_the_last_reference(int64_t *value, void *arg)
{
    struct farewell *farewell = arg;

    *value += 1;
    tsc_counter_unref(farewell->counter);
    farewell->freed_inside = atomic_load(&freed);
    return farewell->answer;
}

static bool is_freed(void *arg)
{
    (void)arg;
    return atomic_load(&freed) == 1;
}

static void check_farewell(tsc_backend_t backend, int answer)
{
    struct farewell farewell = {.answer = answer};

    atomic_store(&freed, 0);
    ANSWERS(0, tsc_counter_create(&farewell.counter, backend, NULL));
    ANSWERS(answer, tsc_counter_update(farewell.counter, drop_the_last_reference, &farewell));
    /* On the queue by the owner's thread, which has answered before. */
    ck_assert(backend == TSC_BACKEND_QUEUE ? support_eventually(is_freed, NULL) : is_freed(NULL));
    ck_assert_int_eq(farewell.freed_inside, 0);
}

START_TEST(counter_is_freed_once_the_update_has_ended)
{
    static const tsc_backend_t backends[] = {TSC_BACKEND_MUTEX, TSC_BACKEND_QUEUE};

    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        if (!support_is_built(backends[i]))
            continue;
        check_farewell(backends[i], 0);
        check_farewell(backends[i], -EBUSY);
    }
}
END_TEST

static int drop_and_end_the_thread(int64_t *value, void *arg)
{
    struct farewell *farewell = arg;

    drop_the_last_reference(value, farewell);
    pthread_exit(NULL);
}

static void *update_and_end(void *arg)
{
    struct farewell *farewell = arg;

    (void)tsc_counter_update(farewell->counter, drop_and_end_the_thread, farewell);
    return arg;
}

START_TEST(counter_is_freed_once_the_callback_was_left)
{
    struct farewell farewell = {.answer = 0};
    void *result = &farewell;

    atomic_store(&freed, 0);
    atomic_store(&last_answer, -EINVAL);
    ANSWERS(0, tsc_counter_create(&farewell.counter, TSC_BACKEND_MUTEX, NULL));
    pthread_join(support_start_thread(update_and_end, &farewell), &result);
    ck_assert_ptr_null(result);
    ck_assert_int_eq(atomic_load(&freed), 1);
    ck_assert_int_eq(farewell.freed_inside, 0);
    ck_assert_int_eq(atomic_load(&last_answer), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("last reference");
    TCase *tcase = support_add_case(suite, "last reference", 20);

    tcase_add_test(tcase, counter_is_freed_once_the_update_has_ended);
    if (TEST_BUILT_MUTEX)
        tcase_add_test(tcase, counter_is_freed_once_the_callback_was_left);
    return support_run_suite(suite);
}
