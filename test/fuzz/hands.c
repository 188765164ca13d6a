/* SPDX-License-Identifier: MIT */
#include "hands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keeps errno, because a callback may wait here: musl's sem_wait changes it on success. */
static void wait_for(sem_t *semaphore)
{
    int saved_errno = errno;

    while (sem_wait(semaphore) != 0)
        ;
    errno = saved_errno;
}

static void *work(void *arg)
{
    struct hand *hand = arg;

    for (;;) {
        wait_for(&hand->go);
        if (hand->job == NULL)
            return NULL;
        hand->job(hand->arg);
        sem_post(&hand->done);
    }
}

static void start(struct hand *hand)
{
    int error;

    sem_init(&hand->go, 0, 0);
    sem_init(&hand->done, 0, 0);
    error = pthread_create(&hand->thread, NULL, work, hand);
    if (error != 0) {
        fprintf(stderr, "cannot start a thread: %s\n", strerror(error));
        exit(EXIT_FAILURE);
    }
    hand->started = true;
}

struct hand *hands_find_idle(struct hands *hands, size_t preferred)
{
    for (size_t i = 0; i < HANDS; i++) {
        struct hand *hand = &hands->hand[(preferred + i) % HANDS];

        if (!hand->busy)
            return hand;
    }
    return NULL;
}

void hand_begin(struct hand *hand, void (*job)(void *arg), void *arg)
{
    if (!hand->started)
        start(hand);
    hand->busy = true;
    hand->job = job;
    hand->arg = arg;
    sem_post(&hand->go);
}

void hand_end(struct hand *hand)
{
    wait_for(&hand->done);
    hand->busy = false;
}

static void dismiss(struct hand *hand)
{
    hand->job = NULL;
    sem_post(&hand->go);
    pthread_join(hand->thread, NULL);
    sem_destroy(&hand->go);
    sem_destroy(&hand->done);
}

void hands_dismiss(struct hands *hands)
{
    for (size_t i = 0; i < HANDS; i++) {
        if (hands->hand[i].started)
            dismiss(&hands->hand[i]);
    }
}
