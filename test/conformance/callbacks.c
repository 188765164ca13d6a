/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include "second_thread.h"
#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

/* The results of a callback that tries every operation on a counter. */
struct attempt {
    tsc_counter_t *on;
    bool ran;
    int results[OPERATION_COUNT];
    int errors[OPERATION_COUNT];
    int64_t outputs[OPERATION_COUNT][2];
    tsc_counter_t *referenced;
    const char *name;
    const char *help;
};

static int attempt_all(int64_t *value, void *arg)
{
    struct attempt *attempt = arg;

    (void)value;
    attempt->ran = true;
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        int64_t *outputs = attempt->outputs[i];

        outputs[0] = outputs[1] = UNTOUCHED;
        errno = UNTOUCHED;
        attempt->results[i] = operations[i].call(attempt->on, &outputs[0], &outputs[1]);
        attempt->errors[i] = errno;
    }
    attempt->referenced = tsc_counter_ref(attempt->on);
    tsc_counter_unref(attempt->on);
    attempt->name = tsc_counter_get_name(attempt->on);
    attempt->help = tsc_counter_get_help(attempt->on);
    return 0;
}

static int expected_result(const struct operation *operation, uint64_t caps, bool deadlocks)
{
    if (deadlocks && !operation->allowed_in_callback)
        return -EDEADLK;
    return (caps & operation->needs) == operation->needs ? 0 : -ENOTSUP;
}

static void check_attempt(const struct attempt *attempt, uint64_t caps, bool deadlocks)
{
    ck_assert(attempt->ran);
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        int expected = expected_result(&operations[i], caps, deadlocks);
        bool touched = attempt->outputs[i][0] != UNTOUCHED || attempt->outputs[i][1] != UNTOUCHED;

        ck_assert_msg(attempt->results[i] == expected, "%s: %d", operations[i].name, attempt->results[i]);
        ck_assert_msg(attempt->errors[i] == UNTOUCHED, "%s changed errno", operations[i].name);
        ck_assert_msg(expected == 0 || !touched, "%s changed its outputs", operations[i].name);
    }
    ck_assert_ptr_eq(attempt->referenced, attempt->on);
    ck_assert_str_eq(attempt->name, "on");
    ck_assert_str_eq(attempt->help, "is attempted on");
}

static void check_still_counts(tsc_counter_t *counter)
{
    int64_t before = UNTOUCHED;

    RETURNS(0, tsc_counter_get(counter, &before));
    RETURNS(0, tsc_counter_inc(counter));
    HOLDS(counter, before + 1);
}

START_TEST(same_counter_returns_edeadlk)
{
    struct attempt attempt = {
        .on = make_counter(&variants[_i], &(struct options){.name = "on", .help = "is attempted on"})};

    RETURNS(0, tsc_counter_update(attempt.on, attempt_all, &attempt));
    check_attempt(&attempt, caps_of(&variants[_i]), true);
    HOLDS(attempt.on, 0);
    check_still_counts(attempt.on);
    tsc_counter_unref(attempt.on);
}
END_TEST

static int commit_the_value_read(int64_t *value, void *counter)
{
    *value = tsc_counter_value(counter);
    return 0;
}

START_TEST(value_of_the_same_counter_is_0)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 5});

    RETURNS(0, tsc_counter_update(counter, commit_the_value_read, counter));
    HOLDS(counter, 0);
    tsc_counter_unref(counter);
}
END_TEST

static int read_peak(int64_t *value, void *arg)
{
    return tsc_counter_get_peak(arg, value);
}

static int take_peak(int64_t *value, void *arg)
{
    return tsc_counter_take_peak(arg, value);
}

START_TEST(peak_of_the_same_counter_returns_edeadlk)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.initial = 5, .track_peak = true});

    RETURNS(0, tsc_counter_dec(counter));
    RETURNS(-EDEADLK, tsc_counter_update(counter, read_peak, counter));
    RETURNS(-EDEADLK, tsc_counter_update(counter, take_peak, counter));
    HOLDS(counter, 4);
    tsc_counter_unref(counter);
}
END_TEST

/* Sets bounds that refuse a change, and waits for an addition, before it reads the bounds. */
struct bounds_query {
    tsc_counter_t *of;
    int64_t min;
    int64_t max;
    int set;
    int set_out_of_order;
    int waited;
    int waited_for_nothing;
};

static int read_bounds(int64_t *value, void *arg)
{
    struct bounds_query *query = arg;

    (void)value;
    query->set_out_of_order = tsc_counter_set_bounds(query->of, 1, 0);
    query->set = tsc_counter_set_bounds(query->of, -1, 8);
    query->waited = tsc_counter_wait_add(query->of, 1, -1);
    query->waited_for_nothing = tsc_counter_wait_add(query->of, 0, 0);
    return tsc_counter_get_bounds(query->of, &query->min, &query->max);
}

