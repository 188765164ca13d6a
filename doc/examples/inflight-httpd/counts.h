/* SPDX-License-Identifier: MIT */
/* All counts of the requests: by the counter that the server relies on, by others for comparison, and the truth.
 */
#ifndef COUNTS_H
#define COUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "tally.h"
#include "truth.h"

enum { MAX_TALLIES = 8 };

struct counts {
    struct tally tallies[MAX_TALLIES]; /* the server relies on the first */
    size_t tally_count;
    struct truth truth;
};

/* Counts with `name`, and unless `alone` also in all other ways. Errors as in tally_open(). */
int counts_open(struct counts *counts, const char *name, bool alone);

/* Called on the thread of the slot's connection. -ESHUTDOWN: refuse the request; it is not counted. */
int counts_enter(struct counts *counts, struct truth_slot *slot);
void counts_leave(struct counts *counts, struct truth_slot *slot);

void counts_close(struct counts *counts);

#endif
