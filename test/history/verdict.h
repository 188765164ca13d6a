/* SPDX-License-Identifier: MIT */
/* A checker's verdict on a history. */
#ifndef HISTORY_VERDICT_H
#define HISTORY_VERDICT_H

#include "history.h"

enum finding { RIGHT, WRONG, UNDECIDED };

struct verdict {
    enum finding finding;
    char reason[256];
    const struct call *culprit; /* one wrong call, if known */
    size_t configurations;      /* that the search had to remember */
    /* If no order explains all calls: the longest order of first calls, each with the value after it. */
    size_t explained;
    struct {
        size_t thread;
        int64_t value;
    } order[THREADS_MAX * CALLS_MAX];
};

void verdict_clear(struct verdict *verdict);

/* Marks the call as wrong, with a reason in printf's format. */
void verdict_against(struct verdict *verdict, const struct call *culprit, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints to stderr: the counter, the reason, and the relevant calls. */
void verdict_print(const struct verdict *verdict, const struct history *history);

#endif
