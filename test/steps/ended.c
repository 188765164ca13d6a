/* SPDX-License-Identifier: MIT */
/*
 * After a wait or a registration, however it ended, a change costs as many instructions as before. The queue is
 * left out, because its costs depend on its owner; test/unit/watch.c tests the part that all backends share.
 */
#include <errno.h>
#include <pthread.h>

#include "costs.h"
#include "fork/child.h"
#include "support/channel.h"
#include "support/procfs.h"
#include "support/results.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "support/threads.h"
#include "walk.h"

enum { CASE_SECONDS = 240, INITIAL = 1000, OTHERS_STRIDE = 11 };

struct scene {
    struct walk walk;
    struct subject subject;
    struct costs before;
    int64_t threshold; /* one below the value */
    int waited;
    int waited_too;
    int status; /* how the child ended */
};

static void open_scene(struct scene *scene, const struct variant *variant, bool closed)
{
    tsc_counter_attr_t *attr = variant_attr(variant);
    int64_t value = UNTOUCHED;

    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, INITIAL), 0);
    subject_open(&scene->subject, variant, attr);
    if (closed)
        ck_assert_int_eq(tsc_counter_close(scene->subject.counter), 0);
    (void)costs_measure(scene->subject.counter);
    scene->before = costs_measure(scene->subject.counter);
    ck_assert_int_eq(tsc_counter_get(scene->subject.counter, &value), 0);
    scene->threshold = value - 1;
    scene->waited = scene->waited_too = scene->status = UNTOUCHED;
}

static int wait_for(struct scene *scene, int64_t timeout_ns)
{
    return tsc_counter_wait_at_most(scene->subject.counter, scene->threshold, timeout_ns);
}

static void *wait_asleep(void *arg)
{
    struct scene *scene = arg;

    scene->waited = wait_for(scene, -1);
    return NULL;
}

static pthread_t start_waiter(struct scene *scene)
{
    pid_t id;

    return support_start_sleeper(wait_asleep, scene, &id);
}

static void lower(struct scene *scene)
{
    ck_assert_int_eq(tsc_counter_dec(scene->subject.counter), 0);
}

/* -------- the ways in which a wait ends -------- */

static void time_out(struct scene *scene)
{
    ck_assert_int_eq(wait_for(scene, SUPPORT_MILLISECOND_NS), -ETIMEDOUT);
}

static void time_out_at_once(struct scene *scene)
{
    ck_assert_int_eq(wait_for(scene, 0), -ETIMEDOUT);
    ck_assert_int_eq(wait_for(scene, 1), -ETIMEDOUT);
}

static void find_low_value(struct scene *scene)
{
    scene->threshold++;
    ck_assert_int_eq(wait_for(scene, -1), 0);
}

static void end_by_wake_up(struct scene *scene)
{
    pthread_t waiter = start_waiter(scene);

    lower(scene);
    pthread_join(waiter, NULL);
    ck_assert_int_eq(scene->waited, 0);
}

static void end_by_cancellation(struct scene *scene)
{
    pthread_t waiter = start_waiter(scene);

    ck_assert_int_eq(pthread_cancel(waiter), 0);
    pthread_join(waiter, NULL);
    ck_assert_int_eq(scene->waited, UNTOUCHED);
}

static void time_out_while_another_sleeps(struct scene *scene)
{
    pthread_t waiter = start_waiter(scene);

    scene->threshold--;
    time_out(scene);
    lower(scene);
    pthread_join(waiter, NULL);
    ck_assert_int_eq(scene->waited, 0);
}

/* -------- and a registration -------- */

static int notify(struct scene *scene, const struct channel *channel)
{
    return tsc_counter_notify_at_most(scene->subject.counter, scene->threshold, channel->out);
}

static void take_back(struct scene *scene)
{
    ck_assert_int_eq(tsc_counter_notify_at_most(scene->subject.counter, 0, -1), 0);
}

static void register_and_take_back(struct scene *scene)
{
    struct channel channel = channel_open(CHANNEL_EVENTFD);

    ck_assert_int_eq(notify(scene, &channel), 0);
    scene->threshold--;
    ck_assert_int_eq(notify(scene, &channel), 0);
    take_back(scene);
    channel_close(&channel);
}

static void end_by_firing(struct scene *scene)
{
    struct channel channel = channel_open(CHANNEL_EVENTFD);

    ck_assert_int_eq(notify(scene, &channel), 0);
    lower(scene);
    ck_assert_int_eq(channel_read(&channel), 1);
    channel_close(&channel);
}

