/* SPDX-License-Identifier: MIT */
#include "backends.h"

#include <errno.h>
#include <stdio.h>

#include "cli.h"
#include "json.h"

static const struct backend_words words[] = {
    [TSC_BACKEND_MUTEX] = {"several things changed together; the safe default", INLINE_MUTEX},
    [TSC_BACKEND_ATOMIC] = {"one hot integer", INLINE_ATOMIC},
    [TSC_BACKEND_QUEUE] = {"a pipeline: one thread owns the value", INLINE_MUTEX},
    [TSC_BACKEND_PERCPU] = {"very hot, read seldom", INLINE_ATOMIC},
};

_Static_assert(ARRAY_SIZE(words) == TSC_BACKEND_COUNT, "the program has words for each backend");

const struct backend_words *words_of(tsc_backend_t backend)
{
    return &words[backend];
}

static const struct {
    uint64_t bit;
    const char *name;
    const char *meaning;
} capabilities[] = {
    {TSC_CAP_LINEARIZABLE, "linearizable", "reads and changes form one total order"},
    {TSC_CAP_FETCH, "fetch", "fetch_add, set, exchange, compare_exchange"},
    {TSC_CAP_BOUNDS, "bounds", "a lower and an upper bound can be set"},
    {TSC_CAP_PEAK, "peak", "the highest value can be tracked"},
    {TSC_CAP_UPDATE, "update", "a callback computes the new value"},
    {TSC_CAP_ASYNC, "async", "add may return before it is applied"},
    {TSC_CAP_SIGNAL_SAFE, "signal-safe", "add and get work in a signal handler"},
    {TSC_CAP_LOCK_FREE, "lock-free", "a stopped thread blocks no other"},
};

static const char help[] = "Usage: tscounter backends [--json]\n"
                           "\n"
                           "Lists the backends: what each of them can do on this machine, whether it is part of\n"
                           "this build, and its purpose.\n"
                           "\n"
                           "Options:\n"
                           "      --json       print one JSON object instead; tscounter(1) describes it\n"
                           "  -h, --help       show this help\n"
                           "  -V, --version    show the version\n"
                           "\n"
                           "Examples:\n"
                           "  tscounter backends\n"
                           "  tscounter backends --json | jq -r '.backends[] | select(.built) | .name'\n";

static bool is_built(tsc_backend_t backend)
{
    tsc_counter_t *counter;
    int error = tsc_counter_create(&counter, backend, NULL);

    tsc_counter_unref(counter);
    return error != -ENOTSUP;
}

static uint64_t capabilities_of(tsc_backend_t backend)
{
    uint64_t caps = 0;

    (void)tsc_backend_get_caps(backend, &caps);
    return caps;
}

static void print_table(void)
{
    printf("%-13s", "");
    for (tsc_backend_t backend = 0; backend < TSC_BACKEND_COUNT; backend++)
        printf("  %-6s", tsc_backend_name(backend));
    putchar('\n');

    for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
        printf("%-13s", capabilities[i].name);
        for (tsc_backend_t backend = 0; backend < TSC_BACKEND_COUNT; backend++)
            printf("  %-6s", capabilities_of(backend) & capabilities[i].bit ? "yes" : "-");
        printf("  %s\n", capabilities[i].meaning);
    }

    printf("%-13s", "in this build");
    for (tsc_backend_t backend = 0; backend < TSC_BACKEND_COUNT; backend++)
        printf("  %-6s", is_built(backend) ? "yes" : "no");
    puts("  create returns -ENOTSUP for the others\n");

    for (tsc_backend_t backend = 0; backend < TSC_BACKEND_COUNT; backend++)
        printf("%-13s  %s\n", tsc_backend_name(backend), words_of(backend)->purpose);
}

static void print_json(void)
{
    struct json json = {.out = stdout};

    json_open(&json, NULL, '{');
    json_string(&json, "version", tsc_version_string());
    json_open(&json, "backends", '[');
    for (tsc_backend_t backend = 0; backend < TSC_BACKEND_COUNT; backend++) {
        json_open(&json, NULL, '{');
        json_string(&json, "name", tsc_backend_name(backend));
        json_integer(&json, "number", backend);
        json_boolean(&json, "built", is_built(backend));
        json_string(&json, "purpose", words_of(backend)->purpose);
        json_open(&json, "capabilities", '[');
        for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
            if (capabilities_of(backend) & capabilities[i].bit)
                json_string(&json, NULL, capabilities[i].name);
        }
        json_close(&json, ']');
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    json_end(&json);
}

static int run(int argc, char **argv)
{
    enum { OPTION_JSON = OPTION_OF_COMMAND };
    static const struct option options[] = {
        {"json", no_argument, NULL, OPTION_JSON},
        OPTIONS_OF_ALL,
    };
    struct parsing parsing = PARSING_BEGINS;
    bool json = false;
    int option;

    while ((option = next_option(&backends_command, argc, argv, options, &parsing)) != -1) {
        if (option != OPTION_JSON)
            return parsing.status;
        json = true;
    }
    if (!no_more_arguments(&backends_command, argc, argv))
        return STATUS_USAGE;

    if (json)
        print_json();
    else
        print_table();
    return STATUS_OK;
}

const struct command backends_command = {
    .name = "backends",
    .summary = "list the backends, and what each of them can do",
    .help = help,
    .run = run,
};