static void check_bounds_query(tsc_counter_t *inside, tsc_counter_t *of, int expected)
{
    struct bounds_query query = {.of = of, .min = UNTOUCHED, .max = UNTOUCHED};

    RETURNS(expected, tsc_counter_update(inside, read_bounds, &query));
    ck_assert_int_eq(query.min, expected == 0 ? -1 : UNTOUCHED);
    ck_assert_int_eq(query.max, expected == 0 ? 8 : UNTOUCHED);
    ck_assert_int_eq(query.set_out_of_order, -EINVAL);
    ck_assert_int_eq(query.set, expected);
    ck_assert_int_eq(query.waited, expected);
    ck_assert_int_eq(query.waited_for_nothing, expected);
    HOLDS(of, expected == 0);
}

START_TEST(bounds_inside_a_callback)
{
    const struct options bounds = {.bounded = true, .min = -1, .max = 9};
    tsc_counter_t *bounded = make_counter(&variants[_i], &bounds);
    tsc_counter_t *unbounded = make_counter(&variants[_i], NULL);

    check_bounds_query(bounded, bounded, -EDEADLK);
    check_bounds_query(unbounded, unbounded, -ENOTSUP);
    check_bounds_query(unbounded, bounded, 0);
    tsc_counter_unref(unbounded);
    tsc_counter_unref(bounded);
}
END_TEST

START_TEST(bounds_on_the_same_owner_return_edeadlk)
{
    struct options options = {.bounded = true, .min = -1, .max = 9};
    tsc_counter_t *counter;
    tsc_counter_t *other;

    RETURNS(0, tsc_owner_create(&options.owner, NULL));
    counter = make_counter(&variants[_i], &options);
    other = make_counter(&variants[_i], &options);
    check_bounds_query(counter, other, -EDEADLK);
    tsc_counter_unref(other);
    tsc_counter_unref(counter);
    tsc_owner_unref(options.owner);
}
END_TEST

static int add_to_bounded(int64_t *value, void *arg)
{
    (void)value;
    return tsc_counter_add(arg, 1);
}

START_TEST(bounded_counter_returns_edeadlk)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.bounded = true, .max = 5});

    RETURNS(-EDEADLK, tsc_counter_update(counter, add_to_bounded, counter));
    RETURNS(0, tsc_counter_add(counter, 5));
    HOLDS(counter, 5);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(same_owner_returns_edeadlk)
{
    struct options options = {.name = "on", .help = "is attempted on"};
    struct attempt attempt = {.ran = false};
    tsc_counter_t *counter;

    RETURNS(0, tsc_owner_create(&options.owner, NULL));
    attempt.on = make_counter(&variants[_i], &options);
    counter = make_counter(&variants[_i], &options);
    RETURNS(0, tsc_counter_update(counter, attempt_all, &attempt));
    check_attempt(&attempt, caps_of(&variants[_i]), true);
    HOLDS(attempt.on, 0);
    check_still_counts(attempt.on);
    check_still_counts(counter);
    tsc_counter_unref(counter);
    tsc_counter_unref(attempt.on);
    tsc_owner_unref(options.owner);
}
END_TEST

START_TEST(unrelated_counters_work)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);

    for (int i = 0; i < VARIANTS_TRIED; i++) {
        struct attempt attempt = {.ran = false};

        if (!variant_is_built(&variants[i]))
            continue;
        attempt.on = make_counter(&variants[i], &(struct options){.name = "on", .help = "is attempted on"});
        RETURNS(0, tsc_counter_update(counter, attempt_all, &attempt));
        check_attempt(&attempt, caps_of(&variants[i]), false);
        tsc_counter_unref(attempt.on);
    }
    check_still_counts(counter);
    tsc_counter_unref(counter);
}
END_TEST

struct nesting {
    tsc_counter_t *inner;
    struct attempt attempt; /* on the outer counter, inside a callback of the inner one */
    int inner_result;
};

static int update_the_inner(int64_t *value, void *arg)
{
    struct nesting *nesting = arg;

    (void)value;
    nesting->inner_result = tsc_counter_update(nesting->inner, attempt_all, &nesting->attempt);
    return 0;
}

/* A callback of a mutex counter runs on the thread that is already inside the outer counter's callback. */
START_TEST(outer_counter_returns_edeadlk)
{
    struct nesting nesting = {
        .attempt.on = make_counter(&variants[_i], &(struct options){.name = "on", .help = "is attempted on"})};
    tsc_counter_t *outer = nesting.attempt.on;

    nesting.inner = make_counter(&variants[TSC_BACKEND_MUTEX], NULL);
    RETURNS(0, tsc_counter_update(outer, update_the_inner, &nesting));
    ck_assert_int_eq(nesting.inner_result, 0);
    check_attempt(&nesting.attempt, caps_of(&variants[_i]), true);
    check_still_counts(nesting.inner);
    check_still_counts(outer);
    tsc_counter_unref(nesting.inner);
    tsc_counter_unref(outer);
}
END_TEST

