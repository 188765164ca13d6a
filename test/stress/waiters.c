/* SPDX-License-Identifier: MIT */
/* Threads asleep in wait_at_most: each is woken in time, not too early, and never after it has returned. */
#include <errno.h>
#include <time.h>

#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

/* Far longer than any wake-up: a thread that waits this long has been forgotten. */
#define FORGOTTEN_NS (30 * SUPPORT_SECOND_NS)

enum { FEW = 6, ROUNDS = 150, DECREMENTERS = 4, SHORTEST_NS = 1, LONGEST_NS = 200000, IMPATIENT_WAITS = 8 };

struct load {
    struct subject subject;
    size_t waiters;
    int64_t initial;
    uint64_t calls;
    int64_t timeout_ns;
    atomic_int_fast64_t decrements_begun;
    atomic_size_t brief_waiters_left;
};

static void subject_open_at(struct load *load, const struct variant *variant, int64_t initial)
{
    tsc_counter_attr_t *attr = variant_attr(variant);

    load->initial = initial;
    load->timeout_ns = FORGOTTEN_NS * (int64_t)support_timeout_scale();
    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, initial), 0);
    subject_open(&load->subject, variant, attr);
}

static void take_one(struct load *load)
{
    atomic_fetch_add_explicit(&load->decrements_begun, 1, memory_order_relaxed);
    witness_equal(&load->subject.witness, "dec", tsc_counter_dec(load->subject.counter), 0);
}

/* A waiter that returns sees the decrements that lowered the value. */
static void wait_for(struct load *load, int64_t threshold)
{
    struct witness *witness = &load->subject.witness;
    int64_t begun;

    witness_equal(witness, "wait_at_most",
                  tsc_counter_wait_at_most(load->subject.counter, threshold, load->timeout_ns), 0);
    begun = atomic_load_explicit(&load->decrements_begun, memory_order_relaxed);
    witness_between(witness, "the value after a wait", load->initial - begun, 0, threshold);
}

static void wait_or_decrement(size_t index, void *arg)
{
    struct load *load = arg;

    if (index < load->waiters) {
        wait_for(load, (int64_t)index);
        return;
    }
    for (int64_t i = (int64_t)(index - load->waiters); i < load->initial; i += DECREMENTERS)
        take_one(load);
}

static void each_is_woken(const struct variant *variant, size_t waiters, int64_t initial)
{
    struct load load = {.waiters = waiters};

    subject_open_at(&load, variant, initial);
    crew_run(waiters + DECREMENTERS, wait_or_decrement, &load);
    subject_assert_value(&load.subject, 0);
    subject_close(&load.subject);
}

/* Each waiter has a threshold of its own. */
START_TEST(test_each_of_many_waiters_is_woken)
{
    each_is_woken(&variants[_i], stress_threads(), (int64_t)stress_threads());
}
END_TEST

/* Few decrements race with threads that fall asleep: a lost wake-up is never made up for. */
START_TEST(test_no_wake_up_is_lost)
{
    for (int round = 0; round < ROUNDS; round++)
        each_is_woken(&variants[_i], FEW, 1 + round % FEW);
}
END_TEST

/* Reuses the memory of the waiter's frame, which a late waker would still write. */
__attribute__((noinline)) static void reuse_the_stack(struct load *load)
{
    volatile unsigned char stack[1024];

    for (size_t i = 0; i < sizeof stack; i++)
        stack[i] = 0xa5;
    take_one(load);
    witness_equal(&load->subject.witness, "inc", tsc_counter_inc(load->subject.counter), 0);
    for (size_t i = 0; i < sizeof stack; i++)
        witness_equal(&load->subject.witness, "a byte of the stack", stack[i], 0xa5);
}

static void wait_briefly(struct load *load, uint64_t *random)
{
    int64_t timeout_ns = (int64_t)(next_random(random) % LONGEST_NS) + SHORTEST_NS;
    int64_t threshold = load->initial - 1 - (int64_t)(next_random(random) % 4);
    int64_t start = support_now_ns();
    int result = tsc_counter_wait_at_most(load->subject.counter, threshold, timeout_ns);

    if (result == 0)
        return;
    witness_equal(&load->subject.witness, "a wait_at_most with a short timeout", result, -ETIMEDOUT);
    witness_at_least(&load->subject.witness, "the time that it took", support_now_ns() - start, timeout_ns);
}

static void wait_briefly_or_count(size_t index, void *arg)
{
    struct load *load = arg;
    uint64_t random = index;

    if (index < load->waiters) {
        for (int i = 0; i < IMPATIENT_WAITS; i++) {
            wait_briefly(load, &random);
            reuse_the_stack(load);
        }
        atomic_fetch_sub_explicit(&load->brief_waiters_left, 1, memory_order_relaxed);
        return;
    }
    while (atomic_load_explicit(&load->brief_waiters_left, memory_order_relaxed) != 0) {
        take_one(load);
        witness_equal(&load->subject.witness, "inc", tsc_counter_inc(load->subject.counter), 0);
    }
}

/* Wake-ups race with timeouts, of threads that then use their stacks for other things. */
START_TEST(test_timed_out_waiters_are_not_touched)
{
    const struct variant *variant = &variants[_i];
    struct load load = {.waiters = stress_threads()};

    atomic_init(&load.brief_waiters_left, load.waiters);
    subject_open_at(&load, variant, (int64_t)load.waiters);
    crew_run(load.waiters + 1, wait_briefly_or_count, &load);
    subject_assert_value(&load.subject, load.initial);
    subject_close(&load.subject);
}
END_TEST

static void wait_in_vain(size_t index, void *arg)
{
    struct load *load = arg;

    witness_equal(&load->subject.witness, "a wait that nothing ends",
                  tsc_counter_wait_at_most(load->subject.counter, -1 - (int64_t)index, load->timeout_ns),
                  -ETIMEDOUT);
}

static int64_t process_cpu_time_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * SUPPORT_SECOND_NS + used.tv_nsec;
}

/* The value never changes (and there are no siblings): the threads only fall asleep and time out. */
START_TEST(test_waiters_sleep)
{
    const struct variant *variant = &variants[_i];
    struct load load = {.waiters = FEW};
    int64_t used;

    if (variant->shared_owner)
        return;
    subject_open_at(&load, variant, 0);
    load.timeout_ns = SUPPORT_SECOND_NS / 2;
    used = process_cpu_time_ns();
    crew_run(load.waiters, wait_in_vain, &load);
    used = process_cpu_time_ns() - used;
    ck_assert_msg(used < load.timeout_ns / 2, "%s: asleep for %lld ns, they used %lld", variant->name,
                  (long long)load.timeout_ns, (long long)used);
    subject_close(&load.subject);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waiters");
    TCase *tcase = support_add_case(suite, "waiters", 90);

    add_variant_test(tcase, test_each_of_many_waiters_is_woken, 0);
    add_variant_test(tcase, test_no_wake_up_is_lost, 0);
    add_variant_test(tcase, test_timed_out_waiters_are_not_touched, 0);
    add_variant_test(tcase, test_waiters_sleep, 0);
    return support_run_suite(suite);
}
