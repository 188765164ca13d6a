/* SPDX-License-Identifier: MIT */
/* Phases without a counter: what a worker may do in a phase ends before the controller goes on. */
#include "sync/phase.h"

#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

static struct tsc_phases phases;

static uint32_t inside(uint32_t phase)
{
    return atomic_load(&phases.inside[phase & 1]);
}

START_TEST(worker_is_counted_in_its_phase)
{
    uint32_t first;
    uint32_t second;

    tsc_phases_init(&phases);
    first = tsc_phase_enter(&phases);
    ck_assert_uint_eq(first, tsc_phase_current(&phases));
    ck_assert_uint_eq(inside(first), 1);
    tsc_phase_leave(&phases, first);
    tsc_phases_advance(&phases);
    second = tsc_phase_enter(&phases);
    ck_assert_uint_eq(second, first + 1);
    ck_assert_uint_eq(inside(first), 0);
    ck_assert_uint_eq(inside(second), 1);
    tsc_phase_leave(&phases, second);
    ck_assert_uint_eq(inside(second), 0);
}
END_TEST

/* The number wraps, and phases still have rules in turn. */
START_TEST(number_wraps)
{
    tsc_phases_init(&phases);
    atomic_store(&phases.current, UINT32_MAX);
    for (uint32_t phase = UINT32_MAX; phase != 3; phase++) {
        uint32_t entered = tsc_phase_enter(&phases);

        ck_assert_uint_eq(entered, phase);
        tsc_phase_leave(&phases, entered);
        tsc_phases_advance(&phases);
    }
}
END_TEST

static void *advance(void *arg)
{
    tsc_phases_lock(&phases);
    tsc_phases_advance(&phases);
    tsc_phases_unlock(&phases);
    return arg;
}

START_TEST(controller_waits_for_workers_of_the_former_phase_alone)
{
    uint32_t former[2];
    uint32_t next;
    pthread_t controller;
    pid_t id;

    tsc_phases_init(&phases);
    former[0] = tsc_phase_enter(&phases);
    former[1] = tsc_phase_enter(&phases);
    controller = support_start_sleeper(advance, NULL, &id);
    next = tsc_phase_enter(&phases);
    ck_assert_uint_eq(next, former[0] + 1);
    tsc_phase_leave(&phases, former[0]);
    ck_assert(support_falls_asleep(id));
    tsc_phase_leave(&phases, former[1]);
    pthread_join(controller, NULL);
    tsc_phase_leave(&phases, next);
}
END_TEST

START_TEST(child_has_no_workers)
{
    tsc_phases_init(&phases);
    (void)tsc_phase_enter(&phases);
    tsc_phases_lock(&phases);
    (void)tsc_eventcount_prepare(&phases.controller);
    tsc_phases_forget_others(&phases);
    ck_assert(!tsc_eventcount_has_sleepers(&phases.controller));
    (void)advance(NULL);
    (void)advance(NULL);
}
END_TEST

/* Two numbers that are equal in each phase, and change between two. */
static int64_t rules[2][2];

static struct {
    atomic_uint torn;
    atomic_uint late;
    _Atomic uint32_t ended; /* phases up to this one have ended */
} crowd;

static void work(void)
{
    uint32_t phase = tsc_phase_enter(&phases);

    if (rules[phase & 1][0] != rules[phase & 1][1])
        atomic_fetch_add(&crowd.torn, 1);
    if ((int32_t)(atomic_load(&crowd.ended) - phase) >= 0)
        atomic_fetch_add(&crowd.late, 1);
    tsc_phase_leave(&phases, phase);
}

static void control(void)
{
    uint32_t phase;

    tsc_phases_lock(&phases);
    phase = tsc_phase_current(&phases);
    rules[(phase + 1) & 1][0]++;
    rules[(phase + 1) & 1][1]++;
    tsc_phases_advance(&phases);
    atomic_store(&crowd.ended, phase);
    tsc_phases_unlock(&phases);
}

static void work_or_control(size_t index, void *unused)
{
    uint64_t ops = support_ops(3000);

    (void)unused;
    for (uint64_t op = 0; op < ops; op++) {
        if (index < 2)
            control();
        else
            work();
    }
}

START_TEST(no_worker_outlives_its_phase)
{
    tsc_phases_init(&phases);
    atomic_store(&crowd.ended, UINT32_MAX);
    support_run_threads(support_threads(8), work_or_control, NULL);
    ck_assert_uint_eq(atomic_load(&crowd.torn), 0);
    ck_assert_uint_eq(atomic_load(&crowd.late), 0);
    ck_assert_uint_eq(inside(0) + inside(1), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("phase");
    TCase *alone = support_add_case(suite, "alone", 10);
    TCase *together = support_add_case(suite, "crowd", 60);

    tcase_add_test(alone, worker_is_counted_in_its_phase);
    tcase_add_test(alone, number_wraps);
    tcase_add_test(alone, controller_waits_for_workers_of_the_former_phase_alone);
    tcase_add_test(alone, child_has_no_workers);
    tcase_add_test(together, no_worker_outlives_its_phase);
    return support_run_suite(suite);
}
