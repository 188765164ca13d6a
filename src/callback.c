/* SPDX-License-Identifier: MIT */
#include "callback.h"

#include <limits.h> /* __GLIBC__ */

/*
 * In a library that is loaded at run time, glibc allocates thread-local storage of the dynamic models at its first
 * use, which no operation here may do. A word of the storage that each thread begins with is always to be had.
 */
#ifdef __GLIBC__
#define ALLOCATED_WITH_THE_THREAD __attribute__((tls_model("initial-exec")))
#else
#define ALLOCATED_WITH_THE_THREAD
#endif

static _Thread_local unsigned int depth ALLOCATED_WITH_THE_THREAD;

void tsc_callback_enter(void)
{
    depth++;
}

void tsc_callback_leave(void)
{
    depth--;
}

bool tsc_callback_running(void)
{
    return depth != 0;
}
