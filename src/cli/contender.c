/* SPDX-License-Identifier: MIT */
#include "contender.h"

#include <errno.h>
#include <stdlib.h>

/* The data race is what the control is for; nothing else in the program has one. */
#define RACES_ON_PURPOSE __attribute__((no_sanitize("thread")))

enum { CACHE_LINE_BYTES = 64 };

/* volatile: otherwise the compiler would turn the loop into one addition. */
RACES_ON_PURPOSE static uint64_t racy_count(void *counter, size_t rounds)
{
    volatile int64_t *value = counter;

    for (size_t i = 0; i < rounds; i++)
        ++*value;
    return 0;
}

RACES_ON_PURPOSE static uint64_t racy_count_in_out(void *counter, size_t rounds)
{
    volatile int64_t *value = counter;

    for (size_t i = 0; i < rounds; i++) {
        ++*value;
        --*value;
    }
    return 0;
}

static int64_t racy_read(void *counter)
{
    return *(volatile int64_t *)counter;
}

int contender_open_control(struct contender *contender)
{
    int64_t *value = aligned_alloc(CACHE_LINE_BYTES, CACHE_LINE_BYTES);

    if (value == NULL)
        return -ENOMEM;
    *value = 0;
    *contender = (struct contender){
        .name = "racy int",
        .counter = value,
        .count = racy_count,
        .count_in_out = racy_count_in_out,
        .read = racy_read,
        .close = free,
    };
    return 0;
}

static uint64_t library_count(void *counter, size_t rounds)
{
    uint64_t refused = 0;

    for (size_t i = 0; i < rounds; i++)
        refused += tsc_counter_inc(counter) != 0;
    return refused;
}

static uint64_t library_count_in_out(void *counter, size_t rounds)
{
    uint64_t refused = 0;

    for (size_t i = 0; i < rounds; i++) {
        refused += tsc_counter_inc(counter) != 0;
        refused += tsc_counter_dec(counter) != 0;
    }
    return refused;
}

static int64_t library_read(void *counter)
{
    int64_t value = 0;

    (void)tsc_counter_get(counter, &value);
    return value;
}

static void library_close(void *counter)
{
    tsc_counter_unref(counter);
}

int contender_open_backend(struct contender *contender, tsc_backend_t backend)
{
    tsc_counter_t *counter;
    int error = tsc_counter_create(&counter, backend, NULL);

    if (error != 0)
        return error;
    *contender = (struct contender){
        .name = tsc_backend_name(backend),
        .counter = counter,
        .count = library_count,
        .count_in_out = library_count_in_out,
        .read = library_read,
        .close = library_close,
    };
    return 0;
}
