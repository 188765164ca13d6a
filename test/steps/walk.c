/* SPDX-License-Identifier: MIT */
#include "walk.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

#include "support/procfs.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "support/threads.h"

/* A call with fewer instructions was not stepped through; a call with more does not end. */
enum { INSTRUCTIONS_MIN = 10, INSTRUCTIONS_MAX = 10000, LOOKS_AT_A_SLEEPER = 4, PAUSE_NS = 50000 };

static void begin(struct walk *walk)
{
    walk->is_selected = trial_is_asked_for(walk->title);
    if (walk->is_selected)
        visitor_start(&walk->visitor);
}

void walk_begin(struct walk *walk, const struct variant *variant, const char *call, const char *what,
                uint64_t stride)
{
    *walk = (struct walk){.variant = variant, .stride = stride};
    snprintf(walk->title, sizeof walk->title, "%s, %s, %s", variant->name, call, what);
    begin(walk);
}

void walk_begin_named(struct walk *walk, const char *title)
{
    *walk = (struct walk){.stride = 1};
    snprintf(walk->title, sizeof walk->title, "%s", title);
    begin(walk);
}

static void end(struct walk *walk)
{
    visitor_stop(&walk->visitor);
    ck_assert_uint_ge(walk->instruction, INSTRUCTIONS_MIN);
}

bool walk_next(struct walk *walk)
{
    if (!walk->is_selected)
        return false;
    trial_end();
    if (walk->ends) {
        end(walk);
        return false;
    }
    walk->instruction += walk->instruction == 0 ? 1 : walk->stride;
    ck_assert_msg(walk->instruction < INSTRUCTIONS_MAX,
                  "%s: does not end; does each trap restart a restartable sequence?", walk->title);
    snprintf(walk->name, sizeof walk->name, "%s, at instruction %" PRIu64, walk->title, walk->instruction);
    trial_begin(walk->name);
    return true;
}

uint64_t walk_stride(uint64_t fallback)
{
    return support_count("TSC_TEST_STRIDE", fallback);
}

bool walk_interrupt(struct walk *walk, walk_fn call, walk_fn interrupt, void *arg)
{
    stepper_begin(walk->instruction, interrupt, arg);
    call(arg);
    walk->ends = !stepper_end();
    return !walk->ends;
}

/* No cancellation here: the caller may not be cancelled at the instruction. musl acts on a pending asynchronous
 * cancellation when the type is set, not when cancellation is enabled. */
static void stand_by(struct walk *walk)
{
    int cancellation;
    int type;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellation);
    visitor_stand_by(&walk->visitor);
    walk->visitor_waited = visitor_is_out(&walk->visitor);
    pthread_setcancelstate(cancellation, NULL);
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
    pthread_setcanceltype(type, NULL);
}

static void send_visitor(void *arg)
{
    struct walk *walk = arg;

    visitor_send(&walk->visitor, walk->visit, walk->arg);
    stand_by(walk);
}

static void prepare_visit(struct walk *walk, walk_fn visit, void *arg)
{
    walk->visit = visit;
    walk->arg = arg;
    walk->visitor_waited = false;
}

bool walk_visit(struct walk *walk, walk_fn call, walk_fn visit, void *arg)
{
    prepare_visit(walk, visit, arg);
    stepper_begin(walk->instruction, send_visitor, walk);
    call(arg);
    walk->ends = !stepper_end();
    return !walk->ends;
}

static bool stays_asleep(pid_t thread)
{
    for (int looks = 0; looks < LOOKS_AT_A_SLEEPER; looks++) {
        const struct timespec pause = {.tv_nsec = PAUSE_NS};

        nanosleep(&pause, NULL);
        if (!support_is_asleep(thread))
            return false;
    }
    return true;
}

static void visit_when_sent_or_slept(void *arg)
{
    struct walk *walk = arg;

    while (!atomic_load(&walk->sent) && !walk->caller_slept)
        walk->caller_slept = stays_asleep(walk->caller);
    atomic_store(&walk->visit_began, true);
    walk->visit(walk->arg);
}

static void call_visitor(void *arg)
{
    struct walk *walk = arg;

    atomic_store(&walk->sent, true);
    while (!atomic_load(&walk->visit_began))
        sched_yield();
    stand_by(walk);
}

void walk_visit_waiter(struct walk *walk, walk_fn call, walk_fn visit, void *arg)
{
    prepare_visit(walk, visit, arg);
    walk->caller = support_thread_id();
    walk->caller_slept = false;
    atomic_store(&walk->sent, false);
    atomic_store(&walk->visit_began, false);
    visitor_send(&walk->visitor, visit_when_sent_or_slept, walk);
    stepper_begin(walk->instruction, call_visitor, walk);
    call(arg);
    stepper_end();
}

void walk_end_visit(struct walk *walk)
{
    visitor_keep_home(&walk->visitor);
    visitor_let_out(&walk->visitor);
    walk->ends |= walk->caller_slept;
}

bool walk_is_distinct(const struct variant *variant)
{
    return !variant->shared_owner && variant->queue_capacity == 0 && (variant->bounded || !variant->track_peak);
}
