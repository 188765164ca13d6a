/* SPDX-License-Identifier: MIT */
/*
 * The program branches on each output of the library, so MemorySanitizer reports outputs that it takes for
 * uninitialised. Only the last scenario must be reported.
 */
#include "scenario.h"

#include <errno.h>
#include <string.h>

#include <tscounter/metrics.h>

/* Leaves an uninitialised stack, on which the library's variables will lie. */
__attribute__((noinline)) static void use_the_stack(void)
{
    char uninitialised[16384];

    __asm__ volatile("" : : "r"(uninitialised) : "memory");
}

static void set_all(tsc_counter_attr_t *attr)
{
    REQUIRE(tsc_counter_attr_set_name(attr, "in flight") == 0);
    REQUIRE(tsc_counter_attr_set_help(attr, "Requests that are being served.") == 0);
    REQUIRE(tsc_counter_attr_set_initial(attr, 5) == 0);
}

static void set_bounds_and_peak(tsc_counter_attr_t *attr)
{
    REQUIRE(tsc_counter_attr_set_bounds(attr, 0, 10, TSC_BOUNDS_CLAMP) == 0);
    REQUIRE(tsc_counter_attr_set_track_peak(attr, 1) == 0);
}

static void names(tsc_backend_t backend)
{
    tsc_backend_t found;
    tsc_kind_t kind;
    uint64_t caps;
    uint64_t own;
    tsc_counter_t *counter;

    use_the_stack();
    counter = new_counter_with(backend, set_all);
    REQUIRE(tsc_counter_get_backend(counter, &found) == 0 && found == backend);
    REQUIRE(tsc_counter_get_kind(counter, &kind) == 0 && kind == TSC_KIND_GAUGE);
    REQUIRE(tsc_counter_get_caps(counter, &own) == 0);
    REQUIRE(tsc_backend_from_name(tsc_backend_name(backend), &found) == 0 && found == backend);
    REQUIRE(tsc_backend_get_caps(backend, &caps) == 0);
    REQUIRE(caps != 0 && own != 0);
    REQUIRE(strcmp(tsc_counter_get_name(counter), "in flight") == 0);
    REQUIRE(strcmp(tsc_counter_get_help(counter), "Requests that are being served.") == 0);
    REQUIRE(tsc_version_string()[0] != '\0');
    tsc_counter_unref(counter);
}

static void reads(tsc_backend_t backend)
{
    tsc_counter_t *counter = new_counter_with(backend, set_all);
    int64_t value;
    int64_t low;
    int64_t high;
    int64_t change;
    int64_t cursor = 1;

    use_the_stack();
    REQUIRE(tsc_counter_inc(counter) == 0 && tsc_counter_try_add(counter, 1) == 0);
    REQUIRE(tsc_counter_get(counter, &value) == 0 && value == 7);
    REQUIRE(tsc_counter_value(counter) == 7);
    REQUIRE(tsc_counter_get_interval(counter, &low, &high) == 0 && low == 7 && high == 7);
    REQUIRE(tsc_counter_get_delta(counter, &cursor, &change) == 0 && change == 6);
    memset(&cursor, 0, sizeof(cursor));
    REQUIRE(tsc_counter_get_delta(counter, &cursor, &change) == 0 && cursor == 7 && change == 7);
    REQUIRE(tsc_counter_flush(counter) == 0);
    REQUIRE(tsc_counter_wait_at_most(counter, 7, -1) == 0);
    REQUIRE(tsc_counter_wait_at_most(counter, 0, 0) == -ETIMEDOUT);
    REQUIRE(tsc_counter_close(counter) == 0 && tsc_counter_inc(counter) == -ESHUTDOWN);
    tsc_counter_unref(counter);
}

/* The cursor is uninitialised at first, which the library cannot know. */
static void cursors(tsc_backend_t backend)
{
    tsc_counter_t *counter = new_counter_with(backend, set_all);
    int64_t cursor;
    int64_t change;

    REQUIRE(tsc_counter_get_delta(counter, &cursor, &change) == 0 && cursor == 5);
    tsc_counter_unref(counter);
}

static void peaks(tsc_backend_t backend)
{
    tsc_counter_t *counter = new_counter_with(backend, set_bounds_and_peak);
    int64_t peak;
    int64_t min;
    int64_t max;

    use_the_stack();
    REQUIRE(tsc_counter_add(counter, 11) == 1);
    REQUIRE(tsc_counter_get_peak(counter, &peak) == 0 && peak == 10);
    REQUIRE(tsc_counter_get_bounds(counter, &min, &max) == 0 && min == 0 && max == 10);
    tsc_counter_unref(counter);
}

