/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "json.h"
#include "lineup.h"
#include "load.h"
#include "progress.h"

enum {
    DEFAULT_THREADS = 1000,
    DEFAULT_OPS = 10000,
    MAX_OPS = 1000000000,
};

enum { OPTION_BACKEND = OPTION_OF_COMMAND, OPTION_THREADS, OPTION_OPS, OPTION_JSON };

static const char help[] =
    "Usage: tscounter stress [--backend LIST] [--threads N] [--ops N] [--json]\n"
    "\n"
    "Counts from many threads that are alive together, and looks for lost updates. Each\n"
    "thread increments one counter --ops times; then it increments and decrements it\n"
    "--ops times, as a server does for its requests in flight. A plain int, the control,\n"
    "runs under the same load and shows the problem that the backends solve.\n"
    "\n"
    "Options:\n"
    "      --backend LIST  some of " BACKEND_NAMES "separated by commas;\n"
    "                      all that are in this build; or none, which leaves only the control\n"
    "                                                           (default: all)\n"
    "      --threads N     threads alive together, 1 to 100000  (default: 1000)\n"
    "      --ops N         rounds of each thread, 1 to 10^9     (default: 10000)\n"
    "      --json          print one JSON object instead; tscounter(1) describes it\n"
    "  -h, --help          show this help\n"
    "  -V, --version       show the version\n"
    "\n"
    "Columns:\n"
    "  counted    the value after threads x ops increments\n"
    "  lost       the number of missing increments\n"
    "  in flight  the value after all threads counted in and out: 0 if it is right\n"
    "  ns/op      wall-clock time of the increments, divided by their number\n"
    "  ns/in+out  the same for counting in and out\n"
    "The times are from one run each, no benchmark: 'tscounter bench' measures.\n"
    "\n"
    "Examples:\n"
    "  tscounter stress\n"
    "  tscounter stress --backend queue,percpu --threads 64 --ops 100000\n"
    "  tscounter stress --json | jq '.backends[] | {name, lost, ns_per_op}'\n"
    "\n"
    "Exit status:\n"
    "  0  no backend lost an update (the control may)\n"
    "  1  a backend lost one\n"
    "  2  bad usage\n"
    "  3  threads or memory were missing\n";

struct stress_options {
    uint32_t backends;
    uint64_t threads;
    uint64_t ops;
    bool json;
};

struct stress_result {
    int64_t expected;
    int64_t counted;
    int64_t in_flight;
    uint64_t refused;
    double ns_per_op;
    double ns_per_in_out;
};

enum { CONTROL = 0 /* its index in the line-up; the backends follow */ };

struct stress {
    struct stress_options options;
    struct lineup lineup;
    struct stress_result results[LINEUP_MAX]; /* of each contender */
    struct progress progress;
};

static bool is_right(const struct stress_result *result)
{
    return result->counted == result->expected && result->in_flight == 0 && result->refused == 0;
}

static bool any_backend_is_wrong(const struct stress *stress)
{
    for (size_t i = stress->lineup.inline_count; i < stress->lineup.count; i++) {
        if (!is_right(&stress->results[i]))
            return true;
    }
    return false;
}

/* False if parsing stops. */
static bool parse_options(int argc, char **argv, struct stress_options *parsed, struct parsing *parsing)
{
    static const struct option options[] = {
        {"backend", required_argument, NULL, OPTION_BACKEND},
        {"threads", required_argument, NULL, OPTION_THREADS},
        {"ops", required_argument, NULL, OPTION_OPS},
        {"json", no_argument, NULL, OPTION_JSON},
        OPTIONS_OF_ALL,
    };
    const struct command *self = &stress_command;
    int option;

    while ((option = next_option(self, argc, argv, options, parsing)) != -1) {
        bool good = true;

        switch (option) {
        case OPTION_JSON:
            parsed->json = true;
            break;
        case OPTION_BACKEND:
            good = parse_backends(self, optarg, &parsed->backends);
            break;
        case OPTION_THREADS:
            good = parse_number(self, "--threads", optarg, 1, LOAD_MAX_THREADS, &parsed->threads);
            break;
        case OPTION_OPS:
            good = parse_number(self, "--ops", optarg, 1, MAX_OPS, &parsed->ops);
            break;
        default:
            return false;
        }
        if (!good)
            return false;
    }
    return no_more_arguments(self, argc, argv);
}

static int open_lineup(struct stress *stress)
{
    int status = lineup_add_inline(&stress->lineup, INLINE_RACY);

    if (status != STATUS_OK)
        return status;
    return lineup_add_backends(&stress->lineup, &stress_command, stress->options.backends);
}

static int run_phase(struct stress *stress, size_t index, load_work_fn work, double *ns_per_round)
{
    const struct stress_options *options = &stress->options;
    const struct contender *contender = &stress->lineup.contenders[index];
    const struct load load = {
        .work = work,
        .counter = contender->counter,
        .threads = options->threads,
        .rounds = options->ops,
        .progress = &stress->progress,
    };
    struct load_result result;
    int error;

    progress_step(&stress->progress, contender->name, options->threads * options->ops);
    error = load_run(&load, &result);
    if (error != 0) {
        progress_clear(&stress->progress);
        return threads_error(result.threads_started, load.threads, error);
    }
    stress->results[index].refused += result.refused;
    *ns_per_round = (double)result.duration_ns / (double)(options->threads * options->ops);
    return STATUS_OK;
}

