/* SPDX-License-Identifier: MIT */
#include "queue/owner.h"
#include "attr.h"
#include "backend/backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { THREAD_NAME_MAX_BYTES = 15 };

struct tsc_owner_attr {
    size_t queue_capacity;
    char thread_name[THREAD_NAME_MAX_BYTES + 1];
};

static const struct tsc_owner_attr attr_default = {
    .queue_capacity = TSC_QUEUE_CAPACITY_DEFAULT,
    .thread_name = "tscounter",
};

int tsc_owner_create(tsc_owner_t **owner, const tsc_owner_attr_t *attr)
{
    int saved_errno = errno;
    int error;

    if (owner == NULL)
        return -EINVAL;
    if (tsc_backend_find(TSC_BACKEND_QUEUE)->ops == NULL)
        return -ENOTSUP;
    if (attr == NULL)
        attr = &attr_default;
    error = tsc_owner_make(owner, attr->queue_capacity, attr->thread_name);
    errno = saved_errno;
    return error;
}

int tsc_owner_attr_create(tsc_owner_attr_t **attr)
{
    struct tsc_owner_attr *created;
    int saved_errno = errno;

    if (attr == NULL)
        return -EINVAL;
    created = malloc(sizeof(*created));
    errno = saved_errno;
    if (created == NULL)
        return -ENOMEM;
    *created = attr_default;
    *attr = created;
    return 0;
}

void tsc_owner_attr_destroy(tsc_owner_attr_t *attr)
{
    free(attr);
}

int tsc_owner_attr_set_queue_capacity(tsc_owner_attr_t *attr, size_t messages)
{
    if (attr == NULL || messages == 0 || messages > TSC_QUEUE_CAPACITY_MAX)
        return -EINVAL;
    attr->queue_capacity = messages;
    return 0;
}

int tsc_owner_attr_set_thread_name(tsc_owner_attr_t *attr, const char *name)
{
    size_t bytes;

    if (attr == NULL || name == NULL)
        return -EINVAL;
    bytes = strnlen(name, THREAD_NAME_MAX_BYTES + 1);
    if (bytes > THREAD_NAME_MAX_BYTES)
        return -EINVAL;
    memcpy(attr->thread_name, name, bytes + 1);
    return 0;
}
