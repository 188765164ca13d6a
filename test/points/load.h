/* SPDX-License-Identifier: MIT */
/* A short life of a counter under load: threads come in and out, look and wait, until it is closed and drained. */
#ifndef POINTS_LOAD_H
#define POINTS_LOAD_H

#include <semaphore.h>

#include "subject.h"

struct load {
    struct subject subject;
    size_t workers;
    bool forks; /* whether one of the threads forks */
    uint64_t close_after;
    atomic_uint_fast64_t visits;
    sem_t close_now;
    sem_t release_now;
    atomic_bool closed;
    atomic_bool releasing;
    atomic_bool drained;
    int64_t *places;
    int64_t visits_at_the_drain;
};

/* A fresh counter; it is closed after so many visits. */
void load_open(struct load *load, const struct variant *variant, uint64_t close_after, bool forks);
void load_run(struct load *load);

/* The test fails, and says with what, where a thread has seen something against the contract. */
void load_close(struct load *load, const char *trial);

/* In any thread, or a signal handler: comes in, looks and goes out, by calls that a signal handler may make. */
void load_visit_in_handler(struct load *load);

/* In a child of a fork, wherever its thread was: the value is right, and the counter works to its end. */
void load_live_in_child(void *load);

#endif
