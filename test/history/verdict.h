/* SPDX-License-Identifier: MIT */
/* What a checker says of a history. */
#ifndef HISTORY_VERDICT_H
#define HISTORY_VERDICT_H

#include "history.h"

enum finding { RIGHT, WRONG, UNDECIDED };

struct verdict {
    enum finding finding;
    char reason[256];
    const struct call *culprit; /* one call that is wrong, where there is such a one */
    size_t configurations;      /* that the search had to remember */
    /* Where no order explains all calls: the longest that explains the first ones, each with the value after it.
     */
    size_t explained;
    struct {
        size_t thread;
        int64_t value;
    } order[THREADS_MAX * CALLS_MAX];
};

void verdict_clear(struct verdict *verdict);

/* The verdict that this call is wrong, for a reason that is said as printf says it. */
void verdict_against(struct verdict *verdict, const struct call *culprit, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tells people, on stderr: the counter, the reason, and the calls that matter. */
void verdict_print(const struct verdict *verdict, const struct history *history);

#endif
