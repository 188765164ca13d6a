/* SPDX-License-Identifier: MIT */
/*
 * A plugin is loaded and unloaded many times. Its counters stay in use meanwhile, through pointers that the
 * program keeps. Threads count, others sleep, owners run, and forked children use them all.
 */
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../src/backend/list.h"
#include "library.h"
#include "support/callbacks.h"
#include "support/procfs.h"
#include "support/random.h"
#include "support/suite.h"
#include "support/threads.h"
#include "witness.h"

/* Restless threads add without a pause; the others pause, or a round would wait its turn among them. */
enum { SHARED_OWNER = TSC_BACKEND_COUNT, KINDS, WAITERS = 8, RESTLESS = 2, PAUSE_NS = 20000000 };

struct kept {
    tsc_counter_t *counter;
    atomic_int_fast64_t counted;
};

struct sleeper {
    struct rounds *rounds;
    pthread_t thread;
    pid_t id;
};

struct worker {
    struct rounds *rounds;
    pthread_t thread;
    size_t index;
};

struct rounds {
    struct library library;
    tsc_backend_t backend;
    tsc_owner_t *owner; /* NULL: no shared owner */
    struct kept *kept;  /* one for each round */
    atomic_size_t made;
    size_t all;
    struct worker *workers;
    size_t threads;
    struct sleeper sleepers[WAITERS];
    pthread_barrier_t all_there;
    atomic_bool enough;
    struct witness witness;
};

static void *count(void *arg)
{
    const struct worker *worker = arg;
    struct rounds *rounds = worker->rounds;
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    uint64_t random = worker->index;

    pthread_barrier_wait(&rounds->all_there);
    while (!atomic_load(&rounds->enough)) {
        struct kept *kept = &rounds->kept[next_random(&random) % atomic_load(&rounds->made)];

        witness_equal(&rounds->witness, "inc", rounds->library.inc(kept->counter), 0);
        atomic_fetch_add(&kept->counted, 1);
        if (worker->index >= RESTLESS)
            nanosleep(&pause, NULL);
    }
    return NULL;
}

static void *sleep_on_the_first(void *arg)
{
    struct sleeper *sleeper = arg;
    struct rounds *rounds = sleeper->rounds;

    witness_equal(&rounds->witness, "wait_at_most", rounds->library.wait_at_most(rounds->kept[0].counter, 0, -1),
                  0);
    return NULL;
}

static void put_to_sleep(struct rounds *rounds)
{
    for (size_t i = 0; i < WAITERS; i++) {
        struct sleeper *sleeper = &rounds->sleepers[i];

        sleeper->rounds = rounds;
        sleeper->thread = support_start_sleeper(sleep_on_the_first, sleeper, &sleeper->id);
    }
}

static void assert_asleep(const struct rounds *rounds)
{
    for (size_t i = 0; i < WAITERS; i++)
        ck_assert(support_falls_asleep(rounds->sleepers[i].id)); /* without membarrier it may be polling */
}

static void start_workers(struct rounds *rounds)
{
    ck_assert_int_eq(pthread_barrier_init(&rounds->all_there, NULL, (unsigned int)rounds->threads + 1), 0);
    for (size_t i = 0; i < rounds->threads; i++) {
        rounds->workers[i] = (struct worker){.rounds = rounds, .index = i};
        rounds->workers[i].thread = support_start_thread(count, &rounds->workers[i]);
    }
    pthread_barrier_wait(&rounds->all_there);
}

/*
 * An update runs on the owner's thread, which has certainly started then. AddressSanitizer fails if a thread
 * starts during a fork.
 */
static void count_first(const struct library *library, struct kept *kept)
{
    int result = library->update(kept->counter, support_raise_by_one, NULL);

    ck_assert_int_eq(result == -ENOTSUP ? library->inc(kept->counter) : result, 0);
    atomic_store(&kept->counted, 1);
}

/* False if the backend is not part of this build. */
static bool make_one(struct rounds *rounds, struct library *library)
{
    size_t made = atomic_load(&rounds->made);
    int (*make)(tsc_counter_t **, uint32_t, tsc_owner_t *);
    int result;

    look_up(library, "plugin_make", &make);
    result = make(&rounds->kept[made].counter, rounds->backend, rounds->owner);
    if (result == -ENOTSUP)
        return false;
    ck_assert_int_eq(result, 0);
    count_first(library, &rounds->kept[made]);
    atomic_store(&rounds->made, made + 1);
    return true;
}

