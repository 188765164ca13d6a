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
