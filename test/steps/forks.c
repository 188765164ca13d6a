/* SPDX-License-Identifier: MIT */
/* Another thread forks at each instruction of a call. */
#include <errno.h>

#include "fork/child.h"
#include "support/callbacks.h"
#include "support/results.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "walk.h"

enum {
    CASE_SECONDS = 240,
    INITIAL = 100,
    ADDS_IN_CHILD = 20,
    SENDING_STRIDE = 7,
    OTHERS_STRIDE = 47,
    CLOSING_STRIDE = 3
};

struct scene {
    struct walk walk;
    struct subject subject;
    const struct call *call;
    int result;
    int status; /* how the child ended */
};

static int call_fetch_add(tsc_counter_t *counter)
{
    int64_t previous;

    return tsc_counter_fetch_add(counter, 1, &previous);
}

static int call_set(tsc_counter_t *counter)
{
    return tsc_counter_set(counter, INITIAL);
}

static int call_update(tsc_counter_t *counter)
{
    return tsc_counter_update(counter, support_raise_by_one, NULL);
}

static int call_get(tsc_counter_t *counter)
{
    int64_t value;

    return tsc_counter_get(counter, &value);
}

static int call_wait(tsc_counter_t *counter)
{
    return tsc_counter_wait_at_most(counter, 0, 1) == -ETIMEDOUT ? 0 : UNTOUCHED;
}

static int call_take_peak(tsc_counter_t *counter)
{
    int64_t peak;
    int result = tsc_counter_take_peak(counter, &peak);

    return result == -ENOTSUP ? 0 : result;
}

/* A counter without an owner's thread: a thread's start must not be interrupted at each instruction. */
static int call_create(tsc_counter_t *counter)
{
    tsc_counter_t *other;
    tsc_backend_t backend;
    int error = tsc_counter_get_backend(counter, &backend);

    if (error == 0)
        error = tsc_counter_create(&other, backend == TSC_BACKEND_QUEUE ? TSC_BACKEND_ATOMIC : backend, NULL);
    if (error == 0)
        tsc_counter_unref(other);
    return error == -ENOTSUP ? 0 : error;
}

static const struct call {
    const char *name;
    int (*make)(tsc_counter_t *counter);
    uint64_t caps;
    uint64_t stride; /* 1, or a fallback for TSC_TEST_STRIDE */
} calls[] = {
    {"inc", tsc_counter_inc, 0, 1},
    {"dec", tsc_counter_dec, 0, 1},
    {"fetch_add", call_fetch_add, TSC_CAP_FETCH, OTHERS_STRIDE},
    {"set", call_set, TSC_CAP_FETCH, OTHERS_STRIDE},
    {"update", call_update, TSC_CAP_UPDATE, OTHERS_STRIDE},
    {"get", call_get, 0, OTHERS_STRIDE},
    {"flush", tsc_counter_flush, 0, OTHERS_STRIDE},
    {"wait_at_most", call_wait, 0, OTHERS_STRIDE},
    {"take_peak", call_take_peak, TSC_CAP_PEAK, 1},
    {"create", call_create, 0, OTHERS_STRIDE},
};

enum { CALLS = sizeof calls / sizeof *calls };

/* An owner's thread takes long to start in a child, and all messages have the same instructions. */
static uint64_t stride_of(const struct call *call, const struct variant *variant)
{
    if (variant_has(variant, TSC_CAP_ASYNC))
        return walk_stride(call == calls ? SENDING_STRIDE : OTHERS_STRIDE);
    return call->stride == 1 ? 1 : walk_stride(OTHERS_STRIDE);
}

static void make_call(void *arg)
{
    struct scene *scene = arg;

    scene->result = scene->call->make(scene->subject.counter);
}

/* The call has changed the value by at most one, and the peak is the highest value. */
static int64_t find_value(const struct scene *scene)
{
    int64_t value = value_in_child(scene->subject.counter);
    int64_t peak = -1;

    CHILD_CHECK(value >= INITIAL - 1 && value <= INITIAL + 1);
    if (scene->subject.variant->track_peak) {
        CHILD_CHECK(tsc_counter_get_peak(scene->subject.counter, &peak) == 0);
        CHILD_CHECK(peak == (value > INITIAL ? value : INITIAL));
    }
    return value;
}

