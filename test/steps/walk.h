/* SPDX-License-Identifier: MIT */
/*
 * Makes a call again and again, each time with an event before its next instruction: in a signal handler of the
 * same thread, or on another thread, the visitor, while this one stands still. So the tests reach every
 * interleaving of the event with the call, also those that stress tests reach rarely or never.
 *
 * The visitor may wait for this thread, for a lock or a reserved message. The call then continues once the visitor
 * sleeps, and the test checks what holds in any order.
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
    const struct variant *variant; /* NULL: not a call of a counter */
    char title[WALK_TITLE_MAX];
    char name[TRIAL_NAME_MAX]; /* the title and the instruction */
    uint64_t instruction;      /* from 1 */
    uint64_t stride;
    bool is_selected;
    bool ends;
    struct visitor visitor;

    /* The current visit. */
    walk_fn visit;
    void *arg;
    pid_t caller;
    atomic_bool sent;
    atomic_bool visit_began;
    bool caller_slept;
    bool visitor_waited;
};

/* Begins a walk through a call of a counter; `what` is the event. */
void walk_begin(struct walk *walk, const struct variant *variant, const char *call, const char *what,
                uint64_t stride);

/* Begins a walk through another call, and tries each instruction. */
void walk_begin_named(struct walk *walk, const char *title);

/* Moves to the next instruction. After the last one it ends the walk and returns false, and at once if
 * TSC_TEST_TRIAL does not select the walk. */
bool walk_next(struct walk *walk);

/* The distance of the instructions that are tried where not all are needed: TSC_TEST_STRIDE, else the fallback. */
uint64_t walk_stride(uint64_t fallback);

/* Makes the call and interrupts it at the instruction. False if the call has fewer instructions. */
bool walk_interrupt(struct walk *walk, walk_fn call, walk_fn interrupt, void *arg);

/* Makes the call, stops it at the instruction, and sends the visitor; the call continues once the visit has ended
 * or sleeps (visitor_waited). False if there was no visit. */
bool walk_visit(struct walk *walk, walk_fn call, walk_fn visit, void *arg);

/* The same for a call that waits for the visit: if it sleeps before the instruction, the visit begins then. If the
 * call does not return, walk_end_visit() must still be called. */
void walk_visit_waiter(struct walk *walk, walk_fn call, walk_fn visit, void *arg);

/* Waits for the visit to end; called after each visited call. */
void walk_end_visit(struct walk *walk);

/* False for a variant whose instructions another variant has too: queues of any size and owner are alike, and a
 * peak with bounds includes a peak. */
bool walk_is_distinct(const struct variant *variant);

#define WALK_CHECK(walk, condition) ck_assert_msg(condition, "%s: not true: %s", (walk)->name, #condition)

#endif
