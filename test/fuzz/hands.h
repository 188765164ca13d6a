/* SPDX-License-Identifier: MIT */
/*
 * Threads that run jobs for another thread. A hand sees what was written before hand_begin(). What the hand wrote
 * is visible after hand_end().
 */
#ifndef FUZZ_HANDS_H
#define FUZZ_HANDS_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>

enum { HANDS = 3 };

struct hand {
    pthread_t thread;
    bool started;
    bool busy;
    sem_t go;
    sem_t done;
    void (*job)(void *arg); /* NULL: the hand ends */
    void *arg;
};

/* Zeroed at first. A hand is started when it is first needed. */
struct hands {
    struct hand hand[HANDS];
};

/* The first idle hand from the preferred one on, or NULL. */
struct hand *hands_find_idle(struct hands *hands, size_t preferred);

void hand_begin(struct hand *hand, void (*job)(void *arg), void *arg);
void hand_end(struct hand *hand);

void hands_dismiss(struct hands *hands);

#endif
