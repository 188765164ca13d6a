/* SPDX-License-Identifier: MIT */
/* A plugin that loads the shared library, and creates counters with it. */
#include <stdint.h>

#include <tscounter/tscounter.h>

int plugin_make(tsc_counter_t **counter, uint32_t backend, tsc_owner_t *owner);

/* On that owner, unless it is NULL. */
__attribute__((visibility("default"))) int plugin_make(tsc_counter_t **counter, uint32_t backend,
                                                       tsc_owner_t *owner)
{
    tsc_counter_attr_t *attr;
    int result = tsc_counter_attr_create(&attr);

    if (result != 0)
        return result;
    if (owner != NULL)
        result = tsc_counter_attr_set_owner(attr, owner);
    if (result == 0)
        result = tsc_counter_create(counter, backend, attr);
    tsc_counter_attr_destroy(attr);
    return result;
}
