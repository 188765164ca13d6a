/* SPDX-License-Identifier: MIT */
/* Shared by the commands of the program. */
#ifndef CLI_H
#define CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

#include "../backend/list.h"

#define BACKEND_NAME(NUMBER, name, capabilities) #name ", "
#define BACKEND_NAMES TSC_BACKENDS(BACKEND_NAME)

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Documented in tscounter(1): scripts rely on them. */
enum { STATUS_OK = 0, STATUS_LOST_UPDATE = 1, STATUS_USAGE = 2, STATUS_MACHINE = 3 };

/* Sets of backends have a bit for each, by its number. */
enum { NO_BACKEND = 0, ALL_BACKENDS = (1 << TSC_BACKEND_COUNT) - 1 };

struct command {
    const char *name;
    const char *summary;
    const char *help;
    int (*run)(int argc, char **argv); /* argv[0] is the name; returns a status */
};

extern const struct command backends_command;
extern const struct command bench_command;
extern const struct command stress_command;
extern const struct command help_command;

/* The values of long options start above every character, so that getopt's optopt tells the two apart. */
enum { OPTION_HELP = 256, OPTION_VERSION, OPTION_OF_COMMAND /* the first that a command may define for itself */ };

/* The options of every command; the last one ends the list. */
#define OPTIONS_OF_ALL \
    {"help", no_argument, NULL, OPTION_HELP}, {"version", no_argument, NULL, OPTION_VERSION}, \
    { \
        NULL, 0, NULL, 0 \
    }

/* Both return STATUS_OK. */
int print_help(const struct command *command);
int print_version(void);

struct parsing {
    uint32_t given; /* a bit for each option: one that takes a value may be given once */
    int status;     /* the exit status if parsing stops */
};

#define PARSING_BEGINS \
    { \
        .status = STATUS_USAGE \
    }

/*
 * Returns the value of the next option, or -1 after the last argument. '?' stops parsing: after a message, or
 * after help or version were printed.
 */
int next_option(const struct command *command, int argc, char **argv, const struct option *options,
                struct parsing *parsing);

/* Each returns false after a message. */
bool parse_number(const struct command *command, const char *option, const char *text, uint64_t min, uint64_t max,
                  uint64_t *number);
bool parse_backends(const struct command *command, char *list, uint32_t *backends);
bool no_more_arguments(const struct command *command, int argc, char **argv);

/* Each prints the error and advice on stderr, and returns the exit status. */
int usage_error(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
int machine_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
int threads_error(size_t started, size_t wanted, int error);

/* The first unless it is STATUS_OK: a lost update matters more than a failure to report it. */
static inline int worse_status(int first, int second)
{
    return first != STATUS_OK ? first : second;
}

#endif
