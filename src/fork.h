/* SPDX-License-Identifier: MIT */
#ifndef TSC_FORK_H
#define TSC_FORK_H

#include "compiler.h"
#include "sync/lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * What has to be made right in the child of a fork: a list of nodes, each embedded in the object that it stands
 * for.
 *
 * While fork() runs, the lock of the list is held, and so is that of each node that has one. A node's lock must be
 * one that its holders give back soon, and nobody may take the lock of the list while holding a node's.
 * A handler that forks where it interrupted a thread at one takes none.
 */
struct tsc_fork_node;

struct tsc_fork_ops {
    void (*lock)(struct tsc_fork_node *node);   /* before the fork; may be NULL */
    void (*unlock)(struct tsc_fork_node *node); /* after it, in parent and child; may be NULL */
    void (*child)(struct tsc_fork_node *node);  /* in the child, before unlock */
};

struct tsc_fork_node {
    const struct tsc_fork_ops *ops;
    struct tsc_fork_node *next;
    struct tsc_fork_node *previous;
};

/* 0 or -ENOMEM. */
int tsc_fork_register(struct tsc_fork_node *node, const struct tsc_fork_ops *ops);
void tsc_fork_unregister(struct tsc_fork_node *node);

/*
 * Takes and gives a node's lock. A signal handler that forks has to know whether another fork may wait for the
 * thread that it interrupted. So the thread says at which lock it is, from before it takes it until it has woken
 * the next: asleep, it may be the one that was woken; and having given the lock, the one that has still to wake.
 * Each thread is at one at most. The fences are against a handler on the same thread. Model:
 * test/model/fork-handler.pml
 */
extern _Thread_local struct tsc_lock *tsc_fork_node_lock TSC_ALLOCATED_WITH_THE_THREAD;

static inline void tsc_fork_take_node_lock(struct tsc_lock *lock)
{
    tsc_fork_node_lock = lock;
    atomic_signal_fence(memory_order_seq_cst);
    tsc_lock_take(lock);
}

static inline void tsc_fork_forget_node_lock(void)
{
    atomic_signal_fence(memory_order_seq_cst);
    tsc_fork_node_lock = NULL;
}

static inline bool tsc_fork_try_node_lock(struct tsc_lock *lock)
{
    tsc_fork_node_lock = lock;
    atomic_signal_fence(memory_order_seq_cst);
    if (tsc_lock_try(lock))
        return true;
    tsc_fork_forget_node_lock();
    return false;
}

static inline void tsc_fork_give_node_lock(struct tsc_lock *lock)
{
    tsc_lock_give(lock);
    tsc_fork_forget_node_lock();
}

/* The lock of the list also keeps what is registered from being freed while others reach for it. */
void tsc_fork_hold(void);
void tsc_fork_unhold(void);

#endif
