/* SPDX-License-Identifier: MIT */
#include "fork.h"

#include "sync/futex.h"
#include "sync/spin.h"
#include "test-point.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

static struct tsc_lock list_lock;
static struct tsc_fork_node *list;
static bool handlers_installed;

_Thread_local struct tsc_lock *tsc_fork_node_lock TSC_ALLOCATED_WITH_THE_THREAD;

/*
 * How many forks are under way of signal handlers that interrupted this thread while it was at the lock of the
 * list or of a node. To take the locks they would wait for their own thread; or, where that is at a node's, for
 * another fork, which has the list's and waits for the node's. So they leave all as it is: their children may only
 * exec or _exit. Forks on one thread lie inside one another: inside one of these all are of these, and one that
 * took the locks begins and ends while there are none. So the count tells, after a fork, of which kind it is.
 * Model: test/model/fork-handler.pml
 */
static _Thread_local unsigned int interrupting_forks TSC_ALLOCATED_WITH_THE_THREAD;

static bool is_at_a_lock(void)
{
    return tsc_lock_is_mine(&list_lock) || tsc_fork_node_lock != NULL;
}

static void before_fork(void)
{
    if (is_at_a_lock()) {
        interrupting_forks++;
        return;
    }
    tsc_lock_take(&list_lock);
    TSC_TEST_POINT(fork_list_locked);
    for (struct tsc_fork_node *node = list; node != NULL; node = node->next)
        if (node->ops->lock != NULL)
            node->ops->lock(node);
    TSC_TEST_POINT(fork_all_locked);
}

static bool ends_interrupting_fork(void)
{
    if (interrupting_forks == 0)
        return false;
    interrupting_forks--;
    return true;
}

static void unlock_all(void)
{
    TSC_TEST_POINT(fork_unlocking);
    for (struct tsc_fork_node *node = list; node != NULL; node = node->next)
        if (node->ops->unlock != NULL)
            node->ops->unlock(node);
    tsc_lock_give(&list_lock);
}

static void after_fork_in_parent(void)
{
    if (!ends_interrupting_fork())
        unlock_all();
}

/* The thread forgets its id last: until then a handler that forks here finds the lock of the list to be its own.
 */
static void after_fork_in_child(void)
{
    if (ends_interrupting_fork())
        return;
    TSC_TEST_POINT(fork_in_child);
    tsc_spin_forget_others();
    tsc_futex_forget_sleepers();
    for (struct tsc_fork_node *node = list; node != NULL; node = node->next)
        node->ops->child(node);
    unlock_all();
    tsc_lock_forget_thread();
}

static int install_handlers(void)
{
    if (handlers_installed)
        return 0;
    if (pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) != 0)
        return -ENOMEM;
    handlers_installed = true;
    return 0;
}

static void link_node(struct tsc_fork_node *node)
{
    node->previous = NULL;
    node->next = list;
    if (list != NULL)
        list->previous = node;
    list = node;
}

int tsc_fork_register(struct tsc_fork_node *node, const struct tsc_fork_ops *ops)
{
    int saved_errno = errno;
    int error;

    node->ops = ops;
    tsc_lock_take(&list_lock);
    error = install_handlers();
    if (!error)
        link_node(node);
    tsc_lock_give(&list_lock);
    errno = saved_errno;
    return error;
}

void tsc_fork_unregister(struct tsc_fork_node *node)
{
    tsc_lock_take(&list_lock);
    if (node->previous != NULL)
        node->previous->next = node->next;
    else
        list = node->next;
    if (node->next != NULL)
        node->next->previous = node->previous;
    tsc_lock_give(&list_lock);
}

void tsc_fork_hold(void)
{
    tsc_lock_take(&list_lock);
}

void tsc_fork_unhold(void)
{
    tsc_lock_give(&list_lock);
}
