/* SPDX-License-Identifier: MIT */
/*
 * Forks while callbacks run and threads sleep. fork waits for none of them, and none of them exists in the child.
 */
#include <errno.h>
#include <stdlib.h>

#include "child.h"
#include "subject.h"
#include "support/callbacks.h"
#include "support/channel.h"
#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

enum { RAISE = 1000, QUEUED = 7, SLEEPERS = 8, ADDS_EACH = 20, FORKS = 5 };

struct expected {
    struct subject *subject;
    int64_t low;
    int64_t high;
};

/* Uses the counter in ways that hang if a thread of the parent still blocks it. */
static void count_on(void *arg)
{
    struct expected *expected = arg;
    tsc_counter_t *counter = expected->subject->counter;
    int64_t value = value_in_child(counter);

    CHILD_CHECK(value >= expected->low && value <= expected->high);
    for (int i = 0; i < 2 * SLEEPERS * ADDS_EACH; i++)
        CHILD_CHECK(tsc_counter_inc(counter) == 0);
    CHILD_CHECK(tsc_counter_flush(counter) == 0);
    value += 2 * SLEEPERS * ADDS_EACH;
    CHILD_CHECK(value_in_child(counter) == value);
    if (variant_has(expected->subject->variant, TSC_CAP_UPDATE))
        CHILD_CHECK(tsc_counter_update(counter, support_raise_by_one, NULL) == 0);
    else
        CHILD_CHECK(tsc_counter_inc(counter) == 0);
    CHILD_CHECK(value_in_child(counter) == value + 1);
    CHILD_CHECK(tsc_counter_close(counter) == 0);
    CHILD_CHECK(tsc_counter_add(counter, -value - 1) == 0);
    CHILD_CHECK(tsc_counter_wait_at_most(counter, 0, -1) == 0);
    subject_drop_in_child(expected->subject);
    child_check_owners(0);
}

static bool adds_without_waiting(const struct variant *variant)
{
    return variant_has(variant, TSC_CAP_ASYNC) && !variant->bounded && variant->queue_capacity != 1;
}

/*
 * The callback ends after the forks, so a fork that waits for it hangs. Adds that are queued behind it have
 * returned.
 */
START_TEST(test_fork_does_not_wait_for_a_callback)
{
    const struct variant *variant = &variants[_i];
    struct subject subject;
    struct hold *hold;
    int64_t value = 1;

    subject_open(&subject, variant, variant_attr(variant));
    ck_assert_int_eq(tsc_counter_inc(subject.counter), 0);
    hold = hold_begin(subject.counter, RAISE);
    for (int i = 0; i < QUEUED && adds_without_waiting(variant); i++, value++)
        ck_assert_int_eq(tsc_counter_inc(subject.counter), 0);
    for (int i = 0; i < FORKS; i++) {
        struct expected expected = {.subject = &subject, .low = value, .high = value};

        ck_assert_int_eq(child_run(count_on, &expected), 0);
    }
    ck_assert_int_eq(hold_end(hold), 0);
    subject_assert_value(&subject, value + RAISE);
    subject_close(&subject);
}
END_TEST

struct sleeper {
    struct load *load;
    pthread_t thread;
    pid_t id;
    atomic_int_fast64_t begun;
    atomic_int_fast64_t returned;
};

struct load {
    struct subject subject;
    struct sleeper sleepers[SLEEPERS];
    atomic_size_t under_way;
};

static void *add_until_done(void *arg)
{
    struct sleeper *sleeper = arg;

    sleeper->id = support_thread_id();
    atomic_fetch_add(&sleeper->load->under_way, 1);
    for (int i = 0; i < ADDS_EACH; i++) {
        atomic_fetch_add(&sleeper->begun, 1);
        witness_equal(&sleeper->load->subject.witness, "inc", tsc_counter_inc(sleeper->load->subject.counter), 0);
        atomic_fetch_add(&sleeper->returned, 1);
    }
    return NULL;
}

static void *wait_for_nothing(void *arg)
{
    struct sleeper *sleeper = arg;

    sleeper->id = support_thread_id();
    atomic_fetch_add(&sleeper->load->under_way, 1);
    witness_equal(&sleeper->load->subject.witness, "wait_at_most",
                  tsc_counter_wait_at_most(sleeper->load->subject.counter, 0, -1), 0);
    return NULL;
}

static bool all_under_way(void *arg)
{
    return atomic_load(&((struct load *)arg)->under_way) == SLEEPERS;
}

