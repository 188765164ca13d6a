/* SPDX-License-Identifier: MIT */
/*
 * What a futex does, for systems without: each sleeper has a POSIX semaphore, on a list that the address of the
 * word leads to. Words whose addresses lead to the same list wake each other for no reason, which a futex may too.
 *
 * Sleepers are only pushed, and taken off all at once, by whoever wakes. So no sleeper can be unlinked while
 * another thread, or the thread that a signal handler interrupted, walks the list; and a handler may wake. A
 * sleeper whose time is over, or that is cancelled, cannot take itself off: it wakes all, itself among them.
 * Whoever took it off the list, its semaphore is posted soon, and after that nobody touches it.
 *
 * No wake-up is lost: the sleeper's push and the waker's exchange change the same list, so one of the two comes
 * first. If it is the push, the sleeper is taken off and posted. If it is the exchange, the push, an acquire,
 * comes after that release, and the sleeper's look at the word after the waker's change of it.
 *
 * Model: test/model/semaphores.pml
 */
#include "sync/deadline.h"
#include "sync/futex.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>

enum { LISTS = 64 };

typedef _Atomic(struct sleeper *) sleeper_list;

struct sleeper {
    sleeper_list *list;
    struct sleeper *next;
    sem_t woken;
    bool is_off_the_list; /* as far as the sleeper knows */
};

static sleeper_list lists[LISTS];

static sleeper_list *list_of(_Atomic uint32_t *word)
{
    return &lists[((uintptr_t)word * UINT32_C(0x9e3779b1)) >> 8 & (LISTS - 1)];
}

static void push(struct sleeper *sleeper)
{
    sleeper->next = atomic_load_explicit(sleeper->list, memory_order_relaxed);
    /* acquire and release: pairs with the exchange in wake_all, either way round. */
    while (!atomic_compare_exchange_weak_explicit(sleeper->list, &sleeper->next, sleeper, memory_order_acq_rel,
                                                  memory_order_relaxed))
        ;
}

static void wake_all(sleeper_list *list)
{
    /* acquire and release: pairs with push, either way round. */
    struct sleeper *sleeper = atomic_exchange_explicit(list, NULL, memory_order_acq_rel);

    while (sleeper != NULL) {
        struct sleeper *next = sleeper->next;

        sem_post(&sleeper->woken);
        sleeper = next;
    }
}

/* Whether it was posted; false at the deadline, or for no reason. */
static bool is_posted_until(sem_t *semaphore, int64_t deadline)
{
    struct timespec until = {.tv_sec = (time_t)(deadline / TSC_NS_PER_S),
                             .tv_nsec = (long)(deadline % TSC_NS_PER_S)};

    return (deadline == TSC_NEVER ? sem_wait(semaphore) : sem_clockwait(semaphore, CLOCK_MONOTONIC, &until)) == 0;
}

static void wait_to_be_taken_off(struct sleeper *sleeper)
{
    int state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    while (!is_posted_until(&sleeper->woken, TSC_NEVER))
        ;
    pthread_setcancelstate(state, NULL);
}

static void get_up(void *arg)
{
    struct sleeper *sleeper = arg;

    if (!sleeper->is_off_the_list) {
        wake_all(sleeper->list);
        wait_to_be_taken_off(sleeper);
    }
    sem_destroy(&sleeper->woken);
}

bool tsc_futex_wait_cancellable(_Atomic uint32_t *word, uint32_t value, int64_t deadline)
{
    int saved_errno = errno;
    struct sleeper sleeper = {.list = list_of(word)};

    sem_init(&sleeper.woken, 0, 0);
    push(&sleeper);
    pthread_cleanup_push(get_up, &sleeper);
    if (atomic_load_explicit(word, memory_order_relaxed) == value)
        sleeper.is_off_the_list = is_posted_until(&sleeper.woken, deadline);
    pthread_cleanup_pop(1);
    errno = saved_errno;
    return sleeper.is_off_the_list || deadline == TSC_NEVER || tsc_now() < deadline;
}

bool tsc_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline)
{
    bool in_time;
    int state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    in_time = tsc_futex_wait_cancellable(word, value, deadline);
    pthread_setcancelstate(state, NULL);
    return in_time;
}

/* All, however many are asked for: whom another waker does not find on the list, it cannot wake. */
void tsc_futex_wake(_Atomic uint32_t *word, int sleepers)
{
    (void)sleepers;
    wake_all(list_of(word));
}

bool tsc_futex_wait_in_set(_Atomic uint32_t *word, uint32_t value, uint32_t set, int64_t deadline)
{
    (void)set;
    return tsc_futex_wait(word, value, deadline);
}

int tsc_futex_wake_in_set(_Atomic uint32_t *word, uint32_t set, int sleepers)
{
    (void)set;
    tsc_futex_wake(word, sleepers);
    return 0;
}

void tsc_futex_forget_sleepers(void)
{
    for (size_t list = 0; list < LISTS; list++)
        atomic_store_explicit(&lists[list], NULL, memory_order_relaxed);
}
