/* SPDX-License-Identifier: MIT */
/* A signal handler counts at each instruction of each call that it may interrupt. */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>

#include "support/answers.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "walk.h"

enum {
    CASE_SECONDS = 120,
    INITIAL = 100,
    HANDLED = 5,
    MOVED = 7, /* increments and decrements of the handler */
};

/* All that one can see of a call, of a handler, and of the counter after both. */
struct outcome {
    int answer;
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
    *output = INITIAL + HANDLED;
    return tsc_counter_compare_exchange(counter, output, 40);
}

static int call_close(tsc_counter_t *counter, int64_t *output)
{
    (void)output;
    return tsc_counter_close(counter);
}

static int look_for_more(tsc_counter_t *counter, int64_t *output)
{
    (void)output;
    return tsc_counter_wait_at_most(counter, INITIAL, 0);
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
    {"close", call_close, false},
    {"wait_at_most", look_for_more, true},
};

enum { CALLS = sizeof calls / sizeof *calls };

static void make_call(void *arg)
{
    struct scene *scene = arg;

    scene->outcome.answer = scene->call->make(scene->counter, &scene->outcome.output);
}

/* Of a closed counter each increment is refused, or none. */
static void count_in_handler(void *arg)
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
    scene->outcome = (struct outcome){.answer = UNTOUCHED, .output = UNTOUCHED, .handled = UNTOUCHED};
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

static struct outcome one_after_the_other(struct scene *scene, walk_fn first, walk_fn second)
{
    open_scene(scene);
    first(scene);
    second(scene);
    return close_scene(scene);
}

static bool is_same(const struct outcome *one, const struct outcome *other)
{
    return one->answer == other->answer && one->output == other->output && one->handled == other->handled &&
           one->value == other->value && one->peak == other->peak;
}

/* What a read of slots may say: no less than was there, and more by no more than what moved meanwhile. */
static bool is_honest(const struct scene *scene, const struct outcome *outcome)
{
    int64_t low = scene->call->make == call_get ? INITIAL : 0;

    if (scene->walk.variant->backend != TSC_BACKEND_PERCPU || !scene->call->only_reads ||
        outcome->value != INITIAL + HANDLED || outcome->handled != 0)
        return false;
    if (scene->call->make == look_for_more)
        return outcome->answer == 0 || outcome->answer == -ETIMEDOUT;
    return outcome->answer == 0 && outcome->output >= low && outcome->output <= low + HANDLED + MOVED;
}

/* The handler came before the call, or after it: there is nothing in between. */
static void count_at_each_instruction(struct scene *scene)
{
    struct walk *walk = &scene->walk;
    struct outcome before = one_after_the_other(scene, count_in_handler, make_call);
    struct outcome after = one_after_the_other(scene, make_call, count_in_handler);

    walk_begin(walk, walk->variant, scene->call->name, "and a handler counts", 1);
    while (walk_on(walk)) {
        struct outcome outcome;

        open_scene(scene);
        if (!walk_interrupt(walk, make_call, count_in_handler, scene))
            count_in_handler(scene);
        outcome = close_scene(scene);
        ck_assert_msg(is_same(&outcome, &before) || is_same(&outcome, &after) || is_honest(scene, &outcome),
                      "%s: answer %d, output %" PRId64 ", handler %d, value %" PRId64 ", peak %" PRId64,
                      walk->name, outcome.answer, outcome.output, outcome.handled, outcome.value, outcome.peak);
    }
}

START_TEST(test_a_handler_counts)
{
    struct scene scene = {.walk = {.variant = variant_at(_i, TSC_CAP_SIGNAL_SAFE)}};

    for (size_t i = 0; i < CALLS; i++) {
        scene.call = &calls[i];
        count_at_each_instruction(&scene);
    }
}
END_TEST

/* To another processor, and back to all of them. */
static void hop(void *arg)
{
    cpu_set_t allowed;
    int processor = sched_getcpu();

    (void)arg;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || processor < 0 || CPU_COUNT(&allowed) < 2)
        return;
    CPU_CLR(processor, &allowed);
    sched_setaffinity(0, sizeof allowed, &allowed);
    CPU_SET(processor, &allowed);
    sched_setaffinity(0, sizeof allowed, &allowed);
}

START_TEST(test_the_thread_hops)
{
    struct scene scene = {.walk = {.variant = variant_at(_i, TSC_CAP_SIGNAL_SAFE)}, .call = &calls[0]};
    struct walk *walk = &scene.walk;

    walk_begin(walk, walk->variant, scene.call->name, "on two processors", 1);
    while (walk_on(walk)) {
        open_scene(&scene);
        walk_interrupt(walk, make_call, hop, &scene);
        WALK_CHECK(walk, close_scene(&scene).value == INITIAL + 1);
        WALK_CHECK(walk, scene.outcome.answer == 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handlers");
    TCase *tcase = support_add_case(suite, "handlers", CASE_SECONDS);

    add_variant_test(tcase, test_a_handler_counts, TSC_CAP_SIGNAL_SAFE);
    add_variant_test(tcase, test_the_thread_hops, TSC_CAP_SIGNAL_SAFE);
    return stepper_run_suite(suite);
}
