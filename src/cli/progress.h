/* SPDX-License-Identifier: MIT */
/* A progress bar on stderr where that is a terminal; nothing where it is not. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool visible;
    uint64_t total;
    uint64_t done_before; /* by the steps before this one */
    uint64_t step_size;
    const char *step_name; /* at most PROGRESS_NAME_WIDTH long */
};

enum { PROGRESS_NAME_WIDTH = 16 };

void progress_start(struct progress *progress, uint64_t total);
void progress_step(struct progress *progress, const char *name, uint64_t size);
void progress_draw(const struct progress *progress, uint64_t done_in_step);
void progress_clear(const struct progress *progress);

#endif
