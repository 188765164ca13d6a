/* SPDX-License-Identifier: MIT */
/* Makes the library's requests to the system fail, and counts them. Linked with --wrap for each function. */
#ifndef FAULTS_INJECTION_H
#define FAULTS_INJECTION_H

#include <stdbool.h>
#include <stdint.h>

/* The kinds of requests, and what a failure leads to. */
enum {
    REQUEST_MEMORY = 1,     /* memory, registration of fork handlers: -ENOMEM */
    REQUEST_THREAD = 2,     /* -EAGAIN */
    REQUEST_EXPENDABLE = 4, /* the library can do without: no error */
    REQUEST_WAIT = 8,       /* a sleep that ends early: no error */
    REQUEST_ANY = REQUEST_MEMORY | REQUEST_THREAD | REQUEST_EXPENDABLE | REQUEST_WAIT,
};

#define NO_REQUEST UINT64_MAX

struct injection_plan {
    unsigned int kinds;
    uint64_t first; /* the first request of these kinds that fails, counted from 0; NO_REQUEST: none does */
    bool all_after; /* as do all later ones */
    int wait_error; /* the error of a wait's system call; 0: it returns spuriously */
};

struct injection {
    uint64_t requests;   /* of these kinds, since the beginning */
    unsigned int failed; /* the kind of the last request that was made to fail; 0: none was */
    int64_t held;        /* allocations minus releases since the beginning */
};

void injection_begin(const struct injection_plan *plan);
struct injection injection_end(void);

#endif