static void put_to_sleep(struct load *load, void *(*body)(void *arg))
{
    for (size_t i = 0; i < SLEEPERS; i++) {
        load->sleepers[i].load = load;
        load->sleepers[i].thread = support_start_thread(body, &load->sleepers[i]);
    }
    ck_assert(support_eventually(all_under_way, load));
    for (size_t i = 0; i < SLEEPERS; i++)
        ck_assert(support_falls_asleep(load->sleepers[i].id));
}

static void wake_and_join(struct load *load)
{
    for (size_t i = 0; i < SLEEPERS; i++)
        pthread_join(load->sleepers[i].thread, NULL);
}

static struct expected expect_adds(struct load *load)
{
    struct expected expected = {.subject = &load->subject};

    for (size_t i = 0; i < SLEEPERS; i++) {
        expected.low += atomic_load(&load->sleepers[i].returned);
        expected.high += atomic_load(&load->sleepers[i].begun);
    }
    return expected;
}

/*
 * All threads wait for room in a full queue, or for a lock. The child may or may not have adds that have not
 * returned.
 */
START_TEST(test_fork_while_adders_sleep)
{
    const struct variant *variant = &variants[_i];
    struct load load = {0};
    struct hold *hold;

    if (variant_has(variant, TSC_CAP_ASYNC) && !variant->bounded &&
        (variant->queue_capacity == 0 || variant->queue_capacity >= SLEEPERS * ADDS_EACH))
        return;
    subject_open(&load.subject, variant, variant_attr(variant));
    hold = hold_begin(load.subject.counter, 0);
    put_to_sleep(&load, add_until_done);
    for (int i = 0; i < FORKS; i++) {
        struct expected expected = expect_adds(&load);

        ck_assert_int_eq(child_run(count_on, &expected), 0);
    }
    ck_assert_int_eq(hold_end(hold), 0);
    wake_and_join(&load);
    subject_assert_value(&load.subject, SLEEPERS * ADDS_EACH);
    subject_close(&load.subject);
}
END_TEST

START_TEST(test_fork_while_waiters_sleep)
{
    const struct variant *variant = &variants[_i];
    struct load load = {0};
    struct expected expected = {.subject = &load.subject, .low = 1, .high = 1};

    subject_open(&load.subject, variant, variant_attr(variant));
    ck_assert_int_eq(tsc_counter_inc(load.subject.counter), 0);
    put_to_sleep(&load, wait_for_nothing);
    for (int i = 0; i < FORKS; i++)
        ck_assert_int_eq(child_run(count_on, &expected), 0);
    for (size_t i = 0; i < SLEEPERS; i++)
        ck_assert(support_is_asleep(load.sleepers[i].id));
    ck_assert_int_eq(tsc_counter_dec(load.subject.counter), 0);
    wake_and_join(&load);
    subject_close(&load.subject);
}
END_TEST

struct registered {
    struct subject *subject;
    size_t open_descriptors; /* without the library's */
};

/* The parent's event loop is not notified of the child's changes. */
static void be_unregistered(void *arg)
{
    struct registered *registered = arg;
    tsc_counter_t *counter = registered->subject->counter;

    CHILD_CHECK(support_open_descriptors() == registered->open_descriptors);
    CHILD_CHECK(tsc_counter_dec(counter) == 0);
    CHILD_CHECK(tsc_counter_flush(counter) == 0);
    CHILD_CHECK(tsc_counter_notify_at_most(counter, 0, -1) == 0);
    subject_drop_in_child(registered->subject);
}

/* A registration of the child's own is apart from the parent's. */
static void register_anew(void *arg)
{
    struct registered *registered = arg;
    tsc_counter_t *counter = registered->subject->counter;
    struct channel own = channel_open(CHANNEL_EVENTFD);

    CHILD_CHECK(tsc_counter_notify_at_most(counter, 0, own.out) == 0);
    CHILD_CHECK(tsc_counter_dec(counter) == 0);
    CHILD_CHECK(tsc_counter_flush(counter) == 0);
    CHILD_CHECK(channel_read(&own) == 1);
    CHILD_CHECK(tsc_counter_notify_at_most(counter, 0, -1) == 1);
    channel_close(&own);
    subject_drop_in_child(registered->subject);
}

