/* SPDX-License-Identifier: MIT */
/* A signal handler changes the value at each instruction of each call that it may interrupt. */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>

#include "support/results.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "walk.h"

enum {
    CASE_SECONDS = 120,
    INITIAL = 100,
    HANDLER_SUM = 5,
    HANDLER_CHANGES = 7, /* the sum of the handler's changes, without signs */
};

/* The results of a call and of a handler, and the counter after both. */
struct outcome {
    int result;
    int64_t output;
    int handled;
    int64_t value;
    int64_t peak;
};

struct scene {
    struct walk walk;
    const struct call *call;
    tsc_counter_t *counter;
    struct outcome outcome;
};

struct call {
    const char *name;
    int (*make)(tsc_counter_t *counter, int64_t *output);
    bool only_reads;
};

static int call_inc(tsc_counter_t *counter, int64_t *output)
{
    (void)output;
    return tsc_counter_inc(counter);
}

static int call_dec(tsc_counter_t *counter, int64_t *output)
{
    (void)output;
    return tsc_counter_dec(counter);
}

static int call_try_add(tsc_counter_t *counter, int64_t *output)
{
    (void)output;
    return tsc_counter_try_add(counter, 7);
}

static int call_get(tsc_counter_t *counter, int64_t *output)
{
    return tsc_counter_get(counter, output);
}

static int call_get_delta(tsc_counter_t *counter, int64_t *output)
{
    int64_t cursor = INITIAL;

    return tsc_counter_get_delta(counter, &cursor, output);
}

static int call_get_peak(tsc_counter_t *counter, int64_t *output)
{
    return tsc_counter_get_peak(counter, output);
}

static int call_fetch_add(tsc_counter_t *counter, int64_t *output)
{
    return tsc_counter_fetch_add(counter, 11, output);
}

static int call_set(tsc_counter_t *counter, int64_t *output)
{
    (void)output;
    return tsc_counter_set(counter, 50);
}

static int call_exchange(tsc_counter_t *counter, int64_t *output)
{
    return tsc_counter_exchange(counter, 300, output);
}

static int call_compare_exchange(tsc_counter_t *counter, int64_t *output)
{
    *output = INITIAL;
    return tsc_counter_compare_exchange(counter, output, 40);
}

static int call_failing_compare_exchange(tsc_counter_t *counter, int64_t *output)
{
    *output = INITIAL + HANDLER_SUM;
    return tsc_counter_compare_exchange(counter, output, 40);
}

static int call_close(tsc_counter_t *counter, int64_t *output)
{
    (void)output;
    return tsc_counter_close(counter);
}

static int wait_without_timeout(tsc_counter_t *counter, int64_t *output)
{
    (void)output;
    return tsc_counter_wait_at_most(counter, INITIAL, 0);
}

static int call_set_bounds(tsc_counter_t *counter, int64_t *output)
{
    int64_t min = 0;
    int result = tsc_counter_set_bounds(counter, -INITIAL, 10 * INITIAL);

    return result == 0 ? tsc_counter_get_bounds(counter, &min, output) : result;
}

static int call_wait_add(tsc_counter_t *counter, int64_t *output)
{
    (void)output;
    return tsc_counter_wait_add(counter, 7, 0);
}

/* Does not fit before the handler's changes, nor after: it queues, and leaves. */
static int wait_add_in_vain(tsc_counter_t *counter, int64_t *output)
{
    (void)output;
    return tsc_counter_wait_add(counter, INT64_MAX / 2 - INITIAL / 2, 1);
}

static const struct call calls[] = {
    {"inc", call_inc, false},
    {"dec", call_dec, false},
    {"try_add", call_try_add, false},
    {"get", call_get, true},
    {"get_delta", call_get_delta, true},
    {"get_peak", call_get_peak, false},
    {"fetch_add", call_fetch_add, false},
    {"set", call_set, false},
    {"exchange", call_exchange, false},
    {"compare_exchange", call_compare_exchange, false},
    {"failing compare_exchange", call_failing_compare_exchange, false},
    {"set_bounds", call_set_bounds, false},
    {"wait_add", call_wait_add, false},
    {"wait_add in vain", wait_add_in_vain, false},
    {"close", call_close, false},
    {"wait_at_most", wait_without_timeout, true},
};

enum { CALLS = sizeof calls / sizeof *calls };

static void make_call(void *arg)
{
    struct scene *scene = arg;

    scene->outcome.result = scene->call->make(scene->counter, &scene->outcome.output);
}

/* A closed counter refuses all of the handler's increments, an open one none. */
static void change_in_handler(void *arg)
{
    struct scene *scene = arg;
    int64_t value = 0;
    int first = tsc_counter_inc(scene->counter);
    int second = tsc_counter_add(scene->counter, 2);
    int third = tsc_counter_try_add(scene->counter, 3);
    int fourth = tsc_counter_dec(scene->counter);
    int fifth = tsc_counter_get(scene->counter, &value);

    scene->outcome.handled = first == second && first == third && fourth == 0 && fifth == 0 ? first : UNTOUCHED;
}

