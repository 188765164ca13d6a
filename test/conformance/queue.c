/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include <signal.h>
#include <time.h>

#include "second_thread.h"
#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

START_TEST(bounded_queue_has_no_try_add)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.bounded = true, .max = 9});

    RETURNS(-ENOTSUP, tsc_counter_try_add(counter, 1));
    RETURNS(-ENOTSUP, tsc_counter_try_add(counter, 0));
    RETURNS(-ENOTSUP, tsc_counter_try_add(counter, -1));
    RETURNS(0, tsc_counter_close(counter));
    RETURNS(-ENOTSUP, tsc_counter_try_add(counter, 1));
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

static const struct {
    size_t asked;
    int64_t rounded;
} capacities[] = {{1, 1}, {2, 2}, {3, 4}, {5, 8}, {64, 64}, {1000, 1024}, {0, 1024}};

/* While its callback runs, the update's own message may or may not occupy a cell. */
START_TEST(full_queue_refuses_try_add)
{
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        tsc_counter_t *counter =
            make_counter(&variants[_i], &(struct options){.queue_capacity = capacities[i].asked});
        struct occupation occupation;
        int64_t queued = 0;
        int result;

        occupation_begin(&occupation, counter);
        while ((result = tsc_counter_try_add(counter, 1)) == 0 && queued <= capacities[i].rounded)
            queued++;
        ck_assert_int_eq(result, -EAGAIN);
        RETURNS(-EAGAIN, tsc_counter_try_add(counter, -1));
        ck_assert_int_le(queued, capacities[i].rounded);
        ck_assert_int_ge(queued, capacities[i].rounded - 1);
        occupation_end(&occupation);
        HOLDS(counter, queued);
        RETURNS(0, tsc_counter_try_add(counter, 1));
        HOLDS(counter, queued + 1);
        tsc_counter_unref(counter);
    }
}
END_TEST

START_TEST(capacity_is_the_owners)
{
    struct options options = {.queue_capacity = 1024};
    tsc_owner_attr_t *attr;
    tsc_counter_t *counter;
    struct occupation occupation;
    int queued = 0;

    RETURNS(0, tsc_owner_attr_create(&attr));
    RETURNS(0, tsc_owner_attr_set_queue_capacity(attr, 4));
    RETURNS(0, tsc_owner_create(&options.owner, attr));
    tsc_owner_attr_destroy(attr);
    counter = make_counter(&variants[_i], &options);
    occupation_begin(&occupation, counter);
    while (queued <= 4 && tsc_counter_try_add(counter, 1) == 0)
        queued++;
    ck_assert_int_le(queued, 4);
    occupation_end(&occupation);
    HOLDS(counter, queued);
    tsc_counter_unref(counter);
    tsc_owner_unref(options.owner);
}
END_TEST

static int send_one(tsc_counter_t *counter, int64_t *unused, int64_t *also_unused)
{
    (void)unused;
    (void)also_unused;
    return tsc_counter_inc(counter);
}

START_TEST(add_waits_asleep_for_room)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.queue_capacity = 2});
    struct occupation occupation;
    struct sleeper sender;
    int64_t queued = 0;

    occupation_begin(&occupation, counter);
    while (queued <= 2 && tsc_counter_try_add(counter, 1) == 0)
        queued++;
    sleeper_start(&sender, counter, send_one);
    occupation_end(&occupation);
    ck_assert_int_eq(sleeper_join(&sender), 0);
    HOLDS(counter, queued + 1);
    tsc_counter_unref(counter);
}
END_TEST

struct load {
    tsc_counter_t *counter;
    uint64_t rounds;
};

static void send_many(size_t index, void *arg)
{
    const struct load *load = arg;

    for (uint64_t i = 0; i < load->rounds; i++)
        tsc_counter_add(load->counter, (int64_t)index + 1);
}

