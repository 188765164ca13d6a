/* SPDX-License-Identifier: MIT */
/*
 * The value falls at each instruction of a call that registers, replaces or takes back a notification, and the
 * other way round: on another thread, and in a signal handler. A registration that stays fires once, and another
 * one fires exactly if it is reported.
 */
#include <errno.h>

#include "fork/child.h"
#include "support/channel.h"
#include "support/results.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "walk.h"

enum { CASE_SECONDS = 240, OTHERS_STRIDE = 5, FORKS_STRIDE = 17, SENDING_FACTOR = 5 };

struct scene {
    struct walk walk;
    struct subject subject;
    const struct pair *pair;
    struct channel first;
    struct channel second;
    size_t open_descriptors;
    int lowered;
    int reported; /* by the call that replaces the registration or takes it back */
    int status;   /* how the child ended */
};

static void lower(struct scene *scene)
{
    scene->lowered += tsc_counter_dec(scene->subject.counter);
}

/* -------- the calls -------- */

struct pair {
    const char *call;
    const char *what;
    void (*make)(struct scene *scene);
    void (*visit)(struct scene *scene);
    bool begins_registered;
    bool is_lowered_twice;
};

static int64_t threshold_of(const struct pair *pair)
{
    return pair->is_lowered_twice ? INT64_MIN : 0;
}

static int notify(struct scene *scene, const struct channel *channel)
{
    return tsc_counter_notify_at_most(scene->subject.counter, threshold_of(scene->pair),
                                      channel != NULL ? channel->out : -1);
}

static void register_first(struct scene *scene)
{
    scene->reported = notify(scene, &scene->first);
}

static void replace(struct scene *scene)
{
    scene->reported = notify(scene, &scene->second);
}

static void take_back(struct scene *scene)
{
    scene->reported = notify(scene, NULL);
}

/*
 * The lowest threshold arms the watch one above it. So the first of two decrements claims the notification in
 * vain.
 */
static const struct pair pairs[] = {
    {"notify_at_most", "and the value falls", register_first, lower, false, false},
    {"dec", "and another thread registers", lower, register_first, false, false},
    {"notify_at_most that replaces", "and the value falls", replace, lower, true, false},
    {"dec", "and another thread replaces", lower, replace, true, false},
    {"notify_at_most that takes back", "and the value falls", take_back, lower, true, false},
    {"dec", "and another thread takes back", lower, take_back, true, false},
    {"dec near the lowest threshold", "and the value falls", lower, lower, true, true},
    {"dec near the lowest threshold", "and another thread takes back", lower, take_back, true, true},
};

enum { PAIRS = sizeof pairs / sizeof *pairs };

static bool has(const struct pair *pair, void (*call)(struct scene *scene))
{
    return pair->make == call || pair->visit == call;
}

static void make_call(void *arg)
{
    struct scene *scene = arg;

    scene->pair->make(scene);
}

static void visit(void *arg)
{
    struct scene *scene = arg;

    scene->pair->visit(scene);
}

static void open_scene(struct scene *scene)
{
    const struct variant *variant = scene->walk.variant;
    tsc_counter_attr_t *attr = variant_attr(variant);

    scene->first = channel_open(CHANNEL_PIPE);
    scene->second = channel_open(CHANNEL_EVENTFD);
    scene->open_descriptors = support_open_descriptors();
    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, scene->pair->is_lowered_twice ? INT64_MIN + 2 : 1), 0);
    subject_open(&scene->subject, variant, attr);
    scene->lowered = scene->reported = scene->status = 0;
    if (scene->pair->begins_registered)
        ck_assert_int_eq(notify(scene, &scene->first), 0);
}

static void close_scene(struct scene *scene)
{
    const struct pair *pair = scene->pair;
    bool replaced = has(pair, replace);
    bool taken_back = has(pair, take_back);
    struct walk *walk = &scene->walk;

    WALK_CHECK(walk, scene->lowered == 0 && scene->status == 0);
    WALK_CHECK(walk, scene->reported == 0 || (scene->reported == 1 && pair->begins_registered));
    WALK_CHECK(walk, tsc_counter_flush(scene->subject.counter) == 0);
    WALK_CHECK(walk, channel_read(&scene->first) == (replaced || taken_back ? scene->reported : 1));
    WALK_CHECK(walk, channel_read(&scene->second) == replaced);
    WALK_CHECK(walk, support_open_descriptors() == scene->open_descriptors);
    WALK_CHECK(walk, notify(scene, NULL) == !taken_back);
    subject_close(&scene->subject);
    channel_close(&scene->first);
    channel_close(&scene->second);
}

