/* SPDX-License-Identifier: MIT */
/*
 * What the counters are compared with: counts that cannot be wrong.
 *
 * Every connection has a slot with two counts, requests started and requests finished, and the connection's
 * thread alone writes them. With one writer there is nothing to lose, however plain its additions are. A slot
 * goes back when the connection's thread has been joined, and the next connection counts on in it: never two
 * writers at once. Readers add up all slots. That is exact, at the price of memory for each connection and a
 * walk over all of it for each read.
 *
 * The peak is the exception: counts that are kept apart do not show it. It is taken from one atomic integer.
 */
#ifndef TRUTH_H
#define TRUTH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum { TRUTH_SLOTS = 4096 };

struct truth_slot {
    _Alignas(64) _Atomic int64_t started;
    _Atomic int64_t finished;
    struct truth_slot *next_free;
};

struct truth {
    struct truth_slot slots[TRUTH_SLOTS];
    struct truth_slot *free_slots;
    pthread_mutex_t lock; /* guards the list of free slots */
    _Alignas(64) _Atomic int64_t in_flight;
    _Atomic int64_t peak;
};

struct truth_reading {
    int64_t started;
    int64_t finished;
    int64_t peak;
};

void truth_open(struct truth *truth);

/* At most TRUTH_SLOTS are out at once. */
struct truth_slot *truth_take_slot(struct truth *truth);
void truth_give_slot(struct truth *truth, struct truth_slot *slot);

void truth_start(struct truth *truth, struct truth_slot *slot);
void truth_finish(struct truth *truth, struct truth_slot *slot);

/* Who sees a request finished also sees whatever its thread did before truth_finish(). */
struct truth_reading truth_read(struct truth *truth);

#endif
