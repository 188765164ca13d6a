/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends.h"
#include "clock.h"

enum { DEFAULT_SECONDS = 3, MAX_SECONDS = 86400, PERCENT = 100 };

enum {
    OPTION_BACKEND = OPTION_OF_COMMAND,
    OPTION_THREADS,
    OPTION_READ_PERCENT,
    OPTION_SECONDS,
    OPTION_PIN,
    OPTION_JSON
};

static const char help[] =
    "Usage: tscounter bench [--backend LIST] [--threads LIST] [--read-percent N]\n"
    "                       [--seconds N] [--pin] [--json FILE]\n"
    "\n"
    "Measures the cost of an operation. A round measures every contender once, for some 20 to\n"
    "50 ms, and each round begins with another one, so that disturbances of the machine affect\n"
    "all alike. The contenders are the backends, and integers counted inline without a library:\n"
    "plain (one for each thread), and shared by all threads atomic, mutex and spin (a\n"
    "test-and-set lock).\n"
    "\n"
    "Options:\n"
    "      --backend LIST    some of " BACKEND_NAMES "separated by commas; all that\n"
    "                        are in this build; or none, which leaves only the inline integers\n"
    "                        (default: all)\n"
    "      --threads LIST    how many threads count at once, 1 to 100000; several numbers,\n"
    "                        separated by commas, are measured in turn   (default: 1,2,8,1000)\n"
    "      --read-percent N  how many of 100 operations read the value instead of adding 1,\n"
    "                        0 to 100   (default: 0)\n"
    "      --seconds N       how long to measure each number of threads, warm-up included,\n"
    "                        1 to 86400; at least 5 rounds are run   (default: 3)\n"
    "      --pin             bind each thread to one CPU, in turn\n"
    "      --json FILE       write all measurements to FILE as one JSON object; '-' is standard\n"
    "                        output, and replaces the table; tscounter(1) describes it\n"
    "  -h, --help            show this help\n"
    "  -V, --version         show the version\n"
    "\n"
    "Columns:\n"
    "  ns/op      wall-clock time divided by the operations of all threads together: the median of\n"
    "             the rounds, and its quartiles, which enclose half of the rounds\n"
    "  against    the inline integer that the backend is compared with\n"
    "  ratio      the quotient of their times, round by round: its median and quartiles.\n"
    "             A '?' marks a ratio that proves nothing: its quartiles lie further apart than\n"
    "             it lies from 1. More --seconds or a quieter machine may help.\n"
    "\n"
    "Examples:\n"
    "  tscounter bench\n"
    "  tscounter bench --backend atomic,percpu --threads 1,2,4,8 --pin\n"
    "  tscounter bench --read-percent 90 --seconds 10 --json bench.json\n"
    "  tscounter bench --json - | jq '.series[] | {threads, ratios: [.contenders[].ratio]}'\n"
    "\n"
    "Exit status:\n"
    "  0  done\n"
    "  1  a backend lost an update\n"
    "  2  bad usage\n"
    "  3  threads or memory were missing, or FILE could not be written\n";

/* Parses the list. Returns false after a message. */
static bool parse_threads(char *list, struct bench_options *options)
{
    uint64_t threads;

    options->series_count = 0;
    while (list != NULL) {
        if (options->series_count == BENCH_MAX_SERIES) {
            usage_error(&bench_command, "--threads takes at most %d numbers", BENCH_MAX_SERIES);
            return false;
        }
        if (!parse_number(&bench_command, "--threads", strsep(&list, ","), 1, LOAD_MAX_THREADS, &threads))
            return false;
        options->threads[options->series_count++] = threads;
    }
    return true;
}

/* False if parsing stops. */
static bool parse_options(int argc, char **argv, struct bench_options *parsed, struct parsing *parsing)
{
    static const struct option options[] = {
        {"backend", required_argument, NULL, OPTION_BACKEND},
        {"threads", required_argument, NULL, OPTION_THREADS},
        {"read-percent", required_argument, NULL, OPTION_READ_PERCENT},
        {"seconds", required_argument, NULL, OPTION_SECONDS},
        {"pin", no_argument, NULL, OPTION_PIN},
        {"json", required_argument, NULL, OPTION_JSON},
        OPTIONS_OF_ALL,
    };
    const struct command *self = &bench_command;
    int option;

    while ((option = next_option(self, argc, argv, options, parsing)) != -1) {
        bool good = true;

        switch (option) {
        case OPTION_BACKEND:
            good = parse_backends(self, optarg, &parsed->backends);
            break;
        case OPTION_THREADS:
            good = parse_threads(optarg, parsed);
            break;
        case OPTION_READ_PERCENT:
            good = parse_number(self, "--read-percent", optarg, 0, PERCENT, &parsed->read_percent);
            break;
        case OPTION_SECONDS:
            good = parse_number(self, "--seconds", optarg, 1, MAX_SECONDS, &parsed->seconds);
            break;
        case OPTION_PIN:
            parsed->pinned = true;
            break;
        case OPTION_JSON:
            parsed->json_path = optarg;
            break;
        default:
            return false;
        }
        if (!good)
            return false;
    }
    return no_more_arguments(self, argc, argv);
}

