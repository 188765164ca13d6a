/* SPDX-License-Identifier: MIT */
/*
 * Threads end at any point, and references are dropped at any point. No count is lost, nothing stays locked,
 * nothing is leaked.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "crew.h"
#include "subject.h"
#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

enum { CANCEL_ROUNDS = 20, CANCELLED = 8, UNREF_ROUNDS = 40, SHARERS = 4, QUEUED = 12, NAP_NS = 20000000 };

struct load {
    struct subject subject;
    size_t threads;
    uint64_t calls;
    pthread_t *ids;
    uint64_t *done;
    atomic_size_t waiting;
};

static void load_open(struct load *load, const struct variant *variant, size_t threads)
{
    *load = (struct load){.threads = threads, .calls = variant_calls(variant) / 10 + 1};
    load->ids = calloc(threads, sizeof *load->ids);
    load->done = calloc(threads, sizeof *load->done);
    ck_assert(load->ids != NULL && load->done != NULL);
    subject_open(&load->subject, variant, variant_attr(variant));
}

static void load_close(struct load *load)
{
    free(load->ids);
    free(load->done);
    subject_close(&load->subject);
}

static void count_and_exit(size_t index, void *arg)
{
    struct load *load = arg;

    for (uint64_t i = 0; i < load->calls; i++)
        witness_equal(&load->subject.witness, "inc", tsc_counter_inc(load->subject.counter), 0);
    if (index % 2 == 0)
        pthread_exit(NULL);
}

START_TEST(test_threads_exit_after_counting)
{
    struct load load;

    load_open(&load, &variants[_i], stress_threads());
    support_run_threads(load.threads, count_and_exit, &load);
    support_run_threads(load.threads, count_and_exit, &load);
    subject_assert_value(&load.subject, (int64_t)(2 * load.threads * load.calls));
    load_close(&load);
}
END_TEST

static int abandon(int64_t *value, void *arg)
{
    (void)value;
    (void)arg;
    return -ECANCELED;
}

/* All operations that may wait, while all other threads are in the way. */
static void call_everything(struct load *load)
{
    const struct variant *variant = load->subject.variant;
    struct witness *witness = &load->subject.witness;
    tsc_counter_t *counter = load->subject.counter;
    int64_t value = 0;

    witness_equal(witness, "inc", tsc_counter_inc(counter), 0);
    witness_equal(witness, "get", tsc_counter_get(counter, &value), 0);
    witness_equal(witness, "flush", tsc_counter_flush(counter), 0);
    if (variant_has(variant, TSC_CAP_FETCH))
        witness_equal(witness, "fetch_add", tsc_counter_fetch_add(counter, 0, &value), 0);
    if (variant_has(variant, TSC_CAP_UPDATE))
        witness_equal(witness, "update", tsc_counter_update(counter, abandon, NULL), -ECANCELED);
}

static void call_with_a_cancellation_pending(size_t index, void *arg)
{
    struct load *load = arg;

    pthread_cancel(pthread_self());
    for (uint64_t i = 0; i < load->calls; i++) {
        call_everything(load);
        load->done[index]++;
    }
    pthread_testcancel();
    witness_report(&load->subject.witness, "a cancelled thread goes on", 1, 0, 0);
}

/* A cancellation that is pending from the start acts in no call, however long the call waits. */
START_TEST(test_no_call_is_a_cancellation_point)
{
    struct load load;

    load_open(&load, &variants[_i], stress_threads());
    support_run_threads(load.threads, call_with_a_cancellation_pending, &load);
    for (size_t i = 0; i < load.threads; i++)
        ck_assert_uint_eq(load.done[i], load.calls);
    subject_assert_value(&load.subject, (int64_t)(load.threads * load.calls));
    load_close(&load);
}
END_TEST

/* Half of the waiters time out now and then, and sleep again. */
static void wait_until_cancelled(struct load *load, size_t index)
{
    int64_t timeout_ns = index % 2 == 0 ? -1 : NAP_NS;

    load->ids[index] = pthread_self();
    atomic_fetch_add(&load->waiting, 1);
    for (;;)
        witness_equal(&load->subject.witness, "a wait that nothing ends",
                      tsc_counter_wait_at_most(load->subject.counter, -1, timeout_ns), -ETIMEDOUT);
}

/* Counts while waiters are cancelled: asleep, waking up, or falling asleep. */
static void count_and_cancel(struct load *load, size_t index, size_t waiters)
{
    struct witness *witness = &load->subject.witness;
    size_t counters = load->threads - waiters;

    while (atomic_load(&load->waiting) < waiters) {
        witness_equal(witness, "inc", tsc_counter_inc(load->subject.counter), 0);
        witness_equal(witness, "dec", tsc_counter_dec(load->subject.counter), 0);
        sched_yield();
    }
    for (size_t next = index - waiters; next < waiters; next += counters) {
        witness_equal(witness, "inc", tsc_counter_inc(load->subject.counter), 0);
        pthread_cancel(load->ids[next]);
    }
}

static void wait_or_cancel(size_t index, void *arg)
{
    struct load *load = arg;
    size_t waiters = load->threads / 2;

    if (index < waiters)
        wait_until_cancelled(load, index);
    count_and_cancel(load, index, waiters);
}

static void cancel_waiters(const struct variant *variant, size_t threads)
{
    struct load load;

    load_open(&load, variant, threads);
    support_run_threads(threads, wait_or_cancel, &load);
    subject_assert_value(&load.subject, (int64_t)(threads / 2));
    ck_assert_int_eq(tsc_counter_wait_at_most(load.subject.counter, (int64_t)(threads / 2) - 1, 1), -ETIMEDOUT);
    ck_assert_int_eq(tsc_counter_wait_at_most(load.subject.counter, (int64_t)(threads / 2), -1), 0);
    load_close(&load);
}

