/* SPDX-License-Identifier: MIT */
/* The contenders that a command puts under the same load. */
#ifndef CLI_LINEUP_H
#define CLI_LINEUP_H

#include <stddef.h>

#include "cli.h"
#include "contender.h"

enum { LINEUP_MAX = INLINE_COUNT + TSC_BACKEND_COUNT };

struct lineup {
    struct contender contenders[LINEUP_MAX]; /* inline integers first */
    size_t inline_count;
    size_t count;
    const char *skipped[TSC_BACKEND_COUNT]; /* not part of this build */
    size_t skipped_count;
};

/* Both return a status, after a message on errors. A backend that is named in the options must be in this build.
 */
int lineup_add_inline(struct lineup *lineup, enum inline_integer integer);
int lineup_add_backends(struct lineup *lineup, const struct command *command, uint32_t backends);

void lineup_close(struct lineup *lineup);

#endif