static int exchange_value(tsc_counter_t *counter, int64_t *previous, int64_t *unused)
{
    (void)unused;
    return tsc_counter_exchange(counter, 9, previous);
}

/* A call from another thread is no re-entry: it waits for its turn. */
START_TEST(other_threads_wait_for_the_callback)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    bool queued = variants[_i].backend == TSC_BACKEND_QUEUE;
    struct occupation occupation;
    struct sleeper changer;

    occupation_begin(&occupation, counter);
    RETURNS(queued ? 0 : -EAGAIN, tsc_counter_try_add(counter, 5));
    sleeper_start(&changer, counter, exchange_value);
    occupation_end(&occupation);
    ck_assert_int_eq(sleeper_join(&changer), 0);
    ck_assert_int_eq(changer.operands[0], queued ? 5 : 0);
    HOLDS(counter, 9);
    tsc_counter_unref(counter);
}
END_TEST

enum { COMMITTED = 7, UNCOMMITTED = 99, POLLS = 5 };

struct reading {
    tsc_counter_t *counter;
    int results[4];
    int64_t value, low, high, delta, cursor, peak;
    int polls[POLLS];
};

static void *read_and_poll(void *arg)
{
    struct reading *reading = arg;
    tsc_counter_t *counter = reading->counter;

    reading->results[0] = tsc_counter_get(counter, &reading->value);
    reading->results[1] = tsc_counter_get_interval(counter, &reading->low, &reading->high);
    reading->results[2] = tsc_counter_get_delta(counter, &reading->cursor, &reading->delta);
    reading->results[3] = tsc_counter_get_peak(counter, &reading->peak);
    reading->polls[0] = tsc_counter_wait_at_most(counter, COMMITTED, 0);
    reading->polls[1] = tsc_counter_wait_at_most(counter, COMMITTED, 1);
    reading->polls[2] = tsc_counter_wait_at_most(counter, COMMITTED, -1);
    reading->polls[3] = tsc_counter_wait_at_most(counter, COMMITTED - 1, 0);
    reading->polls[4] = tsc_counter_wait_at_most(counter, COMMITTED - 1, SUPPORT_MILLISECOND_NS);
    return NULL;
}

/* The other thread must finish while the callback runs, or the two wait for each other. */
static int have_another_thread_read(int64_t *value, void *arg)
{
    *value = UNCOMMITTED;
    pthread_join(support_start_thread(read_and_poll, arg), NULL);
    return 0;
}

START_TEST(readers_of_a_mutex_wait_for_no_callback)
{
    tsc_counter_t *counter =
        make_counter(&variants[_i], &(struct options){.initial = COMMITTED, .track_peak = true});
    struct reading reading = {.counter = counter, .cursor = 2};

    RETURNS(0, tsc_counter_update(counter, have_another_thread_read, &reading));
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(reading.results[i], 0);
    ck_assert_int_eq(reading.value, COMMITTED);
    ck_assert_int_eq(reading.peak, COMMITTED);
    ck_assert(reading.low == COMMITTED && reading.high == COMMITTED);
    ck_assert(reading.delta == COMMITTED - 2 && reading.cursor == COMMITTED);
    for (int i = 0; i < POLLS; i++)
        ck_assert_int_eq(reading.polls[i], i < 3 ? 0 : -ETIMEDOUT);
    HOLDS(counter, UNCOMMITTED);
    tsc_counter_unref(counter);
}
END_TEST

struct last_unref {
    tsc_counter_t *counter;
    tsc_owner_t *owner;
    int result;
};

static int drop_references(int64_t *value, void *arg)
{
    const struct last_unref *last_unref = arg;

    *value += 1;
    tsc_counter_unref(last_unref->counter);
    tsc_owner_unref(last_unref->owner);
    return last_unref->result;
}

static const struct {
    int callback;
    int update;
} last_unrefs[] = {{0, 0}, {-EBUSY, -EBUSY}, {1, -EINVAL}};

