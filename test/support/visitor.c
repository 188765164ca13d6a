/* SPDX-License-Identifier: MIT */
#include "visitor.h"

#include <check.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procfs.h"
#include "threads.h"

enum visitor_state { AT_HOME, IDLE, SENT, OUT };

enum { LOOKS_AT_A_SLEEPER = 8 };

static void open_stat(struct visitor *visitor)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/task/%ld/stat", (long)support_thread_id());
    visitor->stat = open(path, O_RDONLY | O_CLOEXEC);
}

static void *live(void *arg)
{
    struct visitor *visitor = arg;

    open_stat(visitor);
    atomic_store(&visitor->state, IDLE);
    for (;;) {
        support_sem_wait(&visitor->called);
        if (visitor->visit == NULL)
            return NULL;
        atomic_store(&visitor->state, OUT);
        visitor->visit(visitor->arg);
        atomic_store(&visitor->state, IDLE);
    }
}

static bool is_idle(void *arg)
{
    return atomic_load(&((struct visitor *)arg)->state) == IDLE;
}

void visitor_start(struct visitor *visitor)
{
    atomic_init(&visitor->state, AT_HOME);
    ck_assert_int_eq(sem_init(&visitor->called, 0, 0), 0);
    visitor->thread = support_start_thread(live, visitor);
    ck_assert(support_eventually(is_idle, visitor));
    ck_assert_int_ge(visitor->stat, 0);
}

/* The thread's state is one letter behind its name. */
static bool is_asleep(const struct visitor *visitor)
{
    char text[64];
    ssize_t length = pread(visitor->stat, text, sizeof text - 1, 0);
    const char *name_end;

    text[length < 0 ? 0 : length] = '\0';
    name_end = strrchr(text, ')');
    return name_end != NULL && strncmp(name_end, ") S", 3) == 0;
}

static bool is_done_or_asleep(const struct visitor *visitor)
{
    int state = atomic_load(&visitor->state);

    return state == IDLE || state == AT_HOME || (state == OUT && is_asleep(visitor));
}

static bool leave(struct visitor *visitor, int from, int to)
{
    return atomic_compare_exchange_strong(&visitor->state, &from, to);
}

bool visitor_send(struct visitor *visitor, void (*visit)(void *arg), void *arg)
{
    if (!leave(visitor, IDLE, SENT))
        return false;
    visitor->visit = visit;
    visitor->arg = arg;
    sem_post(&visitor->called);
    return true;
}

/* The thread that it waits for may be about to wake it, unless that is the caller: so look more than once. */
void visitor_stand_by(struct visitor *visitor)
{
    for (int looks = 0; looks < LOOKS_AT_A_SLEEPER; looks++) {
        while (!is_done_or_asleep(visitor)) {
            looks = 0;
            sched_yield();
        }
        sched_yield();
    }
}

bool visitor_is_out(struct visitor *visitor)
{
    return !is_idle(visitor);
}

void visitor_keep_home(struct visitor *visitor)
{
    while (!leave(visitor, IDLE, AT_HOME))
        sched_yield();
}

void visitor_let_out(struct visitor *visitor)
{
    atomic_store(&visitor->state, IDLE);
}

void visitor_stop(struct visitor *visitor)
{
    visitor->visit = NULL;
    sem_post(&visitor->called);
    pthread_join(visitor->thread, NULL);
    sem_destroy(&visitor->called);
    close(visitor->stat);
}
