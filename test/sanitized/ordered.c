/* SPDX-License-Identifier: MIT */
/* Correct programs, whose threads are ordered only by counters. ThreadSanitizer must report nothing. */
#include "scenario.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 50, PUBLISHED = 42 };

/*
 * A plain object, and the counter that says it is written. It is static, here and below: a compiler may not
 * instrument objects on a thread's own stack.
 */
struct publication {
    tsc_counter_t *counter;
    int data;
    void (*publish)(tsc_counter_t *counter);
};

static void *write_and_publish(void *arg)
{
    struct publication *publication = arg;

    publication->data = PUBLISHED;
    publication->publish(publication->counter);
    return NULL;
}

/* `learn` returns once it has read a change by `publish`. */
static void hand_over(tsc_counter_t *counter, void (*publish)(tsc_counter_t *), void (*learn)(tsc_counter_t *))
{
    static struct publication publication;
    pthread_t thread;

    publication = (struct publication){.counter = counter, .publish = publish};
    thread = start(write_and_publish, &publication);
    learn(counter);
    REQUIRE(publication.data == PUBLISHED);
    join(thread);
    tsc_counter_unref(counter);
}

static void publish_inc(tsc_counter_t *counter)
{
    REQUIRE(tsc_counter_inc(counter) == 0);
}

static void publish_dec(tsc_counter_t *counter)
{
    REQUIRE(tsc_counter_dec(counter) == 0);
}

static void publish_try_add(tsc_counter_t *counter)
{
    int result;

    while ((result = tsc_counter_try_add(counter, 1)) == -EAGAIN)
        sched_yield();
    REQUIRE(result == 0);
}

static void publish_fetch_add(tsc_counter_t *counter)
{
    int64_t previous;

    REQUIRE(tsc_counter_fetch_add(counter, 1, &previous) == 0);
}

static void publish_set(tsc_counter_t *counter)
{
    REQUIRE(tsc_counter_set(counter, 1) == 0);
}

static void publish_compare_exchange(tsc_counter_t *counter)
{
    int64_t expected = 0;

    while (tsc_counter_compare_exchange(counter, &expected, 1) != 1)
        expected = 0;
}

static int raise_to_one(int64_t *value, void *arg)
{
    (void)arg;
    *value = 1;
    return 0;
}

static void publish_update(tsc_counter_t *counter)
{
    REQUIRE(tsc_counter_update(counter, raise_to_one, NULL) == 0);
}

static void publish_close(tsc_counter_t *counter)
{
    REQUIRE(tsc_counter_close(counter) == 0);
}

static void learn_by_get(tsc_counter_t *counter)
{
    int64_t value = 0;

    for (; value < 1; sched_yield())
        REQUIRE(tsc_counter_get(counter, &value) == 0);
}

static void learn_by_interval(tsc_counter_t *counter)
{
    int64_t low = 0;
    int64_t high;

    for (; low < 1; sched_yield())
        REQUIRE(tsc_counter_get_interval(counter, &low, &high) == 0);
}

static void learn_by_delta(tsc_counter_t *counter)
{
    int64_t cursor = 0;
    int64_t delta = 0;

    for (; delta < 1; sched_yield())
        REQUIRE(tsc_counter_get_delta(counter, &cursor, &delta) == 0);
}

static void learn_by_peak(tsc_counter_t *counter)
{
    int64_t peak = 0;

    for (; peak < 1; sched_yield())
        REQUIRE(tsc_counter_get_peak(counter, &peak) == 0);
}

static void learn_by_wait(tsc_counter_t *counter)
{
    REQUIRE(tsc_counter_wait_at_most(counter, 0, -1) == 0);
}

static void learn_by_poll(tsc_counter_t *counter)
{
    int result;

    while ((result = tsc_counter_wait_at_most(counter, 0, 0)) == -ETIMEDOUT)
        sched_yield();
    REQUIRE(result == 0);
}

static void learn_by_fetch_add(tsc_counter_t *counter)
{
    int64_t previous = 0;

    for (; previous < 1; sched_yield())
        REQUIRE(tsc_counter_fetch_add(counter, 0, &previous) == 0);
}

