/* SPDX-License-Identifier: MIT */
#include "interference.h"

#include <check.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fork/child.h"
#include "support/visitor.h"

enum { PASSES_BETWEEN_YIELDS = 32, FORKS_PER_LOAD = 2 };

/* A short pause, and the slices of a long one. */
enum { PAUSE_NS_MAX = 50000, SLICE_NS = 200000, SLICES_MAX = 20, PASSES_TO_A_LONG_PAUSE_MAX = 8 };

/* Shared with forked children. */
struct counts {
    atomic_uint passed;
    atomic_uint done;
};

/* Written while there is no thread of a load or of the library. */
static struct {
    struct tsc_test_point *point;
    enum action action;
    struct counts *counts;
    struct visitor forker;
} current;

static struct load *_Atomic attached;
static struct load *_Atomic handled;
static atomic_int forks_left;
static atomic_uint done_in_load;
static atomic_int passes_to_a_long_pause;

/* True during an action: points that the action itself passes have no effect. */
static _Thread_local bool interfering;

static void sleep_ns(uint64_t ns)
{
    const struct timespec pause = {.tv_nsec = (long)ns};

    nanosleep(&pause, NULL);
}

/* Long enough for the load to end meanwhile, if it can. */
static void pause_long(const struct load *load)
{
    for (int slice = 0; slice < SLICES_MAX && !atomic_load(&load->drained); slice++)
        sleep_ns(SLICE_NS);
}

/* One pause in a load is long. The others are short, to allow many. */
static void pause_here(uint64_t random)
{
    const struct load *load = atomic_load(&attached);

    if (load != NULL && atomic_fetch_sub_explicit(&passes_to_a_long_pause, 1, memory_order_relaxed) == 0)
        pause_long(load);
    else
        sleep_ns(random % PAUSE_NS_MAX);
}

/* A signal-safe counter has no owner: the load's threads interrupt themselves, so the load still exists. */
static void handle(int signal_number)
{
    struct load *load = atomic_load(&handled);
    bool nested = interfering;
    int saved_errno = errno;

    (void)signal_number;
    interfering = true;
    if (load != NULL)
        load_visit_in_handler(load);
    interfering = nested;
    errno = saved_errno;
}

/* Owners' threads block all signals: then any other thread is interrupted. */
static void send_signal(void)
{
    sigset_t blocked;

    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    if (sigismember(&blocked, SIGUSR1))
        kill(getpid(), SIGUSR1);
    else
        raise(SIGUSR1);
}

/* The child has no forker, and does no more actions. */
static void run_in_child(void *load)
{
    atomic_store(&attached, NULL);
    load_check_in_child(load);
}

static void fork_and_wait(void *load)
{
    interfering = true;
    witness_equal(&((struct load *)load)->subject.witness, "exit status of a child", child_run(run_in_child, load),
                  0);
}

/* A thread at a point may hold a lock that a fork acquires, and runs no user code: another thread forks while this
 * one stands here. */
static bool fork_here(void)
{
    struct load *load = atomic_load(&attached);

    if (load == NULL || atomic_fetch_sub(&forks_left, 1) <= 0 ||
        !visitor_send(&current.forker, fork_and_wait, load))
        return false;
    visitor_stand_by(&current.forker);
    return true;
}

/* Always at first, then ever more rarely, so that a load that passes often still ends. */
static bool is_due(uint64_t random)
{
    if (current.action == FORK)
        return random % 4 == 0;
    return random % (4 + atomic_load_explicit(&done_in_load, memory_order_relaxed)) < 4;
}

static bool interfere(uint64_t random)
{
    if (!is_due(random))
        return false;
    atomic_fetch_add_explicit(&done_in_load, 1, memory_order_relaxed);
    switch (current.action) {
    case PAUSE:
        pause_here(next_random(&random));
        return true;
    case YIELD:
        sched_yield();
        return true;
    case SIGNAL:
        send_signal();
        return true;
    case FORK:
        return fork_here();
    }
    return false;
}

static void yield_sometimes(void)
{
    static _Thread_local unsigned int passes;

    if (++passes % PASSES_BETWEEN_YIELDS == 0)
        sched_yield();
}

void tsc_test_point_reached(struct tsc_test_point *point)
{
    int saved_errno = errno;

    if (interfering)
        return;
    interfering = true;
    if (point == current.point) {
        uint64_t random = atomic_fetch_add_explicit(&current.counts->passed, 1, memory_order_relaxed);

        if (interfere(next_random(&random)))
            atomic_fetch_add_explicit(&current.counts->done, 1, memory_order_relaxed);
    } else {
        yield_sometimes();
    }
    interfering = false;
    errno = saved_errno;
}

void interference_begin(struct tsc_test_point *point, enum action action)
{
    struct sigaction handling = {.sa_handler = handle};

    current.counts = mmap(NULL, sizeof *current.counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(current.counts, MAP_FAILED);
    ck_assert_int_eq(sigaction(SIGUSR1, &handling, NULL), 0);
    current.action = action;
    visitor_start(&current.forker);
    visitor_keep_home(&current.forker);
    current.point = point;
}

void interference_end(void)
{
    current.point = NULL;
    visitor_stop(&current.forker);
    munmap(current.counts, sizeof *current.counts);
}

void interference_attach(struct load *load)
{
    atomic_store(&forks_left, FORKS_PER_LOAD);
    atomic_store(&done_in_load, 0);
    atomic_store(&passes_to_a_long_pause,
                 (int)(atomic_load(&current.counts->passed) % PASSES_TO_A_LONG_PAUSE_MAX));
    atomic_store(&attached, load);
    if (variant_has(load->subject.variant, TSC_CAP_SIGNAL_SAFE))
        atomic_store(&handled, load);
    visitor_let_out(&current.forker);
}

void interference_detach(void)
{
    visitor_keep_home(&current.forker);
    atomic_store(&attached, NULL);
    atomic_store(&handled, NULL);
}

uint32_t interference_passed(void)
{
    return atomic_load(&current.counts->passed);
}

uint32_t interference_done(void)
{
    return atomic_load(&current.counts->done);
}
