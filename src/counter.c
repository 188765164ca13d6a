/* SPDX-License-Identifier: MIT */
#include "counter-internal.h"
#include "listing.h"
#include "sanitizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int check_attr(tsc_backend_t backend, const struct tsc_backend *found, const struct tsc_counter_attr *attr)
{
    if (found == NULL || (attr->owner != NULL && backend != TSC_BACKEND_QUEUE))
        return -EINVAL;
    if (found->ops == NULL || (attr->bounds.bounded && !(found->caps & TSC_CAP_BOUNDS)) ||
        (attr->track_peak && !(found->caps & TSC_CAP_PEAK)))
        return -ENOTSUP;
    if (attr->bounds.bounded && (attr->initial < attr->bounds.min || attr->initial > attr->bounds.max))
        return -ERANGE;
    if (attr->kind == TSC_KIND_TOTAL && attr->initial < 0)
        return -ERANGE;
    return 0;
}

static struct tsc_counter *allocate(size_t counter_size, const char *name, const char *help)
{
    size_t name_size = strlen(name) + 1;
    size_t help_size = strlen(help) + 1;
    size_t size = counter_size + sizeof(struct tsc_texts) + name_size + help_size;
    struct tsc_texts *texts;
    void *memory;

    if (posix_memalign(&memory, TSC_CACHE_ALIGN, size) != 0)
        return NULL;
    memset(memory, 0, counter_size + sizeof(*texts));
    texts = (void *)((char *)memory + counter_size);
    memcpy(texts->name, name, name_size);
    memcpy(texts->name + name_size, help, help_size);
    ((struct tsc_counter *)memory)->name = texts->name;
    tsc_sanitizer_stored(memory, size);
    return memory;
}

static struct tsc_watch *watch_of(struct tsc_counter *counter)
{
    return tsc_backend_find(counter->backend)->ops->watch(counter);
}

void tsc_counter_hold_notification(struct tsc_object *object)
{
    tsc_watch_hold_notification(watch_of(tsc_counter_of_object(object)));
}

/* A counter comes before its owner in the registry, whose lock is still held: no message is delivered. */
void tsc_counter_resume_notification(struct tsc_object *object)
{
    tsc_watch_resume_notification(watch_of(tsc_counter_of_object(object)));
}

static void destroy(struct tsc_counter *counter, bool is_registered)
{
    struct tsc_deferred deferred = {.run = NULL};

    tsc_registry_lock();
    if (is_registered)
        tsc_registry_remove(&counter->object);
    tsc_listing_remove(counter);
    tsc_watch_fini(watch_of(counter));
    if (counter->ops->fini != NULL)
        deferred = counter->ops->fini(counter);
    tsc_registry_unlock();
    free(counter);
    if (deferred.run != NULL)
        deferred.run(deferred.arg);
}

void tsc_counter_free(struct tsc_object *object)
{
    destroy(tsc_counter_of_object(object), true);
}

static int create(struct tsc_counter **counter, tsc_backend_t backend, const struct tsc_counter_attr *attr)
{
    const struct tsc_backend *found = tsc_backend_find(backend);
    struct tsc_counter *created;
    int error = check_attr(backend, found, attr);

    if (error)
        return error;
    created = allocate(found->ops->counter_size, attr->name, attr->help);
    if (created == NULL)
        return -ENOMEM;
    created->ops = found->ops;
    created->backend = backend;
    created->kind = (uint8_t)attr->kind;
    created->bounded = attr->bounds.bounded;
    created->tracks_peak = attr->track_peak;
    error = created->ops->init(created, attr);
    if (error) {
        free(created);
        return error;
    }
    error = tsc_registry_add(&created->object, &created->ops->object);
    if (error) {
        destroy(created, false);
        return error;
    }
    created->ops = tsc_sanitizer_ops(found->ops, attr);
    tsc_listing_add(created);
    *counter = created;
    return 0;
}

int tsc_counter_create(tsc_counter_t **counter, tsc_backend_t backend, const tsc_counter_attr_t *attr)
{
    int saved_errno = errno;
    int error;

    if (counter == NULL)
        return -EINVAL;
    *counter = NULL;
    error = create(counter, backend, attr != NULL ? attr : &tsc_counter_attr_default);
    tsc_sanitizer_stored(counter, sizeof(*counter));
    errno = saved_errno;
    return error;
}

