/* SPDX-License-Identifier: MIT */
/* Each request to the system fails once, in each function that makes requests; operations make none. */
#include <tscounter/metrics.h>
#include <tscounter/tscounter.h>

#include <sys/mman.h>
#include <unistd.h>

#include "fork/child.h"
#include "injection.h"
#include "support/backends.h"
#include "support/procfs.h"
#include "support/results.h"
#include "support/suite.h"
#include "support/threads.h"

#define THREAD_NAME "faults-owner" /* differs from the program's */

static tsc_counter_attr_t *attr;
static tsc_counter_attr_t *attr_with_owner;

#define MAKE(NUMBER, name, capabilities) \
    static int make_##name(void **made) \
    { \
        return tsc_counter_create((tsc_counter_t **)made, TSC_BACKEND_##NUMBER, attr); \
    }

TSC_BACKENDS(MAKE)

static int make_queue_on_shared_owner(void **made)
{
    return tsc_counter_create((tsc_counter_t **)made, TSC_BACKEND_QUEUE, attr_with_owner);
}

static void destroy_counter(void *made)
{
    tsc_counter_unref(made);
}

static int make_attr(void **made)
{
    return tsc_counter_attr_create((tsc_counter_attr_t **)made);
}

static void destroy_attr(void *made)
{
    tsc_counter_attr_destroy(made);
}

static int make_owner(void **made)
{
    return tsc_owner_create((tsc_owner_t **)made, NULL);
}

static void destroy_owner(void *made)
{
    tsc_owner_unref(made);
}

static int make_owner_attr(void **made)
{
    return tsc_owner_attr_create((tsc_owner_attr_t **)made);
}

static void destroy_owner_attr(void *made)
{
    tsc_owner_attr_destroy(made);
}

enum { SCARCE = REQUEST_MEMORY | REQUEST_THREAD };

static const struct injection_plan no_failure = {.kinds = SCARCE, .first = NO_REQUEST};

#define MAKING(NUMBER, name, capabilities) {make_##name, destroy_counter, TEST_BUILT_##NUMBER, true},

static const struct making {
    int (*make)(void **made);
    void (*destroy)(void *made);
    bool is_built;
    bool clears_its_output;
} makings[] = {{make_queue_on_shared_owner, destroy_counter, TEST_BUILT_QUEUE, true},
               {make_attr, destroy_attr, true, false},
               {make_owner, destroy_owner, TEST_BUILT_QUEUE, false},
               {make_owner_attr, destroy_owner_attr, true, false},
               TSC_BACKENDS(MAKING)};

enum { MAKINGS = sizeof(makings) / sizeof(makings[0]) };

/* The owner's thread sleeps, so it makes no requests while those of others are counted. */
static bool open_attribute_with_owner(void)
{
    tsc_owner_attr_t *owner_attr;
    tsc_owner_t *owner = NULL;
    bool is_open;

    if (tsc_owner_attr_create(&owner_attr) != 0)
        return false;
    is_open = tsc_owner_attr_set_thread_name(owner_attr, THREAD_NAME) == 0 &&
              tsc_owner_create(&owner, owner_attr) == 0 &&
              tsc_counter_attr_set_owner(attr_with_owner, owner) == 0 &&
              support_thread_named_falls_asleep(THREAD_NAME);
    tsc_owner_unref(owner);
    tsc_owner_attr_destroy(owner_attr);
    return is_open;
}

static bool open_attributes(void)
{
    return tsc_counter_attr_create(&attr) == 0 && tsc_counter_attr_set_name(attr, "requests in flight") == 0 &&
           tsc_counter_attr_set_help(attr, "Requests that are being served.") == 0 &&
           tsc_counter_attr_create(&attr_with_owner) == 0 && (!TEST_BUILT_QUEUE || open_attribute_with_owner());
}

static void open_attributes_of_a_test(void)
{
    ck_assert(open_attributes());
}

static void close_attributes(void)
{
    tsc_counter_attr_destroy(attr);
    tsc_counter_attr_destroy(attr_with_owner);
}

/* The kind of the n-th request decides the error that its failure returns. */
struct attempt {
    const struct making *making;
    uint64_t n;
    bool *failed; /* shared by parent and child: whether there were n requests */
};

static int expected_error(unsigned int failed)
{
    return failed == REQUEST_MEMORY ? -ENOMEM : failed == REQUEST_THREAD ? -EAGAIN : 0;
}

static struct injection make_and_destroy(const struct attempt *attempt, uint64_t n)
{
    const struct injection_plan plan = {.kinds = REQUEST_ANY, .first = n};
    const struct making *making = attempt->making;
    char untouched;
    void *made = &untouched;
    struct injection injection;
    int error;

    errno = UNTOUCHED;
    injection_begin(&plan);
    error = making->make(&made);
    if (error == 0)
        making->destroy(made);
    injection = injection_end();
    CHILD_CHECK(errno == UNTOUCHED);
    CHILD_CHECK(error == expected_error(injection.failed));
    if (error != 0) {
        CHILD_CHECK(made == (making->clears_its_output ? NULL : &untouched));
        CHILD_CHECK(injection.held == 0);
    }
    return injection;
}

static void nothing(void *arg)
{
    (void)arg;
}

/*
 * After the failure, the next creation uses and releases what the first left behind. A fork finds no half-made
 * object.
 */
static void fail_once_and_continue(void *arg)
{
    const struct attempt *attempt = arg;
    struct injection injection;
    int64_t held;

    CHILD_CHECK(open_attributes());
    injection = make_and_destroy(attempt, attempt->n);
    *attempt->failed = injection.failed != 0;
    held = injection.held;
    injection = make_and_destroy(attempt, NO_REQUEST);
    CHILD_CHECK(held + injection.held == 0);
    CHILD_CHECK(child_run(nothing, NULL) == 0);
    close_attributes();
    child_check_owners(0);
}

/* Each attempt has its own process: some requests are made once in a process. */
START_TEST(each_failure_is_returned_and_leaks_nothing)
{
    struct attempt attempt = {.making = &makings[_i]};

    if (!attempt.making->is_built)
        return;
    attempt.failed = mmap(NULL, sizeof *attempt.failed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(attempt.failed != MAP_FAILED);
    do {
        ck_assert_msg(child_run(fail_once_and_continue, &attempt) == 0, "request %llu",
                      (unsigned long long)attempt.n);
        attempt.n++;
    } while (*attempt.failed);
    ck_assert_uint_gt(attempt.n, 1);
    munmap(attempt.failed, sizeof *attempt.failed);
}
END_TEST

struct leftover {
    const struct making *making;
    void *made;
    int64_t held;
};

static int destroy_inside(int64_t *value, void *arg)
{
    const struct leftover *leftover = arg;

    (void)value;
    leftover->making->destroy(leftover->made);
    return 0;
}

static void destroy_inside_a_callback(void *arg)
{
    struct leftover *leftover = arg;
    tsc_counter_t *counter;
    int error;

    CHILD_CHECK(tsc_counter_create(&counter, TSC_BACKEND_MUTEX, NULL) == 0);
    injection_begin(&no_failure);
    error = tsc_counter_update(counter, destroy_inside, leftover);
    leftover->held += injection_end().held;
    CHILD_CHECK(error == 0);
    CHILD_CHECK(leftover->held == 0);
    tsc_counter_unref(counter);
    child_check_owners(0);
}

/*
 * Inside a callback no call waits for a thread; the thread frees its own objects later. In the child of a fork
 * there is no such thread.
 */
START_TEST(objects_without_a_thread_are_freed_inside_a_callback)
{
    struct leftover leftover = {.making = &makings[_i]};
    int error;

    if (!leftover.making->is_built || !TEST_BUILT_MUTEX)
        return;
    injection_begin(&no_failure);
    error = leftover.making->make(&leftover.made);
    leftover.held = injection_end().held;
    ck_assert_int_eq(error, 0);
    ck_assert_int_gt(leftover.held, 0);
    ck_assert_int_eq(child_run(destroy_inside_a_callback, &leftover), 0);
    leftover.making->destroy(leftover.made);
}
END_TEST

START_TEST(life_leaks_nothing)
{
    const struct making *making = &makings[_i];
    void *made = NULL;

    if (!making->is_built)
        return;
    for (int round = 0; round < 3; round++) {
        struct injection injection;
        int error;

        /* No assertion in between: Check allocates and frees memory itself. */
        injection_begin(&no_failure);
        error = making->make(&made);
        making->destroy(made);
        injection = injection_end();
        ck_assert_int_eq(error, 0);
        ck_assert_int_eq(injection.held, 0);
    }
}
END_TEST

static int count_call(const char *text, size_t bytes, void *calls)
{
    (void)text;
    (void)bytes;
    ++*(unsigned int *)calls;
    return 0;
}

/* Of a valid name, of one that is not, and of a second with the first one's. */
static tsc_counter_t *make_named(const char *name)
{
    tsc_counter_t *counter = NULL;

    ck_assert_int_eq(tsc_counter_attr_set_name(attr, name), 0);
    for (tsc_backend_t backend = 0; counter == NULL && tsc_backend_name(backend) != NULL; backend++)
        ck_assert_int_le(tsc_counter_create(&counter, backend, attr), 0);
    return counter;
}

/* All failures come before the text, so the program's function gets all of it or nothing. */
START_TEST(metrics_without_memory)
{
    tsc_counter_t *counters[] = {make_named("a{b=\"c\"}"), make_named("?"), make_named("a{b=\"c\"}")};
    tsc_counter_t *listed = NULL;
    struct injection injection;
    uint64_t n = 0;

    do {
        const struct injection_plan plan = {.kinds = REQUEST_MEMORY, .first = n++};
        unsigned int calls = 0;
        int error;
        int errno_after;

        errno = UNTOUCHED;
        injection_begin(&plan);
        error = tsc_metrics_write(TSC_METRICS_TEXT, NULL, count_call, &calls);
        injection = injection_end();
        errno_after = errno;
        ck_assert_int_eq(error, injection.failed ? -ENOMEM : 0);
        ck_assert_uint_eq(calls, injection.failed ? 0 : 1);
        ck_assert_int_eq(injection.held, 0);
        ck_assert_int_eq(errno_after, UNTOUCHED);
    } while (injection.failed);
    ck_assert_uint_gt(n, 10);
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        tsc_counter_unref(counters[i]);
    ck_assert_int_eq(tsc_counter_next(&listed), 0);
}
END_TEST

static int double_it(int64_t *value, void *arg)
{
    (void)arg;
    *value = (int64_t)(2 * (uint64_t)*value);
    return 0;
}

/* All operations; their results are tested elsewhere. */
static void do_everything(tsc_counter_t *counter)
{
    int64_t numbers[3] = {0};
    tsc_backend_t backend;
    tsc_kind_t kind;
    uint64_t caps;
    tsc_counter_t *listed = NULL;

    (void)tsc_counter_ref(counter);
    (void)tsc_counter_inc(counter);
    (void)tsc_counter_dec(counter);
    (void)tsc_counter_add(counter, 3);
    (void)tsc_counter_sub(counter, 1);
    numbers[0] = tsc_counter_try_add(counter, -2);
    (void)tsc_counter_get(counter, &numbers[0]);
    (void)tsc_counter_value(counter);
    (void)tsc_counter_get_interval(counter, &numbers[0], &numbers[1]);
    (void)tsc_counter_get_delta(counter, &numbers[2], &numbers[1]);
    (void)tsc_counter_get_peak(counter, &numbers[0]);
    (void)tsc_counter_get_bounds(counter, &numbers[0], &numbers[1]);
    (void)tsc_counter_fetch_add(counter, 1, &numbers[0]);
    (void)tsc_counter_fetch_add(counter, -1, &numbers[0]);
    (void)tsc_counter_set(counter, 1);
    (void)tsc_counter_exchange(counter, 1, &numbers[0]);
    (void)tsc_counter_compare_exchange(counter, &numbers[0], 1);
    (void)tsc_counter_update(counter, double_it, NULL);
    (void)tsc_counter_flush(counter);
    (void)tsc_counter_wait_at_most(counter, INT64_MAX, -1);
    (void)tsc_counter_wait_at_most(counter, INT64_MIN + 1, 1000);
    (void)tsc_counter_notify_at_most(counter, INT64_MIN, STDERR_FILENO);
    (void)tsc_counter_notify_at_most(counter, INT64_MIN, -1);
    (void)tsc_counter_get_backend(counter, &backend);
    (void)tsc_counter_get_kind(counter, &kind);
    (void)tsc_counter_get_caps(counter, &caps);
    (void)tsc_counter_get_name(counter);
    (void)tsc_counter_get_help(counter);
    while (tsc_counter_next(&listed) == 1)
        ;
    tsc_counter_unref(counter);
}

/* On a counter with bounds, and a peak. Some threads wait, and all go out again. */
static void do_everything_with_bounds(tsc_counter_t *counter)
{
    int64_t numbers[2];

    (void)tsc_counter_set_bounds(counter, 0, 3);
    if (tsc_counter_wait_add(counter, 1, -1) == 0)
        (void)tsc_counter_dec(counter);
    (void)tsc_counter_take_peak(counter, &numbers[0]);
    (void)tsc_counter_set_bounds(counter, 0, 2);
    if (tsc_counter_wait_add(counter, 2, 1000) == 0)
        (void)tsc_counter_sub(counter, 2);
    (void)tsc_counter_set_bounds(counter, 0, 100);
    numbers[0] = tsc_counter_wait_add(counter, -100, 1000);
    (void)tsc_counter_set_bounds(counter, 0, 3);
    (void)tsc_counter_get_bounds(counter, &numbers[0], &numbers[1]);
    (void)tsc_counter_get_peak(counter, &numbers[0]);
}

struct crowd {
    tsc_counter_t *counter;
    void (*act)(tsc_counter_t *counter);
    pthread_barrier_t begun;
    pthread_barrier_t done;
};

static void *crowd_member(void *arg)
{
    struct crowd *crowd = arg;

    pthread_barrier_wait(&crowd->begun);
    for (uint64_t op = 0; op < support_ops(50); op++)
        crowd->act(crowd->counter);
    pthread_barrier_wait(&crowd->done);
    return NULL;
}

/* The threads start before the counting begins, and end after it. */
static struct injection count_requests_of_a_crowd(tsc_counter_t *counter, void (*act)(tsc_counter_t *counter))
{
    enum { THREADS = 8 };
    struct crowd crowd = {.counter = counter, .act = act};
    struct injection injection;
    pthread_t started[THREADS];

    pthread_barrier_init(&crowd.begun, NULL, THREADS + 1);
    pthread_barrier_init(&crowd.done, NULL, THREADS + 1);
    for (size_t thread = 0; thread < THREADS; thread++)
        started[thread] = support_start_thread(crowd_member, &crowd);
    injection_begin(&no_failure);
    pthread_barrier_wait(&crowd.begun);
    pthread_barrier_wait(&crowd.done);
    injection = injection_end();
    for (size_t thread = 0; thread < THREADS; thread++)
        pthread_join(started[thread], NULL);
    return injection;
}

START_TEST(no_operation_makes_a_request)
{
    const struct making *making = &makings[_i];
    void *made = NULL;
    struct injection injection;

    if (!making->is_built || making->destroy != destroy_counter)
        return;
    ck_assert_int_eq(making->make(&made), 0);
    injection = count_requests_of_a_crowd(made, do_everything);
    ck_assert_uint_eq(injection.requests, 0);
    ck_assert_int_eq(tsc_counter_close(made), 0);
    injection = count_requests_of_a_crowd(made, do_everything);
    ck_assert_uint_eq(injection.requests, 0);
    making->destroy(made);
}
END_TEST

START_TEST(no_admission_makes_a_request)
{
    tsc_counter_attr_t *limited;
    tsc_counter_t *counter;
    struct injection injection;

    ck_assert_int_eq(tsc_counter_attr_create(&limited), 0);
    ck_assert_int_eq(tsc_counter_attr_set_bounds(limited, 0, 3, TSC_BOUNDS_REJECT), 0);
    ck_assert_int_eq(tsc_counter_attr_set_track_peak(limited, 1), 0);
    ck_assert_int_eq(tsc_counter_create(&counter, (tsc_backend_t)_i, limited), 0);
    tsc_counter_attr_destroy(limited);
    injection = count_requests_of_a_crowd(counter, do_everything_with_bounds);
    ck_assert_uint_eq(injection.requests, 0);
    HOLDS(counter, 0);
    ck_assert_int_eq(tsc_counter_close(counter), 0);
    injection = count_requests_of_a_crowd(counter, do_everything_with_bounds);
    ck_assert_uint_eq(injection.requests, 0);
    tsc_counter_unref(counter);
}
END_TEST

static int child_inc(tsc_counter_t *counter)
{
    return tsc_counter_inc(counter);
}

static int child_dec(tsc_counter_t *counter)
{
    return tsc_counter_dec(counter);
}

static int child_try_add(tsc_counter_t *counter)
{
    return tsc_counter_try_add(counter, 1);
}

static int child_fetch_add(tsc_counter_t *counter)
{
    int64_t previous = UNTOUCHED;
    int result = tsc_counter_fetch_add(counter, 1, &previous);

    CHILD_CHECK(previous == UNTOUCHED);
    return result;
}

static int child_set(tsc_counter_t *counter)
{
    return tsc_counter_set(counter, 9);
}

static int child_exchange(tsc_counter_t *counter)
{
    int64_t previous = UNTOUCHED;
    int result = tsc_counter_exchange(counter, 9, &previous);

    CHILD_CHECK(previous == UNTOUCHED);
    return result;
}

static int child_compare_exchange(tsc_counter_t *counter)
{
    int64_t expected = UNTOUCHED;
    int result = tsc_counter_compare_exchange(counter, &expected, 9);

    CHILD_CHECK(expected == UNTOUCHED);
    return result;
}

static int child_update(tsc_counter_t *counter)
{
    return tsc_counter_update(counter, double_it, NULL);
}

static int (*const needing_the_thread[])(tsc_counter_t *) = {
    child_inc, child_dec,      child_try_add,          child_fetch_add,
    child_set, child_exchange, child_compare_exchange, child_update,
};

/*
 * Each operation tries again to start the thread, and changes nothing. The first one that succeeds goes on from
 * the old value.
 */
static void fail_without_the_thread(void *arg)
{
    const struct injection_plan first = {.kinds = SCARCE};
    tsc_counter_t *counter = arg;

    errno = UNTOUCHED;
    for (size_t i = 0; i < sizeof(needing_the_thread) / sizeof(needing_the_thread[0]); i++) {
        injection_begin(&first);
        CHILD_CHECK(needing_the_thread[i](counter) == -EAGAIN);
        CHILD_CHECK(injection_end().failed == REQUEST_THREAD);
        CHILD_CHECK(value_in_child(counter) == 1);
    }
    CHILD_CHECK(errno == UNTOUCHED);
    CHILD_CHECK(tsc_counter_inc(counter) == 0);
    CHILD_CHECK(value_in_child(counter) == 2);
    tsc_counter_unref(counter);
    child_check_owners(0);
}

/* Operations that do not need the thread do not start it. */
static void use_without_the_thread(void *arg)
{
    tsc_counter_t *counter = arg;

    injection_begin(&no_failure);
    CHILD_CHECK(value_in_child(counter) == 1);
    CHILD_CHECK(tsc_counter_wait_at_most(counter, 1, -1) == 0);
    tsc_counter_unref(counter);
    CHILD_CHECK(injection_end().requests == 0);
    child_check_owners(0);
}

/* For each kind: a total, too, has no thread before it refuses a decrement. */
START_TEST(child_of_a_fork_gets_no_thread)
{
    tsc_counter_attr_t *kind_attr;
    tsc_counter_t *counter;

    if (!TEST_BUILT_QUEUE)
        return;
    ck_assert_int_eq(tsc_counter_attr_create(&kind_attr), 0);
    ck_assert_int_eq(tsc_counter_attr_set_kind(kind_attr, (tsc_kind_t)_i), 0);
    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_QUEUE, kind_attr), 0);
    tsc_counter_attr_destroy(kind_attr);
    ck_assert_int_eq(tsc_counter_inc(counter), 0);
    wait_for_owner(counter);
    ck_assert_int_eq(child_run(fail_without_the_thread, counter), 0);
    ck_assert_int_eq(child_run(use_without_the_thread, counter), 0);
    tsc_counter_unref(counter);
}
END_TEST