START_TEST(test_waiters_are_cancelled_while_others_count)
{
    for (int round = 0; round < CANCEL_ROUNDS; round++)
        cancel_waiters(&variants[_i], CANCELLED);
    cancel_waiters(&variants[_i], stress_threads());
}
END_TEST

static void add_and_unref(size_t index, void *arg)
{
    struct load *load = arg;
    struct witness *witness = &load->subject.witness;

    for (int64_t i = 0; i < QUEUED; i++)
        witness_equal(witness, "add", tsc_counter_add(load->subject.counter, (int64_t)index), 0);
    tsc_counter_unref(load->subject.counter);
}

/* Any thread may drop the last reference; that frees the memory, and ends the owner's thread. */
START_TEST(test_last_reference_goes_anywhere)
{
    const struct variant *variant = &variants[_i];

    if (variant->shared_owner)
        return;
    for (int round = 0; round < UNREF_ROUNDS; round++) {
        struct load load = {.threads = SHARERS};

        subject_open(&load.subject, variant, variant_attr(variant));
        for (size_t i = 1; i < SHARERS; i++)
            ck_assert_ptr_eq(tsc_counter_ref(load.subject.counter), load.subject.counter);
        crew_run(SHARERS, add_and_unref, &load);
        witness_assert_none(&load.subject.witness, variant->name);
    }
    ck_assert_msg(support_threads_named_become("tscounter", 0), "%s: the owner's thread is still there",
                  variant->name);
}
END_TEST

static void hold_references(size_t index, void *arg)
{
    struct load *load = arg;

    for (uint64_t i = 0; i < load->calls; i++) {
        tsc_counter_t *counter = tsc_counter_ref(load->subject.counter);

        witness_equal(&load->subject.witness, "add", tsc_counter_add(counter, (int64_t)index), 0);
        tsc_counter_unref(counter);
    }
}

START_TEST(test_references_are_counted)
{
    struct load load;
    size_t threads = stress_threads();

    load_open(&load, &variants[_i], threads);
    crew_run(threads, hold_references, &load);
    subject_assert_value(&load.subject, (int64_t)(load.calls * (threads * (threads - 1) / 2)));
    load_close(&load);
}
END_TEST

struct ending {
    tsc_counter_t *counter;
    bool leave_by_exit;
};

static int unref_inside(int64_t *value, void *arg)
{
    const struct ending *ending = arg;

    *value += 1;
    tsc_counter_unref(ending->counter);
    if (ending->leave_by_exit)
        pthread_exit(NULL);
    return 0;
}

static void update_and_unref(size_t index, void *arg)
{
    struct load *load = arg;
    struct ending ending = {.counter = load->subject.counter};

    ending.leave_by_exit = index % 2 == 0 && load->subject.variant->backend == TSC_BACKEND_MUTEX;
    witness_equal(&load->subject.witness, "update",
                  tsc_counter_update(load->subject.counter, unref_inside, &ending), 0);
}

/*
 * Every reference, and so the last one, is dropped inside an update. On the mutex half of the threads end there.
 */
START_TEST(test_last_reference_goes_inside_a_callback)
{
    const struct variant *variant = &variants[_i];

    if (variant->shared_owner)
        return;
    for (int round = 0; round < UNREF_ROUNDS; round++) {
        struct load load = {.threads = SHARERS};

        subject_open(&load.subject, variant, variant_attr(variant));
        for (size_t i = 1; i < SHARERS; i++)
            tsc_counter_ref(load.subject.counter);
        support_run_threads(SHARERS, update_and_unref, &load);
        witness_assert_none(&load.subject.witness, variant->name);
    }
    ck_assert_msg(support_threads_named_become("tscounter", 0), "%s: the owner's thread is still there",
                  variant->name);
}
END_TEST

static int end_the_thread(int64_t *value, void *arg)
{
    struct load *load = arg;

    *value += 1;
    if (*value % 2 == 0)
        pthread_exit(NULL);
    pthread_cancel(pthread_self());
    pthread_testcancel();
    witness_report(&load->subject.witness, "a cancelled thread goes on", 1, 0, 0);
    return 0;
}

static void count_and_end_inside(size_t index, void *arg)
{
    struct load *load = arg;

    (void)index;
    witness_equal(&load->subject.witness, "inc", tsc_counter_inc(load->subject.counter), 0);
    (void)tsc_counter_update(load->subject.counter, end_the_thread, load);
}

/* A thread that ends inside a callback leaves the counter unlocked and unchanged. */
START_TEST(test_threads_end_inside_callbacks)
{
    struct load load;

    if (variants[_i].backend != TSC_BACKEND_MUTEX)
        return;
    load_open(&load, &variants[_i], stress_threads());
    support_run_threads(load.threads, count_and_end_inside, &load);
    subject_assert_value(&load.subject, (int64_t)load.threads);
    load_close(&load);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lifetime");
    TCase *tcase = support_add_case(suite, "lifetime", 60);

    add_variant_test(tcase, test_threads_exit_after_counting, 0);
    add_variant_test(tcase, test_no_call_is_a_cancellation_point, 0);
    add_variant_test(tcase, test_waiters_are_cancelled_while_others_count, 0);
    add_variant_test(tcase, test_last_reference_goes_anywhere, 0);
    add_variant_test(tcase, test_references_are_counted, 0);
    add_variant_test(tcase, test_last_reference_goes_inside_a_callback, TSC_CAP_UPDATE);
    add_variant_test(tcase, test_threads_end_inside_callbacks, TSC_CAP_UPDATE);
    return support_run_suite(suite);
}
