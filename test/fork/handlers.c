/* SPDX-License-Identifier: MIT */
/*
 * A program registers fork handlers before it creates its first counter. They may use counters, and take locks
 * under which other threads use counters.
 */
#include <semaphore.h>

#include "child.h"
#include "subject.h"
#include "support/results.h"
#include "support/suite.h"
#include "support/threads.h"

enum { FORKS = 40, FIRST_CREATES = 30, CASE_SECONDS = 60 };

static pthread_mutex_t program_lock = PTHREAD_MUTEX_INITIALIZER;
static bool locks;                    /* the handlers take the program's lock */
static const struct subject *subject; /* what the handlers count with, or NULL */
static int wrong_results;             /* of the handlers' calls */
static int64_t handled;

static void note(bool right)
{
    wrong_results += !right;
}

static void use_counters(void)
{
    tsc_counter_t *counter = subject->counter;
    tsc_counter_t *other = NULL;
    int64_t value = 0;

    handled++;
    note(tsc_counter_inc(counter) == 0);
    note(tsc_counter_get(counter, &value) == 0 && value == handled);
    if (variant_has(subject->variant, TSC_CAP_FETCH))
        note(tsc_counter_set(counter, handled) == 0);
    note(tsc_counter_create(&other, subject->variant->backend, NULL) == 0);
    note(tsc_counter_inc(other) == 0);
    tsc_counter_unref(other);
}

static void before_fork(void)
{
    if (locks)
        pthread_mutex_lock(&program_lock);
    if (subject != NULL)
        use_counters();
}

static void after_fork(void)
{
    if (subject != NULL)
        use_counters();
    if (locks)
        pthread_mutex_unlock(&program_lock);
}

struct crowd {
    const struct variant *variant;
    tsc_counter_t *counter;
    atomic_bool stop;
};

static void *use_under_the_lock(void *arg)
{
    struct crowd *crowd = arg;
    bool right = true;

    while (!atomic_load(&crowd->stop)) {
        tsc_counter_t *made;

        pthread_mutex_lock(&program_lock);
        right = tsc_counter_create(&made, crowd->variant->backend, NULL) == 0 && right;
        right = tsc_counter_inc(crowd->counter) == 0 && right;
        tsc_counter_unref(made);
        pthread_mutex_unlock(&program_lock);
    }
    return right ? NULL : crowd;
}

static void end_at_once(void *arg)
{
    (void)arg;
}

START_TEST(test_handlers_lock_a_mutex_of_counting_threads)
{
    struct subject shared;
    struct crowd crowd = {.variant = &variants[_i]};
    pthread_t thread;
    void *wrong;

    subject_open(&shared, crowd.variant, variant_attr(crowd.variant));
    crowd.counter = shared.counter;
    locks = true;
    thread = support_start_thread(use_under_the_lock, &crowd);
    for (int i = 0; i < FORKS; i++)
        ck_assert_int_eq(child_run(end_at_once, NULL), 0);
    atomic_store(&crowd.stop, true);
    pthread_join(thread, &wrong);
    ck_assert_ptr_null(wrong);
    locks = false;
    subject_close(&shared);
}
END_TEST

/* The handlers have run in the child too; then the program drops its counters. */
static void replace_counter(void *arg)
{
    struct subject *inherited = arg;

    CHILD_CHECK(wrong_results == 0 && handled == 2);
    subject = NULL;
    subject_drop_in_child(inherited);
    child_check_owners(0);
}

START_TEST(test_handlers_count)
{
    struct subject counted;

    subject_open(&counted, &variants[_i], variant_attr(&variants[_i]));
    subject = &counted;
    ck_assert_int_eq(child_run(replace_counter, &counted), 0);
    subject = NULL;
    ck_assert_int_eq(wrong_results, 0);
    ck_assert_int_eq(handled, 2);
    subject_assert_value(&counted, 2);
    subject_close(&counted);
}
END_TEST

static void make_and_count(void *arg)
{
    const struct variant *variant = arg;
    tsc_counter_t *counter;

    CHILD_CHECK(tsc_counter_create(&counter, variant->backend, NULL) == 0);
    CHILD_CHECK(tsc_counter_inc(counter) == 0);
    CHILD_CHECK(value_in_child(counter) == 1);
    tsc_counter_unref(counter);
}

struct first {
    const struct variant *variant;
    sem_t begins;
};

static void *make_the_first(void *arg)
{
    struct first *first = arg;
    tsc_counter_t *counter;

    sem_post(&first->begins);
    if (tsc_counter_create(&counter, first->variant->backend, NULL) != 0)
        return arg;
    tsc_counter_unref(counter);
    return NULL;
}

/* This process has no counter yet. */
static void fork_while_the_first_is_made(void *arg)
{
    struct first first = {.variant = arg};
    pthread_t thread;
    void *wrong;

    sem_init(&first.begins, 0, 0);
    CHILD_CHECK(pthread_create(&thread, NULL, make_the_first, &first) == 0);
    support_sem_wait(&first.begins);
    CHILD_CHECK(child_run(make_and_count, arg) == 0);
    pthread_join(thread, &wrong);
    CHILD_CHECK(wrong == NULL);
}

START_TEST(test_fork_meets_the_first_create)
{
    struct variant variant = variants[_i];

    for (int i = 0; i < FIRST_CREATES; i++)
        ck_assert_int_eq(child_run(fork_while_the_first_is_made, &variant), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handlers");
    TCase *tcase = support_add_case(suite, "handlers", CASE_SECONDS);

    if (pthread_atfork(before_fork, after_fork, after_fork) != 0)
        return 1;
    add_variant_test(tcase, test_handlers_lock_a_mutex_of_counting_threads, 0);
    add_variant_test(tcase, test_handlers_count, 0);
    add_variant_test(tcase, test_fork_meets_the_first_create, 0);
    return support_run_suite(suite);
}
