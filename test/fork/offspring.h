/* SPDX-License-Identifier: MIT */
/*
 * A process that counts from many threads, and its children meanwhile. Each has a value that the counter had, with
 * all adds that had returned.
 */
#ifndef FORK_OFFSPRING_H
#define FORK_OFFSPRING_H

#include "subject.h"

/* Written by one worker; a child sees it as it was at the fork. */
struct progress {
    atomic_int_fast64_t begun;
    atomic_int_fast64_t returned;
};

struct parent {
    struct subject subject;
    size_t workers;
    struct progress *progress;
};

/* Called once, first: checks whether children may start threads here. */
void offspring_prepare(void);

void parent_open(struct parent *parent, const struct variant *variant, size_t workers);

/* Fails the test if the value is not what the workers added, or if a worker or a child saw an error. */
void parent_close(struct parent *parent);

/* Worker `index` adds 1, by a call that depends on `turn`. */
void parent_add_one(struct parent *parent, size_t index, uint64_t turn);

/*
 * Forks a child and waits for it. The child checks the value, counts, drains and drops the counter. It may do the
 * same in a child of its own first.
 */
void parent_fork(struct parent *parent, bool child_forks_too);

#endif