static void fetches(tsc_backend_t backend)
{
    tsc_counter_t *counter = new_counter_with(backend, set_all);
    int64_t added;
    int64_t exchanged;
    int64_t expected;

    use_the_stack();
    REQUIRE(tsc_counter_fetch_add(counter, 2, &added) == 0 && added == 5);
    REQUIRE(tsc_counter_exchange(counter, 1, &exchanged) == 0 && exchanged == 7);
    REQUIRE(tsc_counter_set(counter, 3) == 0);
    /* A constant guess, which is wrong. */
    REQUIRE(tsc_counter_compare_exchange(counter, &expected, 0) == 0 && expected == 3);
    REQUIRE(tsc_counter_compare_exchange(counter, &expected, 4) == 1 && expected == 3);
    tsc_counter_unref(counter);
}

/* Leaves uninitialised parameters behind. Since version 16 clang reports them at the call. */
#if __clang_major__ < 16
void take_parameters(int64_t first, int64_t second);

__attribute__((noinline)) void take_parameters(int64_t first, int64_t second)
{
    __asm__ volatile("" : : "r"(&first), "r"(&second) : "memory");
}

static void use_the_parameters(void)
{
    int64_t uninitialised[2];

    __asm__ volatile("" : : "r"(uninitialised) : "memory");
    take_parameters(uninitialised[0], uninitialised[1]);
}
#else
static void use_the_parameters(void) {}
#endif

static int add_five(int64_t *value, void *arg)
{
    if (*value < 0 || arg == NULL)
        return -EINVAL;
    *value += 5;
    *(int64_t *)arg = *value;
    use_the_parameters();
    return 0;
}

static int cancel(int64_t *value, void *arg)
{
    (void)arg;
    return *value > 0 ? -ECANCELED : -EINVAL;
}

static void updates(tsc_backend_t backend)
{
    tsc_counter_t *counter = new_counter_with(backend, set_all);
    int64_t seen;

    use_the_stack();
    REQUIRE(tsc_counter_update(counter, add_five, &seen) == 0);
    REQUIRE(seen == 10);
    REQUIRE(tsc_counter_update(counter, cancel, NULL) == -ECANCELED);
    tsc_counter_unref(counter);
}

static void owners(tsc_backend_t backend)
{
    tsc_owner_attr_t *attr;
    tsc_owner_t *owner;
    tsc_counter_attr_t *counter_attr;
    tsc_counter_t *counter;

    use_the_stack();
    REQUIRE(tsc_owner_attr_create(&attr) == 0 && attr != NULL);
    REQUIRE(tsc_owner_attr_set_thread_name(attr, "tallies") == 0);
    REQUIRE(tsc_owner_create(&owner, attr) == 0 && owner != NULL);
    REQUIRE(tsc_counter_attr_create(&counter_attr) == 0 && counter_attr != NULL);
    REQUIRE(tsc_counter_attr_set_owner(counter_attr, owner) == 0);
    REQUIRE(tsc_counter_create(&counter, backend, counter_attr) == 0 && counter != NULL);
    tsc_counter_unref(counter);
    tsc_counter_attr_destroy(counter_attr);
    tsc_owner_attr_destroy(attr);
    tsc_owner_unref(owner);
}

/* Branches on each character. */
static int count_spaces(const char *text, size_t bytes, void *spaces)
{
    for (size_t i = 0; i < bytes; i++)
        if (text[i] == ' ')
            ++*(int *)spaces;
    return bytes == 0 ? -1 : 0;
}

static void metrics(tsc_backend_t backend)
{
    tsc_counter_t *counter = new_counter_with(backend, set_all);
    tsc_counter_t *listed = NULL;
    static int spaces;

    use_the_stack();
    REQUIRE(tsc_counter_next(&listed) == 1 && listed == counter);
    REQUIRE(tsc_counter_next(&listed) == 0 && listed == NULL);
    if (TEST_BUILT_METRICS) {
        REQUIRE(tsc_metrics_write(TSC_METRICS_OPENMETRICS, NULL, count_spaces, &spaces) == 0);
        REQUIRE(spaces == 13);
    }
    tsc_counter_unref(counter);
}

static void refused(tsc_backend_t backend)
{
    tsc_counter_t *counter;

    (void)backend;
    use_the_stack();
    REQUIRE(tsc_counter_create(&counter, 1000, NULL) == -EINVAL && counter == NULL);
}

/* The control: an error of the program itself. */
static void uninitialised(tsc_backend_t backend)
{
    tsc_counter_t *counter = new_counter(backend);
    int64_t value;

    REQUIRE(tsc_counter_get(NULL, &value) == -EINVAL);
    if (value != 0)
        REQUIRE(tsc_counter_add(counter, value) == 0);
    tsc_counter_unref(counter);
}

const struct scenario scenarios[] = {
    {"names", 0, NULL, names},
    {"reads", 0, NULL, reads},
    {"cursors", 0, NULL, cursors},
    {"peaks", TSC_CAP_PEAK | TSC_CAP_BOUNDS, NULL, peaks},
    {"fetches", TSC_CAP_FETCH, NULL, fetches},
    {"updates", TSC_CAP_UPDATE, NULL, updates},
    {"owners", 0, "queue", owners},
    {"metrics", 0, NULL, metrics},
    {"refused", 0, NULL, refused},
    {"uninitialised", 0, NULL, uninitialised},
    {0},
};