/* musl unloads no library. */
static void close_plugin(const struct library *library)
{
    ck_assert_int_eq(dlclose(library->handle), 0);
#ifdef __GLIBC__
    ck_assert_ptr_null(dlopen(HOLDER, RTLD_NOW | RTLD_NOLOAD));
#endif
}

static bool counts_in_child(const struct rounds *rounds, const struct kept *kept)
{
    const struct library *library = &rounds->library;
    int64_t before = -1;
    int64_t after = -1;

    return library->get(kept->counter, &before) == 0 && before >= atomic_load(&kept->counted) &&
           library->inc(kept->counter) == 0 && library->get(kept->counter, &after) == 0 && after == before + 1;
}

static void drop_all(struct rounds *rounds)
{
    for (size_t i = 0; i < atomic_load(&rounds->made); i++)
        rounds->library.unref(rounds->kept[i].counter);
    rounds->library.owner_unref(rounds->owner);
}

static void fork_a_child(struct rounds *rounds)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        for (size_t i = 0; i < atomic_load(&rounds->made); i++)
            if (!counts_in_child(rounds, &rounds->kept[i]))
                _exit(EXIT_FAILURE);
        drop_all(rounds);
        _exit(EXIT_SUCCESS);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

/* Each time dlopen returns the same library. */
static void go_round(struct rounds *rounds)
{
    struct library again = open_library(HOLDER);

    ck_assert(again.inc == rounds->library.inc && again.get == rounds->library.get);
    ck_assert(make_one(rounds, &again));
    close_plugin(&again);
    if (TEST_FORKS)
        fork_a_child(rounds);
    assert_asleep(rounds);
}

static bool open_rounds(struct rounds *rounds, int kind)
{
    bool made;

    *rounds = (struct rounds){.backend = kind == SHARED_OWNER ? TSC_BACKEND_QUEUE : (tsc_backend_t)kind,
                              .all = support_ops(1000) / 200 + 3,
                              .threads = support_threads(1000),
                              .library = open_library(HOLDER)};
    rounds->kept = calloc(rounds->all, sizeof *rounds->kept);
    rounds->workers = calloc(rounds->threads, sizeof *rounds->workers);
    ck_assert(rounds->kept != NULL && rounds->workers != NULL);
    if (kind == SHARED_OWNER)
        (void)rounds->library.owner_create(&rounds->owner, NULL);
    made = make_one(rounds, &rounds->library);
    close_plugin(&rounds->library);
    return made;
}

static void close_rounds(struct rounds *rounds)
{
    free(rounds->kept);
    free(rounds->workers);
}

static void assert_counted(const struct rounds *rounds)
{
    for (size_t i = 0; i < rounds->all; i++) {
        int64_t value = -1;

        ck_assert_int_eq(rounds->library.get(rounds->kept[i].counter, &value), 0);
        ck_assert_int_eq(value, atomic_load(&rounds->kept[i].counted));
    }
}

static void wake_sleepers(struct rounds *rounds)
{
    int64_t counted = atomic_load(&rounds->kept[0].counted);

    ck_assert_int_eq(rounds->library.add(rounds->kept[0].counter, -counted), 0);
    for (size_t i = 0; i < WAITERS; i++)
        pthread_join(rounds->sleepers[i].thread, NULL);
}

static void join_workers(struct rounds *rounds)
{
    atomic_store(&rounds->enough, true);
    for (size_t i = 0; i < rounds->threads; i++)
        pthread_join(rounds->workers[i].thread, NULL);
    pthread_barrier_destroy(&rounds->all_there);
}

START_TEST(test_counters_live_through_rounds)
{
    struct rounds rounds;

    if (open_rounds(&rounds, _i)) {
        put_to_sleep(&rounds);
        start_workers(&rounds);
        while (atomic_load(&rounds.made) != rounds.all)
            go_round(&rounds);
        join_workers(&rounds);
        assert_counted(&rounds);
        assert_asleep(&rounds);
        wake_sleepers(&rounds);
        drop_all(&rounds);
        witness_assert_none(&rounds.witness, "rounds");
        ck_assert(support_threads_named_become("tscounter", 0));
    }
    close_rounds(&rounds);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dlopen in rounds");
    TCase *tcase = support_add_case(suite, "rounds", 60);

    if (!support_is_skipped(test_counters_live_through_rounds->name))
        tcase_add_loop_test(tcase, test_counters_live_through_rounds, 0, KINDS);
    return support_run_suite(suite);
}
