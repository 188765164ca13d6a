/* SPDX-License-Identifier: MIT */
/* A thread that does something while another one stands still. */
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
    int stat; /* open: what Linux tells about the thread */
    void (*visit)(void *arg);
    void *arg;
};

void visitor_start(struct visitor *visitor);

/* The next three from a signal handler too. Has it call visit(arg); false, and nothing is called, while it is out
 * on another visit, or kept home. */
bool visitor_send(struct visitor *visitor, void (*visit)(void *arg), void *arg);

/* Waits until the visit is done, or asleep: then it waits for what the caller stands in the way of. */
void visitor_stand_by(struct visitor *visitor);

bool visitor_is_out(struct visitor *visitor);

/* Waits for the visit to end; there is none until visitor_let_out. */
void visitor_keep_home(struct visitor *visitor);
void visitor_let_out(struct visitor *visitor);

void visitor_stop(struct visitor *visitor);

#endif
