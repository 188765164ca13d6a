/* SPDX-License-Identifier: MIT */
#include "procfs.h"

#include <check.h>
#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "threads.h"

pid_t support_thread_id(void)
{
    return (pid_t)syscall(SYS_gettid);
}

/* A thread may end before its files are read: then the text is empty. */
static void read_task_file(pid_t thread_id, const char *file, char *text, size_t size)
{
    char path[64];
    FILE *stream;
    size_t length = 0;

    snprintf(path, sizeof path, "/proc/self/task/%ld/%s", (long)thread_id, file);
    stream = fopen(path, "r");
    if (stream != NULL) {
        length = fread(text, 1, size - 1, stream);
        fclose(stream);
    }
    text[length] = '\0';
}

bool support_is_asleep(pid_t thread_id)
{
    char text[512];
    const char *name_end;

    read_task_file(thread_id, "stat", text, sizeof text);
    name_end = strrchr(text, ')');
    return name_end != NULL && strncmp(name_end, ") S", 3) == 0;
}

static bool is_asleep(void *arg)
{
    const pid_t *thread_id = arg;

    return support_is_asleep(*thread_id);
}

bool support_falls_asleep(pid_t thread_id)
{
    return support_eventually(is_asleep, &thread_id);
}

struct sleeper {
    void *(*body)(void *arg);
    void *arg;
    _Atomic pid_t id;
};

static void *store_id_and_run(void *arg)
{
    struct sleeper *sleeper = arg;
    void *(*body)(void *) = sleeper->body;
    void *body_arg = sleeper->arg;

    atomic_store(&sleeper->id, support_thread_id()); /* from here on *sleeper may be gone */
    return body(body_arg);
}

static bool is_known(void *arg)
{
    struct sleeper *sleeper = arg;

    return atomic_load(&sleeper->id) != 0;
}

pthread_t support_start_sleeper(void *(*body)(void *arg), void *arg, pid_t *thread_id)
{
    struct sleeper sleeper = {.body = body, .arg = arg};
    pthread_t thread = support_start_thread(store_id_and_run, &sleeper);

    ck_assert(support_eventually(is_known, &sleeper));
    *thread_id = atomic_load(&sleeper.id);
    ck_assert(support_falls_asleep(*thread_id));
    return thread;
}

static bool has_name(pid_t thread_id, const char *name)
{
    char text[32];

    read_task_file(thread_id, "comm", text, sizeof text);
    text[strcspn(text, "\n")] = '\0';
    return strcmp(text, name) == 0;
}

/* Counts the threads with this name; *thread_id is the last of them. */
static size_t find_threads_named(const char *name, pid_t *thread_id)
{
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *task;
    size_t count = 0;

    ck_assert_ptr_nonnull(tasks);
    while ((task = readdir(tasks)) != NULL) {
        pid_t candidate = (pid_t)strtol(task->d_name, NULL, 10);

        if (candidate > 0 && has_name(candidate, name)) {
            *thread_id = candidate;
            count++;
        }
    }
    closedir(tasks);
    return count;
}

size_t support_count_threads_named(const char *name)
{
    pid_t thread_id;

    return find_threads_named(name, &thread_id);
}

struct named_threads {
    const char *name;
    size_t count;
};

static bool is_their_count(void *arg)
{
    const struct named_threads *threads = arg;

    return support_count_threads_named(threads->name) == threads->count;
}

bool support_threads_named_become(const char *name, size_t count)
{
    struct named_threads threads = {.name = name, .count = count};

    return support_eventually(is_their_count, &threads);
}

static bool is_named_one_asleep(void *arg)
{
    const struct named_threads *threads = arg;
    pid_t thread_id;

    return find_threads_named(threads->name, &thread_id) != 0 && support_is_asleep(thread_id);
}

bool support_thread_named_falls_asleep(const char *name)
{
    struct named_threads threads = {.name = name};

    return support_eventually(is_named_one_asleep, &threads);
}

uint64_t support_signals_blocked_by(const char *name)
{
    static const char label[] = "\nSigBlk:";
    char text[4096];
    const char *found;
    pid_t thread_id;

    if (find_threads_named(name, &thread_id) == 0)
        return 0;
    read_task_file(thread_id, "status", text, sizeof text);
    found = strstr(text, label);
    return found == NULL ? 0 : strtoull(found + sizeof label - 1, NULL, 16);
}
