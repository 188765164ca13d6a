/* SPDX-License-Identifier: MIT */
/* A process that counts from many threads, and children that it has meanwhile: each has a value that the counter
 * had, with all adds that had returned. */
#ifndef FORK_OFFSPRING_H
#define FORK_OFFSPRING_H

#include "subject.h"

/* Written by one worker alone; the child of a fork sees them as they were then. */
struct progress {
    atomic_int_fast64_t begun;
    atomic_int_fast64_t returned;
};

struct parent {
    struct subject subject;
    size_t workers;
    struct progress *progress;
};

/* Before all else, once: looks whether children may start threads here. */
void offspring_prepare(void);

void parent_open(struct parent *parent, const struct variant *variant, size_t workers);

/* Fails the test where the value is not what the workers added, or one of them or a child saw something wrong. */
void parent_close(struct parent *parent);

/* Worker `index` adds one, by a call that changes with `turn`. */
void parent_add_one(struct parent *parent, size_t index, uint64_t turn);

/* Forks a child that checks the value, counts, drains and drops the counter, and may do as much in a child of its
 * own before that; and waits for its end. */
void parent_fork(struct parent *parent, bool child_forks_too);

#endif