static void drain_in_child(struct scene *scene, int64_t value)
{
    tsc_counter_t *counter = scene->subject.counter;

    CHILD_CHECK(value_in_child(counter) == value);
    CHILD_CHECK(tsc_counter_close(counter) == 0);
    CHILD_CHECK(tsc_counter_inc(counter) == -ESHUTDOWN);
    CHILD_CHECK(tsc_counter_add(counter, -value) == 0);
    CHILD_CHECK(tsc_counter_wait_at_most(counter, 0, -1) == 0);
    subject_drop_in_child(&scene->subject);
}

static void use_and_drain(struct scene *scene, int64_t value)
{
    tsc_counter_t *counter = scene->subject.counter;

    for (int i = 0; i < ADDS_IN_CHILD; i++)
        CHILD_CHECK(tsc_counter_inc(counter) == 0);
    CHILD_CHECK(tsc_counter_flush(counter) == 0);
    if (variant_has(scene->subject.variant, TSC_CAP_UPDATE))
        CHILD_CHECK(call_update(counter) == 0);
    else
        CHILD_CHECK(tsc_counter_inc(counter) == 0);
    value += ADDS_IN_CHILD + 1;
    CHILD_CHECK(call_create(counter) == 0);
    drain_in_child(scene, value);
}

static void check_in_child(void *arg)
{
    struct scene *scene = arg;

    use_and_drain(scene, find_value(scene));
}

static void fork_and_wait(void *arg)
{
    struct scene *scene = arg;

    scene->status = child_run(check_in_child, scene);
}

static void open_scene(struct scene *scene)
{
    const struct variant *variant = scene->walk.variant;
    tsc_counter_attr_t *attr = variant_attr(variant);

    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, INITIAL), 0);
    subject_open(&scene->subject, variant, attr);
    scene->result = UNTOUCHED;
    scene->status = 0;
}

static void close_scene(struct scene *scene)
{
    int64_t value = UNTOUCHED;

    WALK_CHECK(&scene->walk, scene->result == 0);
    WALK_CHECK(&scene->walk, scene->status == 0);
    WALK_CHECK(&scene->walk, tsc_counter_get(scene->subject.counter, &value) == 0);
    WALK_CHECK(&scene->walk, value >= INITIAL - 1 && value <= INITIAL + 1);
    subject_close(&scene->subject);
}

static void fork_at_each_instruction(struct scene *scene, uint64_t stride, walk_fn fork_fn)
{
    struct walk *walk = &scene->walk;

    walk_begin(walk, walk->variant, scene->call->name, "and another thread forks", stride);
    while (walk_next(walk)) {
        open_scene(scene);
        walk_visit(walk, make_call, fork_fn, scene);
        walk_end_visit(walk);
        close_scene(scene);
    }
}

START_TEST(test_another_thread_forks)
{
    const struct variant *variant = &variants[_i];
    struct scene scene = {.walk = {.variant = variant}};

    for (size_t i = 0; i < CALLS && walk_is_distinct(variant); i++) {
        scene.call = &calls[i];
        if (variant_has(variant, scene.call->caps))
            fork_at_each_instruction(&scene, stride_of(scene.call, variant), fork_and_wait);
    }
}
END_TEST

/* The counter is either open or closed in the child, where no other thread can close it. */
static void check_closed_or_open(void *arg)
{
    struct scene *scene = arg;
    tsc_counter_t *counter = scene->subject.counter;
    int result = tsc_counter_inc(counter);

    CHILD_CHECK(result == 0 || result == -ESHUTDOWN);
    for (int i = 1; i < ADDS_IN_CHILD; i++)
        CHILD_CHECK(tsc_counter_inc(counter) == result);
    drain_in_child(scene, result == 0 ? INITIAL + ADDS_IN_CHILD : INITIAL);
}

static void fork_and_check_closed_or_open(void *arg)
{
    struct scene *scene = arg;

    scene->status = child_run(check_closed_or_open, scene);
}

START_TEST(test_another_thread_forks_during_a_close)
{
    static const struct call close = {"close", tsc_counter_close, 0, 1};
    const struct variant *variant = &variants[_i];
    struct scene scene = {.walk = {.variant = variant}, .call = &close};

    if (walk_is_distinct(variant))
        fork_at_each_instruction(&scene, variant_has(variant, TSC_CAP_ASYNC) ? walk_stride(CLOSING_STRIDE) : 1,
                                 fork_and_check_closed_or_open);
}
END_TEST