static void open_scene(struct scene *scene)
{
    tsc_counter_attr_t *attr = variant_attr(scene->walk.variant);

    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, INITIAL), 0);
    ck_assert_int_eq(tsc_counter_create(&scene->counter, scene->walk.variant->backend, attr), 0);
    tsc_counter_attr_destroy(attr);
    scene->outcome = (struct outcome){.result = UNTOUCHED, .output = UNTOUCHED, .handled = UNTOUCHED};
}

static struct outcome close_scene(struct scene *scene)
{
    struct outcome *outcome = &scene->outcome;

    ck_assert_int_eq(tsc_counter_get(scene->counter, &outcome->value), 0);
    if (scene->walk.variant->track_peak)
        ck_assert_int_eq(tsc_counter_get_peak(scene->counter, &outcome->peak), 0);
    tsc_counter_unref(scene->counter);
    return *outcome;
}

static struct outcome in_sequence(struct scene *scene, walk_fn first, walk_fn second)
{
    open_scene(scene);
    first(scene);
    second(scene);
    return close_scene(scene);
}

static bool is_same(const struct outcome *one, const struct outcome *other)
{
    return one->result == other->result && one->output == other->output && one->handled == other->handled &&
           one->value == other->value && one->peak == other->peak;
}

/* Whether a read of slots is within its contract: not below the value, and above it at most by the changes. */
static bool is_within_bounds(const struct scene *scene, const struct outcome *outcome)
{
    int64_t low = scene->call->make == call_get ? INITIAL : 0;

    if (scene->walk.variant->backend != TSC_BACKEND_PERCPU || !scene->call->only_reads ||
        outcome->value != INITIAL + HANDLER_SUM || outcome->handled != 0)
        return false;
    if (scene->call->make == wait_without_timeout)
        return outcome->result == 0 || outcome->result == -ETIMEDOUT;
    return outcome->result == 0 && outcome->output >= low &&
           outcome->output <= low + HANDLER_SUM + HANDLER_CHANGES;
}

/* The outcome is that of the handler before the call, or of the handler after it. */
static void interrupt_at_each_instruction(struct scene *scene)
{
    struct walk *walk = &scene->walk;
    struct outcome before = in_sequence(scene, change_in_handler, make_call);
    struct outcome after = in_sequence(scene, make_call, change_in_handler);

    walk_begin(walk, walk->variant, scene->call->name, "and a handler changes the value", 1);
    while (walk_next(walk)) {
        struct outcome outcome;

        open_scene(scene);
        if (!walk_interrupt(walk, make_call, change_in_handler, scene))
            change_in_handler(scene);
        outcome = close_scene(scene);
        ck_assert_msg(is_same(&outcome, &before) || is_same(&outcome, &after) || is_within_bounds(scene, &outcome),
                      "%s: result %d, output %" PRId64 ", handler %d, value %" PRId64 ", peak %" PRId64,
                      walk->name, outcome.result, outcome.output, outcome.handled, outcome.value, outcome.peak);
    }
}

START_TEST(test_a_handler_changes_the_value)
{
    struct scene scene = {.walk = {.variant = &variants[_i]}};

    for (size_t i = 0; i < CALLS; i++) {
        scene.call = &calls[i];
        interrupt_at_each_instruction(&scene);
    }
}
END_TEST

/* Moves to another CPU, then allows all again. */
static void move_to_another_cpu(void *arg)
{
    cpu_set_t allowed;
    int cpu = sched_getcpu();

    (void)arg;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || cpu < 0 || CPU_COUNT(&allowed) < 2)
        return;
    CPU_CLR(cpu, &allowed);
    sched_setaffinity(0, sizeof allowed, &allowed);
    CPU_SET(cpu, &allowed);
    sched_setaffinity(0, sizeof allowed, &allowed);
}

START_TEST(test_the_thread_changes_its_cpu)
{
    struct scene scene = {.walk = {.variant = &variants[_i]}, .call = &calls[0]};
    struct walk *walk = &scene.walk;

    walk_begin(walk, walk->variant, scene.call->name, "and the thread changes its CPU", 1);
    while (walk_next(walk)) {
        open_scene(&scene);
        walk_interrupt(walk, make_call, move_to_another_cpu, &scene);
        WALK_CHECK(walk, close_scene(&scene).value == INITIAL + 1);
        WALK_CHECK(walk, scene.outcome.result == 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handlers");
    TCase *tcase = support_add_case(suite, "handlers", CASE_SECONDS);

    add_variant_test(tcase, test_a_handler_changes_the_value, TSC_CAP_SIGNAL_SAFE);
    add_variant_test(tcase, test_the_thread_changes_its_cpu, TSC_CAP_SIGNAL_SAFE);
    return stepper_run_suite(suite);
}
