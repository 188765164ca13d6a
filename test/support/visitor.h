/* SPDX-License-Identifier: MIT */
/* A thread that acts while another thread stands still. */
#ifndef SUPPORT_VISITOR_H
#define SUPPORT_VISITOR_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

struct visitor {
    pthread_t thread;
    sem_t called;
    atomic_int state;
    int stat; /* open: the thread's state in /proc */
    void (*visit)(void *arg);
    void *arg;
};

void visitor_start(struct visitor *visitor);

/*
 * The next three may be called in a signal handler. Makes the visitor call visit(arg). False, and no call, while
 * it is on another visit, or kept home.
 */
bool visitor_send(struct visitor *visitor, void (*visit)(void *arg), void *arg);

/* Waits until the visit has ended, or sleeps: then it waits for something that the caller holds. */
void visitor_stand_by(struct visitor *visitor);

bool visitor_is_out(struct visitor *visitor);

/* Waits for the visit to end; there is no other until visitor_let_out. */
void visitor_keep_home(struct visitor *visitor);
void visitor_let_out(struct visitor *visitor);

void visitor_stop(struct visitor *visitor);

#endif
