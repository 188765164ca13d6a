/* SPDX-License-Identifier: MIT */
/*
 * Records each call that the library makes to a sanitizer's runtime. Functions with the runtime's names take its
 * place, so no sanitizer is needed, and each call is checked. With TEST_THREAD they are ThreadSanitizer's,
 * otherwise MemorySanitizer's.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tscounter/metrics.h>
#include <tscounter/tscounter.h>

#include "support/backends.h"

static int failures;

#define EXPECT(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            failures++; \
        } \
    } while (0)

static tsc_counter_t *new_counter(tsc_backend_t backend, bool bounded)
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *counter;
    uint64_t caps;

    EXPECT(tsc_backend_get_caps(backend, &caps) == 0);
    EXPECT(tsc_counter_attr_create(&attr) == 0);
    if (bounded)
        EXPECT(tsc_counter_attr_set_bounds(attr, 0, 100, TSC_BOUNDS_REJECT) == 0);
    if (caps & TSC_CAP_PEAK)
        EXPECT(tsc_counter_attr_set_track_peak(attr, 1) == 0);
    EXPECT(tsc_counter_create(&counter, backend, attr) == 0);
    tsc_counter_attr_destroy(attr);
    return counter;
}

static tsc_counter_t *new_named(tsc_backend_t backend)
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *counter;

    EXPECT(tsc_counter_attr_create(&attr) == 0);
    EXPECT(tsc_counter_attr_set_name(attr, "named") == 0);
    EXPECT(tsc_counter_create(&counter, backend, attr) == 0);
    tsc_counter_attr_destroy(attr);
    return counter;
}

#ifdef TEST_THREAD

/* R and A: release and acquire of the counter. U: the callback. */
static char hooks[16];
static unsigned int releases_of_others;
static unsigned int acquires_of_others;
static size_t hook_calls;
static void *observed_counter;

static void record_hook(char what)
{
    if (hook_calls < sizeof(hooks) - 1)
        hooks[hook_calls++] = what;
}

void __tsan_release(void *address);
void __tsan_acquire(void *address);

void __tsan_release(void *address)
{
    if (address == observed_counter)
        record_hook('R');
    else
        releases_of_others++;
}

void __tsan_acquire(void *address)
{
    if (address == observed_counter)
        record_hook('A');
    else
        acquires_of_others++;
}

static void expect_hooks(const char *operation, tsc_backend_t backend, const char *expected)
{
    if (strcmp(hooks, expected) != 0) {
        fprintf(stderr, "%s, %s: hooks %s, not %s\n", tsc_backend_name(backend), operation, hooks, expected);
        failures++;
    }
    memset(hooks, 0, sizeof(hooks));
    hook_calls = 0;
}

