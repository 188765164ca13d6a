/* SPDX-License-Identifier: MIT */
/* A peak is read, or the value falls, between two instructions of a change. steps/handlers has the rest. */
#include "support/results.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "walk.h"

enum { CASE_SECONDS = 60, INITIAL = 5, HIGH = 10 };

/* Such a counter may be read and changed by a handler in the middle of a change, as if by another thread. */
#define NEEDED (TSC_CAP_SIGNAL_SAFE | TSC_CAP_PEAK | TSC_CAP_FETCH)

static int lower_by_fetch_add(tsc_counter_t *counter)
{
    int64_t previous;

    return tsc_counter_fetch_add(counter, -1, &previous);
}

static int lower_by_exchange(tsc_counter_t *counter)
{
    int64_t previous;

    return tsc_counter_exchange(counter, 0, &previous);
}

static int lower_by_compare_exchange(tsc_counter_t *counter)
{
    int64_t expected = HIGH;

    return tsc_counter_compare_exchange(counter, &expected, 0) == 1 ? 0 : UNTOUCHED;
}

static const struct way {
    const char *name;
    int (*lower)(tsc_counter_t *counter);
} ways[] = {
    {"dec", tsc_counter_dec},
    {"fetch_add", lower_by_fetch_add},
    {"exchange", lower_by_exchange},
    {"compare_exchange", lower_by_compare_exchange},
};

enum { WAYS = sizeof ways / sizeof *ways };

struct scene {
    struct walk walk;
    const struct way *way;
    tsc_counter_t *counter;
    int result;
    int64_t previous;
    int64_t peak;
};

static void open_scene(struct scene *scene)
{
    tsc_counter_attr_t *attr = variant_attr(scene->walk.variant);

    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, INITIAL), 0);
    ck_assert_int_eq(tsc_counter_create(&scene->counter, scene->walk.variant->backend, attr), 0);
    tsc_counter_attr_destroy(attr);
}

static void read_peak(void *arg)
{
    struct scene *scene = arg;

    (void)tsc_counter_get_peak(scene->counter, &scene->peak);
}

static void lower(void *arg)
{
    struct scene *scene = arg;

    scene->result = scene->way->lower(scene->counter);
}

/* The counter has held HIGH, so at every moment the value or the recorded peak is HIGH. */
static void read_peak_at_each_instruction(struct scene *scene)
{
    struct walk *walk = &scene->walk;

    walk_begin(walk, walk->variant, scene->way->name, "and a handler reads the peak", 1);
    while (walk_next(walk)) {
        open_scene(scene);
        ck_assert_int_eq(tsc_counter_add(scene->counter, HIGH - INITIAL), 0);
        scene->peak = HIGH;
        walk_interrupt(walk, lower, read_peak, scene);
        WALK_CHECK(walk, scene->result == 0);
        WALK_CHECK(walk, scene->peak == HIGH);
        tsc_counter_unref(scene->counter);
    }
}

START_TEST(test_a_peak_is_read_while_the_value_falls)
{
    struct scene scene = {.walk = {.variant = &variants[_i]}};

    for (size_t i = 0; i < WAYS && scene.walk.variant->track_peak; i++) {
        scene.way = &ways[i];
        read_peak_at_each_instruction(&scene);
    }
}
END_TEST

static void raise_by_one(void *arg)
{
    struct scene *scene = arg;

    scene->result = tsc_counter_fetch_add(scene->counter, 1, &scene->previous);
}

static void lower_by_one(void *arg)
{
    struct scene *scene = arg;

    (void)tsc_counter_dec(scene->counter);
}

/* Then the addition starts over. The sum that it had computed was never the value, and is no peak. */
START_TEST(test_the_value_falls_while_it_is_raised)
{
    struct scene scene = {.walk = {.variant = &variants[_i]}};
    struct walk *walk = &scene.walk;

    if (!walk->variant->track_peak)
        return;
    walk_begin(walk, walk->variant, "fetch_add", "and a handler decrements", 1);
    while (walk_next(walk)) {
        open_scene(&scene);
        walk_interrupt(walk, raise_by_one, lower_by_one, &scene);
        read_peak(&scene);
        WALK_CHECK(walk, scene.result == 0);
        WALK_CHECK(walk, scene.peak == (scene.previous + 1 > INITIAL ? scene.previous + 1 : INITIAL));
        tsc_counter_unref(scene.counter);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("peaks");
    TCase *tcase = support_add_case(suite, "peaks", CASE_SECONDS);

    add_variant_test(tcase, test_a_peak_is_read_while_the_value_falls, NEEDED);
    add_variant_test(tcase, test_the_value_falls_while_it_is_raised, NEEDED);
    return stepper_run_suite(suite);
}
