/* SPDX-License-Identifier: MIT */
/* What threads are to do to counters: drawn at random, the same from the same seed. */
#ifndef HISTORY_PLAN_H
#define HISTORY_PLAN_H

#include "record.h"

enum { PLAYERS_MAX = THREADS_MAX - 1, COUNTERS_MAX = 2 };

struct step {
    struct call call; /* it is recorded in place */
    size_t counter;
    struct stop stop;
    bool from_last; /* the first argument is relative to the last value that the thread has seen */
    bool goes_on;   /* an addition, which the next step, a read, follows at once */
};

/* By how much additions change the value. */
enum amounts { BY_ONE, SMALL, DISTINCT, WIDE };

/* What stays for all rounds that the same counters are used in. */
struct life {
    struct attributes attributes;
    enum amounts amounts;
    size_t rounds;
};

struct round {
    bool is_duel; /* of two players, who add and read at once */
    size_t players;
    size_t count[PLAYERS_MAX];
    struct step steps[PLAYERS_MAX][CALLS_MAX];
};

void plan_life(uint64_t *random, tsc_backend_t backend, struct life *life);

/* The states are those of the life's counters before the round. */
void plan_round(uint64_t *random, const struct life *life, const struct state *states, struct round *round);

#endif
