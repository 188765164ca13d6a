/* SPDX-License-Identifier: MIT */
#include "owner-thread.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_ALIGNMENT = 64 };

struct owner {
    pthread_t thread;
    size_t messages;
    int64_t value;
};

static struct {
    char *memory;
    size_t size;
    atomic_size_t shares_taken;
} messages;

static _Thread_local char *next_message;

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", queue.name, what);
    exit(1);
}

void messages_open(size_t count, size_t size)
{
    size_t rounded = (count * size + MESSAGE_ALIGNMENT - 1) / MESSAGE_ALIGNMENT * MESSAGE_ALIGNMENT;

    messages.memory = aligned_alloc(MESSAGE_ALIGNMENT, rounded);
    if (messages.memory == NULL)
        fail("out of memory");
    memset(messages.memory, 0, rounded);
    messages.size = size;
    atomic_store(&messages.shares_taken, 0);
}

void *messages_take(const struct load *load)
{
    char *message;

    if (next_message == NULL)
        next_message =
            messages.memory + atomic_fetch_add(&messages.shares_taken, 1) * load->rounds * messages.size;
    message = next_message;
    next_message += messages.size;
    return message;
}

void messages_close(void)
{
    free(messages.memory);
}

static void *owner_main(void *arg)
{
    struct owner *owner = arg;

    owner->value = queue.receive(owner->messages);
    return NULL;
}

static void join_owner(void *counter)
{
    struct owner *owner = counter;

    pthread_join(owner->thread, NULL);
}

/* Returns nanoseconds. */
static int64_t run_round(size_t threads, size_t ops_per_thread)
{
    struct owner owner = {.messages = threads * ops_per_thread};
    const struct load load = {
        .work = queue.send,
        .settle = join_owner,
        .counter = &owner,
        .threads = threads,
        .rounds = ops_per_thread,
    };
    struct load_result result;

    queue.open(owner.messages);
    if (pthread_create(&owner.thread, NULL, owner_main, &owner) != 0 || load_run(&load, &result) != 0)
        fail("too few threads could be started");
    queue.close();
    if (owner.value != (int64_t)owner.messages)
        fail("messages were lost");
    return result.duration_ns;
}

int main(int argc, char **argv)
{
    size_t threads = argc == 4 ? strtoul(argv[1], NULL, 10) : 0;
    size_t ops_per_thread = threads != 0 ? strtoul(argv[2], NULL, 10) / threads : 0;

    if (ops_per_thread == 0) {
        fprintf(stderr, "Usage: %s THREADS OPS ROUNDS, with at least one operation for each thread\n", argv[0]);
        return 2;
    }
    run_round(threads, ops_per_thread); /* to warm up */
    for (size_t i = strtoul(argv[3], NULL, 10); i > 0; i--)
        printf("{\"name\": \"%s\", \"threads\": %zu, \"ops\": %zu, \"ns\": %" PRId64 "}\n", queue.name, threads,
               threads * ops_per_thread, run_round(threads, ops_per_thread));
    return 0;
}
