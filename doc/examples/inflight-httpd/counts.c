/* SPDX-License-Identifier: MIT */
#include "counts.h"

#include <errno.h>
#include <string.h>

static int add_tally(struct counts *counts, const char *name)
{
    int error = tally_open(&counts->tallies[counts->tally_count], name);
    if (error == 0)
        counts->tally_count++;
    return error;
}

static int add_other_tallies(struct counts *counts)
{
    const char *name;

    for (uint32_t i = 0; (name = tally_name(i)) != NULL && counts->tally_count < MAX_TALLIES; i++) {
        if (strcmp(name, counts->tallies[0].name) == 0)
            continue;
        int error = add_tally(counts, name);
        if (error && error != -ENOTSUP)
            return error;
    }
    return 0;
}

int counts_open(struct counts *counts, const char *name, bool alone)
{
    truth_open(&counts->truth);
    int error = add_tally(counts, name);
    if (error == 0 && !alone)
        error = add_other_tallies(counts);
    if (error)
        counts_close(counts);
    return error;
}

int counts_enter(struct counts *counts, struct truth_slot *slot)
{
    int error = counts->tallies[0].ops->enter(&counts->tallies[0]);
    if (error)
        return error;
    for (size_t i = 1; i < counts->tally_count; i++)
        counts->tallies[i].ops->enter(&counts->tallies[i]);
    /* Between the truth's start and its finish, so that finished <= total <= started always holds. */
    truth_start(&counts->truth, slot);
    for (size_t i = 0; i < counts->tally_count; i++)
        counts->tallies[i].ops->count(&counts->tallies[i]);
    return 0;
}

void counts_leave(struct counts *counts, struct truth_slot *slot)
{
    for (size_t i = 0; i < counts->tally_count; i++)
        counts->tallies[i].ops->leave(&counts->tallies[i]);
    truth_finish(&counts->truth, slot);
}

void counts_close(struct counts *counts)
{
    for (size_t i = 0; i < counts->tally_count; i++)
        counts->tallies[i].ops->close(&counts->tallies[i]);
}