static void learn_by_exchange(tsc_counter_t *counter)
{
    int64_t previous = 0;

    for (; previous < 1; sched_yield())
        REQUIRE(tsc_counter_exchange(counter, 0, &previous) == 0);
}

static void learn_by_compare_exchange(tsc_counter_t *counter)
{
    int64_t expected = 1;

    while (tsc_counter_compare_exchange(counter, &expected, 2) != 1) {
        expected = 1;
        sched_yield();
    }
}

static void learn_by_failing_to_exchange(tsc_counter_t *counter)
{
    int64_t expected = 0;

    while (tsc_counter_compare_exchange(counter, &expected, 0) == 1)
        sched_yield();
    REQUIRE(expected == 1);
}

static void learn_by_refusal(tsc_counter_t *counter)
{
    while (tsc_counter_inc(counter) == 0)
        sched_yield();
    REQUIRE(tsc_counter_inc(counter) == -ESHUTDOWN);
}

static void learn_by_place(tsc_counter_t *counter)
{
    int result;

    while ((result = tsc_counter_inc(counter)) == -ERANGE)
        sched_yield();
    REQUIRE(result == 0);
}

static void set_initial_one(tsc_counter_attr_t *attr)
{
    tsc_counter_attr_set_initial(attr, 1);
}

static void set_peak(tsc_counter_attr_t *attr)
{
    tsc_counter_attr_set_track_peak(attr, 1);
}

static void set_one_place(tsc_counter_attr_t *attr)
{
    tsc_counter_attr_set_bounds(attr, 0, 1, TSC_BOUNDS_REJECT);
}

static void set_one_place_taken(tsc_counter_attr_t *attr)
{
    set_one_place(attr);
    set_initial_one(attr);
}

static void wait_for_dec(tsc_backend_t backend)
{
    hand_over(new_counter_with(backend, set_initial_one), publish_dec, learn_by_wait);
}

static void poll_for_dec(tsc_backend_t backend)
{
    hand_over(new_counter_with(backend, set_initial_one), publish_dec, learn_by_poll);
}

static void get_inc(tsc_backend_t backend)
{
    hand_over(new_counter(backend), publish_inc, learn_by_get);
}

static void get_try_add(tsc_backend_t backend)
{
    hand_over(new_counter(backend), publish_try_add, learn_by_get);
}

static void get_fetch_add(tsc_backend_t backend)
{
    hand_over(new_counter(backend), publish_fetch_add, learn_by_get);
}

static void get_set(tsc_backend_t backend)
{
    hand_over(new_counter(backend), publish_set, learn_by_get);
}

static void get_compare_exchange(tsc_backend_t backend)
{
    hand_over(new_counter(backend), publish_compare_exchange, learn_by_get);
}

static void get_update(tsc_backend_t backend)
{
    hand_over(new_counter(backend), publish_update, learn_by_get);
}

static void interval(tsc_backend_t backend)
{
    hand_over(new_counter(backend), publish_inc, learn_by_interval);
}

static void delta(tsc_backend_t backend)
{
    hand_over(new_counter(backend), publish_inc, learn_by_delta);
}

static void peak(tsc_backend_t backend)
{
    hand_over(new_counter_with(backend, set_peak), publish_inc, learn_by_peak);
}

static void fetch_add_inc(tsc_backend_t backend)
{
    hand_over(new_counter(backend), publish_inc, learn_by_fetch_add);
}

static void exchange_inc(tsc_backend_t backend)
{
    hand_over(new_counter(backend), publish_inc, learn_by_exchange);
}

static void compare_exchange_inc(tsc_backend_t backend)
{
    hand_over(new_counter(backend), publish_inc, learn_by_compare_exchange);
}

static void failed_compare_exchange(tsc_backend_t backend)
{
    hand_over(new_counter(backend), publish_inc, learn_by_failing_to_exchange);
}

static void refused(tsc_backend_t backend)
{
    hand_over(new_counter(backend), publish_close, learn_by_refusal);
}

static void place_released(tsc_backend_t backend)
{
    hand_over(new_counter_with(backend, set_one_place_taken), publish_dec, learn_by_place);
}

