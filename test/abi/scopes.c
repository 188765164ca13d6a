/* SPDX-License-Identifier: MIT */
/* The macros of guard.h, twice in a scope, as C and as C++: their names neither clash nor shadow each other. */
#include <tscounter/tscounter.h>

#include <tscounter/guard.h>

int use(tsc_counter_t *counter);

int use(tsc_counter_t *counter)
{
    TSC_SCOPED_INC(counter);
    TSC_SCOPED_INC(counter);
    TSC_SCOPED_INC_OK(first, counter);
    TSC_SCOPED_INC_OK(second, counter);
    return tsc_guard_error(&first) + tsc_guard_error(&second);
}
