/* SPDX-License-Identifier: MIT */
#ifndef NUMBER_H
#define NUMBER_H

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>

/* Accepts only digits, and at most `max`. */
static inline bool parse_number(const char *text, long max, long *number)
{
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return false;
    *number = strtol(text, &end, 10);
    return *end == '\0' && *number <= max;
}

#endif