START_TEST(small_queues_lose_nothing)
{
    static const size_t small[] = {1, 2, 3};
    int64_t threads = (int64_t)support_threads(8);

    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        struct load load = {
            .counter = make_counter(&variants[_i], &(struct options){.queue_capacity = small[i]}),
            .rounds = support_ops(200),
        };

        support_run_threads((size_t)threads, send_many, &load);
        HOLDS(load.counter, threads * (threads + 1) / 2 * (int64_t)load.rounds);
        tsc_counter_unref(load.counter);
    }
}
END_TEST

START_TEST(reads_include_all_earlier_adds)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.track_peak = true});
    int64_t rounds = (int64_t)support_ops(300);

    for (int64_t i = 0; i < rounds; i++) {
        int64_t cursor = 0;
        int64_t delta = UNTOUCHED;
        int64_t peak = UNTOUCHED;

        for (int64_t added = 0; added < i % 5; added++)
            RETURNS(0, tsc_counter_inc(counter));
        RETURNS(0, tsc_counter_get_peak(counter, &peak));
        ck_assert_int_eq(peak, i % 5);
        RETURNS(0, tsc_counter_get_delta(counter, &cursor, &delta));
        ck_assert_int_eq(delta, i % 5);
        tsc_counter_unref(counter);
        counter = make_counter(&variants[_i], &(struct options){.track_peak = true});
    }
    tsc_counter_unref(counter);
}
END_TEST

/* Messages that overtook each other would raise the peak. */
START_TEST(adds_keep_their_order)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.track_peak = true});
    uint64_t rounds = support_ops(20000);
    int64_t peak = UNTOUCHED;

    for (uint64_t i = 0; i < rounds; i++) {
        RETURNS(0, tsc_counter_inc(counter));
        RETURNS(0, tsc_counter_dec(counter));
    }
    RETURNS(0, tsc_counter_get_peak(counter, &peak));
    ck_assert_int_eq(peak, 1);
    tsc_counter_unref(counter);
}
END_TEST

static int flush(tsc_counter_t *counter, int64_t *unused, int64_t *also_unused)
{
    (void)unused;
    (void)also_unused;
    return tsc_counter_flush(counter);
}

START_TEST(flush_waits_for_the_owner)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    struct occupation occupation;
    struct sleeper flusher;

    occupation_begin(&occupation, counter);
    RETURNS(0, tsc_counter_add(counter, 3));
    sleeper_start(&flusher, counter, flush);
    occupation_end(&occupation);
    ck_assert_int_eq(sleeper_join(&flusher), 0);
    HOLDS(counter, 3);
    tsc_counter_unref(counter);
}
END_TEST

static int note_and_raise(int64_t *value, void *arg)
{
    int64_t *noted = arg;

    *noted = *value;
    *value += 1;
    return 0;
}

static int raise_by_update(tsc_counter_t *counter, int64_t *noted, int64_t *unused)
{
    (void)unused;
    return tsc_counter_update(counter, note_and_raise, noted);
}

static int close_counter(tsc_counter_t *counter, int64_t *unused, int64_t *also_unused)
{
    (void)unused;
    (void)also_unused;
    return tsc_counter_close(counter);
}

/*
 * A refused update comes after the close, and so after additions that came before the close, wherever it was
 * queued.
 */
START_TEST(close_has_one_position)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    struct occupation occupation;
    struct sleeper updater;
    struct sleeper closer;
    int result;

    occupation_begin(&occupation, counter);
    sleeper_start(&updater, counter, raise_by_update);
    RETURNS(0, tsc_counter_add(counter, 10));
    sleeper_start(&closer, counter, close_counter);
    occupation_end(&occupation);
    result = sleeper_join(&updater);
    ck_assert_int_eq(sleeper_join(&closer), 0);
    ck_assert_int_eq(result, updater.operands[0] == 0 ? 0 : -ESHUTDOWN);
    HOLDS(counter, result == 0 ? 11 : 10);
    tsc_counter_unref(counter);
}
END_TEST

