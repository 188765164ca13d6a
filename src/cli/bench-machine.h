/* SPDX-License-Identifier: MIT */
/* What the numbers were measured on: without it they say nothing to anyone else. */
#ifndef CLI_BENCH_MACHINE_H
#define CLI_BENCH_MACHINE_H

#include <stdbool.h>

struct machine {
    char processor[128]; /* its model, or the architecture where the system does not tell the model */
    char architecture[65];
    char kernel[160];
    int processors; /* that the program may use */
    const char *compiler;
    bool optimized; /* whether the compiler was asked to */
};

void machine_describe(struct machine *machine);

#endif
