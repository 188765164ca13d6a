/* SPDX-License-Identifier: MIT */
/* A plugin that contains the static library. */
#include <errno.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

int plugin_count(uint32_t backend);

/* 0 on success, or if the backend is not part of this build. */
__attribute__((visibility("default"))) int plugin_count(uint32_t backend)
{
    tsc_counter_t *counter;
    int64_t value = 0;
    int result = tsc_counter_create(&counter, backend, NULL);

    if (result == -ENOTSUP)
        return 0;
    if (result != 0)
        return result;
    if (tsc_counter_inc(counter) != 0 || tsc_counter_get(counter, &value) != 0 || value != 1)
        result = -EPROTO;
    tsc_counter_unref(counter);
    return result;
}