START_TEST(last_reference_goes_in_its_own_callback)
{
    for (size_t i = 0; i < sizeof last_unrefs / sizeof last_unrefs[0]; i++) {
        struct last_unref last_unref = {.counter = make_counter(&variants[_i], NULL),
                                        .result = last_unrefs[i].callback};

        RETURNS(last_unrefs[i].update, tsc_counter_update(last_unref.counter, drop_references, &last_unref));
    }
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

START_TEST(last_reference_on_owner_goes_in_a_callback)
{
    struct last_unref last_unref = {.result = 0};

    RETURNS(0, tsc_owner_create(&last_unref.owner, NULL));
    last_unref.counter = make_counter(&variants[_i], &(struct options){.owner = last_unref.owner});
    RETURNS(0, tsc_counter_update(last_unref.counter, drop_references, &last_unref));
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

static int swap_references(int64_t *value, void *arg)
{
    tsc_counter_t *counter = arg;

    *value += 1;
    tsc_counter_ref(counter);
    tsc_counter_unref(counter);
    tsc_counter_unref(counter);
    tsc_counter_ref(counter);
    return 0;
}

START_TEST(references_move_in_a_callback)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);

    tsc_counter_ref(counter);
    RETURNS(0, tsc_counter_update(counter, swap_references, counter));
    tsc_counter_unref(counter);
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
}
END_TEST

/* The other counter's owner is busy meanwhile: an unref that waited for it would never return. */
START_TEST(unref_of_another_counter_never_waits)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);
    struct options options = {.queue_capacity = 0};
    struct last_unref last_unref = {.result = 0};
    struct occupation occupation;
    tsc_counter_t *busy;

    RETURNS(0, tsc_owner_create(&options.owner, NULL));
    busy = make_counter(&variants[TSC_BACKEND_QUEUE], &options);
    last_unref.counter = make_counter(&variants[TSC_BACKEND_QUEUE], &options);
    last_unref.owner = options.owner;
    occupation_begin(&occupation, busy);
    RETURNS(0, tsc_counter_add(last_unref.counter, 3));
    RETURNS(0, tsc_counter_update(counter, drop_references, &last_unref));
    occupation_end(&occupation);
    check_still_counts(busy);
    check_still_counts(counter);
    tsc_counter_unref(busy);
    tsc_counter_unref(counter);
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

static int drop_another(int64_t *value, void *arg)
{
    (void)value;
    tsc_counter_unref(arg);
    return 0;
}

START_TEST(another_counter_goes_in_a_callback)
{
    tsc_counter_t *counter = make_counter(&variants[_i], NULL);

    for (int i = 0; i < VARIANTS_TRIED; i++) {
        tsc_counter_t *other;

        if (!variant_is_built(&variants[i]))
            continue;
        other = make_counter(&variants[i], NULL);
        for (int added = 0; added < 100; added++)
            RETURNS(0, tsc_counter_inc(other));
        RETURNS(0, tsc_counter_update(counter, drop_another, other));
    }
    check_still_counts(counter);
    tsc_counter_unref(counter);
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

void add_callback_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "callbacks", 20);

    add_test(tcase, same_counter_returns_edeadlk, TSC_CAP_UPDATE);
    add_test(tcase, value_of_the_same_counter_is_0, TSC_CAP_UPDATE);
    add_test(tcase, peak_of_the_same_counter_returns_edeadlk, TSC_CAP_UPDATE | TSC_CAP_PEAK);
    add_test(tcase, bounds_inside_a_callback, TSC_CAP_UPDATE | TSC_CAP_BOUNDS);
    add_test(tcase, bounds_on_the_same_owner_return_edeadlk, TSC_CAP_UPDATE | TSC_CAP_ASYNC);
    add_test(tcase, bounded_counter_returns_edeadlk, TSC_CAP_UPDATE | TSC_CAP_BOUNDS);
    add_test(tcase, same_owner_returns_edeadlk, TSC_CAP_UPDATE | TSC_CAP_ASYNC);
    add_test(tcase, unrelated_counters_work, TSC_CAP_UPDATE);
    add_test(tcase, other_threads_wait_for_the_callback, TSC_CAP_UPDATE);
    add_test(tcase, last_reference_goes_in_its_own_callback, TSC_CAP_UPDATE);
    add_test(tcase, last_reference_on_owner_goes_in_a_callback, TSC_CAP_UPDATE | TSC_CAP_ASYNC);
    add_test(tcase, references_move_in_a_callback, TSC_CAP_UPDATE);
    add_test(tcase, another_counter_goes_in_a_callback, TSC_CAP_UPDATE);
    if (TEST_BUILT_MUTEX)
        add_test(tcase, outer_counter_returns_edeadlk, TSC_CAP_UPDATE);
    if (TEST_BUILT_MUTEX)
        tcase_add_loop_test(tcase, readers_of_a_mutex_wait_for_no_callback, TSC_BACKEND_MUTEX,
                            TSC_BACKEND_MUTEX + 1);
    if (TEST_BUILT_QUEUE)
        add_test(tcase, unref_of_another_counter_never_waits, TSC_CAP_UPDATE);
}
