/* SPDX-License-Identifier: MIT */
/* guard.h as C and as C++. Of the macros, twice in a scope: their names neither clash nor shadow each other. */
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

int hand_on(tsc_guard_t *to, tsc_counter_t *counter);

int hand_on(tsc_guard_t *to, tsc_counter_t *counter)
{
    tsc_guard_t from = tsc_guard_enter(counter);

    tsc_guard_leave(to);
    *to = tsc_guard_take(&from);
    return tsc_guard_error(&from);
}
