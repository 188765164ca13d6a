/* SPDX-License-Identifier: MIT */
/* One thread runs callbacks back to back on a mutex counter. Another thread that changes it gets its turn. */
#include "conformance.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

/*
 * A waiter starves after a millisecond. It acquires the lock after the current callback; one more may have begun
 * just before.
 */
enum { ROUNDS = 120, CALLBACKS_MAX = 2 };

struct contest {
    tsc_counter_t *counter;
    pthread_t looping;
    atomic_bool enough;
    atomic_uint begun; /* callbacks */
    pid_t waiter;
    atomic_int waits; /* the current round while it waits, or 0 */
    /* Only callbacks access these: */
    int round;
    int64_t seen_asleep; /* when it was first seen asleep in this round */
    int callbacks;       /* callbacks that ended after it had slept for long */
    int callbacks_max;
};

/* If the waiter sleeps, it waits for the lock. It need not sleep from the beginning of its round. */
static void observe_waiter(struct contest *contest)
{
    int64_t now = support_now_ns();
    int round = atomic_load(&contest->waits);

    if (round == 0 || !support_is_asleep(contest->waiter))
        return;
    if (contest->round != round) {
        contest->round = round;
        contest->seen_asleep = now;
        contest->callbacks = 0;
    }
    if (now - contest->seen_asleep > 2 * SUPPORT_MILLISECOND_NS && ++contest->callbacks > contest->callbacks_max)
        contest->callbacks_max = contest->callbacks;
}

static int take_a_millisecond(int64_t *value, void *arg)
{
    const struct timespec millisecond = {.tv_nsec = SUPPORT_MILLISECOND_NS};
    struct contest *contest = arg;

    (void)value;
    atomic_fetch_add(&contest->begun, 1);
    nanosleep(&millisecond, NULL);
    observe_waiter(contest);
    return 0;
}

static void *loop(void *arg)
{
    struct contest *contest = arg;

    while (!atomic_load(&contest->enough))
        tsc_counter_update(contest->counter, take_a_millisecond, contest);
    return NULL;
}

static void wait_for_a_callback(struct contest *contest)
{
    unsigned int begun = atomic_load(&contest->begun);

    while (atomic_load(&contest->begun) == begun)
        sched_yield();
}

static int increment(int64_t *value, void *arg)
{
    (void)arg;
    *value += 1;
    return 0;
}

static int change(struct contest *contest, int round)
{
    int64_t previous;

    switch (round % 4) {
    case 0:
        return tsc_counter_inc(contest->counter);
    case 1:
        return tsc_counter_fetch_add(contest->counter, 1, &previous);
    case 2:
        return tsc_counter_update(contest->counter, increment, NULL);
    default:
        return round == ROUNDS - 1 ? tsc_counter_close(contest->counter) : tsc_counter_add(contest->counter, 1);
    }
}

START_TEST(waiter_gets_its_turn_beside_callbacks)
{
    struct contest contest = {.counter = make_counter(&variants[TSC_BACKEND_MUTEX], NULL),
                              .waiter = support_thread_id()};

    contest.looping = support_start_thread(loop, &contest);
    for (int round = 0; round < ROUNDS; round++) {
        wait_for_a_callback(&contest);
        atomic_store(&contest.waits, round + 1);
        RETURNS(0, change(&contest, round));
        atomic_store(&contest.waits, 0);
    }
    atomic_store(&contest.enough, true);
    pthread_join(contest.looping, NULL);
    ck_assert_int_le(contest.callbacks_max, CALLBACKS_MAX);
    HOLDS(contest.counter, ROUNDS - 1);
    tsc_counter_unref(contest.counter);
}
END_TEST

void add_fairness_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "fairness", 60);

    if (TEST_BUILT_MUTEX)
        tcase_add_test(tcase, waiter_gets_its_turn_beside_callbacks);
}
