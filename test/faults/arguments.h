/* SPDX-License-Identifier: MIT */
/* Of a system call that the linker leads to a test: how many arguments the library gave it. To read more is what
 * AddressSanitizer finds. */
#ifndef FAULTS_ARGUMENTS_H
#define FAULTS_ARGUMENTS_H

#include <sys/syscall.h>

enum { ARGUMENTS_MAX = 6 };

static inline int count_arguments(long number)
{
    return number == SYS_gettid ? 0 : number == SYS_membarrier ? 3 : ARGUMENTS_MAX;
}

#endif
