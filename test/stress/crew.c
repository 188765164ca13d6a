/* SPDX-License-Identifier: MIT */
#include "crew.h"

#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "support/threads.h"

struct member {
    size_t index;
    pthread_t thread;
    sem_t called;
};

/* Written by the test thread while the members wait. */
static struct {
    struct member **members;
    size_t size;
    void (*body)(size_t index, void *arg); /* NULL: end */
    void *arg;
    pthread_barrier_t all_there;
    atomic_size_t at_work;
    sem_t all_done;
} crew;

static void *serve(void *arg)
{
    struct member *member = arg;

    for (;;) {
        support_sem_wait(&member->called);
        if (crew.body == NULL)
            return NULL;
        pthread_barrier_wait(&crew.all_there);
        crew.body(member->index, crew.arg);
        if (atomic_fetch_sub(&crew.at_work, 1) == 1)
            sem_post(&crew.all_done);
    }
}

static void hire_up_to(size_t threads)
{
    if (crew.size >= threads)
        return;
    if (crew.size == 0)
        sem_init(&crew.all_done, 0, 0);
    crew.members = realloc(crew.members, threads * sizeof *crew.members);
    ck_assert_ptr_nonnull(crew.members);
    for (; crew.size < threads; crew.size++) {
        struct member *member = calloc(1, sizeof *member);

        ck_assert_ptr_nonnull(member);
        member->index = crew.size;
        sem_init(&member->called, 0, 0);
        member->thread = support_start_thread(serve, member);
        crew.members[crew.size] = member;
    }
}

static void call_all(size_t threads)
{
    for (size_t i = 0; i < threads; i++)
        sem_post(&crew.members[i]->called);
}

void crew_run(size_t threads, void (*body)(size_t index, void *arg), void *arg)
{
    hire_up_to(threads);
    crew.body = body;
    crew.arg = arg;
    atomic_store(&crew.at_work, threads);
    ck_assert_int_eq(pthread_barrier_init(&crew.all_there, NULL, (unsigned int)threads), 0);
    call_all(threads);
    support_sem_wait(&crew.all_done);
    pthread_barrier_destroy(&crew.all_there);
}

void crew_dismiss(void)
{
    crew.body = NULL;
    call_all(crew.size);
    for (size_t i = 0; i < crew.size; i++) {
        pthread_join(crew.members[i]->thread, NULL);
        sem_destroy(&crew.members[i]->called);
        free(crew.members[i]);
    }
    free(crew.members);
    crew.members = NULL;
    crew.size = 0;
}
