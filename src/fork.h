/* SPDX-License-Identifier: MIT */
#ifndef TSC_FORK_H
#define TSC_FORK_H

/*
 * What has to be made right in the child of a fork: a list of nodes, each embedded in the object that it stands
 * for.
 *
 * While fork() runs, the lock of the list is held, and so is that of each node that has one. A node's lock must be
 * one that its holders give back soon, and nobody may take the lock of the list while holding a node's.
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

/* The lock of the list also keeps what is registered from being freed while others reach for it. */
void tsc_fork_hold(void);
void tsc_fork_unhold(void);

#endif
