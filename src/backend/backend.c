/* SPDX-License-Identifier: MIT */
#include "backend/backend.h"

#include "config.h"
#include "sanitizer.h"

#include <errno.h>
#include <string.h>

#if ATOMIC_LLONG_LOCK_FREE == 2
#define WHERE_LOCK_FREE (TSC_CAP_SIGNAL_SAFE | TSC_CAP_LOCK_FREE)
#else
#define WHERE_LOCK_FREE UINT64_C(0)
#endif

#define EVERY_OPERATION (TSC_CAP_LINEARIZABLE | TSC_CAP_FETCH | TSC_CAP_BOUNDS | TSC_CAP_PEAK)

static const struct tsc_backend backends[] = {
    [TSC_BACKEND_MUTEX] = {"mutex", EVERY_OPERATION | TSC_CAP_UPDATE, TSC_IF_MUTEX(&tsc_mutex_ops)},
    [TSC_BACKEND_ATOMIC] = {"atomic", EVERY_OPERATION | WHERE_LOCK_FREE, TSC_IF_ATOMIC(&tsc_atomic_ops)},
    [TSC_BACKEND_QUEUE] = {"queue", EVERY_OPERATION | TSC_CAP_UPDATE | TSC_CAP_ASYNC,
                           TSC_IF_QUEUE(&tsc_queue_ops)},
    [TSC_BACKEND_PERCPU] = {"percpu", WHERE_LOCK_FREE, TSC_IF_PERCPU(&tsc_percpu_ops)},
};

static const tsc_backend_t backend_count = sizeof(backends) / sizeof(backends[0]);

const struct tsc_backend *tsc_backend_find(tsc_backend_t backend)
{
    return backend < backend_count ? &backends[backend] : NULL;
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
    for (tsc_backend_t candidate = 0; candidate < backend_count; candidate++) {
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
