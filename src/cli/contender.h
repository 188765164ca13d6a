/* SPDX-License-Identifier: MIT */
/* What is put under load: a backend of the library, or the control. */
#ifndef CLI_CONTENDER_H
#define CLI_CONTENDER_H

#include <stdint.h>

#include <tscounter/tscounter.h>

#include "load.h"

struct contender {
    const char *name;
    void *counter;
    load_work_fn count;        /* a round adds 1 */
    load_work_fn count_in_out; /* a round adds 1 and takes it away again */
    int64_t (*read)(void *counter);
    void (*close)(void *counter);
};

/* Each returns 0 or a negative errno; -ENOTSUP: the backend is not part of this build. */
int contender_open_control(struct contender *contender);
int contender_open_backend(struct contender *contender, tsc_backend_t backend);

#endif