static bool has_bounds_and_peak(tsc_backend_t backend)
{
    uint64_t caps = 0;

    (void)tsc_backend_get_caps(backend, &caps);
    return (caps & TSC_CAP_BOUNDS) != 0 && (caps & TSC_CAP_PEAK) != 0;
}

int main(void)
{
    Suite *suite = suite_create("faults");
    TCase *failures = support_add_case(suite, "failures", 20);
    TCase *life = support_add_case(suite, "life", 20);
    TCase *child = support_add_case(suite, "child", 20);

    tcase_add_loop_test(failures, each_failure_is_returned_and_leaks_nothing, 0, MAKINGS);
    if (TEST_BUILT_METRICS && (TEST_BUILT_MUTEX || TEST_BUILT_ATOMIC || TEST_BUILT_QUEUE || TEST_BUILT_PERCPU))
        tcase_add_test(life, metrics_without_memory);
    tcase_add_checked_fixture(life, open_attributes_of_a_test, close_attributes);
    tcase_add_loop_test(life, life_leaks_nothing, 0, MAKINGS);
    tcase_add_loop_test(life, objects_without_a_thread_are_freed_inside_a_callback, 0, MAKINGS);
    tcase_add_loop_test(life, no_operation_makes_a_request, 0, MAKINGS);
    for (int backend = 0; backend < TSC_BACKEND_COUNT; backend++)
        if (support_is_built((tsc_backend_t)backend) && has_bounds_and_peak((tsc_backend_t)backend))
            tcase_add_loop_test(life, no_admission_makes_a_request, backend, backend + 1);
    if (!support_is_skipped(child_of_a_fork_gets_no_thread->name))
        tcase_add_loop_test(child, child_of_a_fork_gets_no_thread, TSC_KIND_GAUGE, TSC_KIND_HELD + 1);
    return support_run_suite(suite);
}