tsc_counter_t *tsc_counter_ref(tsc_counter_t *counter)
{
    if (counter != NULL)
        tsc_object_ref(&counter->object);
    return counter;
}

void tsc_counter_unref(tsc_counter_t *counter)
{
    if (counter != NULL)
        tsc_object_unref(&counter->object);
}

/*
 * A total only grows. The check is here and not in the backends because an increment, whose delta is a constant,
 * passes without it. A refusal adds 0 first, so that the backend returns the errors that come before -ERANGE.
 */
static inline bool lowers_a_total(const struct tsc_counter *counter, int64_t delta)
{
    return delta < 0 && tsc_unlikely(counter->kind == TSC_KIND_TOTAL);
}

static int refusal(int error)
{
    return error ? error : -ERANGE;
}

int tsc_counter_inc(tsc_counter_t *counter)
{
    return tsc_counter_add(counter, 1);
}

int tsc_counter_dec(tsc_counter_t *counter)
{
    return tsc_counter_add(counter, -1);
}

int tsc_counter_add(tsc_counter_t *counter, int64_t delta)
{
    if (tsc_unlikely(counter == NULL))
        return -EINVAL;
    if (lowers_a_total(counter, delta))
        return refusal(counter->ops->add(counter, 0));
    return counter->ops->add(counter, delta);
}

int tsc_counter_sub(tsc_counter_t *counter, int64_t amount)
{
    if (tsc_unlikely(counter == NULL || amount == INT64_MIN))
        return -EINVAL;
    return tsc_counter_add(counter, -amount);
}

int tsc_counter_try_add(tsc_counter_t *counter, int64_t delta)
{
    if (tsc_unlikely(counter == NULL))
        return -EINVAL;
    if (lowers_a_total(counter, delta))
        return refusal(counter->ops->try_add(counter, 0));
    return counter->ops->try_add(counter, delta);
}

int tsc_counter_get(tsc_counter_t *counter, int64_t *value)
{
    if (tsc_unlikely(counter == NULL || value == NULL))
        return -EINVAL;
    return counter->ops->get(counter, value);
}

int tsc_counter_get_interval(tsc_counter_t *counter, int64_t *low, int64_t *high)
{
    int64_t value;
    int error;

    if (counter == NULL || low == NULL || high == NULL)
        return -EINVAL;
    if (counter->ops->get_interval != NULL)
        return counter->ops->get_interval(counter, low, high);
    error = counter->ops->get(counter, &value);
    if (!error)
        *low = *high = value;
    return error;
}

int tsc_counter_get_delta(tsc_counter_t *counter, int64_t *cursor, int64_t *delta)
{
    int64_t value;
    int error;

    if (counter == NULL || cursor == NULL || delta == NULL)
        return -EINVAL;
    error = counter->ops->get(counter, &value);
    if (error)
        return error;
    *delta = tsc_wrapping_sub(value, *cursor);
    *cursor = value;
    tsc_sanitizer_stored(delta, sizeof(*delta));
    tsc_sanitizer_stored(cursor, sizeof(*cursor));
    return 0;
}

int tsc_counter_get_peak(tsc_counter_t *counter, int64_t *peak)
{
    if (counter == NULL || peak == NULL)
        return -EINVAL;
    if (counter->ops->get_peak == NULL)
        return -ENOTSUP;
    return counter->ops->get_peak(counter, peak);
}

int tsc_counter_take_peak(tsc_counter_t *counter, int64_t *peak)
{
    if (counter == NULL || peak == NULL)
        return -EINVAL;
    if (counter->ops->take_peak == NULL)
        return -ENOTSUP;
    return counter->ops->take_peak(counter, peak);
}

int tsc_counter_get_bounds(tsc_counter_t *counter, int64_t *min, int64_t *max)
{
    if (counter == NULL || min == NULL || max == NULL)
        return -EINVAL;
    if (counter->ops->get_bounds == NULL)
        return -ENOTSUP;
    return counter->ops->get_bounds(counter, min, max);
}

int tsc_counter_set_bounds(tsc_counter_t *counter, int64_t min, int64_t max)
{
    if (counter == NULL || min > max)
        return -EINVAL;
    if (counter->ops->set_bounds == NULL)
        return -ENOTSUP;
    return counter->ops->set_bounds(counter, min, max);
}

