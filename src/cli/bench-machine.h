/* SPDX-License-Identifier: MIT */
/* The machine of a measurement, without which its numbers mean nothing. */
#ifndef CLI_BENCH_MACHINE_H
#define CLI_BENCH_MACHINE_H

#include <stdbool.h>

struct machine {
    char processor[128]; /* its model, or the architecture if the system does not report the model */
    char architecture[65];
    char kernel[160];
    int processors; /* that the program may use */
    const char *compiler;
    bool optimized; /* whether the compiler optimized the program */
};

void machine_describe(struct machine *machine);

#endif