static void for_each_pair(const struct variant *variant, void (*walk_through)(struct scene *scene))
{
    struct scene scene = {.walk = {.variant = variant}};

    for (size_t i = 0; i < PAIRS && walk_is_distinct(variant); i++) {
        scene.pair = &pairs[i];
        if (!pairs[i].is_lowered_twice || !variant->bounded)
            walk_through(&scene);
    }
}

/* -------- on another thread -------- */

/* All messages have the same instructions. */
static uint64_t stride_of(const struct scene *scene, uint64_t fallback)
{
    return walk_stride(variant_has(scene->walk.variant, TSC_CAP_ASYNC) ? fallback * SENDING_FACTOR : fallback);
}

static void visit_at_each_instruction(struct scene *scene)
{
    struct walk *walk = &scene->walk;

    walk_begin(walk, walk->variant, scene->pair->call, scene->pair->what, stride_of(scene, OTHERS_STRIDE));
    while (walk_next(walk)) {
        open_scene(scene);
        if (!walk_visit(walk, make_call, visit, scene))
            visit(scene);
        walk_end_visit(walk);
        close_scene(scene);
    }
}

START_TEST(test_another_thread_calls)
{
    for_each_pair(&variants[_i], visit_at_each_instruction);
}
END_TEST

/* -------- in a signal handler -------- */

static void interrupt_at_each_instruction(struct scene *scene)
{
    struct walk *walk = &scene->walk;

    if (scene->pair->visit != lower)
        return;
    walk_begin(walk, walk->variant, scene->pair->call, "and a handler decrements", 1);
    while (walk_next(walk)) {
        open_scene(scene);
        if (!walk_interrupt(walk, make_call, visit, scene))
            visit(scene);
        close_scene(scene);
    }
}

START_TEST(test_a_handler_decrements)
{
    for_each_pair(&variants[_i], interrupt_at_each_instruction);
}
END_TEST

/* -------- another thread forks -------- */

/* The child has no registration, and the library's descriptor is closed there. Its changes notify nobody. */
static void check_in_child(void *arg)
{
    struct scene *scene = arg;
    tsc_counter_t *counter = scene->subject.counter;
    int64_t value = value_in_child(counter);

    CHILD_CHECK(support_open_descriptors() == scene->open_descriptors);
    CHILD_CHECK(tsc_counter_notify_at_most(counter, value, -1) == 0);
    for (int64_t left = value; left > 0; left--)
        CHILD_CHECK(tsc_counter_dec(counter) == 0);
    CHILD_CHECK(tsc_counter_flush(counter) == 0);
    subject_drop_in_child(&scene->subject);
}

static void fork_and_check(void *arg)
{
    struct scene *scene = arg;

    scene->status = child_run(check_in_child, scene);
}

static void make_both_calls(void *arg)
{
    make_call(arg);
    visit(arg);
}

static void fork_at_each_instruction(struct scene *scene)
{
    struct walk *walk = &scene->walk;

    if (scene->pair->visit != lower)
        return;
    walk_begin(walk, walk->variant, scene->pair->call, "and dec, and another thread forks",
               stride_of(scene, FORKS_STRIDE));
    while (walk_next(walk)) {
        open_scene(scene);
        walk_visit(walk, make_both_calls, fork_and_check, scene);
        walk_end_visit(walk);
        close_scene(scene);
    }
}

START_TEST(test_another_thread_forks)
{
    for_each_pair(&variants[_i], fork_at_each_instruction);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("notifies");
    TCase *tcase = support_add_case(suite, "notifies", CASE_SECONDS);

    add_variant_test(tcase, test_another_thread_calls, 0);
    add_variant_test(tcase, test_a_handler_decrements, TSC_CAP_SIGNAL_SAFE);
    add_variant_test(tcase, test_another_thread_forks, 0);
    return stepper_run_suite(suite);
}
