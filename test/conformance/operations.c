/* SPDX-License-Identifier: MIT */
#include "conformance.h"

static int call_inc(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)output;
    (void)other_output;
    return tsc_counter_inc(counter);
}

static int call_dec(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)output;
    (void)other_output;
    return tsc_counter_dec(counter);
}

static int call_add(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)output;
    (void)other_output;
    return tsc_counter_add(counter, 2);
}

static int call_sub(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)output;
    (void)other_output;
    return tsc_counter_sub(counter, 2);
}

static int call_try_add(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)output;
    (void)other_output;
    return tsc_counter_try_add(counter, 2);
}

static int call_get(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)other_output;
    return tsc_counter_get(counter, output);
}

static int call_get_interval(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    return tsc_counter_get_interval(counter, output, other_output);
}

static int call_get_delta(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    return tsc_counter_get_delta(counter, output, other_output);
}

static int call_fetch_add(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)other_output;
    return tsc_counter_fetch_add(counter, 2, output);
}

static int call_set(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)output;
    (void)other_output;
    return tsc_counter_set(counter, 2);
}

static int call_exchange(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)other_output;
    return tsc_counter_exchange(counter, 2, output);
}

static int call_compare_exchange(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)other_output;
    return tsc_counter_compare_exchange(counter, output, 2);
}

static int raise_by_two(int64_t *value, void *arg)
{
    (void)arg;
    *value += 2;
    return 0;
}

static int call_update(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)output;
    (void)other_output;
    return tsc_counter_update(counter, raise_by_two, NULL);
}

static int call_flush(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)output;
    (void)other_output;
    return tsc_counter_flush(counter);
}

static int call_close(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)output;
    (void)other_output;
    return tsc_counter_close(counter);
}

static int call_wait_at_most(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)output;
    (void)other_output;
    return tsc_counter_wait_at_most(counter, INT64_MAX, 0);
}

static int call_notify_at_most(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    (void)output;
    (void)other_output;
    return tsc_counter_notify_at_most(counter, 0, -1);
}

static int call_get_backend(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    tsc_backend_t backend = UNTOUCHED;
    int result = tsc_counter_get_backend(counter, &backend);

    (void)other_output;
    if (backend != UNTOUCHED)
        *output = backend;
    return result;
}

static int call_get_kind(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    tsc_kind_t kind = UNTOUCHED;
    int result = tsc_counter_get_kind(counter, &kind);

    (void)other_output;
    if (kind != UNTOUCHED)
        *output = kind;
    return result;
}

static int call_get_caps(tsc_counter_t *counter, int64_t *output, int64_t *other_output)
{
    uint64_t caps = UNTOUCHED;
    int result = tsc_counter_get_caps(counter, &caps);

    (void)other_output;
    if (caps != UNTOUCHED)
        *output = (int64_t)caps;
    return result;
}

const struct operation operations[] = {
    {.name = "inc", .call = call_inc, .refused_when_closed = true},
    {.name = "dec", .call = call_dec},
    {.name = "add", .call = call_add, .refused_when_closed = true},
    {.name = "sub", .call = call_sub},
    {.name = "try_add", .call = call_try_add, .refused_when_closed = true},
    {.name = "get", .call = call_get},
    {.name = "get_interval", .call = call_get_interval},
    {.name = "get_delta", .call = call_get_delta},
    {.name = "fetch_add", .needs = TSC_CAP_FETCH, .call = call_fetch_add, .refused_when_closed = true},
    {.name = "set", .needs = TSC_CAP_FETCH, .call = call_set, .refused_when_closed = true},
    {.name = "exchange", .needs = TSC_CAP_FETCH, .call = call_exchange, .refused_when_closed = true},
    {.name = "compare_exchange",
     .needs = TSC_CAP_FETCH,
     .call = call_compare_exchange,
     .refused_when_closed = true},
    {.name = "update", .needs = TSC_CAP_UPDATE, .call = call_update, .refused_when_closed = true},
    {.name = "flush", .call = call_flush},
    {.name = "close", .call = call_close},
    {.name = "wait_at_most", .call = call_wait_at_most, .cancellation_point = true},
    {.name = "notify_at_most", .call = call_notify_at_most},
    {.name = "get_backend", .call = call_get_backend, .allowed_in_callback = true},
    {.name = "get_kind", .call = call_get_kind, .allowed_in_callback = true},
    {.name = "get_caps", .call = call_get_caps, .allowed_in_callback = true},
};

_Static_assert(sizeof operations / sizeof operations[0] == OPERATION_COUNT, "one row for each operation");

static int lower_by_dec(tsc_counter_t *counter)
{
    return tsc_counter_dec(counter);
}

static int lower_by_add(tsc_counter_t *counter)
{
    return tsc_counter_add(counter, -1);
}

/* The waiter may hold the mutex at that moment. */
static int lower_by_try_add(tsc_counter_t *counter)
{
    int result;

    do
        result = tsc_counter_try_add(counter, -1);
    while (result == -EAGAIN);
    return result;
}

static int lower_by_fetch_add(tsc_counter_t *counter)
{
    int64_t previous;

    return tsc_counter_fetch_add(counter, -1, &previous);
}

static int lower_by_set(tsc_counter_t *counter)
{
    return tsc_counter_set(counter, 1);
}

static int lower_by_exchange(tsc_counter_t *counter)
{
    int64_t previous;

    return tsc_counter_exchange(counter, 1, &previous);
}

static int lower_by_compare_exchange(tsc_counter_t *counter)
{
    int64_t expected = 2;

    return tsc_counter_compare_exchange(counter, &expected, 1) - 1;
}

static int lower_by_update(tsc_counter_t *counter)
{
    int64_t value = 1;

    return tsc_counter_update(counter, commit_value, &value);
}

const struct way_to_lower ways_to_lower[] = {
    {0, lower_by_dec},
    {0, lower_by_add},
    {0, lower_by_try_add},
    {TSC_CAP_FETCH, lower_by_fetch_add},
    {TSC_CAP_FETCH, lower_by_set},
    {TSC_CAP_FETCH, lower_by_exchange},
    {TSC_CAP_FETCH, lower_by_compare_exchange},
    {TSC_CAP_UPDATE, lower_by_update},
};

_Static_assert(sizeof ways_to_lower / sizeof ways_to_lower[0] == WAYS_TO_LOWER, "one row for each way");