static void fire_at_once(struct scene *scene)
{
    struct channel channel = channel_open(CHANNEL_EVENTFD);

    scene->threshold++;
    ck_assert_int_eq(notify(scene, &channel), 0);
    ck_assert_int_eq(channel_read(&channel), 1);
    channel_close(&channel);
}

/* The waiter's threshold is the higher one; it leaves while the notification is pending. */
static void time_out_and_take_back(struct scene *scene)
{
    struct channel channel = channel_open(CHANNEL_EVENTFD);

    scene->threshold--;
    ck_assert_int_eq(notify(scene, &channel), 0);
    scene->threshold++;
    time_out(scene);
    take_back(scene);
    channel_close(&channel);
}

static void time_out_and_fire(struct scene *scene)
{
    struct channel channel = channel_open(CHANNEL_EVENTFD);

    scene->threshold--;
    ck_assert_int_eq(notify(scene, &channel), 0);
    scene->threshold++;
    time_out(scene);
    lower(scene);
    ck_assert_int_eq(channel_read(&channel), 0);
    lower(scene);
    ck_assert_int_eq(channel_read(&channel), 1);
    channel_close(&channel);
}

/* -------- and a wait for admission -------- */

/* Too little is left within the bounds of a variant; a closed counter lets a thread wait for that too. */
static int wait_to_subtract_too_much(struct scene *scene, int64_t timeout_ns)
{
    return tsc_counter_wait_add(scene->subject.counter, INT64_MIN / 2 - 2 * INITIAL, timeout_ns);
}

static void give_up_admission(struct scene *scene)
{
    if (!scene->subject.variant->bounded)
        return;
    ck_assert_int_eq(wait_to_subtract_too_much(scene, SUPPORT_MILLISECOND_NS), -ETIMEDOUT);
    ck_assert_int_eq(wait_to_subtract_too_much(scene, 1), -ETIMEDOUT);
    ck_assert_int_eq(wait_to_subtract_too_much(scene, 0), -ETIMEDOUT);
}

static void *wait_for_admission(void *arg)
{
    struct scene *scene = arg;

    scene->waited = wait_to_subtract_too_much(scene, -1);
    return NULL;
}

static void end_admission_by_cancellation(struct scene *scene)
{
    pthread_t waiter;
    pid_t id;

    if (!scene->subject.variant->bounded)
        return;
    waiter = support_start_sleeper(wait_for_admission, scene, &id);
    ck_assert_int_eq(pthread_cancel(waiter), 0);
    pthread_join(waiter, NULL);
    ck_assert_int_eq(scene->waited, UNTOUCHED);
}

static void (*const ends[])(struct scene *scene) = {
    time_out,
    time_out_at_once,
    find_low_value,
    end_by_wake_up,
    end_by_cancellation,
    time_out_while_another_sleeps,
    register_and_take_back,
    end_by_firing,
    fire_at_once,
    time_out_and_take_back,
    time_out_and_fire,
    give_up_admission,
    end_admission_by_cancellation,
};

static bool is_counted(const struct variant *variant)
{
    return walk_is_distinct(variant) && !variant_has(variant, TSC_CAP_ASYNC);
}

START_TEST(test_changes_cost_what_they_cost)
{
    const struct variant *variant = &variants[_i];
    struct scene scene;

    for (size_t i = 0; i < 2 * sizeof ends / sizeof *ends && is_counted(variant); i++) {
        open_scene(&scene, variant, i & 1);
        ends[i / 2](&scene);
        ck_assert_msg(costs_are(scene.subject.counter, &scene.before), "%s: end %zu", variant->name, i / 2);
        subject_close(&scene.subject);
    }
}
END_TEST

static void measure_in_child(void *arg)
{
    struct scene *scene = arg;

    CHILD_CHECK(tsc_counter_add(scene->subject.counter, 0) == 0); /* the thread's first change may cost more */
    CHILD_CHECK(costs_are(scene->subject.counter, &scene->before));
    subject_drop_in_child(&scene->subject);
}

START_TEST(test_no_waiter_is_in_the_child)
{
    const struct variant *variant = &variants[_i];
    struct scene scene;

    for (int closed = 0; closed < 2 && is_counted(variant); closed++) {
        pthread_t waiter;

        open_scene(&scene, variant, closed);
        waiter = start_waiter(&scene);
        ck_assert_int_eq(child_run(measure_in_child, &scene), 0);
        lower(&scene);
        pthread_join(waiter, NULL);
        subject_close(&scene.subject);
    }
}
END_TEST

