/* SPDX-License-Identifier: MIT */
/*
 * A counter under load: threads increment, decrement, read and wait until it is closed and drained. With bounds
 * and a peak, they change and take these too, and a second counter has seats for which threads wait.
 */
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
    tsc_counter_t *seats; /* NULL without bounds */
    atomic_int seated;
    int64_t *places;
    int64_t visits_at_the_drain;
};

/* Creates a counter, which load_run() closes after this many visits. */
void load_open(struct load *load, const struct variant *variant, uint64_t close_after, bool forks);
void load_run(struct load *load);

/* Fails the test, with a report, if a thread has seen a violation of the contract. */
void load_close(struct load *load, const char *trial);

/* Increments, reads and decrements by async-signal-safe calls. */
void load_visit_in_handler(struct load *load);

/* In a forked child: checks the value, then uses and drains the counter. */
void load_check_in_child(void *load);

#endif