/* -------- several threads -------- */

/* Two numbers that only callbacks access. */
struct guarded {
    tsc_counter_t *counter;
    int sum;
    int calls;
};

struct change {
    struct guarded *guarded;
    int amount; /* written by the caller */
    int sum;    /* written by the callback */
};

static int change_both(int64_t *value, void *arg)
{
    struct change *change = arg;

    change->guarded->sum += change->amount;
    change->guarded->calls++;
    change->sum = change->guarded->sum;
    *value = change->guarded->calls;
    return 0;
}

static void *change_often(void *arg)
{
    struct change *change = arg;

    for (int i = 0; i < ROUNDS; i++) {
        change->amount = 2;
        change->sum = 0;
        REQUIRE(tsc_counter_update(change->guarded->counter, change_both, change) == 0);
        REQUIRE(change->sum >= 2);
    }
    return NULL;
}

static void guarded_by_callback(tsc_backend_t backend)
{
    static struct guarded guarded;
    static struct change changes[THREADS];
    static struct change none = {.guarded = &guarded};
    pthread_t threads[THREADS];

    guarded.counter = new_counter(backend);
    for (int i = 0; i < THREADS; i++) {
        changes[i].guarded = &guarded;
        threads[i] = start(change_often, &changes[i]);
    }
    do
        REQUIRE(tsc_counter_update(guarded.counter, change_both, &none) == 0);
    while (none.sum < 2 * THREADS * ROUNDS);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    tsc_counter_unref(guarded.counter);
}

static int write_and_exit(int64_t *value, void *arg)
{
    (void)value;
    *(int *)arg = PUBLISHED;
    pthread_exit(NULL);
}

static int read_guarded(int64_t *value, void *arg)
{
    (void)value;
    return *(int *)arg == PUBLISHED ? -ECANCELED : -EAGAIN;
}

static void *leave_callback(void *arg)
{
    struct publication *publication = arg;

    tsc_counter_update(publication->counter, write_and_exit, &publication->data);
    return NULL;
}

/* The callback does not return; the data that it protects are ordered all the same. */
static void left_callback(tsc_backend_t backend)
{
    static struct publication publication;
    pthread_t thread;

    publication.counter = new_counter(backend);
    thread = start(leave_callback, &publication);
    while (tsc_counter_update(publication.counter, read_guarded, &publication.data) != -ECANCELED)
        sched_yield();
    join(thread);
    tsc_counter_unref(publication.counter);
}

struct resource {
    tsc_counter_t *counter;
    int uses;
};

static void use_in_turn(struct resource *resource, int (*enter)(tsc_counter_t *counter))
{
    for (int i = 0; i < ROUNDS; i++) {
        int result;

        while ((result = enter(resource->counter)) != 0) {
            REQUIRE(result == -ERANGE || result == -EAGAIN);
            sched_yield();
        }
        resource->uses++;
        REQUIRE(tsc_counter_dec(resource->counter) == 0);
    }
}

static void *use_by_inc(void *arg)
{
    use_in_turn(arg, tsc_counter_inc);
    return NULL;
}

static int try_inc(tsc_counter_t *counter)
{
    return tsc_counter_try_add(counter, 1);
}

static void *use_by_try_add(void *arg)
{
    use_in_turn(arg, try_inc);
    return NULL;
}

/* An upper bound of 1 makes the counter a lock. */
static void use_by_many(tsc_backend_t backend, void *(*use)(void *arg))
{
    static struct resource resource;
    pthread_t threads[THREADS];

    resource.counter = new_counter_with(backend, set_one_place);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(use, &resource);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    REQUIRE(resource.uses == THREADS * ROUNDS);
    tsc_counter_unref(resource.counter);
}

static void one_place(tsc_backend_t backend)
{
    use_by_many(backend, use_by_inc);
}

static void one_place_tried(tsc_backend_t backend)
{
    tsc_counter_t *counter = new_counter_with(backend, set_one_place);
    int result = tsc_counter_try_add(counter, 1);

    tsc_counter_unref(counter);
    if (result != -ENOTSUP)
        use_by_many(backend, use_by_try_add);
}

