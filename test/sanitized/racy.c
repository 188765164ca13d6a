/* SPDX-License-Identifier: MIT */
/* Programs with a data race that no counter orders. ThreadSanitizer must report each. */
#include "scenario.h"

/* Not on a stack: a compiler may not instrument objects on a thread's own stack. */
struct shared {
    tsc_counter_t *counter;
    int data;
};

static struct shared shared;

static void *count_in_and_write(void *arg)
{
    REQUIRE(tsc_counter_inc(shared.counter) == 0);
    shared.data++;
    return arg;
}

/* An increment does not exclude other threads. */
static void both_inside(tsc_backend_t backend)
{
    pthread_t first;
    pthread_t second;

    shared.counter = new_counter(backend);
    first = start(count_in_and_write, NULL);
    second = start(count_in_and_write, NULL);
    join(first);
    join(second);
    tsc_counter_unref(shared.counter);
}

static void *write_and_count_in(void *arg)
{
    shared.data++;
    REQUIRE(tsc_counter_inc(shared.counter) == 0);
    next_turn();
    return arg;
}

static void *count_in_later_and_write(void *arg)
{
    wait_for_turn(1);
    return count_in_and_write(arg);
}

/* An increment is no read: it does not order the second thread after the first. */
static void one_after_the_other(tsc_backend_t backend)
{
    pthread_t first;
    pthread_t second;

    shared.counter = new_counter(backend);
    first = start(write_and_count_in, NULL);
    second = start(count_in_later_and_write, NULL);
    join(first);
    join(second);
    tsc_counter_unref(shared.counter);
}

static void *count_out_and_write(void *arg)
{
    REQUIRE(tsc_counter_dec(shared.counter) == 0);
    shared.data++;
    return arg;
}

static void written_after_dec(tsc_backend_t backend)
{
    pthread_t thread;

    shared.counter = new_counter(backend);
    REQUIRE(tsc_counter_inc(shared.counter) == 0);
    thread = start(count_out_and_write, NULL);
    REQUIRE(tsc_counter_wait_at_most(shared.counter, 0, -1) == 0);
    shared.data++;
    join(thread);
    tsc_counter_unref(shared.counter);
}

static int write_in_callback(int64_t *value, void *arg)
{
    (void)value;
    ++*(int *)arg;
    return 0;
}

static void *update(void *arg)
{
    REQUIRE(tsc_counter_update(shared.counter, write_in_callback, &shared.data) == 0);
    return arg;
}

static void touched_outside_of_callback(tsc_backend_t backend)
{
    pthread_t thread;

    shared.counter = new_counter(backend);
    thread = start(update, NULL);
    shared.data++;
    join(thread);
    tsc_counter_unref(shared.counter);
}

const struct scenario scenarios[] = {
    {"both-inside", 0, NULL, both_inside},
    {"one-after-the-other", 0, NULL, one_after_the_other},
    {"written-after-dec", 0, NULL, written_after_dec},
    {"touched-outside-of-callback", TSC_CAP_UPDATE, NULL, touched_outside_of_callback},
    {0},
};
