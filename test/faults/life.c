/* SPDX-License-Identifier: MIT */
/*
 * A counter's life, from the attributes to the drain, while one request fails, or all sleeps do. A counter is
 * either complete or leaves nothing behind, and no count is lost.
 */
#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#include <tscounter/tscounter.h>

#include "fork/child.h"
#include "injection.h"
#include "support/suite.h"
#include "support/threads.h"
#include "support/variants.h"

enum { WORKERS = 3, ROUNDS = 2, INITIAL = 1, NAP_NS = 200000, PATIENCE_NS = 5000000 };

#define LONG_NS (3600 * SUPPORT_SECOND_NS)

struct life {
    const struct variant *variant;
    struct injection_plan plan;
    unsigned int *failed; /* shared by parent and child: the kind of the request that failed */
    uint64_t caps;
    tsc_counter_t *counter; /* NULL: creation failed */
    pthread_barrier_t made;
    pthread_barrier_t counted;
    pthread_barrier_t drained;
};

static int stay(int64_t *value, void *arg)
{
    const struct timespec nap = {.tv_nsec = NAP_NS};

    (void)arg;
    *value += 1;
    nanosleep(&nap, NULL);
    return 0;
}

/* Each worker adds ROUNDS, with operations that wait for each other. */
static void count(const struct life *life)
{
    tsc_counter_t *counter = life->counter;

    for (int round = 0; round < ROUNDS; round++) {
        int64_t value = 0;

        for (int i = 0; i < ROUNDS; i++) {
            CHILD_CHECK(tsc_counter_inc(counter) == 0);
            CHILD_CHECK(tsc_counter_dec(counter) == 0);
        }
        if (life->caps & TSC_CAP_UPDATE)
            CHILD_CHECK(tsc_counter_update(counter, stay, NULL) == 0);
        else
            CHILD_CHECK(tsc_counter_inc(counter) == 0);
        if (life->caps & TSC_CAP_FETCH)
            CHILD_CHECK(tsc_counter_fetch_add(counter, 0, &value) == 0);
        CHILD_CHECK(tsc_counter_get(counter, &value) == 0 && value > INITIAL + round);
        CHILD_CHECK(tsc_counter_flush(counter) == 0);
        CHILD_CHECK(tsc_counter_wait_at_most(counter, INT64_MAX, LONG_NS) == 0);
    }
}

static void wait_in_vain(tsc_counter_t *counter)
{
    int64_t before = support_now_ns();

    CHILD_CHECK(tsc_counter_wait_at_most(counter, -1, PATIENCE_NS) == -ETIMEDOUT);
    CHILD_CHECK(support_now_ns() - before >= PATIENCE_NS);
}

static void *work(void *arg)
{
    struct life *life = arg;

    pthread_barrier_wait(&life->made);
    if (life->counter == NULL)
        return NULL;
    count(life);
    pthread_barrier_wait(&life->counted);
    wait_in_vain(life->counter);
    for (int round = 0; round < ROUNDS; round++)
        CHILD_CHECK(tsc_counter_dec(life->counter) == 0);
    CHILD_CHECK(tsc_counter_wait_at_most(life->counter, 0, -1) == 0);
    pthread_barrier_wait(&life->drained);
    return NULL;
}

static int set_attributes(const struct life *life, tsc_counter_attr_t *attr)
{
    tsc_owner_t *owner;
    int error;

    CHILD_CHECK(tsc_counter_attr_set_initial(attr, INITIAL) == 0);
    CHILD_CHECK(tsc_counter_attr_set_queue_capacity(attr, 1) == 0);
    CHILD_CHECK(tsc_counter_attr_set_track_peak(attr, life->variant->track_peak) == 0);
    if (life->variant->bounded)
        CHILD_CHECK(tsc_counter_attr_set_bounds(attr, 0, 1000, TSC_BOUNDS_REJECT) == 0);
    if (!life->variant->shared_owner)
        return 0;
    error = tsc_owner_create(&owner, NULL);
    if (error == 0) {
        CHILD_CHECK(tsc_counter_attr_set_owner(attr, owner) == 0);
        tsc_owner_unref(owner);
    }
    return error;
}

static int make_counter(struct life *life)
{
    tsc_counter_attr_t *attr;
    int error = tsc_counter_attr_create(&attr);

    if (error != 0)
        return error;
    error = set_attributes(life, attr);
    if (error == 0)
        error = tsc_counter_create(&life->counter, life->variant->backend, attr);
    tsc_counter_attr_destroy(attr);
    return error;
}

static void go_through_life(struct life *life)
{
    const int64_t total = INITIAL + WORKERS * ROUNDS;
    tsc_counter_t *counter = life->counter;
    int64_t value = 0;
    int64_t peak = 0;

    pthread_barrier_wait(&life->counted);
    CHILD_CHECK(tsc_counter_get(counter, &value) == 0 && value <= total);
    CHILD_CHECK(tsc_counter_close(counter) == 0);
    CHILD_CHECK(tsc_counter_inc(counter) == -ESHUTDOWN);
    CHILD_CHECK(tsc_counter_wait_at_most(counter, INITIAL, -1) == 0);
    CHILD_CHECK(tsc_counter_get(counter, &value) == 0 && value == INITIAL);
    CHILD_CHECK(tsc_counter_dec(counter) == 0);
    CHILD_CHECK(tsc_counter_wait_at_most(counter, 0, -1) == 0);
    if (life->variant->track_peak)
        CHILD_CHECK(tsc_counter_get_peak(counter, &peak) == 0 && peak >= total);
    pthread_barrier_wait(&life->drained);
}

