/* SPDX-License-Identifier: MIT */
/*
 * Threads that do what another thread tells them. What the one wrote before hand_begin() the hand sees, and what
 * the hand wrote is seen after hand_end().
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
    void (*job)(void *arg); /* NULL: to end */
    void *arg;
};

/* Begins as zeros. A hand is started when it is first needed. */
struct hands {
    struct hand hand[HANDS];
};

/* A hand that has nothing to do, from the preferred one on, or NULL. */
struct hand *hands_find_idle(struct hands *hands, size_t preferred);

void hand_begin(struct hand *hand, void (*job)(void *arg), void *arg);
void hand_end(struct hand *hand);

void hands_dismiss(struct hands *hands);

#endif
