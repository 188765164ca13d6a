/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "json.h"

#ifdef __clang__
static const char compiler[] = __VERSION__;
#else
static const char compiler[] = "gcc " __VERSION__;
#endif

#ifdef __OPTIMIZE__
static const bool optimized = true;
#else
static const bool optimized = false;
#endif

/* Without its machine the numbers of a measurement mean nothing. */
struct machine {
    char model[128]; /* of the CPU, or the architecture if the system does not report the model */
    char architecture[65];
    char kernel[160];
    int cpus; /* that the program may use */
};

/* Leaves the model unchanged if the system does not report it. */
static void find_model(char *model, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];

    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *colon = strchr(line, ':');

        if (colon == NULL || strncmp(line, "model name", strlen("model name")) != 0)
            continue;
        snprintf(model, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    fclose(file);
}

static int usable_cpus(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return CPU_COUNT(&set);
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void describe_machine(struct machine *machine)
{
    struct utsname system;

    *machine = (struct machine){.cpus = usable_cpus()};
    if (uname(&system) == 0) {
        snprintf(machine->architecture, sizeof(machine->architecture), "%s", system.machine);
        snprintf(machine->kernel, sizeof(machine->kernel), "%s %s", system.sysname, system.release);
    }
    snprintf(machine->model, sizeof(machine->model), "%s", machine->architecture);
    find_model(machine->model, sizeof(machine->model));
}

void bench_print_head(const struct bench *bench)
{
    struct machine machine;

    describe_machine(&machine);
    printf("libtscounter %s on %s, %d CPU%s, %s, %s\n", tsc_version_string(), machine.model, machine.cpus,
           machine.cpus == 1 ? "" : "s", machine.kernel, compiler);
    printf("%" PRIu64 " %% of the operations are reads. Threads are %spinned.\n", bench->options.read_percent,
           bench->options.pinned ? "" : "not ");
    if (!optimized)
        puts("This program was built without optimization, so its numbers mean little.");
    fflush(stdout);
}

static void print_ratio(const struct bench *bench, const struct bench_series *series, size_t index)
{
    const struct quartiles *ratio = &series->summaries[index].ratio;

    printf("  %-13s  %6.2f%c  %6.2f to %-6.2f", bench->lineup.contenders[bench->against[index]].name,
           ratio->median, ratio_proves_nothing(ratio) ? '?' : ' ', ratio->lower, ratio->upper);
}

void bench_print_series(const struct bench *bench, const struct bench_series *series)
{
    printf("\n%s, %zu rounds\n", series->name, series->round_count);
    printf("%-13s  %8s  %-18s  %-13s  %6s   %s\n", "", "ns/op", "     quartiles", "against", "ratio", "quartiles");
    for (size_t i = 0; i < bench->lineup.count; i++) {
        const struct quartiles *ns_per_op = &series->summaries[i].ns_per_op;

        printf("%-13s  %8.2f  %7.2f to %-7.2f", bench->lineup.contenders[i].name, ns_per_op->median,
               ns_per_op->lower, ns_per_op->upper);
        if (i >= bench->lineup.inline_count)
            print_ratio(bench, series, i);
        putchar('\n');
    }
    fflush(stdout);
}

static bool any_ratio_proves_nothing(const struct bench *bench)
{
    for (size_t i = 0; i < bench->options.series_count; i++) {
        for (size_t j = bench->lineup.inline_count; j < bench->lineup.count; j++) {
            if (ratio_proves_nothing(&bench->series[i].summaries[j].ratio))
                return true;
        }
    }
    return false;
}

void bench_print_foot(const struct bench *bench)
{
    putchar('\n');
    for (size_t i = 0; i < bench->lineup.skipped_count; i++)
        printf("Backend %s is not part of this build.\n", bench->lineup.skipped[i]);
    if (any_ratio_proves_nothing(bench))
        puts("A ratio marked '?' proves nothing: its quartiles lie further apart than it lies from 1.");
}

static void write_machine(struct json *json)
{
    struct machine machine;

    describe_machine(&machine);
    json_open(json, "machine", '{');
    json_string(json, "processor", machine.model);
    json_string(json, "architecture", machine.architecture);
    json_integer(json, "processors", machine.cpus);
    json_string(json, "kernel", machine.kernel);
    json_string(json, "compiler", compiler);
    json_boolean(json, "optimized", optimized);
    json_close(json, '}');
}

static void write_quartiles(struct json *json, const struct quartiles *quartiles)
{
    json_real(json, "median", quartiles->median);
    json_real(json, "lower", quartiles->lower);
    json_real(json, "upper", quartiles->upper);
}

static void write_ratio(struct json *json, const char *against, const struct quartiles *ratio)
{
    json_open(json, "ratio", '{');
    json_string(json, "against", against);
    write_quartiles(json, ratio);
    json_boolean(json, "proves_nothing", ratio_proves_nothing(ratio));
    json_close(json, '}');
}

static void write_contender(struct json *json, const struct bench *bench, const struct bench_series *series,
                            size_t index)
{
    const struct contender *contenders = bench->lineup.contenders;
    const struct bench_summary *summary = &series->summaries[index];

    json_open(json, NULL, '{');
    json_string(json, "name", contenders[index].name);
    json_integer(json, "ops", (int64_t)series->ops[index]);
    json_open(json, "durations_ns", '[');
    for (size_t i = 0; i < series->round_count; i++)
        json_integer(json, NULL, series->rounds[i].durations_ns[index]);
    json_close(json, ']');
    json_open(json, "ns_per_op", '{');
    write_quartiles(json, &summary->ns_per_op);
    json_close(json, '}');
    if (index >= bench->lineup.inline_count)
        write_ratio(json, contenders[bench->against[index]].name, &summary->ratio);
    json_close(json, '}');
}

static void write_series(struct json *json, const struct bench *bench, const struct bench_series *series)
{
    json_open(json, NULL, '{');
    json_integer(json, "threads", (int64_t)series->threads);
    json_integer(json, "rounds", (int64_t)series->round_count);
    json_open(json, "contenders", '[');
    for (size_t i = 0; i < bench->lineup.count; i++)
        write_contender(json, bench, series, i);
    json_close(json, ']');
    json_close(json, '}');
}

void bench_write_json(const struct bench *bench, FILE *out)
{
    struct json json = {.out = out};

    json_open(&json, NULL, '{');
    json_string(&json, "version", tsc_version_string());
    write_machine(&json);
    json_integer(&json, "read_percent", (int64_t)bench->options.read_percent);
    json_integer(&json, "seconds", (int64_t)bench->options.seconds);
    json_boolean(&json, "pinned", bench->options.pinned);
    json_open(&json, "series", '[');
    for (size_t i = 0; i < bench->options.series_count; i++)
        write_series(&json, bench, &bench->series[i]);
    json_close(&json, ']');
    json_open(&json, "skipped", '[');
    for (size_t i = 0; i < bench->lineup.skipped_count; i++)
        json_string(&json, NULL, bench->lineup.skipped[i]);
    json_close(&json, ']');
    json_close(&json, '}');
    json_end(&json);
}
