/* SPDX-License-Identifier: MIT */
/* Runs a target, with any compiler, on each FILE and on each file of each FOLDER: replay-TARGET FILE|FOLDER... */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "target.h"

static void __attribute__((noreturn)) give_up(const char *path)
{
    fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
    exit(EXIT_FAILURE);
}

static void read_file(const char *path, uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL || fread(data, 1, size, file) != size)
        give_up(path);
    fclose(file);
}

/* The memory ends where the file does, so that a sanitizer sees who reads on. */
static void replay_file(const char *path, size_t size)
{
    uint8_t *data = malloc(size);

    if (data == NULL && size != 0)
        give_up(path);
    read_file(path, data, size);
    /* Whoever looks for what stopped it finds the file in the last line. */
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
        give_up(folder);
    for (int i = 0; i < count; i++) {
        char *path;

        if (asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0)
            give_up(folder);
        replayed += replay(path);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return replayed;
}

/* Returns how many files that were. */
static size_t replay(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        give_up(path);
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
    fprintf(stderr, "replay: there is nothing to replay: name files, or folders that are not empty\n");
    return EXIT_FAILURE;
}
