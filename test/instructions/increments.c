/* SPDX-License-Identifier: MIT */
/* Increments a counter COUNT times: increments BACKEND COUNT. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <tscounter/tscounter.h>

int main(int argc, char **argv)
{
    tsc_backend_t backend;
    tsc_counter_t *counter;
    int64_t value;
    long count;

    if (argc != 3 || tsc_backend_from_name(argv[1], &backend) != 0)
        return 2;
    count = atol(argv[2]);
    if (tsc_counter_create(&counter, backend, NULL) != 0)
        return 1;
    for (long i = 0; i < count; i++)
        if (tsc_counter_inc(counter) != 0)
            return 1;
    if (tsc_counter_get(counter, &value) != 0 || value != count)
        return 1;
    tsc_counter_unref(counter);
    return 0;
}
