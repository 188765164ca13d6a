/* SPDX-License-Identifier: MIT */
/* Forks of signal handlers, at the moments at which a fork would wait for its own thread, or for one that waits
 * for it; and those inside another fork. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

#include "child.h"
#include "fork.h"
#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

static struct tsc_lock node_lock;
static bool raises_in_lock;
static bool raises_in_unlock;
static bool raises_in_child;
static unsigned int locked;
static unsigned int unlocked;
static unsigned int repaired;
static atomic_uint handled;
static int status_of_handlers_child;

static void fork_in_handler(int signal_number)
{
    int saved_errno = errno;

    (void)signal_number;
    status_of_handlers_child = child_come_and_go();
    atomic_fetch_add(&handled, 1);
    errno = saved_errno;
}

static void lock_node(struct tsc_fork_node *node)
{
    (void)node;
    locked++;
    if (raises_in_lock)
        raise(SIGUSR1);
    tsc_lock_take(&node_lock);
}

static void unlock_node(struct tsc_fork_node *node)
{
    (void)node;
    unlocked++;
    if (raises_in_unlock)
        raise(SIGUSR1);
    tsc_lock_give(&node_lock);
}

static void repair_node(struct tsc_fork_node *node)
{
    (void)node;
    repaired++;
    if (raises_in_child)
        raise(SIGUSR1);
}

static const struct tsc_fork_ops node_ops = {.lock = lock_node, .unlock = unlock_node, .child = repair_node};
static struct tsc_fork_node node;

static void open_node(void)
{
    struct sigaction action = {.sa_handler = fork_in_handler};

    status_of_handlers_child = -1;
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    ck_assert_int_eq(tsc_fork_register(&node, &node_ops), 0);
}

static void close_node(void)
{
    tsc_fork_unregister(&node);
}

static void assert_handled(unsigned int times)
{
    ck_assert_uint_eq(atomic_load(&handled), times);
    ck_assert_int_eq(status_of_handlers_child, 0);
}

static void *take_and_give_all(void *arg)
{
    tsc_fork_hold();
    tsc_fork_unhold();
    tsc_fork_take_node_lock(&node_lock);
    tsc_fork_give_node_lock(&node_lock);
    return arg;
}

/* The one thread has another id, by which it has to find its locks, and others theirs. */
static void use_in_child(void *arg)
{
    const unsigned int *handled_before = arg;

    CHILD_CHECK(locked == 1 && repaired == 1 && unlocked == 1);
    CHILD_CHECK(atomic_load(&handled) ==
                *handled_before + raises_in_lock + (unsigned int)raises_in_unlock + raises_in_child);
    child_run_threads(take_and_give_all, NULL);
    tsc_lock_take(&node_lock);
    CHILD_CHECK(tsc_lock_is_mine(&node_lock));
    CHILD_CHECK((pid_t)atomic_load(&node_lock.word) == support_thread_id());
    tsc_lock_give(&node_lock);
}

/* All locks are free, and a fork does all that it has to do. */
static void assert_whole(void)
{
    unsigned int before = atomic_load(&handled);

    locked = unlocked = repaired = 0;
    pthread_join(support_start_thread(take_and_give_all, NULL), NULL);
    ck_assert_int_eq(child_run(use_in_child, &before), 0);
    ck_assert_uint_eq(locked, 1);
    ck_assert_uint_eq(unlocked, 1);
    ck_assert_uint_eq(repaired, 0);
}

START_TEST(while_the_list_is_held)
{
    tsc_fork_hold();
    raise(SIGUSR1);
    raise(SIGUSR1);
    ck_assert_uint_eq(locked, 0);
    tsc_fork_unhold();
    assert_handled(2);
    assert_whole();
}
END_TEST

