/* SPDX-License-Identifier: MIT */
/*
 * The reference for the counters: counts that cannot be wrong.
 *
 * Every connection has a slot with two counts, requests started and requests finished. Only the connection's
 * thread writes them, and with a single writer plain additions lose nothing. A slot is free again after the
 * connection's thread has been joined; the next connection continues its counts, so there are never two writers at
 * once. Readers add up all slots. That is exact, but it costs memory for each connection, and each read walks all
 * of it.
 *
 * The peak is the exception: separate counts do not show it. It comes from one atomic integer.
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
    pthread_mutex_t lock; /* protects the list of free slots */
    _Alignas(64) _Atomic int64_t in_flight;
    _Atomic int64_t peak;
};

struct truth_reading {
    int64_t started;
    int64_t finished;
    int64_t peak;
};

void truth_open(struct truth *truth);

/* At most TRUTH_SLOTS are taken at once. */
struct truth_slot *truth_take_slot(struct truth *truth);
void truth_give_slot(struct truth *truth, struct truth_slot *slot);

void truth_start(struct truth *truth, struct truth_slot *slot);
void truth_finish(struct truth *truth, struct truth_slot *slot);

/* A reader that sees a request finished also sees what its thread did before truth_finish(). */
struct truth_reading truth_read(struct truth *truth);

#endif
