/* SPDX-License-Identifier: MIT */
/* A contender: a backend of the library, or an integer counted inline. */
#ifndef CLI_CONTENDER_H
#define CLI_CONTENDER_H

#include <stdint.h>

#include <tscounter/tscounter.h>

#include "load.h"

enum inline_integer {
    INLINE_PLAIN,  /* each thread's own */
    INLINE_ATOMIC, /* the others are shared */
    INLINE_MUTEX,
    INLINE_SPIN,
    INLINE_RACY, /* without any synchronisation */
    INLINE_COUNT
};

struct contender {
    const char *name;
    void *counter;
    load_work_fn count;         /* a round adds 1 */
    load_work_fn count_in_out;  /* a round adds 1 and subtracts it again */
    load_work_fn count_or_read; /* a round reads, as often as load->read_percent says, or adds 1 */
    int64_t (*read)(void *counter);
    void (*settle)(void *counter); /* returns once all additions are applied; NULL: nothing to wait for */
    void (*close)(void *counter);
};

/* Each returns 0 or a negative errno; -ENOTSUP: the backend is not part of this build. */
int contender_open_inline(struct contender *contender, enum inline_integer integer);
int contender_open_backend(struct contender *contender, tsc_backend_t backend);

#endif