static int run_contender(struct stress *stress, size_t index)
{
    const struct contender *contender = &stress->lineup.contenders[index];
    struct stress_result *result = &stress->results[index];
    int status;

    result->expected = (int64_t)(stress->options.threads * stress->options.ops);
    status = run_phase(stress, index, contender->count, &result->ns_per_op);
    if (status != STATUS_OK)
        return status;
    result->counted = contender->read(contender->counter);

    status = run_phase(stress, index, contender->count_in_out, &result->ns_per_in_out);
    if (status != STATUS_OK)
        return status;
    result->in_flight = contender->read(contender->counter) - result->counted;
    return STATUS_OK;
}

static int run_lineup(struct stress *stress)
{
    const uint64_t phases = 2;
    int status = STATUS_OK;

    progress_start(&stress->progress,
                   stress->lineup.count * phases * stress->options.threads * stress->options.ops);
    for (size_t i = 0; i < stress->lineup.count && status == STATUS_OK; i++)
        status = run_contender(stress, i);
    progress_clear(&stress->progress);
    return status;
}

static void print_verdict_on_control(const struct stress_result *control)
{
    if (is_right(control))
        puts("The racy int happened to be right this time: give it more --ops or --threads.");
    else
        printf("The racy int lost %.1f %% of its increments, and ended with %" PRId64 " in flight.\n",
               100.0 * (double)(control->expected - control->counted) / (double)control->expected,
               control->in_flight);
}

static void print_table(const struct stress *stress)
{
    printf("%" PRIu64 " x %" PRIu64 " increments (threads x ops), then as often in and out.\n\n",
           stress->options.threads, stress->options.ops);
    printf("%-8s  %15s  %15s  %15s  %9s  %9s\n", "", "counted", "lost", "in flight", "ns/op", "ns/in+out");
    for (size_t i = 0; i < stress->lineup.count; i++) {
        const struct stress_result *result = &stress->results[i];

        printf("%-8s  %15" PRId64 "  %15" PRId64 "  %15" PRId64 "  %9.1f  %9.1f\n",
               stress->lineup.contenders[i].name, result->counted, result->expected - result->counted,
               result->in_flight, result->ns_per_op, result->ns_per_in_out);
    }
    for (size_t i = 0; i < stress->lineup.skipped_count; i++)
        printf("%-8s  not part of this build\n", stress->lineup.skipped[i]);
    puts("\nThe times are from one run each, no benchmark: 'tscounter bench' measures.");
    print_verdict_on_control(&stress->results[CONTROL]);
    if (stress->lineup.count > stress->lineup.inline_count && !any_backend_is_wrong(stress))
        puts("No backend lost an update.");
}

static void write_result(struct json *json, const char *key, const struct stress *stress, size_t index)
{
    const struct stress_result *result = &stress->results[index];

    json_open(json, key, '{');
    json_string(json, "name", stress->lineup.contenders[index].name);
    json_integer(json, "expected", result->expected);
    json_integer(json, "counted", result->counted);
    json_integer(json, "lost", result->expected - result->counted);
    json_integer(json, "in_flight", result->in_flight);
    json_integer(json, "refused", (int64_t)result->refused);
    json_real(json, "ns_per_op", result->ns_per_op);
    json_real(json, "ns_per_in_out", result->ns_per_in_out);
    json_close(json, '}');
}

static void print_json(const struct stress *stress)
{
    struct json json = {.out = stdout};

    json_open(&json, NULL, '{');
    json_string(&json, "version", tsc_version_string());
    json_integer(&json, "threads", (int64_t)stress->options.threads);
    json_integer(&json, "ops", (int64_t)stress->options.ops);
    write_result(&json, "control", stress, CONTROL);
    json_open(&json, "backends", '[');
    for (size_t i = stress->lineup.inline_count; i < stress->lineup.count; i++)
        write_result(&json, NULL, stress, i);
    json_close(&json, ']');
    json_open(&json, "skipped", '[');
    for (size_t i = 0; i < stress->lineup.skipped_count; i++)
        json_string(&json, NULL, stress->lineup.skipped[i]);
    json_close(&json, ']');
    json_close(&json, '}');
    json_end(&json);
}

static void report_bugs(const struct stress *stress)
{
    for (size_t i = stress->lineup.inline_count; i < stress->lineup.count; i++) {
        const struct stress_result *result = &stress->results[i];

        if (is_right(result))
            continue;
        fprintf(stderr,
                "tscounter: backend %s is wrong: %" PRId64 " of %" PRId64 " increments lost, %" PRId64
                " left in flight, %" PRIu64 " calls refused\n",
                stress->lineup.contenders[i].name, result->expected - result->counted, result->expected,
                result->in_flight, result->refused);
    }
    fputs("This is a bug. Please report it with the output of 'tscounter stress --json'.\n", stderr);
}

static int run(int argc, char **argv)
{
    struct stress stress = {.options = {.backends = ALL_BACKENDS, .threads = DEFAULT_THREADS, .ops = DEFAULT_OPS}};
    struct parsing parsing = PARSING_BEGINS;
    int status;

    if (!parse_options(argc, argv, &stress.options, &parsing))
        return parsing.status;

    status = open_lineup(&stress);
    if (status == STATUS_OK)
        status = run_lineup(&stress);
    lineup_close(&stress.lineup);
    if (status != STATUS_OK)
        return status;

    if (stress.options.json)
        print_json(&stress);
    else
        print_table(&stress);
    if (!any_backend_is_wrong(&stress))
        return STATUS_OK;
    report_bugs(&stress);
    return STATUS_LOST_UPDATE;
}

const struct command stress_command = {
    .name = "stress",
    .summary = "count from many threads at once, and look for lost updates",
    .help = help,
    .run = run,
};
