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

enum { PASSES_BETWEEN_YIELDS = 32, FORKS_IN_A_LOAD = 2 };

/* A short pause, and the slices of a long one. */
enum { PAUSE_NS_MAX = 50000, SLICE_NS = 200000, SLICES_MAX = 20, PASSES_TO_A_LONG_ONE_MAX = 8 };

/* Children of forks write these as well. */
struct counts {
    atomic_uint passed;
    atomic_uint done;
};

/* Written while no thread of a load or of the library is there. */
static struct {
    struct tsc_test_point *point;
    enum action action;
    struct counts *counts;
    struct visitor forker;
} current;

static struct load *_Atomic concerned;
static struct load *_Atomic visited_by_handlers;
static atomic_int forks_left;
static atomic_uint done_in_load;
static atomic_int passes_to_a_long_pause;

/* In the middle of what happens at a point: what that passes by itself is left alone. */
static _Thread_local bool interfering;

static void rest(uint64_t ns)
{
    const struct timespec pause = {.tv_nsec = (long)ns};

    nanosleep(&pause, NULL);
}

/* Long enough that a load comes to its end meanwhile, if it can. */
static void stand(const struct load *load)
{
    for (int slice = 0; slice < SLICES_MAX && !atomic_load(&load->drained); slice++)
        rest(SLICE_NS);
}

/* Once in a load a thread stands. The others pause shortly, that it may be often. */
static void pause_here(uint64_t random)
{
    const struct load *load = atomic_load(&concerned);

    if (load != NULL && atomic_fetch_sub_explicit(&passes_to_a_long_pause, 1, memory_order_relaxed) == 0)
        stand(load);
    else
        rest(random % PAUSE_NS_MAX);
}

/* A load that is visited has no owner: its threads interrupt themselves, so it is there as long as they are. */
static void handle(int signal_number)
{
    struct load *load = atomic_load(&visited_by_handlers);
    bool nested = interfering;
    int saved_errno = errno;

    (void)signal_number;
    interfering = true;
    if (load != NULL)
        load_visit_in_handler(load);
    interfering = nested;
    errno = saved_errno;
}

/* The threads of owners block all signals: then another thread is interrupted, wherever it is. */
static void send_signal(void)
{
    sigset_t blocked;

    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    if (sigismember(&blocked, SIGUSR1))
        kill(getpid(), SIGUSR1);
    else
        raise(SIGUSR1);
}

/* The forker is not there, and nothing happens any more. */
static void live_in_child(void *load)
{
    atomic_store(&concerned, NULL);
    load_live_in_child(load);
}

static void fork_and_await(void *load)
{
    interfering = true;
    witness_equal(&((struct load *)load)->subject.witness, "how a child ended", child_run(live_in_child, load), 0);
}

/* A thread at a point may hold a lock that fork takes, and runs no code of users: another one forks while it
 * stands here. */
static bool fork_here(void)
{
    struct load *load = atomic_load(&concerned);

    if (load == NULL || atomic_fetch_sub(&forks_left, 1) <= 0 ||
        !visitor_send(&current.forker, fork_and_await, load))
        return false;
    visitor_stand_by(&current.forker);
    return true;
}

/* At first each time, and ever more seldom: where a load passes often it shall still come to its end. */
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

static void give_way_seldom(void)
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
        give_way_seldom();
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

void interference_concern(struct load *load)
{
    atomic_store(&forks_left, FORKS_IN_A_LOAD);
    atomic_store(&done_in_load, 0);
    atomic_store(&passes_to_a_long_pause, (int)(atomic_load(&current.counts->passed) % PASSES_TO_A_LONG_ONE_MAX));
    atomic_store(&concerned, load);
    if (variant_has(load->subject.variant, TSC_CAP_SIGNAL_SAFE))
        atomic_store(&visited_by_handlers, load);
    visitor_let_out(&current.forker);
}

void interference_concern_none(void)
{
    visitor_keep_home(&current.forker);
    atomic_store(&concerned, NULL);
    atomic_store(&visited_by_handlers, NULL);
}

uint32_t interference_passed(void)
{
    return atomic_load(&current.counts->passed);
}

uint32_t interference_done(void)
{
    return atomic_load(&current.counts->done);
}
