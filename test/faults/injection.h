/* SPDX-License-Identifier: MIT */
/* What the library asks of the system, made to fail, and counted. Linked with --wrap for each function. */
#ifndef FAULTS_INJECTION_H
#define FAULTS_INJECTION_H

#include <stdbool.h>
#include <stdint.h>

/* From now on the n-th request, counted from 0, fails; UINT64_MAX: none does. */
void injection_begin(uint64_t n);

struct injection {
    uint64_t requests; /* made since the beginning */
    bool failed;       /* whether one of them was made to fail */
    bool was_thread;   /* whether that one was for a thread */
    int64_t held;      /* memory taken and not given back since the beginning */
};

struct injection injection_end(void);

#endif