static void check_creation(const struct life *life, int error, unsigned int failed)
{
    if (failed == REQUEST_MEMORY)
        CHILD_CHECK(error == -ENOMEM);
    else if (failed == REQUEST_THREAD)
        CHILD_CHECK(error == -EAGAIN);
    else
        CHILD_CHECK(error == 0);
    CHILD_CHECK((life->counter == NULL) == (error != 0));
}

/* The test's own threads start before the injection begins, and end after it. */
static void live(void *arg)
{
    struct life *life = arg;
    struct injection injection;
    pthread_t workers[WORKERS];
    int error;

    for (size_t i = 0; i < WORKERS; i++)
        CHILD_CHECK(pthread_create(&workers[i], NULL, work, life) == 0);
    injection_begin(&life->plan);
    error = make_counter(life);
    pthread_barrier_wait(&life->made);
    if (error == 0)
        go_through_life(life);
    tsc_counter_unref(life->counter);
    injection = injection_end();
    *life->failed = injection.failed;
    check_creation(life, error, injection.failed);
    /* A region that could not be unmapped is kept for the next counter. */
    CHILD_CHECK(injection.held == 0 || (injection.held == 2 && injection.failed == REQUEST_EXPENDABLE));
    for (size_t i = 0; i < WORKERS; i++)
        CHILD_CHECK(pthread_join(workers[i], NULL) == 0);
    child_check_owners(0);
}

static void open_life(struct life *life, const struct variant *variant)
{
    *life = (struct life){.variant = variant};
    ck_assert_int_eq(tsc_backend_get_caps(variant->backend, &life->caps), 0);
    ck_assert_int_eq(pthread_barrier_init(&life->made, NULL, WORKERS + 1), 0);
    ck_assert_int_eq(pthread_barrier_init(&life->counted, NULL, WORKERS + 1), 0);
    ck_assert_int_eq(pthread_barrier_init(&life->drained, NULL, WORKERS + 1), 0);
    life->failed = mmap(NULL, sizeof *life->failed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(life->failed != MAP_FAILED);
}

static void close_life(struct life *life)
{
    munmap(life->failed, sizeof *life->failed);
    pthread_barrier_destroy(&life->made);
    pthread_barrier_destroy(&life->counted);
    pthread_barrier_destroy(&life->drained);
}

static void live_once(struct life *life)
{
    ck_assert_msg(child_run(live, life) == 0, "%s: from request %llu on, kinds %u, error %d", life->variant->name,
                  (unsigned long long)life->plan.first, life->plan.kinds, life->plan.wait_error);
}

/*
 * Fails each request in turn until there are no more. Waits alternate between an interrupt and a spurious return.
 */
static void fail_each_once(struct life *life, unsigned int request_kinds)
{
    life->plan = (struct injection_plan){.kinds = request_kinds};
    do {
        life->plan.wait_error = life->plan.first % 2 == 0 ? EINTR : 0;
        live_once(life);
        life->plan.first++;
    } while (*life->failed != 0);
    ck_assert_uint_gt(life->plan.first, 2);
}

START_TEST(each_request_fails_once)
{
    struct life life;

    open_life(&life, &variants[_i]);
    fail_each_once(&life, REQUEST_ANY & ~(unsigned int)REQUEST_WAIT);
    fail_each_once(&life, REQUEST_WAIT);
    close_life(&life);
}
END_TEST

/* Errors of a wait, also if it is forbidden or not implemented. */
static const int wait_errors[] = {EINTR, EAGAIN, ETIMEDOUT, ENOMEM, EPERM, ENOSYS};

enum { WAIT_ERRORS = sizeof wait_errors / sizeof *wait_errors };

/* A thread that cannot sleep polls; timeouts are still kept. */
START_TEST(all_waits_fail)
{
    struct life life;

    open_life(&life, &variants[_i]);
    for (size_t i = 0; i < WAIT_ERRORS; i++) {
        life.plan =
            (struct injection_plan){.kinds = REQUEST_WAIT, .all_after = true, .wait_error = wait_errors[i]};
        live_once(&life);
        ck_assert_uint_eq(*life.failed, REQUEST_WAIT);
    }
    close_life(&life);
}
END_TEST

/* Each life uses a queue of 1; a peak without bounds shows nothing more. */
static bool is_tried(const struct variant *variant)
{
    return variant_is_built(variant) && variant->queue_capacity == 0 && (variant->bounded || !variant->track_peak);
}

int main(void)
{
    Suite *suite = suite_create("life");
    TCase *tcase = support_add_case(suite, "life", 60);

    for (int i = 0; i < variant_count; i++) {
        if (!is_tried(&variants[i]))
            continue;
        tcase_add_loop_test(tcase, each_request_fails_once, i, i + 1);
        tcase_add_loop_test(tcase, all_waits_fail, i, i + 1);
    }
    return support_run_suite(suite);
}
