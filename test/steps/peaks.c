/* SPDX-License-Identifier: MIT */
/* A peak is read or taken, or the value changes, between two instructions of a call. steps/handlers has the rest.
 */
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

/* -------- taking the peak -------- */

static void take_peak(void *arg)
{
    struct scene *scene = arg;

    (void)tsc_counter_take_peak(scene->counter, &scene->peak);
}

static void rise_and_fall(void *arg)
{
    struct scene *scene = arg;

    (void)tsc_counter_add(scene->counter, HIGH - INITIAL);
    (void)tsc_counter_dec(scene->counter);
}

static int64_t peak_since(struct scene *scene)
{
    int64_t peak = UNTOUCHED;

    ck_assert_int_eq(tsc_counter_get_peak(scene->counter, &peak), 0);
    return peak;
}

/* HIGH counts in one of the two peaks. Where a change may come in the middle of a take, it may count in both. */
static void check_risen_and_fallen(struct scene *scene)
{
    bool is_atomic = scene->walk.variant->backend == TSC_BACKEND_ATOMIC;
    int64_t since = peak_since(scene);

    WALK_CHECK(&scene->walk, scene->peak == HIGH || scene->peak == INITIAL || scene->peak == HIGH - 1);
    WALK_CHECK(&scene->walk, since == HIGH || (since == HIGH - 1 && scene->peak == HIGH));
    WALK_CHECK(&scene->walk, is_atomic || since != scene->peak);
    tsc_counter_unref(scene->counter);
}

/* In a handler, as if by another thread, or on another thread. */
START_TEST(test_the_value_rises_and_falls_while_a_peak_is_taken)
{
    struct scene scene = {.walk = {.variant = &variants[_i]}};
    struct walk *walk = &scene.walk;
    bool handles = variant_has(walk->variant, TSC_CAP_SIGNAL_SAFE);

    if (!walk->variant->track_peak || !walk_is_distinct(walk->variant))
        return;
    walk_begin(walk, walk->variant, "take_peak", "and the value rises and falls", 1);
    while (walk_next(walk)) {
        bool changed;

        open_scene(&scene);
        scene.peak = UNTOUCHED;
        changed = handles ? walk_interrupt(walk, take_peak, rise_and_fall, &scene)
                          : walk_visit(walk, take_peak, rise_and_fall, &scene);
        if (!changed)
            rise_and_fall(&scene);
        walk_end_visit(walk);
        check_risen_and_fallen(&scene);
    }
}
END_TEST

/* The value HIGH was held before the call, so it is in the peak that is taken; and in the next one too, if it is
 * replaced after that. */
static void take_peak_at_each_instruction(struct scene *scene)
{
    struct walk *walk = &scene->walk;

    walk_begin(walk, walk->variant, scene->way->name, "and another thread takes the peak", 1);
    while (walk_next(walk)) {
        int64_t since;

        open_scene(scene);
        ck_assert_int_eq(tsc_counter_add(scene->counter, HIGH - INITIAL), 0);
        scene->peak = UNTOUCHED;
        if (!walk_visit(walk, lower, take_peak, scene))
            take_peak(scene);
        walk_end_visit(walk);
        since = peak_since(scene);
        WALK_CHECK(walk, scene->result == 0);
        WALK_CHECK(walk, scene->peak == HIGH);
        WALK_CHECK(walk, since == HIGH || since == tsc_counter_value(scene->counter));
        tsc_counter_unref(scene->counter);
    }
}

START_TEST(test_a_peak_is_taken_while_the_value_falls)
{
    struct scene scene = {.walk = {.variant = &variants[_i]}};

    if (!scene.walk.variant->track_peak || !walk_is_distinct(scene.walk.variant))
        return;
    for (size_t i = 0; i < WAYS; i++) {
        scene.way = &ways[i];
        take_peak_at_each_instruction(&scene);
    }
}
END_TEST

static void raise_to_high(void *arg)
{
    struct scene *scene = arg;

    scene->result = tsc_counter_add(scene->counter, HIGH - INITIAL);
}

START_TEST(test_a_peak_is_taken_while_the_value_rises)
{
    struct scene scene = {.walk = {.variant = &variants[_i]}};
    struct walk *walk = &scene.walk;

    if (!walk->variant->track_peak || !walk_is_distinct(walk->variant))
        return;
    walk_begin(walk, walk->variant, "add", "and another thread takes the peak", 1);
    while (walk_next(walk)) {
        open_scene(&scene);
        scene.peak = UNTOUCHED;
        if (!walk_visit(walk, raise_to_high, take_peak, &scene))
            take_peak(&scene);
        walk_end_visit(walk);
        WALK_CHECK(walk, scene.result == 0);
        WALK_CHECK(walk, scene.peak == INITIAL || scene.peak == HIGH);
        WALK_CHECK(walk, peak_since(&scene) == HIGH);
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
    add_variant_test(tcase, test_the_value_rises_and_falls_while_a_peak_is_taken, TSC_CAP_PEAK);
    add_variant_test(tcase, test_a_peak_is_taken_while_the_value_falls, TSC_CAP_PEAK | TSC_CAP_FETCH);
    add_variant_test(tcase, test_a_peak_is_taken_while_the_value_rises, TSC_CAP_PEAK);
    return stepper_run_suite(suite);
}