/* -------- bounds, and waits for admission -------- */

enum { ROOM = 10 };

static void open_narrow_scene(struct scene *scene)
{
    const struct variant *variant = scene->walk.variant;
    tsc_counter_attr_t *attr = variant_attr(variant);

    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, INITIAL), 0);
    ck_assert_int_eq(tsc_counter_attr_set_bounds(attr, INITIAL - ROOM, INITIAL, TSC_BOUNDS_REJECT), 0);
    subject_open(&scene->subject, variant, attr);
    scene->result = UNTOUCHED;
    scene->status = 0;
}

/* A wait goes by the bounds that the child has: the former ones or the new ones. */
static void check_bounds(tsc_counter_t *counter)
{
    int64_t min = -1;
    int64_t max = -1;

    CHILD_CHECK(tsc_counter_get_bounds(counter, &min, &max) == 0);
    CHILD_CHECK((min == INITIAL - ROOM && max == INITIAL) || (min == INITIAL && max == INITIAL + 2 * ROOM));
    CHILD_CHECK(tsc_counter_set(counter, max) == 0);
    CHILD_CHECK(tsc_counter_wait_add(counter, max - min, 1) == -ETIMEDOUT);
    CHILD_CHECK(tsc_counter_wait_add(counter, max - min + 1, 1) == -ERANGE);
    CHILD_CHECK(tsc_counter_set(counter, min) == 0);
    CHILD_CHECK(tsc_counter_wait_add(counter, max - min, -1) == 0);
    CHILD_CHECK(tsc_counter_set_bounds(counter, INT64_MIN, INT64_MAX) == 0);
    CHILD_CHECK(tsc_counter_set(counter, INITIAL) == 0);
}

static void check_bounds_in_child(void *arg)
{
    struct scene *scene = arg;

    check_bounds(scene->subject.counter);
    use_and_drain(scene, INITIAL);
}

static void fork_and_check_bounds(void *arg)
{
    struct scene *scene = arg;

    scene->status = child_run(check_bounds_in_child, scene);
}

static int call_set_bounds(tsc_counter_t *counter)
{
    return tsc_counter_set_bounds(counter, INITIAL, INITIAL + 2 * ROOM);
}

/* Queues, tries, sleeps and leaves. */
static int call_wait_add(tsc_counter_t *counter)
{
    return tsc_counter_wait_add(counter, 1, 1) == -ETIMEDOUT ? 0 : UNTOUCHED;
}

static const struct call narrow_calls[] = {
    {"set_bounds", call_set_bounds, TSC_CAP_BOUNDS, 1},
    {"wait_add", call_wait_add, TSC_CAP_BOUNDS, 1},
};

enum { NARROW_CALLS = sizeof narrow_calls / sizeof *narrow_calls };

static void fork_in_narrow_bounds(struct scene *scene)
{
    struct walk *walk = &scene->walk;
    uint64_t stride = variant_has(walk->variant, TSC_CAP_ASYNC) ? walk_stride(SENDING_STRIDE) : 1;

    walk_begin(walk, walk->variant, scene->call->name, "and another thread forks", stride);
    while (walk_next(walk)) {
        open_narrow_scene(scene);
        walk_visit(walk, make_call, fork_and_check_bounds, scene);
        walk_end_visit(walk);
        close_scene(scene);
    }
}

START_TEST(test_another_thread_forks_beside_bounds)
{
    const struct variant *variant = &variants[_i];
    struct scene scene = {.walk = {.variant = variant}};

    for (size_t i = 0; i < NARROW_CALLS && walk_is_distinct(variant); i++) {
        scene.call = &narrow_calls[i];
        fork_in_narrow_bounds(&scene);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forks");
    TCase *tcase = support_add_case(suite, "forks", CASE_SECONDS);

    add_variant_test(tcase, test_another_thread_forks, 0);
    add_variant_test(tcase, test_another_thread_forks_during_a_close, 0);
    add_variant_test(tcase, test_another_thread_forks_beside_bounds, TSC_CAP_BOUNDS);
    return stepper_run_suite(suite);
}