struct service {
    tsc_counter_t *in_flight;
    int *requests[THREADS];
};

struct server {
    struct service *service;
    int number;
};

/* It has incremented the counter already. */
static void *serve_until_closed(void *arg)
{
    struct server *server = arg;
    struct service *service = server->service;

    do {
        ++*service->requests[server->number];
        REQUIRE(tsc_counter_dec(service->in_flight) == 0);
    } while (tsc_counter_inc(service->in_flight) == 0);
    return NULL;
}

/* The requests in flight use memory that is freed after the drain; the threads are joined later. */
static void close_and_drain(tsc_backend_t backend)
{
    struct service service = {.in_flight = new_counter(backend)};
    struct server servers[THREADS];
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        REQUIRE(tsc_counter_inc(service.in_flight) == 0);
        service.requests[i] = calloc(1, sizeof(int));
        servers[i] = (struct server){.service = &service, .number = i};
        threads[i] = start(serve_until_closed, &servers[i]);
    }
    REQUIRE(tsc_counter_close(service.in_flight) == 0);
    REQUIRE(tsc_counter_wait_at_most(service.in_flight, 0, -1) == 0);
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(*service.requests[i] > 0);
        free(service.requests[i]);
    }
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    tsc_counter_unref(service.in_flight);
}

struct leaver {
    tsc_counter_t *in_flight;
    int number;
};

static int left_by[THREADS];

static void *leave(void *arg)
{
    const struct leaver *leaver = arg;

    left_by[leaver->number] = PUBLISHED;
    REQUIRE(tsc_counter_dec(leaver->in_flight) == 0);
    return NULL;
}

/* The last thread to leave writes to the eventfd; its reader sees what all of them did, and calls nothing else. */
static void notified(tsc_backend_t backend)
{
    tsc_counter_t *in_flight = new_counter(backend);
    int fd = eventfd(0, EFD_CLOEXEC);
    struct leaver leavers[THREADS];
    pthread_t threads[THREADS];
    uint64_t number;

    REQUIRE(fd >= 0 && tsc_counter_add(in_flight, THREADS) == 0);
    REQUIRE(tsc_counter_notify_at_most(in_flight, 0, fd) == 0);
    for (int i = 0; i < THREADS; i++) {
        left_by[i] = 0;
        leavers[i] = (struct leaver){.in_flight = in_flight, .number = i};
        threads[i] = start(leave, &leavers[i]);
    }
    REQUIRE(read(fd, &number, sizeof number) == sizeof number);
    for (int i = 0; i < THREADS; i++)
        REQUIRE(left_by[i] == PUBLISHED);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    tsc_counter_unref(in_flight);
    close(fd);
}

/* -------- objects that another thread frees -------- */

static int drop_reference(int64_t *value, void *counter)
{
    (void)value;
    tsc_counter_unref(counter);
    return 0;
}

struct dropped {
    tsc_counter_t *counter; /* the other counter is dropped in its callback */
    tsc_owner_t *owner;     /* of the other counter, freed together with it */
};

static void *drop_in_callback(void *arg)
{
    struct dropped *dropped = arg;
    tsc_counter_attr_t *attr;
    tsc_counter_t *given;

    REQUIRE(tsc_counter_attr_create(&attr) == 0);
    REQUIRE(tsc_counter_attr_set_owner(attr, dropped->owner) == 0);
    REQUIRE(tsc_counter_create(&given, TSC_BACKEND_QUEUE, attr) == 0);
    tsc_counter_attr_destroy(attr);
    tsc_owner_unref(dropped->owner);
    REQUIRE(tsc_counter_update(dropped->counter, drop_reference, given) == 0);
    return NULL;
}

static int threads_of_process(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;

    REQUIRE(tasks != NULL);
    while (readdir(tasks) != NULL)
        count++;
    closedir(tasks);
    return count;
}

