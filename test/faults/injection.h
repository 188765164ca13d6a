/* SPDX-License-Identifier: MIT */
/* What the library asks of the system, made to fail, and counted. Linked with --wrap for each function. */
#ifndef FAULTS_INJECTION_H
#define FAULTS_INJECTION_H

#include <stdbool.h>
#include <stdint.h>

/* What a request is for, and so what comes of its failure. */
enum {
    REQUEST_MEMORY = 1,     /* memory, a place for handlers: -ENOMEM */
    REQUEST_THREAD = 2,     /* -EAGAIN */
    REQUEST_EXPENDABLE = 4, /* what can be done without: no error */
    REQUEST_WAIT = 8,       /* a sleep that ends before its time: no error */
    REQUEST_ANY = REQUEST_MEMORY | REQUEST_THREAD | REQUEST_EXPENDABLE | REQUEST_WAIT,
};

#define NO_REQUEST UINT64_MAX

struct injection_plan {
    unsigned int kinds;
    uint64_t first; /* the first request of these kinds that fails, counted from 0; NO_REQUEST: none does */
    bool all_after; /* and each one after it */
    int wait_error; /* what the system call of a wait answers; 0: it returns for no reason */
};

struct injection {
    uint64_t requests;   /* of the kinds, made since the beginning */
    unsigned int failed; /* the kind of the last that was made to fail; 0: none was */
    int64_t held;        /* memory taken and not given back since the beginning */
};

void injection_begin(const struct injection_plan *plan);
struct injection injection_end(void);

#endif