START_TEST(test_fork_while_a_notification_is_registered)
{
    const struct variant *variant = &variants[_i];
    struct channel channel = channel_open(CHANNEL_PIPE);
    struct subject subject;
    struct registered registered = {.subject = &subject, .open_descriptors = support_open_descriptors()};

    subject_open(&subject, variant, variant_attr(variant));
    ck_assert_int_eq(tsc_counter_inc(subject.counter), 0);
    ck_assert_int_eq(tsc_counter_notify_at_most(subject.counter, 0, channel.out), 0);
    for (int i = 0; i < FORKS; i++)
        ck_assert_int_eq(child_run(i == 0 ? register_anew : be_unregistered, &registered), 0);
    ck_assert_int_eq(channel_read(&channel), 0);
    ck_assert_int_eq(tsc_counter_dec(subject.counter), 0);
    ck_assert_int_eq(tsc_counter_flush(subject.counter), 0);
    ck_assert_int_eq(channel_read(&channel), 1);
    ck_assert_int_eq(tsc_counter_inc(subject.counter), 0);
    ck_assert_int_eq(child_run(be_unregistered, &registered), 0);
    ck_assert_int_eq(tsc_counter_notify_at_most(subject.counter, 0, -1), 1);
    subject_close(&subject);
    channel_close(&channel);
}
END_TEST

/* On the mutex a plain read would not wait. */
static int read_by_request(const struct subject *subject)
{
    int64_t value;

    if (variant_has(subject->variant, TSC_CAP_ASYNC))
        return tsc_counter_get(subject->counter, &value);
    return tsc_counter_fetch_add(subject->counter, 0, &value);
}

static void *read_or_update(void *arg)
{
    struct sleeper *sleeper = arg;
    struct load *load = sleeper->load;
    bool reads = sleeper == load->sleepers;

    sleeper->id = support_thread_id();
    atomic_fetch_add(&load->under_way, 1);
    if (reads)
        witness_equal(&load->subject.witness, "a read", read_by_request(&load->subject), 0);
    else
        witness_equal(&load->subject.witness, "update",
                      tsc_counter_update(load->subject.counter, support_raise_by_one, NULL), 0);
    return NULL;
}

/* Requests of threads that are not in the child are dropped; their callbacks do not run. */
START_TEST(test_fork_while_requests_wait)
{
    const struct variant *variant = &variants[_i];
    struct load load = {0};
    struct expected expected = {.subject = &load.subject};
    struct hold *hold;

    subject_open(&load.subject, variant, variant_attr(variant));
    hold = hold_begin(load.subject.counter, RAISE);
    put_to_sleep(&load, read_or_update);
    for (int i = 0; i < FORKS; i++)
        ck_assert_int_eq(child_run(count_on, &expected), 0);
    ck_assert_int_eq(hold_end(hold), 0);
    wake_and_join(&load);
    subject_assert_value(&load.subject, RAISE + SLEEPERS - 1);
    subject_close(&load.subject);
}
END_TEST

enum { NEW_THREADS = 8 };

struct newcomers {
    struct subject *subject;
    pthread_t in_callback; /* of the parent */
    pthread_barrier_t all_alive;
    atomic_int same_pthread_t;
};

static void *count_once(void *arg)
{
    struct newcomers *newcomers = arg;
    int64_t value;

    if (pthread_equal(pthread_self(), newcomers->in_callback))
        atomic_fetch_add(&newcomers->same_pthread_t, 1);
    CHILD_CHECK(tsc_counter_get(newcomers->subject->counter, &value) == 0);
    CHILD_CHECK(tsc_counter_inc(newcomers->subject->counter) == 0);
    CHILD_CHECK(tsc_counter_wait_at_most(newcomers->subject->counter, INT64_MAX, 0) == 0);
    pthread_barrier_wait(&newcomers->all_alive);
    return NULL;
}

/* glibc reuses the stacks of the parent's threads, and with them their pthread_t. */
static void start_new_threads(void *arg)
{
    struct newcomers *newcomers = arg;
    pthread_t threads[NEW_THREADS];

    CHILD_CHECK(pthread_barrier_init(&newcomers->all_alive, NULL, NEW_THREADS) == 0);
    for (int i = 0; i < NEW_THREADS; i++)
        threads[i] = support_start_thread(count_once, newcomers);
    for (int i = 0; i < NEW_THREADS; i++)
        CHILD_CHECK(pthread_join(threads[i], NULL) == 0);
    CHILD_CHECK(value_in_child(newcomers->subject->counter) == NEW_THREADS);
#ifdef __GLIBC__
    CHILD_CHECK(atomic_load(&newcomers->same_pthread_t) == 1);
#endif
}

/*
 * A new thread of the child may have the pthread_t of a parent's thread that is in a callback. It is not in that
 * callback.
 */