#define EXPECT_HOOKS(expected, operation, result) \
    do { \
        EXPECT((operation) == (result)); \
        expect_hooks(#operation, backend, expected); \
    } while (0)

static int add_one(int64_t *value, void *arg)
{
    (void)arg;
    record_hook('U');
    ++*value;
    return 0;
}

static int result_of(tsc_backend_t backend, uint64_t capability)
{
    uint64_t caps;

    EXPECT(tsc_backend_get_caps(backend, &caps) == 0);
    return caps & capability ? 0 : -ENOTSUP;
}

static const char *where(tsc_backend_t backend, uint64_t capability, const char *expected)
{
    return result_of(backend, capability) == 0 ? expected : "";
}

static void reads_are_acquires(tsc_counter_t *counter, tsc_backend_t backend)
{
    int64_t low;
    int64_t high;
    int64_t cursor = 0;

    EXPECT_HOOKS("A", tsc_counter_get(counter, &low), 0);
    EXPECT_HOOKS("A", tsc_counter_value(counter), low);
    EXPECT_HOOKS("A", tsc_counter_get_interval(counter, &low, &high), 0);
    EXPECT(low == high);
    EXPECT_HOOKS("A", tsc_counter_get_delta(counter, &cursor, &low), 0);
    EXPECT_HOOKS(where(backend, TSC_CAP_PEAK, "A"), tsc_counter_get_peak(counter, &high),
                 result_of(backend, TSC_CAP_PEAK));
    EXPECT_HOOKS(where(backend, TSC_CAP_PEAK, "RA"), tsc_counter_take_peak(counter, &high),
                 result_of(backend, TSC_CAP_PEAK));
    EXPECT_HOOKS("A", tsc_counter_wait_at_most(counter, 1000, -1), 0);
    EXPECT_HOOKS("A", tsc_counter_wait_at_most(counter, -1, 0), -ETIMEDOUT);
    EXPECT_HOOKS("A", tsc_counter_notify_at_most(counter, -1, STDERR_FILENO), 0);
    EXPECT_HOOKS("A", tsc_counter_notify_at_most(counter, -1, -1), 0);
    EXPECT_HOOKS("A", tsc_counter_flush(counter), 0);
}

static void fetches_are_both(tsc_counter_t *counter, tsc_backend_t backend)
{
    const char *both = where(backend, TSC_CAP_FETCH, "RA");
    int result = result_of(backend, TSC_CAP_FETCH);
    int64_t value = 0;

    EXPECT_HOOKS(both, tsc_counter_fetch_add(counter, 1, &value), result);
    EXPECT_HOOKS(both, tsc_counter_exchange(counter, 5, &value), result);
    EXPECT_HOOKS(both, tsc_counter_set(counter, 5), result);
    EXPECT_HOOKS(both, tsc_counter_compare_exchange(counter, &value, 7), result);
}

static void updates_are_both(tsc_counter_t *counter, tsc_backend_t backend)
{
    EXPECT_HOOKS(where(backend, TSC_CAP_UPDATE, "RAUR"), tsc_counter_update(counter, add_one, NULL),
                 result_of(backend, TSC_CAP_UPDATE));
}

static void queries_call_no_hook(tsc_counter_t *counter, tsc_backend_t backend)
{
    tsc_kind_t kind;
    uint64_t caps;

    EXPECT_HOOKS("", tsc_counter_get_backend(counter, &backend), 0);
    EXPECT_HOOKS("", tsc_counter_get_kind(counter, &kind), 0);
    EXPECT_HOOKS("", tsc_counter_get_caps(counter, &caps), 0);
    EXPECT_HOOKS("", tsc_counter_get_name(counter)[0], '\0');
    EXPECT_HOOKS("", tsc_counter_get_help(counter)[0], '\0');
}

/* The backend refuses them. */
static void refusals_call_hooks(tsc_counter_t *counter, tsc_backend_t backend)
{
    int64_t min;
    int64_t max;

    EXPECT_HOOKS(where(backend, TSC_CAP_BOUNDS, "A"), tsc_counter_get_bounds(counter, &min, &max), -ENOTSUP);
    EXPECT_HOOKS(where(backend, TSC_CAP_BOUNDS, "RA"), tsc_counter_set_bounds(counter, 0, 1), -ENOTSUP);
    EXPECT_HOOKS(where(backend, TSC_CAP_BOUNDS, "RA"), tsc_counter_wait_add(counter, 1, 0), -ENOTSUP);
}

/* For the references: a release by each unref, and acquires by the last one and to free the counter. */
static void unref_releases_and_acquires(tsc_counter_t *counter, tsc_backend_t backend)
{
    unsigned int releases = releases_of_others;
    unsigned int acquires = acquires_of_others;

    EXPECT(tsc_counter_ref(counter) == counter);
    EXPECT(releases_of_others == releases);
    tsc_counter_unref(counter);
    EXPECT(releases_of_others == releases + 1);
    EXPECT(acquires_of_others == acquires);
    tsc_counter_unref(counter);
    EXPECT(releases_of_others >= releases + 2);
    EXPECT(acquires_of_others >= acquires + 2);
    expect_hooks("unref", backend, "");
}

static void without_bounds(tsc_backend_t backend)
{
    tsc_counter_t *counter = observed_counter = new_counter(backend, false);

    expect_hooks("create", backend, "");
    EXPECT_HOOKS("R", tsc_counter_inc(counter), 0);
    EXPECT_HOOKS("R", tsc_counter_add(counter, 5), 0);
    EXPECT_HOOKS("R", tsc_counter_sub(counter, 2), 0);
    EXPECT_HOOKS("R", tsc_counter_try_add(counter, 5), 0);
    EXPECT_HOOKS("R", tsc_counter_dec(counter), 0);
    reads_are_acquires(counter, backend);
    fetches_are_both(counter, backend);
    updates_are_both(counter, backend);
    queries_call_no_hook(counter, backend);
    refusals_call_hooks(counter, backend);
    EXPECT_HOOKS("R", tsc_counter_close(counter), 0);
    EXPECT_HOOKS("RA", tsc_counter_inc(counter), -ESHUTDOWN);
    EXPECT_HOOKS("RA", tsc_counter_try_add(counter, 1), -ESHUTDOWN);
    EXPECT_HOOKS("R", tsc_counter_dec(counter), 0);
    unref_releases_and_acquires(counter, backend);
}

static void with_bounds(tsc_backend_t backend)
{
    tsc_counter_t *counter;
    int64_t min;
    int64_t max;
    int try_result = backend == TSC_BACKEND_QUEUE ? -ENOTSUP : 0;

    if (result_of(backend, TSC_CAP_BOUNDS) != 0)
        return;
    counter = observed_counter = new_counter(backend, true);
    EXPECT_HOOKS("RA", tsc_counter_inc(counter), 0);
    EXPECT_HOOKS("RA", tsc_counter_try_add(counter, 1), try_result);
    EXPECT_HOOKS("RA", tsc_counter_add(counter, 1000), -ERANGE);
    EXPECT_HOOKS("RA", tsc_counter_sub(counter, 1000), -ERANGE);
    EXPECT_HOOKS("RA", tsc_counter_dec(counter), 0);
    EXPECT_HOOKS("A", tsc_counter_get_bounds(counter, &min, &max), 0);
    EXPECT_HOOKS("RA", tsc_counter_set_bounds(counter, min, max), 0);
    EXPECT_HOOKS("RA", tsc_counter_wait_add(counter, 1, -1), 0);
    EXPECT_HOOKS("RA", tsc_counter_wait_add(counter, 1000, 1), -ERANGE);
    fetches_are_both(counter, backend);
    updates_are_both(counter, backend);
    unref_releases_and_acquires(counter, backend);
}

/* The thread that lists a counter hands its text to the thread that finds it. */
static void listing(tsc_backend_t backend)
{
    unsigned int releases = releases_of_others;
    tsc_counter_t *counter = new_named(backend);
    tsc_counter_t *listed = NULL;
    unsigned int acquires = acquires_of_others;

    EXPECT(releases_of_others > releases);
    EXPECT(tsc_counter_next(&listed) == 1);
    EXPECT(acquires_of_others == acquires + 1);
    tsc_counter_unref(listed);
    tsc_counter_unref(counter);
}

static void try_backend(tsc_backend_t backend)
{
    without_bounds(backend);
    with_bounds(backend);
    listing(backend);
}

#else

enum { OUTPUTS_MAX = 64 };

static struct {
    const char *begin, *end;
} stored[OUTPUTS_MAX];
static size_t stored_count;
static size_t parameters_initialised;

void __msan_unpoison(const volatile void *memory, size_t bytes);
void __msan_unpoison_param(size_t parameters);

void __msan_unpoison(const volatile void *memory, size_t bytes)
{
    const char *begin = (const char *)memory;

    if (stored_count == OUTPUTS_MAX)
        abort();
    stored[stored_count].begin = begin;
    stored[stored_count].end = begin + bytes;
    stored_count++;
}

void __msan_unpoison_param(size_t parameters)
{
    parameters_initialised = parameters;
}

static bool is_stored(const void *memory, size_t bytes)
{
    const char *begin = memory;

    for (size_t i = 0; i < stored_count; i++)
        if (stored[i].begin <= begin && begin + bytes <= stored[i].end)
            return true;
    return false;
}

static void forget(void)
{
    stored_count = 0;
    parameters_initialised = 0;
}

/* A refused call leaves its output untouched, and calls no hook for it. */
#define EXPECT_STORED(output, operation, result) \
    do { \
        forget(); \
        EXPECT((operation) == (result)); \
        EXPECT(is_stored(output, sizeof(*(output))) == ((result) >= 0)); \
    } while (0)

static int check_parameters(int64_t *value, void *counter)
{
    int64_t low;
    int64_t high;

    EXPECT(parameters_initialised == 2);
    EXPECT(is_stored(value, sizeof(*value)));
    EXPECT_STORED(&low, tsc_counter_get_interval(counter, &low, &high), -EDEADLK);
    return -ECANCELED;
}

static void values(tsc_counter_t *counter, uint64_t caps)
{
    int fetch = caps & TSC_CAP_FETCH ? 0 : -ENOTSUP;
    int64_t value;
    int64_t high;
    int64_t expected = 1000;

    EXPECT_STORED(&value, tsc_counter_get(counter, &value), 0);
    EXPECT_STORED(&value, tsc_counter_get_interval(counter, &value, &high), 0);
    EXPECT(is_stored(&high, sizeof(high)));
    EXPECT_STORED(&value, tsc_counter_get_delta(counter, &expected, &value), 0);
    EXPECT(is_stored(&expected, sizeof(expected)));
    EXPECT_STORED(&value, tsc_counter_get_peak(counter, &value), caps & TSC_CAP_PEAK ? 0 : -ENOTSUP);
    EXPECT_STORED(&value, tsc_counter_take_peak(counter, &value), caps & TSC_CAP_PEAK ? 0 : -ENOTSUP);
    EXPECT_STORED(&value, tsc_counter_fetch_add(counter, 1, &value), fetch);
    EXPECT_STORED(&value, tsc_counter_exchange(counter, 1, &value), fetch);
    expected = 1000;
    EXPECT_STORED(&expected, tsc_counter_compare_exchange(counter, &expected, 1), fetch);
    forget();
    EXPECT(tsc_counter_update(counter, check_parameters, counter) ==
           (caps & TSC_CAP_UPDATE ? -ECANCELED : -ENOTSUP));
    EXPECT(tsc_counter_close(counter) == 0);
    EXPECT_STORED(&value, tsc_counter_exchange(counter, 1, &value), fetch == 0 ? -ESHUTDOWN : fetch);
}

static void bounds(tsc_backend_t backend)
{
    tsc_counter_t *counter = new_counter(backend, true);
    int64_t min;
    int64_t max;

    EXPECT_STORED(&min, tsc_counter_get_bounds(counter, &min, &max), 0);
    EXPECT(is_stored(&max, sizeof(max)));
    tsc_counter_unref(counter);
}

static int check_text(const char *text, size_t bytes, void *calls)
{
    EXPECT(parameters_initialised == 3);
    EXPECT(is_stored(text, bytes));
    ++*(int *)calls;
    return 0;
}

static void listing(tsc_backend_t backend)
{
    tsc_counter_t *counter = new_named(backend);
    tsc_counter_t *listed = NULL;
    int calls = 0;

    EXPECT_STORED(&listed, tsc_counter_next(&listed), 1);
    EXPECT_STORED(&listed, tsc_counter_next(&listed), 0);
    forget();
    EXPECT(tsc_metrics_write(TSC_METRICS_TEXT, NULL, check_text, &calls) == (TEST_BUILT_METRICS ? 0 : -ENOTSUP));
    EXPECT(calls == TEST_BUILT_METRICS);
    tsc_counter_unref(counter);
}

static void handles(void)
{
    tsc_counter_t *counter;
    tsc_counter_attr_t *attr;
    tsc_owner_attr_t *owner_attr;
    tsc_owner_t *owner;

    EXPECT_STORED(&attr, tsc_counter_attr_create(&attr), 0);
    EXPECT_STORED(&owner_attr, tsc_owner_attr_create(&owner_attr), 0);
    EXPECT(is_stored(owner_attr, 1));
    forget();
    if (tsc_owner_create(&owner, owner_attr) == 0) {
        EXPECT(is_stored(&owner, sizeof(owner)));
        tsc_owner_unref(owner);
    }
    forget();
    EXPECT(tsc_counter_create(&counter, 1000, attr) == -EINVAL);
    EXPECT(is_stored(&counter, sizeof(counter)));
    tsc_counter_attr_destroy(attr);
    tsc_owner_attr_destroy(owner_attr);
}

static void try_backend(tsc_backend_t backend)
{
    tsc_counter_t *counter;
    tsc_backend_t found;
    tsc_kind_t kind;
    uint64_t caps;
    uint64_t own;

    EXPECT_STORED(&caps, tsc_backend_get_caps(backend, &caps), 0);
    EXPECT_STORED(&found, tsc_backend_from_name(tsc_backend_name(backend), &found), 0);
    forget();
    counter = new_counter(backend, false);
    EXPECT(is_stored(tsc_counter_get_name(counter), 1));
    EXPECT(is_stored(tsc_counter_get_help(counter), 1));
    EXPECT_STORED(&found, tsc_counter_get_backend(counter, &found), 0);
    EXPECT_STORED(&kind, tsc_counter_get_kind(counter, &kind), 0);
    EXPECT_STORED(&own, tsc_counter_get_caps(counter, &own), 0);
    values(counter, caps);
    tsc_counter_unref(counter);
    if (caps & TSC_CAP_BOUNDS)
        bounds(backend);
    listing(backend);
    handles();
}

#endif

int main(void)
{
    for (tsc_backend_t backend = 0; backend < TSC_BACKEND_COUNT; backend++)
        if (support_is_built(backend))
            try_backend(backend);
    return failures != 0;
}
