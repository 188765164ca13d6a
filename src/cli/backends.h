/* SPDX-License-Identifier: MIT */
/* The program's words for each backend. */
#ifndef CLI_BACKENDS_H
#define CLI_BACKENDS_H

#include "contender.h"

struct backend_words {
    const char *purpose;
    enum inline_integer inline_integer; /* the code without the library for that purpose */
};

const struct backend_words *words_of(tsc_backend_t backend);

#endif
