/* SPDX-License-Identifier: MIT */
#include "join.h"

#include "compiler.h"

static _Thread_local unsigned int depth TSC_TLS_INITIAL_EXEC;

void tsc_thread_forbid_join(void)
{
    depth++;
}

void tsc_thread_allow_join(void)
{
    depth--;
}

bool tsc_thread_must_not_join(void)
{
    return depth != 0;
}
