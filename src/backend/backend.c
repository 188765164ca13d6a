/* SPDX-License-Identifier: MIT */
#include "counter-internal.h"

#include "backend/list.h"
#include "config.h"
#include "sanitizer.h"

#include <errno.h>
#include <string.h>

#define TABLE(NUMBER, name, capabilities) extern const struct tsc_backend_ops tsc_##name##_ops;
#define ENTRY(NUMBER, name, capabilities) \
    [TSC_BACKEND_##NUMBER] = {#name, capabilities, TSC_IF_##NUMBER(&tsc_##name##_ops)},

TSC_BACKENDS(TABLE)

static const struct tsc_backend backends[] = {TSC_BACKENDS(ENTRY)};

_Static_assert(sizeof(backends) / sizeof(backends[0]) == TSC_BACKEND_COUNT, "each number has one row");

const struct tsc_backend *tsc_backend_find(tsc_backend_t backend)
{
    return backend < TSC_BACKEND_COUNT ? &backends[backend] : NULL;
}

const char *tsc_backend_name(tsc_backend_t backend)
{
    const struct tsc_backend *found = tsc_backend_find(backend);

    return found != NULL ? found->name : NULL;
}

int tsc_backend_from_name(const char *name, tsc_backend_t *backend)
{
    if (name == NULL || backend == NULL)
        return -EINVAL;
    for (tsc_backend_t candidate = 0; candidate < TSC_BACKEND_COUNT; candidate++) {
        if (strcmp(backends[candidate].name, name) == 0) {
            *backend = candidate;
            tsc_sanitizer_stored(backend, sizeof(*backend));
            return 0;
        }
    }
    return -EINVAL;
}

int tsc_backend_get_caps(tsc_backend_t backend, uint64_t *caps)
{
    const struct tsc_backend *found = tsc_backend_find(backend);

    if (found == NULL || caps == NULL)
        return -EINVAL;
    *caps = found->caps;
    tsc_sanitizer_stored(caps, sizeof(*caps));
    return 0;
}
