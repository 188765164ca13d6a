/* SPDX-License-Identifier: MIT */
/*
 * The number of arguments that the library passes to a wrapped system call. AddressSanitizer reports a read of
 * more.
 */
#ifndef FAULTS_ARGUMENTS_H
#define FAULTS_ARGUMENTS_H

#include <sys/syscall.h>

enum { ARGUMENTS_MAX = 6 };

static inline int count_arguments(long number)
{
    return number == SYS_membarrier ? 3 : ARGUMENTS_MAX;
}

#endif
