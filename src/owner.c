/* SPDX-License-Identifier: MIT */
#include "counter-internal.h"
#include "queue/life.h"
#include "sanitizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int tsc_owner_create(tsc_owner_t **owner, const tsc_owner_attr_t *attr)
{
    int saved_errno = errno;
    int error;

    if (owner == NULL)
        return -EINVAL;
    if (tsc_backend_find(TSC_BACKEND_QUEUE)->ops == NULL)
        return -ENOTSUP;
    error = tsc_owner_new(owner, attr != NULL ? attr : &tsc_owner_attr_default);
    if (!error)
        tsc_sanitizer_stored(owner, sizeof(*owner));
    errno = saved_errno;
    return error;
}

tsc_owner_t *tsc_owner_ref(tsc_owner_t *owner)
{
    if (owner != NULL)
        tsc_object_ref(&owner->object);
    return owner;
}

void tsc_owner_unref(tsc_owner_t *owner)
{
    if (owner != NULL)
        tsc_object_unref(&owner->object);
}

int tsc_owner_attr_create(tsc_owner_attr_t **attr)
{
    struct tsc_owner_attr *created;

    if (attr == NULL)
        return -EINVAL;
    created = tsc_attr_copy(&tsc_owner_attr_default, sizeof(*created));
    if (created == NULL)
        return -ENOMEM;
    *attr = created;
    tsc_sanitizer_stored(attr, sizeof(*attr));
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
    bytes = strnlen(name, TSC_THREAD_NAME_MAX_BYTES + 1);
    if (bytes > TSC_THREAD_NAME_MAX_BYTES)
        return -EINVAL;
    memcpy(attr->thread_name, name, bytes + 1);
    return 0;
}

int tsc_owner_attr_set_stack_size(tsc_owner_attr_t *attr, size_t bytes)
{
    pthread_attr_t thread_attr;
    int error;

    if (attr == NULL)
        return -EINVAL;
    pthread_attr_init(&thread_attr);
    error = pthread_attr_setstacksize(&thread_attr, bytes);
    pthread_attr_destroy(&thread_attr);
    if (error)
        return -EINVAL;
    attr->stack_size = bytes;
    return 0;
}

int tsc_owner_attr_set_thread_start(tsc_owner_attr_t *attr, void (*start)(void *arg), void *arg)
{
    if (attr == NULL)
        return -EINVAL;
    attr->start = start;
    attr->start_arg = arg;
    return 0;
}
