/* SPDX-License-Identifier: MIT */
/*
 * Runs a target, built by any compiler, on each FILE and on each file of each FOLDER: replay-TARGET FILE|FOLDER...
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "target.h"

static void __attribute__((noreturn)) exit_with_error(const char *path)
{
    fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
    exit(EXIT_FAILURE);
}

static void read_file(const char *path, uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL || fread(data, 1, size, file) != size)
        exit_with_error(path);
    fclose(file);
}

/* The memory ends with the file, so a sanitizer reports a read past the end. */
static void replay_file(const char *path, size_t size)
{
    uint8_t *data = malloc(size);

    if (data == NULL && size != 0)
        exit_with_error(path);
    read_file(path, data, size);
    /* If the target aborts, the last line names the file. */
    puts(path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static size_t replay(const char *path);

static size_t replay_folder(const char *folder)
{
    struct dirent **entries;
    size_t replayed = 0;
    int count = scandir(folder, &entries, is_visible, alphasort);

    if (count < 0)
        exit_with_error(folder);
    for (int i = 0; i < count; i++) {
        char *path;

        if (asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0)
            exit_with_error(folder);
        replayed += replay(path);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return replayed;
}

/* Returns the number of files replayed. */
static size_t replay(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        exit_with_error(path);
    if (S_ISDIR(status.st_mode))
        return replay_folder(path);
    replay_file(path, (size_t)status.st_size);
    return 1;
}

int main(int argc, char **argv)
{
    size_t replayed = 0;

    for (int i = 1; i < argc; i++)
        replayed += replay(argv[i]);
    printf("%zu files replayed\n", replayed);
    if (replayed != 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "replay: no files: name files, or folders with files\n");
    return EXIT_FAILURE;
}