START_TEST(while_a_node_is_locked)
{
    tsc_fork_take_node_lock(&node_lock);
    raise(SIGUSR1);
    ck_assert_uint_eq(locked, 0);
    tsc_fork_give_node_lock(&node_lock);
    ck_assert(tsc_fork_try_node_lock(&node_lock));
    raise(SIGUSR1);
    ck_assert_uint_eq(locked, 0);
    tsc_fork_give_node_lock(&node_lock);
    assert_handled(2);
    assert_whole();
}
END_TEST

START_TEST(while_nothing_is_held)
{
    raise(SIGUSR1);
    ck_assert_uint_eq(locked, 1);
    ck_assert_uint_eq(unlocked, 1);
    assert_handled(1);
    assert_whole();
}
END_TEST

struct sleeper {
    pthread_t thread;
    int status;
};

static void nothing(void *arg)
{
    (void)arg;
}

static void *fork_when_the_node_is_free(void *arg)
{
    struct sleeper *sleeper = arg;

    sleeper->status = child_run(nothing, NULL);
    return NULL;
}

static void take_node_and_have_fork_wait(struct sleeper *sleeper)
{
    pid_t id;

    sleeper->status = -1;
    tsc_fork_take_node_lock(&node_lock);
    sleeper->thread = support_start_sleeper(fork_when_the_node_is_free, sleeper, &id);
}

static void assert_fork_went_on(const struct sleeper *sleeper)
{
    pthread_join(sleeper->thread, NULL);
    ck_assert_int_eq(sleeper->status, 0);
    assert_handled(1);
    assert_whole();
}

/* The other fork has the list's lock and waits for the node's, which the interrupted thread has. */
START_TEST(while_another_fork_waits_for_the_node)
{
    struct sleeper sleeper;

    take_node_and_have_fork_wait(&sleeper);
    raise(SIGUSR1);
    tsc_fork_give_node_lock(&node_lock);
    assert_fork_went_on(&sleeper);
}
END_TEST

/* The interrupted thread has given the node's lock, and has still to wake the other fork, which has the list's. */
START_TEST(while_another_fork_is_to_be_woken)
{
    struct sleeper sleeper;

    take_node_and_have_fork_wait(&sleeper);
    atomic_store(&node_lock.word, 0);
    raise(SIGUSR1);
    tsc_lock_wake_next(&node_lock);
    tsc_fork_forget_node_lock();
    assert_fork_went_on(&sleeper);
}
END_TEST

/* An attempt that fails, and a lock that was given, are no locks held. */
START_TEST(what_is_not_had_is_not_held)
{
    tsc_lock_take(&node_lock);
    atomic_fetch_xor(&node_lock.word, 1); /* another thread's */
    ck_assert(!tsc_fork_try_node_lock(&node_lock));
    ck_assert_ptr_null(tsc_fork_node_lock);
    tsc_lock_give(&node_lock);
    tsc_fork_take_node_lock(&node_lock);
    ck_assert_ptr_eq(tsc_fork_node_lock, &node_lock);
    tsc_fork_give_node_lock(&node_lock);
    ck_assert_ptr_null(tsc_fork_node_lock);
}
END_TEST

START_TEST(inside_the_handlers_of_a_fork)
{
    raises_in_lock = _i & 1;
    raises_in_unlock = _i & 2;
    raises_in_child = _i & 4;
    assert_whole();
    assert_whole();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nested forks");
    TCase *tcase = support_add_case(suite, "nested forks", 30);

    tcase_add_checked_fixture(tcase, open_node, close_node);
    tcase_add_test(tcase, while_the_list_is_held);
    tcase_add_test(tcase, while_a_node_is_locked);
    tcase_add_test(tcase, while_nothing_is_held);
    if (!support_is_skipped(while_another_fork_waits_for_the_node->name))
        tcase_add_test(tcase, while_another_fork_waits_for_the_node);
    if (!support_is_skipped(while_another_fork_is_to_be_woken->name))
        tcase_add_test(tcase, while_another_fork_is_to_be_woken);
    tcase_add_test(tcase, what_is_not_had_is_not_held);
    tcase_add_loop_test(tcase, inside_the_handlers_of_a_fork, 0, 8);
    return support_run_suite(suite);
}