START_TEST(test_new_threads_are_in_no_callback)
{
    const struct variant *variant = &variants[_i];
    struct subject subject;
    struct newcomers newcomers = {.subject = &subject};
    struct hold *hold;

    if (variant_has(variant, TSC_CAP_ASYNC))
        return;
    subject_open(&subject, variant, variant_attr(variant));
    hold = hold_begin(subject.counter, RAISE);
    newcomers.in_callback = hold_thread(hold);
    ck_assert_int_eq(child_run(start_new_threads, &newcomers), 0);
    ck_assert_int_eq(hold_end(hold), 0);
    subject_assert_value(&subject, RAISE);
    subject_close(&subject);
}
END_TEST

static void end_at_once(void *arg)
{
    (void)arg;
}

static int fork_inside(int64_t *value, void *arg)
{
    int *status = arg;

    *status = child_run(end_at_once, NULL);
    *value += 1;
    return 0;
}

START_TEST(test_fork_inside_a_callback)
{
    const struct variant *variant = &variants[_i];
    struct subject subject;

    subject_open(&subject, variant, variant_attr(variant));
    for (int i = 0; i < FORKS; i++) {
        int status = -1;

        ck_assert_int_eq(tsc_counter_update(subject.counter, fork_inside, &status), 0);
        ck_assert_int_eq(status, 0);
    }
    subject_assert_value(&subject, FORKS);
    subject_close(&subject);
}
END_TEST

/* -------- bounds, peaks, and waits for admission -------- */

static void open_bounded(struct load *load, const struct variant *variant, int64_t max)
{
    tsc_counter_attr_t *attr = variant_attr(variant);

    ck_assert_int_eq(tsc_counter_attr_set_bounds(attr, 0, max, TSC_BOUNDS_REJECT), 0);
    subject_open(&load->subject, variant, attr);
}

static void *wait_for_admission(void *arg)
{
    struct sleeper *sleeper = arg;

    sleeper->id = support_thread_id();
    atomic_fetch_add(&sleeper->load->under_way, 1);
    witness_equal(&sleeper->load->subject.witness, "wait_add",
                  tsc_counter_wait_add(sleeper->load->subject.counter, 1, -1), 0);
    return NULL;
}

static void *wait_in_child(void *counter)
{
    CHILD_CHECK(tsc_counter_wait_add(counter, 1, -1) == 0);
    return NULL;
}

/* The threads that wait are not in the child: a release lets in those of the child. */
static void admit_in_child(void *arg)
{
    struct expected *expected = arg;
    tsc_counter_t *counter = expected->subject->counter;
    pthread_t waiter;

    CHILD_CHECK(tsc_counter_wait_add(counter, 1, 1) == -ETIMEDOUT);
    CHILD_CHECK(tsc_counter_dec(counter) == 0);
    CHILD_CHECK(value_in_child(counter) == expected->high - 1);
    CHILD_CHECK(tsc_counter_wait_add(counter, 1, 0) == 0);
    waiter = support_start_thread(wait_in_child, counter);
    CHILD_CHECK(tsc_counter_dec(counter) == 0);
    CHILD_CHECK(pthread_join(waiter, NULL) == 0);
    CHILD_CHECK(tsc_counter_set_bounds(counter, INT64_MIN, INT64_MAX) == 0);
    count_on(expected);
}

START_TEST(test_fork_while_threads_wait_for_admission)
{
    const struct variant *variant = &variants[_i];
    struct load load = {0};
    struct expected expected = {.subject = &load.subject, .low = SLEEPERS, .high = SLEEPERS};

    open_bounded(&load, variant, SLEEPERS);
    ck_assert_int_eq(tsc_counter_add(load.subject.counter, SLEEPERS), 0);
    put_to_sleep(&load, wait_for_admission);
    for (int i = 0; i < FORKS; i++)
        ck_assert_int_eq(child_run(admit_in_child, &expected), 0);
    for (size_t i = 0; i < SLEEPERS; i++)
        ck_assert(support_is_asleep(load.sleepers[i].id));
    ck_assert_int_eq(tsc_counter_add(load.subject.counter, -SLEEPERS), 0);
    wake_and_join(&load);
    subject_assert_value(&load.subject, SLEEPERS);
    subject_close(&load.subject);
}
END_TEST

enum { NARROW = 100, WIDE = 200 };

/* A thread changes the bounds, and another raises the value to `reached`, then takes the peak. */
struct rules {
    struct load load;
    atomic_bool stop;
    atomic_int_fast64_t reached;
    atomic_int_fast64_t taking; /* up to this value, peaks are taken or being taken */
};

