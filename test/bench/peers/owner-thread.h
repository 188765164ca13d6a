/* SPDX-License-Identifier: MIT */
/* Shared by the peers in C: many threads send additions through a queue to one thread, which owns the value. */
#ifndef OWNER_THREAD_H
#define OWNER_THREAD_H

#include <sched.h>
#include <stddef.h>
#include <stdint.h>

#include "load.h"

/* A queue, defined by each program. */
struct queue {
    const char *name;
    void (*open)(size_t messages);       /* this many messages will be sent */
    load_work_fn send;                   /* a round sends one message that adds 1 */
    int64_t (*receive)(size_t messages); /* returns their sum */
    void (*close)(void);
};

extern const struct queue queue;

/* These queues do not block: a thread that finds one full or empty spins for a while, and then yields. */
static inline void wait_for_the_other_side(unsigned *attempts)
{
    enum { ATTEMPTS_BETWEEN_YIELDS = 64 };

    if (++*attempts % ATTEMPTS_BETWEEN_YIELDS == 0)
        sched_yield();
#if defined(__x86_64__) || defined(__i386__)
    else
        __builtin_ia32_pause();
#endif
}

/*
 * Memory for the messages of a thread, for queues that link them. All of it is allocated and touched before the
 * clock starts, because an allocation for each message would cost more.
 */
void messages_open(size_t count, size_t size);
void *messages_take(const struct load *load); /* the next of the calling thread's share */
void messages_close(void);

#endif
