/* SPDX-License-Identifier: MIT */
/* Random calls for threads to make on counters; the same seed gives the same calls. */
#ifndef HISTORY_PLAN_H
#define HISTORY_PLAN_H

#include "record.h"

enum { PLAYERS_MAX = THREADS_MAX - 1, COUNTERS_MAX = 2 };

struct step {
    struct call call; /* recorded in place */
    size_t counter;
    struct stop stop;
    bool from_last;        /* the first argument is relative to the last value that the thread has read */
    bool has_read_at_once; /* an addition; the next step is a read, made at once after it */
};

/* The sizes of additions. */
enum amounts { BY_ONE, SMALL, DISTINCT, WIDE };

/* The same in all rounds that use the same counters. */
struct life {
    struct attributes attributes;
    enum amounts amounts;
    size_t rounds;
};

struct round {
    bool is_duel; /* two threads that add and read at the same time */
    size_t players;
    size_t count[PLAYERS_MAX];
    struct step steps[PLAYERS_MAX][CALLS_MAX];
};

void plan_life(uint64_t *random, tsc_backend_t backend, struct life *life);

/* The states are those of the counters before the round. */
void plan_round(uint64_t *random, const struct life *life, const struct state *states, struct round *round);

#endif
