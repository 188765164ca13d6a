/* SPDX-License-Identifier: MIT */
/*
 * A call is made again and again, and each time something else happens at the next one of its instructions: in a
 * signal handler of the same thread, or on another thread while this one stands still. So what stress tests meet
 * by chance is met for certain, and what they never meet as well.
 *
 * Another thread may have to wait for the one that stands still: for a lock, or for a message that is reserved.
 * Then the call goes on once the other thread sleeps, and what holds in any order is checked.
 */
#ifndef STEPS_WALK_H
#define STEPS_WALK_H

#include <check.h>

#include "subject.h"
#include "support/trial.h"
#include "support/visitor.h"

enum { WALK_TITLE_MAX = 120 };

typedef void (*walk_fn)(void *arg);

struct walk {
    const struct variant *variant; /* NULL: the call is not of a counter */
    char title[WALK_TITLE_MAX];
    char name[TRIAL_NAME_MAX]; /* the title and the instruction */
    uint64_t instruction;      /* from 1 */
    uint64_t stride;
    bool is_asked_for;
    bool ends;
    struct visitor visitor;

    /* The visit that is under way. */
    walk_fn visit;
    void *arg;
    pid_t caller;
    atomic_bool called;
    atomic_bool has_come;
    bool came_by_itself;
    bool had_to_wait;
};

/* Begins a walk through a call of a counter, during which `what` happens. */
void walk_begin(struct walk *walk, const struct variant *variant, const char *call, const char *what,
                uint64_t stride);

/* Begins a walk through any other call. */
void walk_begin_named(struct walk *walk, const char *title);

/* Moves on to the next instruction. At the end of the call it ends the walk and returns false, as it does at once
 * unless TSC_TEST_TRIAL asks for this walk. */
bool walk_on(struct walk *walk);

/* How many instructions lie between two that are tried, where each is not needed: TSC_TEST_STRIDE, else the
 * fallback. */
uint64_t walk_stride(uint64_t fallback);

/* Makes the call, which is interrupted at the instruction; false where it had not got so many. */
bool walk_interrupt(struct walk *walk, walk_fn call, walk_fn interrupt, void *arg);

/* Makes the call, and at the instruction has the visitor visit: until that has returned, or waits. False where
 * there was no visit. Whether it waited: had_to_wait. */
bool walk_visit(struct walk *walk, walk_fn call, walk_fn visit, void *arg);

/* The same for a call that waits for the visit: where it falls asleep before the instruction, there is a visit as
 * well. The call need not return, if walk_see_off is called all the same. */
void walk_visit_waiter(struct walk *walk, walk_fn call, walk_fn visit, void *arg);

/* Waits for the visit to end. After each call that was visited. */
void walk_see_off(struct walk *walk);

/* A queue of another size, or on a shared owner, has the same instructions as another; and who has a peak and
 * bounds has those of a peak. */
bool walk_is_worth(const struct variant *variant);

#define WALK_CHECK(walk, condition) ck_assert_msg(condition, "%s: not true: %s", (walk)->name, #condition)

#endif
