/* SPDX-License-Identifier: MIT */
#include "callback.h"

static _Thread_local unsigned int depth;

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
