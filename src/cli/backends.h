/* SPDX-License-Identifier: MIT */
/* What the program says of each backend. */
#ifndef CLI_BACKENDS_H
#define CLI_BACKENDS_H

#include "contender.h"

struct backend_words {
    const char *purpose;
    enum inline_integer inline_integer; /* what a program would write without the library, for that purpose */
};

const struct backend_words *words_of(tsc_backend_t backend);

#endif
