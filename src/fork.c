/* SPDX-License-Identifier: MIT */
#include "fork.h"

#include "sync/futex.h"
#include "sync/lock.h"
#include "sync/spin.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tsc_fork_node *list;
static bool handlers_installed;

static void before_fork(void)
{
    pthread_mutex_lock(&list_lock);
    for (struct tsc_fork_node *node = list; node != NULL; node = node->next)
        if (node->ops->lock != NULL)
            node->ops->lock(node);
}

static void unlock_all(void)
{
    for (struct tsc_fork_node *node = list; node != NULL; node = node->next)
        if (node->ops->unlock != NULL)
            node->ops->unlock(node);
    pthread_mutex_unlock(&list_lock);
}

static void after_fork_in_child(void)
{
    tsc_lock_forget_thread();
    tsc_spin_forget_others();
    tsc_futex_forget_sleepers();
    for (struct tsc_fork_node *node = list; node != NULL; node = node->next)
        node->ops->child(node);
    unlock_all();
}

static int install_handlers(void)
{
    if (handlers_installed)
        return 0;
    if (pthread_atfork(before_fork, unlock_all, after_fork_in_child) != 0)
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
    pthread_mutex_lock(&list_lock);
    error = install_handlers();
    if (!error)
        link_node(node);
    pthread_mutex_unlock(&list_lock);
    errno = saved_errno;
    return error;
}

void tsc_fork_unregister(struct tsc_fork_node *node)
{
    pthread_mutex_lock(&list_lock);
    if (node->previous != NULL)
        node->previous->next = node->next;
    else
        list = node->next;
    if (node->next != NULL)
        node->next->previous = node->previous;
    pthread_mutex_unlock(&list_lock);
}

void tsc_fork_hold(void)
{
    pthread_mutex_lock(&list_lock);
}

void tsc_fork_unhold(void)
{
    pthread_mutex_unlock(&list_lock);
}