START_TEST(test_no_registration_is_in_the_child)
{
    const struct variant *variant = &variants[_i];
    struct scene scene;

    for (int closed = 0; closed < 2 && is_counted(variant); closed++) {
        struct channel channel = channel_open(CHANNEL_EVENTFD);

        open_scene(&scene, variant, closed);
        ck_assert_int_eq(notify(&scene, &channel), 0);
        ck_assert_int_eq(child_run(measure_in_child, &scene), 0);
        ck_assert_int_eq(channel_read(&channel), 0);
        lower(&scene);
        ck_assert_int_eq(channel_read(&channel), 1);
        subject_close(&scene.subject);
        channel_close(&channel);
    }
}
END_TEST

/* -------- events at each instruction of a wait that times out at once -------- */

static void time_out_soon(void *arg)
{
    struct scene *scene = arg;

    scene->waited = wait_for(scene, 1);
}

static void visit_at_each_instruction(const struct variant *variant, const char *what, uint64_t stride,
                                      walk_fn visit, void (*check)(struct scene *scene))
{
    struct scene scene;

    if (!is_counted(variant))
        return;
    walk_begin(&scene.walk, variant, "wait_at_most", what, stride);
    while (walk_next(&scene.walk)) {
        bool visited;

        open_scene(&scene, variant, false);
        visited = walk_visit(&scene.walk, time_out_soon, visit, &scene);
        WALK_CHECK(&scene.walk, scene.waited == -ETIMEDOUT);
        if (visited)
            check(&scene);
        walk_end_visit(&scene.walk);
        WALK_CHECK(&scene.walk, costs_are(scene.subject.counter, &scene.before));
        subject_close(&scene.subject);
    }
}

static void wait_too(void *arg)
{
    struct scene *scene = arg;

    scene->waited_too = wait_for(scene, -1);
}

/* The other waiter still sleeps, and is woken. */
static void wake_the_other(struct scene *scene)
{
    lower(scene);
    visitor_keep_home(&scene->walk.visitor);
    visitor_let_out(&scene->walk.visitor);
    WALK_CHECK(&scene->walk, scene->waited_too == 0);
}

/* A wake-up could be lost between two of the last instructions. All backends share most of them, so one tries
 * each. */
START_TEST(test_a_waiter_comes_while_another_leaves)
{
    const struct variant *variant = &variants[_i];
    bool all = variant->backend == TSC_BACKEND_ATOMIC && !variant->bounded;

    visit_at_each_instruction(variant, "and another comes", all ? 1 : walk_stride(OTHERS_STRIDE), wait_too,
                              wake_the_other);
}
END_TEST

static void time_out_too(void *arg)
{
    struct scene *scene = arg;

    scene->waited_too = wait_for(scene, 1);
}

static void check_the_other(struct scene *scene)
{
    visitor_keep_home(&scene->walk.visitor);
    visitor_let_out(&scene->walk.visitor);
    WALK_CHECK(&scene->walk, scene->waited_too == -ETIMEDOUT);
}

START_TEST(test_a_waiter_comes_and_leaves)
{
    visit_at_each_instruction(&variants[_i], "and another comes and leaves", walk_stride(OTHERS_STRIDE),
                              time_out_too, check_the_other);
}
END_TEST

static void fork_and_measure(void *arg)
{
    struct scene *scene = arg;

    scene->status = child_run(measure_in_child, scene);
}

static void check_the_child(struct scene *scene)
{
    visitor_keep_home(&scene->walk.visitor);
    visitor_let_out(&scene->walk.visitor);
    WALK_CHECK(&scene->walk, scene->status == 0);
}

START_TEST(test_another_thread_forks)
{
    visit_at_each_instruction(&variants[_i], "and another thread forks", walk_stride(OTHERS_STRIDE),
                              fork_and_measure, check_the_child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ended");
    TCase *tcase = support_add_case(suite, "ended", CASE_SECONDS);

    add_variant_test(tcase, test_changes_cost_what_they_cost, 0);
    add_variant_test(tcase, test_no_waiter_is_in_the_child, 0);
    add_variant_test(tcase, test_no_registration_is_in_the_child, 0);
    add_variant_test(tcase, test_a_waiter_comes_while_another_leaves, 0);
    add_variant_test(tcase, test_a_waiter_comes_and_leaves, 0);
    add_variant_test(tcase, test_another_thread_forks, 0);
    return stepper_run_suite(suite);
}
