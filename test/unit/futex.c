/* SPDX-License-Identifier: MIT */
/* Sleep and wake-up on a word. */
#include "sync/futex.h"

#include <errno.h>
#include <limits.h>

#include "support/suite.h"
#include "support/threads.h"
#include "sync/deadline.h"

enum { UNTOUCHED = 4711 };

static _Atomic uint32_t word;

static void reset(void)
{
    atomic_store(&word, 0);
}

START_TEST(a_changed_word_ends_the_wait)
{
    ck_assert(tsc_futex_wait(&word, 1, TSC_NEVER));
    ck_assert(tsc_futex_wait_cancellable(&word, 1, TSC_NEVER));
}
END_TEST

START_TEST(a_wait_keeps_its_deadline_and_errno)
{
    int64_t deadline = tsc_deadline_after(5 * SUPPORT_MILLISECOND_NS);

    errno = UNTOUCHED;
    while (tsc_futex_wait(&word, 0, deadline))
        ;
    ck_assert_int_eq(errno, UNTOUCHED);
    ck_assert_int_ge(tsc_now(), deadline);
    ck_assert(!tsc_futex_wait(&word, 0, deadline));
    tsc_futex_wake(&word, INT_MAX);
    ck_assert_int_eq(errno, UNTOUCHED);
}
END_TEST

/* -------- in turns -------- */

enum { PLAYERS = 2, TURNS = 200000, LOOKS_MAX = 16384, LOOKS_STEP = 61 };

/* Polls for up to as long as the other player takes to wake up, so that some sleeps begin during the change. */
static uint32_t look_before_sleep(uint64_t turn)
{
    uint32_t current = atomic_load(&word);

    for (uint64_t looks = turn * LOOKS_STEP % LOOKS_MAX; looks > 0 && current != (uint32_t)turn; looks--)
        current = atomic_load(&word);
    return current;
}

/* Each move changes the word and wakes the other player; a lost wake-up stops the game. */
static void play(size_t player, void *arg)
{
    (void)arg;
    for (uint64_t turn = player; turn < TURNS; turn += PLAYERS) {
        uint32_t current = look_before_sleep(turn);

        while (current != (uint32_t)turn) {
            tsc_futex_wait(&word, current, TSC_NEVER);
            current = atomic_load(&word);
        }
        atomic_store_explicit(&word, (uint32_t)turn + 1, memory_order_release);
        tsc_futex_wake(&word, 1);
    }
}

START_TEST(no_wake_up_is_lost)
{
    support_run_threads(PLAYERS, play, NULL);
    ck_assert_uint_eq(atomic_load(&word), TURNS);
}
END_TEST

/* -------- all at once -------- */

static void sleep_while_zero(size_t index, void *arg)
{
    (void)arg;
    if (index == 0) {
        atomic_store(&word, 1);
        tsc_futex_wake(&word, INT_MAX);
    }
    while (atomic_load(&word) == 0)
        tsc_futex_wait(&word, 0, TSC_NEVER);
}

START_TEST(all_sleepers_are_woken)
{
    for (int round = 0; round < 100; round++) {
        reset();
        support_run_threads(support_threads(16), sleep_while_zero, NULL);
    }
}
END_TEST

/* -------- cancellation -------- */

static atomic_bool about_to_sleep;

static void *sleep_for_ever(void *arg)
{
    bool cancellable = *(bool *)arg;

    atomic_store(&about_to_sleep, true);
    while (atomic_load(&word) == 0)
        cancellable ? tsc_futex_wait_cancellable(&word, 0, TSC_NEVER) : tsc_futex_wait(&word, 0, TSC_NEVER);
    return NULL;
}

static void *result_of_sleeper(bool cancellable, bool wakes)
{
    pthread_t sleeper = support_start_thread(sleep_for_ever, &cancellable);
    void *end;

    while (!atomic_load(&about_to_sleep))
        ;
    pthread_cancel(sleeper);
    if (wakes) {
        atomic_store(&word, 1);
        tsc_futex_wake(&word, INT_MAX);
    }
    pthread_join(sleeper, &end);
    atomic_store(&about_to_sleep, false);
    return end;
}

/* Each time, a later wake finds no sleeper. */
START_TEST(only_the_cancellable_wait_is_a_cancellation_point)
{
    for (int round = 0; round < 100; round++) {
        reset();
        ck_assert(result_of_sleeper(true, false) == PTHREAD_CANCELED);
        tsc_futex_wake(&word, INT_MAX);
        ck_assert(result_of_sleeper(false, true) == NULL);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("futex");
    TCase *alone = support_add_case(suite, "alone", 10);
    TCase *crowd = support_add_case(suite, "crowd", 120);

    tcase_add_checked_fixture(alone, reset, NULL);
    tcase_add_checked_fixture(crowd, reset, NULL);
    tcase_add_test(alone, a_changed_word_ends_the_wait);
    tcase_add_test(alone, a_wait_keeps_its_deadline_and_errno);
    tcase_add_test(crowd, no_wake_up_is_lost);
    tcase_add_test(crowd, all_sleepers_are_woken);
    tcase_add_test(crowd, only_the_cancellable_wait_is_a_cancellation_point);
    return support_run_suite(suite);
}