/* Freed by the thread of an owner that is older than the counter, and that accesses it for the first time. */
static void freed_by_its_owner(tsc_backend_t backend)
{
    struct dropped dropped = {.counter = new_counter(backend)};
    int threads = threads_of_process();

    REQUIRE(tsc_owner_create(&dropped.owner, NULL) == 0);
    join(start(drop_in_callback, &dropped));
    while (threads_of_process() > threads)
        sched_yield();
    tsc_counter_unref(dropped.counter);
}

/* The first thread allocates memory that both counters share; the second one's unref frees it. */
static void *make_first_and_unref(void *arg)
{
    tsc_counter_t *counter = new_counter(*(tsc_backend_t *)arg);

    next_turn();
    wait_for_turn(2);
    tsc_counter_unref(counter);
    next_turn();
    return NULL;
}

static void *make_second_and_unref(void *arg)
{
    tsc_counter_t *counter;

    wait_for_turn(1);
    counter = new_counter(*(tsc_backend_t *)arg);
    next_turn();
    wait_for_turn(3);
    tsc_counter_unref(counter);
    return NULL;
}

static void neighbours(tsc_backend_t backend)
{
    pthread_t first = start(make_first_and_unref, &backend);
    pthread_t second = start(make_second_and_unref, &backend);

    join(first);
    join(second);
}

/* -------- the list of named counters -------- */

static void set_name(tsc_counter_attr_t *attr)
{
    REQUIRE(tsc_counter_attr_set_name(attr, "listed") == 0);
}

static void *make_listed_and_unref(void *arg)
{
    tsc_counter_t *counter = new_counter_with(*(tsc_backend_t *)arg, set_name);

    next_turn();
    wait_for_turn(2);
    tsc_counter_unref(counter);
    next_turn();
    return NULL;
}

/* Finds a counter that another thread has made, reads its text, and frees it. */
static void listed(tsc_backend_t backend)
{
    pthread_t maker = start(make_listed_and_unref, &backend);
    tsc_counter_t *counter = NULL;

    wait_for_turn(1);
    REQUIRE(tsc_counter_next(&counter) == 1);
    REQUIRE(strcmp(tsc_counter_get_name(counter), "listed") == 0);
    next_turn();
    wait_for_turn(3);
    REQUIRE(tsc_counter_next(&counter) == 0);
    REQUIRE(counter == NULL);
    join(maker);
}

const struct scenario scenarios[] = {
    {"wait-for-dec", 0, NULL, wait_for_dec},
    {"poll-for-dec", 0, NULL, poll_for_dec},
    {"get-inc", 0, NULL, get_inc},
    {"get-try-add", 0, NULL, get_try_add},
    {"get-fetch-add", TSC_CAP_FETCH, NULL, get_fetch_add},
    {"get-set", TSC_CAP_FETCH, NULL, get_set},
    {"get-compare-exchange", TSC_CAP_FETCH, NULL, get_compare_exchange},
    {"get-update", TSC_CAP_UPDATE, NULL, get_update},
    {"interval", 0, NULL, interval},
    {"delta", 0, NULL, delta},
    {"peak", TSC_CAP_PEAK, NULL, peak},
    {"fetch-add-inc", TSC_CAP_FETCH, NULL, fetch_add_inc},
    {"exchange-inc", TSC_CAP_FETCH, NULL, exchange_inc},
    {"compare-exchange-inc", TSC_CAP_FETCH, NULL, compare_exchange_inc},
    {"failed-compare-exchange", TSC_CAP_FETCH, NULL, failed_compare_exchange},
    {"refused", 0, NULL, refused},
    {"place-released", TSC_CAP_BOUNDS, NULL, place_released},
    {"guarded-by-callback", TSC_CAP_UPDATE, NULL, guarded_by_callback},
    {"left-callback", TSC_CAP_UPDATE, "mutex", left_callback},
    {"one-place", TSC_CAP_BOUNDS, NULL, one_place},
    {"one-place-tried", TSC_CAP_BOUNDS, NULL, one_place_tried},
    {"close-and-drain", 0, NULL, close_and_drain},
    {"notified", 0, NULL, notified},
    {"freed-by-its-owner", 0, "queue", freed_by_its_owner},
    {"listed", 0, NULL, listed},
    {"neighbours", 0, "percpu", neighbours},
    {0},
};