static void check_threads(const char *name, size_t count)
{
    ck_assert(support_threads_named_become(name, count));
}

START_TEST(every_counter_has_its_owner)
{
    tsc_counter_t *first = make_counter(&variants[_i], NULL);
    tsc_counter_t *second = make_counter(&variants[_i], NULL);

    check_threads("tscounter", 2);
    tsc_counter_unref(first);
    check_threads("tscounter", 1);
    RETURNS(0, tsc_counter_inc(second));
    HOLDS(second, 1);
    tsc_counter_unref(second);
    check_threads("tscounter", 0);
}
END_TEST

static tsc_owner_t *make_named_owner(const char *name)
{
    tsc_owner_attr_t *attr;
    tsc_owner_t *owner;

    RETURNS(0, tsc_owner_attr_create(&attr));
    RETURNS(0, tsc_owner_attr_set_thread_name(attr, name));
    RETURNS(0, tsc_owner_create(&owner, attr));
    RETURNS(0, tsc_owner_attr_set_thread_name(attr, "changed"));
    tsc_owner_attr_destroy(attr);
    return owner;
}

START_TEST(counters_share_an_owner)
{
    static const char name[] = "fifteen letters";
    struct options options = {.owner = make_named_owner(name)};
    tsc_counter_t *first = make_counter(&variants[_i], &options);
    tsc_counter_t *second = make_counter(&variants[_i], &options);

    check_threads(name, 1);
    check_threads("tscounter", 0);
    RETURNS(0, tsc_counter_add(first, 2));
    RETURNS(0, tsc_counter_add(second, 3));
    HOLDS(first, 2);
    HOLDS(second, 3);
    RETURNS(0, tsc_counter_close(first));
    RETURNS(0, tsc_counter_inc(second));
    tsc_counter_unref(first);
    HOLDS(second, 4);
    tsc_counter_unref(second);
    check_threads(name, 1);
    first = make_counter(&variants[_i], &options);
    RETURNS(0, tsc_counter_inc(first));
    HOLDS(first, 1);
    tsc_owner_unref(options.owner);
    RETURNS(0, tsc_counter_inc(first));
    HOLDS(first, 2);
    check_threads(name, 1);
    tsc_counter_unref(first);
    check_threads(name, 0);
}
END_TEST

START_TEST(owners_are_counted_by_references)
{
    tsc_owner_t *owner = make_named_owner("counted");

    check_threads("counted", 1);
    ck_assert_ptr_eq(tsc_owner_ref(owner), owner);
    tsc_owner_unref(owner);
    check_threads("counted", 1);
    errno = UNTOUCHED;
    tsc_owner_unref(owner);
    ck_assert_int_eq(errno, UNTOUCHED);
    check_threads("counted", 0);
}
END_TEST

START_TEST(attributes_hold_their_owner)
{
    tsc_counter_attr_t *attr;
    tsc_owner_t *first = make_named_owner("first");
    tsc_owner_t *second = make_named_owner("second");
    tsc_counter_t *counter;

    RETURNS(0, tsc_counter_attr_create(&attr));
    RETURNS(0, tsc_counter_attr_set_owner(attr, first));
    tsc_owner_unref(first);
    check_threads("first", 1);
    RETURNS(0, tsc_counter_attr_set_owner(attr, first));
    check_threads("first", 1);
    RETURNS(0, tsc_counter_create(&counter, TSC_BACKEND_QUEUE, attr));
    RETURNS(0, tsc_counter_attr_set_owner(attr, second));
    tsc_owner_unref(second);
    check_threads("first", 1);
    tsc_counter_unref(counter);
    check_threads("first", 0);
    check_threads("second", 1);
    tsc_counter_attr_destroy(attr);
    check_threads("second", 0);
}
END_TEST

