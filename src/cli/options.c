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

int print_version(void)
{
    printf("tscounter %s (libtscounter %s)\n", TSC_VERSION_STRING, tsc_version_string());
    return STATUS_OK;
}

int print_help(const struct command *command)
{
    fputs(command->help, stdout);
    return STATUS_OK;
}

/* Reports the error in the argument that getopt saw last. */
static void option_error(const struct command *command, int result, const char *argument)
{
    if (result == ':')
        usage_error(command, "'%s' needs a value", argument);
    else if (optopt == 0)
        usage_error(command, "unknown option '%s'", argument);
    else if (optopt >= OPTION_HELP)
        usage_error(command, "'%s': this option takes no value", argument);
    else
        usage_error(command, "unknown option '-%c'", optopt);
}

static bool is_first_value(const struct option *option, struct parsing *parsing)
{
    uint32_t bit = UINT32_C(1) << (option->val - OPTION_HELP);
    bool is_first = (parsing->given & bit) == 0;

    parsing->given |= bit;
    return is_first || option->has_arg == no_argument;
}

int next_option(const struct command *command, int argc, char **argv, const struct option *options,
                struct parsing *parsing)
{
    int index = 0;
    int option;

    opterr = 0;
    option = getopt_long(argc, argv, ":hV", options, &index);
    if (option == 'h' || option == OPTION_HELP)
        parsing->status = print_help(command);
    else if (option == 'V' || option == OPTION_VERSION)
        parsing->status = print_version();
    else if (option == ':' || option == '?')
        option_error(command, option, argv[optind - 1]);
    else if (option != -1 && !is_first_value(&options[index], parsing))
        usage_error(command, "'--%s' is given twice", options[index].name);
    else
        return option;
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

bool parse_backends(const struct command *command, char *list, uint32_t *backends)
{
    tsc_backend_t backend;

    if (strcmp(list, "all") == 0) {
        *backends = ALL_BACKENDS;
        return true;
    }
    *backends = NO_BACKEND;
    if (strcmp(list, "none") == 0)
        return true;
    while (list != NULL) {
        const char *name = strsep(&list, ",");

        if (tsc_backend_from_name(name, &backend) != 0) {
            usage_error(command, "unknown backend '%s': choose some of " BACKEND_NAMES "or all or none", name);
            return false;
        }
        *backends |= UINT32_C(1) << backend;
    }
    return true;
}

bool no_more_arguments(const struct command *command, int argc, char **argv)
{
    if (optind < argc)
        usage_error(command, "unexpected argument '%s'", argv[optind]);
    return optind == argc;
}
