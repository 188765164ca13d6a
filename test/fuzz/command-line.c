/* SPDX-License-Identifier: MIT */
/*
 * Target: the input is the command line behind "tscounter", one word a line. Each command runs until it would
 * begin its work. The functions that create counters and load them are replaced here.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/cli.h"
#include "target.h"

enum { WORDS_MAX = 64 };

int tscounter_main(int argc, char **argv);

static bool reached_work;

static void check(const char *what, bool holds)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz: not so: %s\n", what);
    abort();
}

#define HOLDS(condition) check(#condition, (condition))

/* -------- in place of the work: the options must be within what tscounter(1) says -------- */

static void close_nothing(void *counter)
{
    (void)counter;
}

int lineup_add_inline(struct lineup *lineup, enum inline_integer integer)
{
    (void)integer;
    lineup->contenders[0] = (struct contender){.name = "nothing", .close = close_nothing};
    lineup->count = lineup->inline_count = 1;
    return STATUS_OK;
}

static void check_bench(const struct bench_options *options)
{
    HOLDS(options->series_count >= 1 && options->series_count <= 32);
    for (size_t i = 0; i < options->series_count; i++)
        HOLDS(options->threads[i] >= 1 && options->threads[i] <= 100000);
    HOLDS(options->read_percent <= 100);
    HOLDS(options->seconds >= 1 && options->seconds <= 86400);
}

/* The bench command stops here: otherwise it would open the file that --json names. */
int lineup_add_backends(struct lineup *lineup, const struct command *command, uint32_t backends)
{
    HOLDS(backends <= ALL_BACKENDS);
    if (command != &bench_command)
        return STATUS_OK;
    reached_work = true;
    check_bench(&((struct bench *)((char *)lineup - offsetof(struct bench, lineup)))->options);
    return STATUS_MACHINE;
}

void lineup_close(struct lineup *lineup)
{
    (void)lineup;
}

int bench_run(struct bench *bench, struct bench_series *series)
{
    (void)bench;
    (void)series;
    check("the bench command stops after an error", false);
    return STATUS_OK;
}

/* The stress command stops here. */
int load_run(const struct load *load, struct load_result *result)
{
    reached_work = true;
    HOLDS(load->threads >= 1 && load->threads <= 100000);
    HOLDS(load->rounds >= 1 && load->rounds <= 1000000000);
    result->threads_started = 0;
    return -EAGAIN;
}

/* -------- the program's environment -------- */

struct output {
    char *text;
    size_t size;
};

static FILE *open_output(struct output *output)
{
    FILE *stream = open_memstream(&output->text, &output->size);

    if (stream == NULL)
        exit(EXIT_FAILURE);
    return stream;
}

/* As after execve, getopt starts anew. */
static int run_captured(int argc, char **argv, struct output *out, struct output *err)
{
    FILE *former_stdout = stdout;
    FILE *former_stderr = stderr;
    int status;

    stdout = open_output(out);
    stderr = open_output(err);
    optind = 0;
    status = tscounter_main(argc, argv);
    fclose(stdout);
    fclose(stderr);
    stdout = former_stdout;
    stderr = former_stderr;
    return status;
}

static bool starts_with(const struct output *output, const char *text)
{
    return strncmp(output->text, text, strlen(text)) == 0;
}

static bool ends_with(const struct output *output, const char *text)
{
    size_t size = strlen(text);

    return output->size >= size && memcmp(output->text + output->size - size, text, size) == 0;
}

static void check_run(int status, bool has_words, const struct output *out, const struct output *err)
{
    HOLDS(reached_work == (status == STATUS_MACHINE));
    switch (status) {
    case STATUS_OK:
        HOLDS(out->size != 0 && err->size == 0);
        break;
    case STATUS_USAGE:
        HOLDS(out->size == 0);
        if (has_words)
            HOLDS(starts_with(err, "tscounter: ") && ends_with(err, " --help'.\n"));
        else
            HOLDS(starts_with(err, "Usage: tscounter "));
        break;
    default:
        HOLDS(status == STATUS_MACHINE);
    }
}

static bool is_value(const char *text)
{
#define BACKEND(NUMBER, name, capabilities) #name,
    static const char *const names[] = {TSC_BACKENDS(BACKEND) "all", "none"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(text, names[i]) == 0)
            return true;
    }
    return *text != '\0' && text[strspn(text, "0123456789,")] == '\0';
}

static bool is_option(const char *word)
{
    const char *value = strchr(word, '=');

    return strncmp(word, "--", 2) == 0 && (value == NULL || is_value(value + 1));
}

static bool names_a_file(int count, char **words)
{
    for (int i = 0; i < count; i++) {
        if (strncmp(words[i], "--j", 3) == 0)
            return true;
    }
    return false;
}

/* If a command begins its work, its words are options, valid values, and the file of --json. */
static void check_words(int count, char **words)
{
    if (names_a_file(count, words))
        return;
    for (int i = 1; i < count; i++)
        HOLDS(is_option(words[i]) || is_value(words[i]));
}

/* Each word has memory of its own, so a sanitizer reports a read past the end. */
static int split(const uint8_t *data, size_t size, char **words)
{
    const uint8_t *end = data + size;
    int count = 0;

    while (data != end && count < WORDS_MAX) {
        const uint8_t *line_end = memchr(data, '\n', (size_t)(end - data));
        size_t length = (size_t)((line_end != NULL ? line_end : end) - data);

        words[count++] = strndup((const char *)data, length);
        data = line_end != NULL ? line_end + 1 : end;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char program[] = "tscounter";
    char *argv[1 + WORDS_MAX + 1] = {program};
    char *words[WORDS_MAX];
    int count = split(data, size, words);
    struct output out;
    struct output err;

    /* getopt reorders the words, and the program may write into them. */
    memcpy(argv + 1, words, (size_t)count * sizeof words[0]);
    reached_work = false;
    check_run(run_captured(1 + count, argv, &out, &err), count != 0, &out, &err);
    if (reached_work)
        check_words(count, words);
    free(out.text);
    free(err.text);
    for (int i = 0; i < count; i++)
        free(words[i]);
    return 0;
}
