/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <stdio.h>
#include <string.h>

static int library_enter(struct tally *tally)
{
    return tsc_counter_inc(tally->in_flight);
}

static void library_count(struct tally *tally)
{
    tsc_counter_inc(tally->total);
}

static void library_leave(struct tally *tally)
{
    tsc_counter_dec(tally->in_flight);
}

static void library_read(struct tally *tally, struct tally_reading *reading)
{
    tsc_counter_get(tally->in_flight, &reading->in_flight);
    tsc_counter_get(tally->total, &reading->total);
    reading->has_peak = tsc_counter_get_peak(tally->in_flight, &reading->peak) == 0;
}

static int library_drain(struct tally *tally, int64_t timeout_ns)
{
    tsc_counter_close(tally->in_flight);
    return tsc_counter_wait_at_most(tally->in_flight, 0, timeout_ns);
}

static void library_close(struct tally *tally)
{
    tsc_counter_unref(tally->in_flight);
    tsc_counter_unref(tally->total);
}

static const struct tally_ops library_ops = {
    .enter = library_enter,
    .count = library_count,
    .leave = library_leave,
    .read = library_read,
    .drain = library_drain,
    .close = library_close,
};

/* A counter with a name is in the text at /metrics: the label says by which backend it counts. */
static int create_named(tsc_counter_t **counter, tsc_backend_t backend, const char *metric, const char *help,
                        tsc_kind_t kind)
{
    tsc_counter_attr_t *attr;
    char name[128];
    uint64_t caps = 0;

    int error = tsc_counter_attr_create(&attr);
    if (error)
        return error;
    tsc_backend_get_caps(backend, &caps);
    snprintf(name, sizeof(name), "%s{counted_by=\"%s\"}", metric, tsc_backend_name(backend));
    tsc_counter_attr_set_name(attr, name);
    tsc_counter_attr_set_help(attr, help);
    tsc_counter_attr_set_kind(attr, kind);
    tsc_counter_attr_set_track_peak(attr, kind == TSC_KIND_GAUGE && (caps & TSC_CAP_PEAK) != 0);
    error = tsc_counter_create(counter, backend, attr);
    tsc_counter_attr_destroy(attr);
    return error;
}

static int open_library(struct tally *tally, tsc_backend_t backend)
{
    int error = create_named(&tally->in_flight, backend, "httpd_requests_in_flight",
                             "Requests begun and not yet completed.", TSC_KIND_GAUGE);
    if (error)
        return error;
    error = create_named(&tally->total, backend, "httpd_requests_total", "Requests begun.", TSC_KIND_TOTAL);
    if (error)
        tsc_counter_unref(tally->in_flight);
    return error;
}

const char *tally_name(uint32_t i)
{
    return i == 0 ? "racy" : tsc_backend_name(i - 1);
}

int tally_open(struct tally *tally, const char *name)
{
    tsc_backend_t backend;

    tally->name = name;
    if (strcmp(name, "racy") == 0) {
        tally->ops = &racy_ops;
        return 0;
    }
    tally->ops = &library_ops;
    int error = tsc_backend_from_name(name, &backend);
    return error ? error : open_library(tally, backend);
}
