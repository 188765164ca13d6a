/* SPDX-License-Identifier: MIT */
#include "callback.h"

#include "compiler.h"

static _Thread_local unsigned int depth TSC_ALLOCATED_WITH_THE_THREAD;

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