static void *change_bounds(void *arg)
{
    struct rules *rules = arg;
    tsc_counter_t *counter = rules->load.subject.counter;

    while (!atomic_load(&rules->stop)) {
        witness_equal(&rules->load.subject.witness, "set_bounds", tsc_counter_set_bounds(counter, -WIDE, WIDE), 0);
        witness_equal(&rules->load.subject.witness, "set_bounds", tsc_counter_set_bounds(counter, 0, NARROW), 0);
    }
    return NULL;
}

static void *take_peaks(void *arg)
{
    struct rules *rules = arg;
    struct witness *witness = &rules->load.subject.witness;
    tsc_counter_t *counter = rules->load.subject.counter;

    for (int64_t high = 1; !atomic_load(&rules->stop); high = high % NARROW + 1) {
        int64_t peak = -1;

        witness_equal(witness, "set", tsc_counter_set(counter, high), 0);
        atomic_store(&rules->reached, high);
        witness_equal(witness, "set", tsc_counter_set(counter, 0), 0);
        atomic_store(&rules->taking, high);
        witness_equal(witness, "take_peak", tsc_counter_take_peak(counter, &peak), 0);
        witness_equal(witness, "the peak taken", peak, high);
        atomic_store(&rules->reached, 0);
        atomic_store(&rules->taking, 0);
    }
    return NULL;
}

static void check_rules_in_child(void *arg)
{
    struct rules *rules = arg;
    tsc_counter_t *counter = rules->load.subject.counter;
    int64_t reached = atomic_load(&rules->reached);
    int64_t min = -1;
    int64_t max = -1;
    int64_t peak = -1;

    CHILD_CHECK(tsc_counter_get_peak(counter, &peak) == 0);
    CHILD_CHECK(peak >= value_in_child(counter) && peak <= NARROW);
    CHILD_CHECK(peak >= reached || atomic_load(&rules->taking) != 0);
    CHILD_CHECK(tsc_counter_get_bounds(counter, &min, &max) == 0);
    CHILD_CHECK((min == 0 && max == NARROW) || (min == -WIDE && max == WIDE));
    CHILD_CHECK(tsc_counter_set(counter, max) == 0);
    CHILD_CHECK(tsc_counter_wait_add(counter, max - min, 1) == -ETIMEDOUT);
    CHILD_CHECK(tsc_counter_wait_add(counter, max - min + 1, 1) == -ERANGE);
    CHILD_CHECK(tsc_counter_set_bounds(counter, 0, 2 * WIDE) == 0);
    CHILD_CHECK(tsc_counter_take_peak(counter, &peak) == 0 && peak == max);
    CHILD_CHECK(tsc_counter_set(counter, 1) == 0);
    CHILD_CHECK(tsc_counter_take_peak(counter, &peak) == 0 && peak == max);
    CHILD_CHECK(tsc_counter_take_peak(counter, &peak) == 0 && peak == 1);
    CHILD_CHECK(tsc_counter_close(counter) == 0);
    subject_drop_in_child(&rules->load.subject);
}

START_TEST(test_fork_while_rules_change)
{
    const struct variant *variant = &variants[_i];
    struct rules rules = {.reached = 0};
    pthread_t changer;
    pthread_t taker;

    if (!variant->track_peak)
        return;
    open_bounded(&rules.load, variant, NARROW);
    changer = support_start_thread(change_bounds, &rules);
    taker = support_start_thread(take_peaks, &rules);
    for (int i = 0; i < 10 * FORKS; i++)
        ck_assert_int_eq(child_run(check_rules_in_child, &rules), 0);
    atomic_store(&rules.stop, true);
    pthread_join(changer, NULL);
    pthread_join(taker, NULL);
    subject_close(&rules.load.subject);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fork while waiting");
    TCase *tcase = support_add_case(suite, "fork while waiting", 60);

    add_variant_test(tcase, test_fork_does_not_wait_for_a_callback, TSC_CAP_UPDATE);
    add_variant_test(tcase, test_fork_while_adders_sleep, TSC_CAP_UPDATE);
    add_variant_test(tcase, test_fork_while_waiters_sleep, 0);
    add_variant_test(tcase, test_fork_while_a_notification_is_registered, 0);
    add_variant_test(tcase, test_fork_while_requests_wait, TSC_CAP_UPDATE);
    add_variant_test(tcase, test_new_threads_are_in_no_callback, TSC_CAP_UPDATE);
    add_variant_test(tcase, test_fork_inside_a_callback, TSC_CAP_UPDATE);
    add_variant_test(tcase, test_fork_while_threads_wait_for_admission, TSC_CAP_BOUNDS);
    add_variant_test(tcase, test_fork_while_rules_change, TSC_CAP_BOUNDS | TSC_CAP_PEAK | TSC_CAP_FETCH);
    return support_run_suite(suite);
}