int tsc_counter_wait_add(tsc_counter_t *counter, int64_t delta, int64_t timeout_ns)
{
    if (tsc_unlikely(counter == NULL))
        return -EINVAL;
    if (tsc_unlikely(counter->ops->wait_add == NULL))
        return -ENOTSUP;
    if (lowers_a_total(counter, delta))
        return refusal(counter->ops->wait_add(counter, 0, 0));
    return counter->ops->wait_add(counter, delta, timeout_ns);
}

int tsc_counter_fetch_add(tsc_counter_t *counter, int64_t delta, int64_t *previous)
{
    int64_t unused;

    if (tsc_unlikely(counter == NULL || previous == NULL))
        return -EINVAL;
    if (tsc_unlikely(counter->ops->fetch_add == NULL))
        return -ENOTSUP;
    if (lowers_a_total(counter, delta))
        return refusal(counter->ops->fetch_add(counter, 0, &unused));
    return counter->ops->fetch_add(counter, delta, previous);
}

int tsc_counter_set(tsc_counter_t *counter, int64_t value)
{
    int64_t previous;

    return tsc_counter_exchange(counter, value, &previous);
}

int tsc_counter_exchange(tsc_counter_t *counter, int64_t value, int64_t *previous)
{
    if (counter == NULL || previous == NULL)
        return -EINVAL;
    if (counter->ops->exchange == NULL)
        return -ENOTSUP;
    return counter->ops->exchange(counter, value, previous);
}

int tsc_counter_compare_exchange(tsc_counter_t *counter, int64_t *expected, int64_t desired)
{
    if (counter == NULL || expected == NULL)
        return -EINVAL;
    if (counter->ops->compare_exchange == NULL)
        return -ENOTSUP;
    return counter->ops->compare_exchange(counter, expected, desired);
}

int tsc_counter_update(tsc_counter_t *counter, tsc_update_fn update, void *arg)
{
    if (counter == NULL || update == NULL)
        return -EINVAL;
    if (counter->ops->update == NULL)
        return -ENOTSUP;
    return counter->ops->update(counter, update, arg);
}

int tsc_counter_flush(tsc_counter_t *counter)
{
    return counter == NULL ? -EINVAL : counter->ops->flush(counter);
}

int tsc_counter_close(tsc_counter_t *counter)
{
    return counter == NULL ? -EINVAL : counter->ops->close(counter);
}

int tsc_counter_wait_at_most(tsc_counter_t *counter, int64_t threshold, int64_t timeout_ns)
{
    return counter == NULL ? -EINVAL : counter->ops->wait_at_most(counter, threshold, timeout_ns);
}

int tsc_counter_notify_at_most(tsc_counter_t *counter, int64_t threshold, int fd)
{
    return counter == NULL ? -EINVAL : counter->ops->notify_at_most(counter, threshold, fd);
}

int tsc_counter_get_backend(tsc_counter_t *counter, tsc_backend_t *backend)
{
    if (counter == NULL || backend == NULL)
        return -EINVAL;
    *backend = counter->backend;
    tsc_sanitizer_stored(backend, sizeof(*backend));
    return 0;
}

int tsc_counter_get_kind(tsc_counter_t *counter, tsc_kind_t *kind)
{
    if (counter == NULL || kind == NULL)
        return -EINVAL;
    *kind = counter->kind;
    tsc_sanitizer_stored(kind, sizeof(*kind));
    return 0;
}

/* An addition to a queue counter with bounds waits for its result. */
int tsc_counter_get_caps(tsc_counter_t *counter, uint64_t *caps)
{
    uint64_t lacking;

    if (counter == NULL || caps == NULL)
        return -EINVAL;
    lacking = counter->bounded ? TSC_CAP_ASYNC : TSC_CAP_BOUNDS;
    if (!counter->tracks_peak)
        lacking |= TSC_CAP_PEAK;
    *caps = tsc_backend_find(counter->backend)->caps & ~lacking;
    tsc_sanitizer_stored(caps, sizeof(*caps));
    return 0;
}

const char *tsc_counter_get_name(tsc_counter_t *counter)
{
    return counter != NULL ? counter->name : NULL;
}

const char *tsc_counter_get_help(tsc_counter_t *counter)
{
    return counter != NULL ? counter->name + strlen(counter->name) + 1 : NULL;
}
