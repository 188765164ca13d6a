/* SPDX-License-Identifier: MIT */
/*
 * The bug that the library prevents: plain integers that all threads increment and decrement.
 *
 * `total++` is a load, an addition and a store. When two threads run it at once, or one is preempted between its
 * load and its store, one update is lost. `volatile` forces the load and the store, but does not make them one
 * atomic step. Nothing else here provokes or prevents the race.
 */
#include "tally.h"

#include <errno.h>
#include <time.h>

static volatile int in_flight;
static volatile int total;
static volatile int peak;
static volatile int closed;

static int racy_enter(struct tally *tally)
{
    (void)tally;
    if (closed)
        return -ESHUTDOWN;
    in_flight++;
    if (in_flight > peak)
        peak = in_flight;
    return 0;
}

static void racy_count(struct tally *tally)
{
    (void)tally;
    total++;
}

static void racy_leave(struct tally *tally)
{
    (void)tally;
    in_flight--;
}

static void racy_read(struct tally *tally, struct tally_reading *reading)
{
    (void)tally;
    *reading = (struct tally_reading){.in_flight = in_flight, .total = total, .peak = peak, .has_peak = true};
}

static int racy_drain(struct tally *tally, int64_t timeout_ns)
{
    const struct timespec tick = {.tv_nsec = 1000000};

    (void)tally;
    closed = 1;
    for (int64_t waited_ns = 0; in_flight > 0; waited_ns += tick.tv_nsec) {
        if (waited_ns >= timeout_ns)
            return -ETIMEDOUT;
        nanosleep(&tick, NULL);
    }
    return 0;
}

static void racy_close(struct tally *tally)
{
    (void)tally;
}

const struct tally_ops racy_ops = {
    .enter = racy_enter,
    .count = racy_count,
    .leave = racy_leave,
    .read = racy_read,
    .drain = racy_drain,
    .close = racy_close,
};
