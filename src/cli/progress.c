/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

static const char full[] = "##############################";
static const char empty[] = "..............................";

enum { BAR_WIDTH = sizeof(full) - 1, LINE_WIDTH = sizeof("[] 100 %  ") - 1 + BAR_WIDTH + PROGRESS_NAME_WIDTH };

void progress_start(struct progress *progress, uint64_t total)
{
    *progress = (struct progress){.visible = isatty(STDERR_FILENO) == 1, .total = total};
}

void progress_step(struct progress *progress, const char *name, uint64_t size)
{
    progress->done_before += progress->step_size;
    progress->step_size = size;
    progress->step_name = name;
    progress_draw(progress, 0);
}

void progress_draw(const struct progress *progress, uint64_t done_in_step)
{
    double share = (double)(progress->done_before + done_in_step) / (double)progress->total;
    int filled = (int)(share * BAR_WIDTH);

    if (!progress->visible)
        return;
    fprintf(stderr, "\r[%.*s%.*s] %3d %%  %-*s", filled, full, BAR_WIDTH - filled, empty, (int)(share * 100),
            PROGRESS_NAME_WIDTH, progress->step_name);
    fflush(stderr);
}

void progress_clear(const struct progress *progress)
{
    if (progress->visible)
        fprintf(stderr, "\r%*s\r", LINE_WIDTH, "");
}
