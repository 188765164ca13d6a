/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <inttypes.h>

static const char page[] =
#include "page.inc"
    ;

void report_page(FILE *out, struct counts *counts)
{
    (void)counts;
    fputs(page, out);
}

static void read_all(struct counts *counts, struct tally_reading *readings)
{
    for (size_t i = 0; i < counts->tally_count; i++)
        counts->tallies[i].ops->read(&counts->tallies[i], &readings[i]);
}

static void print_json_tally(FILE *out, const char *name, const struct tally_reading *reading)
{
    fprintf(out, "{\"name\":\"%s\",\"in_flight\":%" PRId64 ",\"total\":%" PRId64 ",\"peak\":", name,
            reading->in_flight, reading->total);
    if (reading->has_peak)
        fprintf(out, "%" PRId64 "}", reading->peak);
    else
        fputs("null}", out);
}

/*
 * Under load, the counts cannot be read at one moment. So the truth is read before and after the tallies: every
 * correct total lies between the requests finished before and those started after.
 */
void report_json(FILE *out, struct counts *counts)
{
    struct tally_reading readings[MAX_TALLIES];
    struct truth_reading before = truth_read(&counts->truth);
    read_all(counts, readings);
    struct truth_reading after = truth_read(&counts->truth);

    fprintf(out,
            "{\"truth\":{\"in_flight\":%" PRId64 ",\"total_low\":%" PRId64 ",\"total_high\":%" PRId64
            ",\"peak\":%" PRId64 "}",
            after.started - after.finished, before.finished, after.started, after.peak);
    fputs(",\"tallies\":[", out);
    for (size_t i = 0; i < counts->tally_count; i++) {
        fputs(i == 0 ? "" : ",", out);
        print_json_tally(out, counts->tallies[i].name, &readings[i]);
    }
    fputs("]}\n", out);
}

static void print_family(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_sample(FILE *out, const char *name, const char *counted_by, int64_t value)
{
    fprintf(out, "%s{counted_by=\"%s\"} %" PRId64 "\n", name, counted_by, value);
}

void report_metrics(FILE *out, struct counts *counts)
{
    const size_t n = counts->tally_count;
    struct tally_reading readings[MAX_TALLIES];
    read_all(counts, readings);
    struct truth_reading truth = truth_read(&counts->truth);

    print_family(out, "httpd_requests_total", "counter", "Requests begun.");
    print_sample(out, "httpd_requests_total", "truth", truth.started);
    for (size_t i = 0; i < n; i++)
        print_sample(out, "httpd_requests_total", counts->tallies[i].name, readings[i].total);

    print_family(out, "httpd_requests_in_flight", "gauge", "Requests begun and not yet completed.");
    print_sample(out, "httpd_requests_in_flight", "truth", truth.started - truth.finished);
    for (size_t i = 0; i < n; i++)
        print_sample(out, "httpd_requests_in_flight", counts->tallies[i].name, readings[i].in_flight);

    print_family(out, "httpd_requests_in_flight_peak", "gauge", "Most requests in flight at once.");
    print_sample(out, "httpd_requests_in_flight_peak", "truth", truth.peak);
    for (size_t i = 0; i < n; i++) {
        if (readings[i].has_peak)
            print_sample(out, "httpd_requests_in_flight_peak", counts->tallies[i].name, readings[i].peak);
    }
}
