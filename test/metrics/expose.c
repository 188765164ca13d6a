/* SPDX-License-Identifier: MIT */
/*
 * Makes counters and writes them, as check.py asks. A line of standard input is one of:
 *   counter KIND PEAK VALUE NAME HELP   KIND and PEAK are numbers; NAME and HELP are "-" and hexadecimal digits
 *   write FORMAT                        prints the length of the text on a line, then the text
 *   drop                                drops all counters
 * The backend changes with each counter.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tscounter/metrics.h>
#include <tscounter/tscounter.h>

enum { LINE_BYTES = 2048, TEXT_BYTES = 256 };

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

static tsc_counter_t **counters;
static size_t count;
static tsc_backend_t next_backend;

/* A backend that is built and, if needed, tracks peaks; and, as it makes one thread for each counter, not the
 * queue more often than for one in 16. */
static tsc_backend_t choose_backend(int track_peak)
{
    for (;;) {
        tsc_backend_t backend = next_backend++ % 16;
        uint64_t caps = 0;
        tsc_counter_t *tried;

        if (tsc_backend_get_caps(backend, &caps) != 0 || (track_peak && !(caps & TSC_CAP_PEAK)) ||
            tsc_counter_create(&tried, backend, NULL) != 0)
            continue;
        tsc_counter_unref(tried);
        return backend;
    }
}

static const char *decode(const char *hex, char *text)
{
    size_t bytes = 0;
    unsigned int byte;

    for (hex++; sscanf(hex, "%2x", &byte) == 1; hex += 2)
        text[bytes++] = (char)byte;
    text[bytes] = '\0';
    return text;
}

static void make(const char *line)
{
    char name_hex[LINE_BYTES], help_hex[LINE_BYTES], text[TEXT_BYTES];
    tsc_counter_attr_t *attr;
    tsc_kind_t kind;
    int track_peak;
    int64_t value;

    CHECK(sscanf(line, "counter %" SCNu32 " %d %" SCNd64 " %s %s", &kind, &track_peak, &value, name_hex,
                 help_hex) == 5);
    CHECK(tsc_counter_attr_create(&attr) == 0);
    CHECK(tsc_counter_attr_set_name(attr, decode(name_hex, text)) == 0);
    CHECK(tsc_counter_attr_set_help(attr, decode(help_hex, text)) == 0);
    CHECK(tsc_counter_attr_set_kind(attr, kind) == 0);
    CHECK(tsc_counter_attr_set_track_peak(attr, track_peak) == 0);
    CHECK(tsc_counter_attr_set_initial(attr, value) == 0);
    counters = realloc(counters, (count + 1) * sizeof *counters);
    CHECK(counters != NULL);
    CHECK(tsc_counter_create(&counters[count], choose_backend(track_peak), attr) == 0);
    count++;
    tsc_counter_attr_destroy(attr);
}

static int append(const char *text, size_t bytes, void *arg)
{
    return fwrite(text, 1, bytes, arg) == bytes ? 0 : -EIO;
}

static void write_all(const char *line)
{
    uint32_t format;
    char *text = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream(&text, &bytes);

    CHECK(memory != NULL && sscanf(line, "write %" SCNu32, &format) == 1);
    CHECK(tsc_metrics_write(format, NULL, append, memory) == 0);
    CHECK(fclose(memory) == 0);
    printf("%zu\n", bytes);
    CHECK(fwrite(text, 1, bytes, stdout) == bytes && fflush(stdout) == 0);
    free(text);
}

static void drop(void)
{
    while (count > 0)
        tsc_counter_unref(counters[--count]);
}

int main(void)
{
    char line[LINE_BYTES];

    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strncmp(line, "counter", 7) == 0)
            make(line);
        else if (strncmp(line, "write", 5) == 0)
            write_all(line);
        else
            drop();
    }
    drop();
    free(counters);
    return 0;
}