static int open_lineup(struct bench *bench)
{
    static const enum inline_integer integers[] = {INLINE_PLAIN, INLINE_ATOMIC, INLINE_MUTEX, INLINE_SPIN};
    int status = STATUS_OK;

    for (size_t i = 0; i < ARRAY_SIZE(integers) && status == STATUS_OK; i++)
        status = lineup_add_inline(&bench->lineup, integers[i]);
    if (status == STATUS_OK)
        status = lineup_add_backends(&bench->lineup, &bench_command, bench->options.backends);
    return status;
}

static void choose_references(struct bench *bench)
{
    for (size_t i = bench->lineup.inline_count; i < bench->lineup.count; i++) {
        tsc_backend_t backend;

        if (tsc_backend_from_name(bench->lineup.contenders[i].name, &backend) == 0)
            bench->against[i] = words_of(backend)->inline_integer;
    }
}

static int run_series(struct bench *bench, size_t index)
{
    struct bench_series *series = &bench->series[index];
    int status;

    series->threads = bench->options.threads[index];
    snprintf(series->name, sizeof(series->name), "%zu thread%s", series->threads, series->threads == 1 ? "" : "s");
    progress_step(&bench->progress, series->name, bench->options.seconds * NS_PER_SECOND);
    status = bench_run(bench, series);
    progress_clear(&bench->progress);
    return status;
}

static int run_all_series(struct bench *bench, bool print)
{
    const struct bench_options *options = &bench->options;
    int status = STATUS_OK;

    progress_start(&bench->progress, options->series_count * options->seconds * NS_PER_SECOND);
    for (size_t i = 0; i < options->series_count && status == STATUS_OK; i++) {
        status = run_series(bench, i);
        if (status == STATUS_OK && print)
            bench_print_series(bench, &bench->series[i]);
    }
    return status;
}

static int check_counters(const struct bench *bench)
{
    int status = STATUS_OK;

    for (size_t i = bench->lineup.inline_count; i < bench->lineup.count; i++) {
        const struct contender *contender = &bench->lineup.contenders[i];
        int64_t value = contender->read(contender->counter);

        if (value == bench->expected[i] && bench->refused[i] == 0)
            continue;
        fprintf(stderr,
                "tscounter: backend %s is wrong: %" PRId64 " of %" PRId64 " increments lost, %" PRIu64
                " calls refused\n",
                contender->name, bench->expected[i] - value, bench->expected[i], bench->refused[i]);
        status = STATUS_LOST_UPDATE;
    }
    if (status != STATUS_OK)
        fputs("This is a bug. Please report it with the output of 'tscounter stress --json'.\n", stderr);
    return status;
}

static bool output_is_open(void)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);

    return flags != -1 && (flags & O_ACCMODE) != O_RDONLY;
}

/* If standard output is closed, a JSON file is enough. Without one, printing the table fails. */
static bool prints_table(FILE *json)
{
    return json == NULL || (json != stdout && output_is_open());
}

static int run_and_report(struct bench *bench, FILE *json)
{
    bool print = prints_table(json);
    int status;

    if (print)
        bench_print_head(bench);
    status = run_all_series(bench, print);
    if (status != STATUS_OK)
        return status;
    if (print)
        bench_print_foot(bench);
    if (json != NULL)
        bench_write_json(bench, json);
    return check_counters(bench);
}

/* Each would overwrite the other's output. */
static bool is_file_of_output(const char *path)
{
    struct stat file;
    struct stat output;

    return stat(path, &file) == 0 && fstat(STDOUT_FILENO, &output) == 0 && S_ISREG(file.st_mode) &&
           file.st_dev == output.st_dev && file.st_ino == output.st_ino;
}

static int open_json(const char *path, FILE **json)
{
    if (path == NULL)
        return STATUS_OK;
    if (is_file_of_output(path))
        return usage_error(&bench_command, "'%s' is standard output already: give --json -", path);
    *json = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    return *json != NULL ? STATUS_OK : machine_error("cannot write '%s': %s", path, strerror(errno));
}

static int close_json(const char *path, FILE *json, int status)
{
    bool bad;

    if (json == NULL || json == stdout)
        return status;
    bad = ferror(json) != 0;
    if (fclose(json) != 0 || bad)
        return worse_status(status, machine_error("cannot write '%s': is there room for it?", path));
    return status;
}

static void free_bench(struct bench *bench)
{
    lineup_close(&bench->lineup);
    for (size_t i = 0; i < bench->options.series_count; i++)
        free(bench->series[i].rounds);
}

static int run(int argc, char **argv)
{
    struct bench bench = {
        .options =
            {
                .backends = ALL_BACKENDS,
                .threads = {1, 2, 8, 1000},
                .series_count = 4,
                .seconds = DEFAULT_SECONDS,
            },
    };
    FILE *json = NULL;
    struct parsing parsing = PARSING_BEGINS;
    int status;

    if (!parse_options(argc, argv, &bench.options, &parsing))
        return parsing.status;

    status = open_lineup(&bench);
    choose_references(&bench);
    if (status == STATUS_OK)
        status = open_json(bench.options.json_path, &json);
    if (status == STATUS_OK)
        status = run_and_report(&bench, json);
    free_bench(&bench);
    return close_json(bench.options.json_path, json, status);
}

const struct command bench_command = {
    .name = "bench",
    .summary = "measure the cost of an operation, beside integers counted inline",
    .help = help,
    .run = run,
};
