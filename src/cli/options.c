/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_error(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

static void print_error(const char *format, va_list arguments)
{
    fputs("tscounter: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int usage_error(const struct command *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_error(format, arguments);
    va_end(arguments);
    if (command != NULL)
        fprintf(stderr, "Try 'tscounter %s --help'.\n", command->name);
    else
        fputs("Try 'tscounter --help'.\n", stderr);
    return STATUS_USAGE;
}

int machine_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_error(format, arguments);
    va_end(arguments);
    return STATUS_MACHINE;
}

int threads_error(size_t started, size_t wanted, int error)
{
    machine_error("only %zu of %zu threads could be started: %s", started, wanted, strerror(-error));
    fputs("Ask for fewer with --threads, or raise the limit: 'ulimit -u', 'ulimit -v', the cgroup's pids.max.\n",
          stderr);
    return STATUS_MACHINE;
}

int next_option(const struct command *command, int argc, char **argv, const struct option *options)
{
    int option;

    opterr = 0;
    option = getopt_long(argc, argv, ":h", options, NULL);
    if (option == 'h')
        return OPTION_HELP;
    if (option != ':' && option != '?')
        return option;

    if (option == ':')
        usage_error(command, "'%s' needs a value", argv[optind - 1]);
    else if (optopt == 0)
        usage_error(command, "unknown option '%s'", argv[optind - 1]);
    else if (optopt >= OPTION_HELP)
        usage_error(command, "'%s': this option takes no value", argv[optind - 1]);
    else
        usage_error(command, "unknown option '-%c'", optopt);
    return '?';
}

bool parse_number(const struct command *command, const char *option, const char *text, uint64_t min, uint64_t max,
                  uint64_t *number)
{
    char *end;
    uint64_t parsed;

    errno = 0;
    parsed = strtoull(text, &end, 10);
    /* strtoull would accept a sign and white space too. */
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || parsed < min || parsed > max) {
        usage_error(command, "%s takes a number from %" PRIu64 " to %" PRIu64 ", not '%s'", option, min, max,
                    text);
        return false;
    }
    *number = parsed;
    return true;
}

bool parse_backends(const struct command *command, const char *text, uint32_t *backends)
{
    tsc_backend_t backend;

    if (strcmp(text, "all") == 0) {
        *backends = ALL_BACKENDS;
    } else if (strcmp(text, "none") == 0) {
        *backends = NO_BACKEND;
    } else if (tsc_backend_from_name(text, &backend) == 0) {
        *backends = UINT32_C(1) << backend;
    } else {
        usage_error(command, "unknown backend '%s': choose mutex, atomic, queue, percpu, all or none", text);
        return false;
    }
    return true;
}

bool no_more_arguments(const struct command *command, int argc, char **argv)
{
    if (optind < argc)
        usage_error(command, "unexpected argument '%s'", argv[optind]);
    return optind == argc;
}
