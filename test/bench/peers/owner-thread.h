/* SPDX-License-Identifier: MIT */
/* What the peers in C share: many threads send additions through a queue to one thread, which owns the value. */
#ifndef OWNER_THREAD_H
#define OWNER_THREAD_H

#include <sched.h>
#include <stddef.h>
#include <stdint.h>

#include "load.h"

/* A queue, defined by each program. */
struct queue {
    const char *name;
    void (*open)(size_t messages);       /* that many are going to be sent */
    load_work_fn send;                   /* a round sends one message that adds 1 */
    int64_t (*receive)(size_t messages); /* returns their sum */
    void (*close)(void);
};

extern const struct queue queue;

/* These queues do not block: who finds one full or empty spins for a little while, and then lets others run. */
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
 * Memory for a message that a thread sends, for queues that link what they are given. All of it is there, and
 * touched, before the clock starts: an allocation for each message would be dearer.
 */
void messages_open(size_t count, size_t size);
void *messages_take(const struct load *load); /* the next of the calling thread's share */
void messages_close(void);

#endif
