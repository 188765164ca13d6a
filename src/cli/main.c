/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command *const commands[] = {
    &backends_command,
    &stress_command,
    &bench_command,
    &help_command,
};

static const char usage_text[] = "Usage: tscounter COMMAND [OPTION]...\n"
                                 "\n"
                                 "Shows what thread-safe counters can do, and tests them on this machine.\n"
                                 "\n"
                                 "Commands:\n";

static const char options_text[] =
    "\n"
    "Options, also of every command:\n"
    "  -h, --help       show this help\n"
    "  -V, --version    show the version\n"
    "\n"
    "Examples:\n"
    "  tscounter backends    list the capabilities of the backends, to choose one\n"
    "  tscounter stress      show a plain int losing counts, and the backends losing none\n"
    "  tscounter bench       measure the backends on this machine, beside inline counting\n"
    "\n"
    "Exit status:\n"
    "  0  done\n"
    "  1  a backend lost an update\n"
    "  2  bad usage\n"
    "  3  the machine could not run it\n"
    "\n"
    "More in the manual: tscounter(1) for this program, tscounter(7) for the library.\n";

static const char help_text[] = "Usage: tscounter help [COMMAND]\n"
                                "\n"
                                "Explains a command, or lists all commands.\n"
                                "\n"
                                "Options:\n"
                                "  -h, --help       show this help\n"
                                "  -V, --version    show the version\n"
                                "\n"
                                "Examples:\n"
                                "  tscounter help\n"
                                "  tscounter help stress\n";

static void print_usage(FILE *out)
{
    fputs(usage_text, out);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        fprintf(out, "  %-9s  %s\n", commands[i]->name, commands[i]->summary);
    fputs(options_text, out);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    usage_error(NULL, "unknown command '%s'", name);
    return NULL;
}

static int run_help(int argc, char **argv)
{
    static const struct option options[] = {OPTIONS_OF_ALL};
    const struct command *command;
    struct parsing parsing = PARSING_BEGINS;

    if (next_option(&help_command, argc, argv, options, &parsing) != -1)
        return parsing.status;
    if (argc - optind > 1)
        return usage_error(&help_command, "help explains one command, and '%s' is one too many", argv[optind + 1]);
    if (argc == optind) {
        print_usage(stdout);
        return STATUS_OK;
    }
    command = find_command(argv[optind]);
    return command != NULL ? print_help(command) : STATUS_USAGE;
}

const struct command help_command = {
    .name = "help",
    .summary = "explain a command, as in 'tscounter help stress'",
    .help = help_text,
    .run = run_help,
};

static bool is_one_of(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static int run(int argc, char **argv)
{
    const struct command *command;

    if (argc == 0) {
        print_usage(stderr);
        return STATUS_USAGE;
    }
    if (argv[0][0] != '-') {
        command = find_command(argv[0]);
        return command != NULL ? command->run(argc, argv) : STATUS_USAGE;
    }
    if (is_one_of(argv[0], "--help", "-h"))
        return run_help(argc, argv);
    if (!is_one_of(argv[0], "--version", "-V"))
        return usage_error(NULL, "unknown option '%s'", argv[0]);
    return argc == 1 ? print_version() : usage_error(NULL, "unexpected argument '%s'", argv[1]);
}

/*
 * If a standard descriptor is closed, the next open file gets its number, and output would go into that file.
 * /dev/null takes its place, read-only as standard output, so that writing fails as on a closed descriptor.
 */
static bool open_standard_descriptors(void)
{
    static const int modes[] = {[STDIN_FILENO] = O_RDONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_WRONLY};

    for (int descriptor = 0; descriptor < (int)ARRAY_SIZE(modes); descriptor++) {
        if (fcntl(descriptor, F_GETFD) == -1 && open("/dev/null", modes[descriptor]) != descriptor)
            return false;
    }
    return true;
}

/* Some file systems report a full disk only in close(), so a copy is closed. */
static bool output_is_written(void)
{
    bool is_flushed = fflush(stdout) == 0 && !ferror(stdout);
    int copy = dup(STDOUT_FILENO);

    return copy != -1 && close(copy) == 0 && is_flushed;
}

int main(int argc, char **argv)
{
    int status;

    if (!open_standard_descriptors())
        return machine_error("cannot open /dev/null in place of a closed standard descriptor");
    status = run(argc - 1, argv + 1);
    if (!output_is_written())
        return worse_status(status,
                            machine_error("cannot write the output: is it open, and is there room for it?"));
    return status;
}
