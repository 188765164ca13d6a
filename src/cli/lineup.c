/* SPDX-License-Identifier: MIT */
#include "lineup.h"

#include <errno.h>
#include <string.h>

int lineup_add_inline(struct lineup *lineup, enum inline_integer integer)
{
    int error = contender_open_inline(&lineup->contenders[lineup->count], integer);

    if (error != 0)
        return machine_error("cannot create an integer: %s", strerror(-error));
    lineup->inline_count++;
    lineup->count++;
    return STATUS_OK;
}

int lineup_add_backends(struct lineup *lineup, const struct command *command, uint32_t backends)
{
    for (tsc_backend_t backend = 0; backend < TSC_BACKEND_COUNT; backend++) {
        const char *name = tsc_backend_name(backend);
        int error;

        if ((backends & UINT32_C(1) << backend) == 0)
            continue;
        error = contender_open_backend(&lineup->contenders[lineup->count], backend);
        if (error == 0)
            lineup->count++;
        else if (error != -ENOTSUP)
            return machine_error("cannot create a counter of backend %s: %s", name, strerror(-error));
        else if (backends == ALL_BACKENDS)
            lineup->skipped[lineup->skipped_count++] = name;
        else
            return usage_error(command,
                               "backend '%s' is not part of this build; 'tscounter backends' lists those that are",
                               name);
    }
    return STATUS_OK;
}

void lineup_close(struct lineup *lineup)
{
    for (size_t i = 0; i < lineup->count; i++)
        lineup->contenders[i].close(lineup->contenders[i].counter);
}
