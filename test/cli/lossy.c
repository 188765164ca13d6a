/* SPDX-License-Identifier: MIT */
/* Preloaded before the library: some increments do nothing, to show that the program notices. */
#include <stdatomic.h>

#include <tscounter/tscounter.h>

int tsc_counter_inc(tsc_counter_t *counter)
{
    static atomic_uint calls;

    return atomic_fetch_add(&calls, 1) % 1000 == 999 ? 0 : tsc_counter_add(counter, 1);
}
