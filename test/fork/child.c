/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/threads.h"

enum { DEADLINE_SECONDS = 30, NO_CHILD = -1, LARGER_BY_BYTES = 1024 * 1024 };

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif

/*
 * In the child, ThreadSanitizer still knows the parent's threads, by their stacks' addresses. Larger stacks are
 * not placed where old ones were.
 */
static void use_other_stacks(void)
{
#ifdef THREAD_SANITIZER
    pthread_attr_t attr;
    size_t bytes;

    pthread_getattr_default_np(&attr);
    pthread_attr_getstacksize(&attr, &bytes);
    pthread_attr_setstacksize(&attr, bytes + LARGER_BY_BYTES);
    pthread_setattr_default_np(&attr);
    pthread_attr_destroy(&attr);
#endif
}

#ifdef TEST_COVERAGE
void __gcov_dump(void);
#endif

void child_leave(int status)
{
#ifdef TEST_COVERAGE
    __gcov_dump();
#endif
    _exit(status);
}

pid_t child_begin(void)
{
    pid_t child = fork();

    if (child == 0) {
        signal(SIGALRM, SIG_DFL); /* Check's handler would kill the parent too. */
        use_other_stacks();
        alarm(DEADLINE_SECONDS * (unsigned int)support_timeout_scale());
    }
    return child;
}

int child_await(pid_t child)
{
    int status = NO_CHILD;

    while (child > 0 && waitpid(child, &status, 0) == -1 && errno == EINTR)
        ;
    return status;
}

int child_run(void (*body)(void *arg), void *arg)
{
    pid_t child = child_begin();

    if (child == 0) {
        body(arg);
        child_leave(0);
    }
    return child_await(child);
}

void child_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: in a child: check failed: %s\n", file, line, condition);
    child_leave(1);
}

void child_run_threads(void *(*body)(void *arg), void *arg)
{
    pthread_t threads[2];

    for (size_t i = 0; i < 2; i++)
        CHILD_CHECK(pthread_create(&threads[i], NULL, body, arg) == 0);
    for (size_t i = 0; i < 2; i++)
        CHILD_CHECK(pthread_join(threads[i], NULL) == 0);
}

static bool is_of_an_owner(const char *thread_id)
{
    char path[sizeof "/proc/self/task//comm" + NAME_MAX];
    char name[16] = "";
    FILE *comm;

    snprintf(path, sizeof path, "/proc/self/task/%s/comm", thread_id);
    comm = fopen(path, "r");
    if (comm == NULL)
        return false;
    if (fgets(name, sizeof name, comm) == NULL)
        name[0] = '\0';
    fclose(comm);
    return strcmp(name, "tscounter\n") == 0;
}

/* Counted by name: ThreadSanitizer has a thread of its own. */
static int count_owners(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int owners = 0;

    CHILD_CHECK(tasks != NULL);
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks))
        owners += is_of_an_owner(entry->d_name);
    closedir(tasks);
    return owners;
}

static bool owners_are(void *arg)
{
    const int *expected = arg;

    return count_owners() == *expected;
}

void child_check_owners(int expected)
{
    CHILD_CHECK(support_eventually(owners_are, &expected));
}

int64_t value_in_child(tsc_counter_t *counter)
{
    int64_t value = -1;

    CHILD_CHECK(tsc_counter_get(counter, &value) == 0);
    return value;
}

static int leave_as_it_is(int64_t *value, void *arg)
{
    (void)value;
    (void)arg;
    return -ECANCELED;
}

void wait_for_owner(tsc_counter_t *counter)
{
    (void)tsc_counter_update(counter, leave_as_it_is, NULL);
}