START_TEST(owner_threads_block_all_signals)
{
    static const int never_blocked[] = {SIGKILL, SIGSTOP};
    struct options options = {.owner = make_named_owner("unsignalled")};
    tsc_counter_t *counter = make_counter(&variants[TSC_BACKEND_QUEUE], &options);
    uint64_t blocked;
    /* Without the last signal, which valgrind reserves. */
    uint64_t expected = UINT64_MAX >> (65 - SIGRTMAX);

    for (size_t i = 0; i < sizeof never_blocked / sizeof never_blocked[0]; i++)
        expected &= ~(UINT64_C(1) << (never_blocked[i] - 1));
    /* The C library reserves the signals between SIGSYS and SIGRTMIN. */
    for (int signal = SIGSYS + 1; signal < SIGRTMIN; signal++)
        expected &= ~(UINT64_C(1) << (signal - 1));
    check_threads("unsignalled", 1);
    /* A thread that has delivered a message has its final mask; a new thread may not have it yet. */
    RETURNS(0, tsc_counter_set(counter, 1));
    blocked = support_signals_blocked_by("unsignalled");
    ck_assert_uint_eq(blocked & expected, expected);
    tsc_counter_unref(counter);
    tsc_owner_unref(options.owner);
}
END_TEST

START_TEST(callers_signals_stay_as_they_were)
{
    sigset_t before;
    sigset_t after;
    tsc_counter_t *counter;

    sigemptyset(&before);
    sigaddset(&before, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    counter = make_counter(&variants[_i], NULL);
    RETURNS(0, tsc_counter_inc(counter));
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int signal = 1; signal < NSIG; signal++)
        ck_assert_int_eq(sigismember(&after, signal), sigismember(&before, signal));
}
END_TEST

START_TEST(idle_owner_takes_no_cpu_time)
{
    const struct timespec pause = {.tv_nsec = 300 * SUPPORT_MILLISECOND_NS};
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    int64_t begin;

    RETURNS(0, tsc_counter_inc(counter));
    HOLDS(counter, 1);
    begin = support_cpu_time_ns();
    nanosleep(&pause, NULL);
    ck_assert_int_lt(support_cpu_time_ns() - begin,
                     30 * SUPPORT_MILLISECOND_NS * (int64_t)support_timeout_scale());
    RETURNS(0, tsc_counter_inc(counter));
    HOLDS(counter, 2);
    tsc_counter_unref(counter);
}
END_TEST

void add_queue_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "queue", 30);

    add_test(tcase, bounded_queue_has_no_try_add, TSC_CAP_ASYNC);
    add_test(tcase, full_queue_refuses_try_add, TSC_CAP_ASYNC);
    add_test(tcase, add_waits_asleep_for_room, TSC_CAP_ASYNC);
    add_test(tcase, small_queues_lose_nothing, TSC_CAP_ASYNC);
    add_test(tcase, reads_include_all_earlier_adds, TSC_CAP_ASYNC);
    add_test(tcase, adds_keep_their_order, TSC_CAP_ASYNC);
    add_test(tcase, flush_waits_for_the_owner, TSC_CAP_ASYNC);
    add_test(tcase, close_has_one_position, TSC_CAP_ASYNC);
    add_test(tcase, every_counter_has_its_owner, TSC_CAP_ASYNC);
    add_test(tcase, callers_signals_stay_as_they_were, TSC_CAP_ASYNC);
    add_test(tcase, idle_owner_takes_no_cpu_time, TSC_CAP_ASYNC);
    add_test(tcase, capacity_is_the_owners, TSC_CAP_ASYNC);
    add_test(tcase, counters_share_an_owner, TSC_CAP_ASYNC);
    if (TEST_BUILT_QUEUE) {
        tcase_add_test(tcase, owners_are_counted_by_references);
        tcase_add_test(tcase, attributes_hold_their_owner);
        if (!support_is_skipped(owner_threads_block_all_signals->name))
            tcase_add_test(tcase, owner_threads_block_all_signals);
    }
}
