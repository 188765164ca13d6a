/* SPDX-License-Identifier: MIT */
/*
 * Without futexes: two threads sleep, each while a word of its own is 0, on semaphores in one list, for both words
 * lead to it; another one sets one word, then the other, and wakes each time. The time of one sleeper may be over
 * at any moment; then it sleeps anew, or goes for good, as it does when it is cancelled. Nobody sleeps for ever; a
 * semaphore is posted once for each sleep, and neither that nor the sleeper is touched when it is gone.
 *
 * The semaphores are those of the system: to post one is a release, to wait for it an acquire.
 *
 * Mirrors: src/sync/futex-semaphores.c: push wake_all is_posted_until wait_to_be_taken_off get_up
 * Mirrors: src/sync/futex-semaphores.c: tsc_futex_wait_cancellable tsc_futex_wait tsc_futex_wake
 *
 * Check:
 * Mutation: -DPUSH=ACQUIRE: deadlock: the sleeper is on the list before it is seen what comes behind it
 * Mutation: -DPUSH=RELEASE: deadlock: the sleeper looks at the word before it is on the list
 * Mutation: -DTAKE=ACQUIRE: deadlock: the list is taken before the word is seen to have changed
 * Mutation: -DTAKE=RELEASE: deadlock: who wakes looks behind a sleeper before it has taken the list
 * Mutation: -DNO_LOOK: deadlock: the waker came before the sleeper was on the list
 * Mutation: -DONE_ONLY: deadlock: the one that is woken sleeps on another word
 * Mutation: -DNO_WAKING: deadlock: the sleeper waits to be taken off the list, and nobody takes it off
 * Mutation: -DNO_WAITING: assertion: another one has taken the sleeper off the list, and posts it when it is gone
 * Mutation: -DPOST_FIRST: assertion: who wakes looks behind a sleeper that is gone
 * Mutation: -DOFF_IN_ANY_CASE: assertion: a sleeper whose time is over stays on the list
 */
#ifndef PUSH
#define PUSH ACQ_REL
#endif
#ifndef TAKE
#define TAKE ACQ_REL
#endif

#define SLEEPERS 2
#define IMPATIENT 1
#define WAKER 2
#define CORES 3

#define LIST 0 /* the number of a sleeper and 1, or 0 */
#define WORD(sleeper) (1 + (sleeper))
#define NEXT(sleeper) (3 + (sleeper))
#define LOCATIONS 5
#define STALE(core, location) ((location) == WORD(core) || ((location) >= NEXT(0) && (location) != NEXT(core)))
#include "include/armv8.pml"

/* Of each sleeper. */
byte posted[SLEEPERS];
bool is_there[SLEEPERS];

inline push()
{
    load(LIST, next, RELAXED);
    done = false;
    do
    :: done -> break
    :: else ->
        store(NEXT(me), next, RELAXED);
        compare_exchange(LIST, next, me + 1, PUSH, done)
    od;
    next = 0; done = false
}

inline post(sleeper)
{
    d_step {
        !cores[me].on_way ->
        assert(is_there[sleeper]);
        posted[sleeper]++
    }
}

inline look_behind(sleeper)
{
    assert(is_there[sleeper]);
    load(NEXT(sleeper), next, RELAXED)
}

inline wake_all()
{
    exchange(LIST, first, 0, TAKE);
    do
    :: first == 0 -> break
    :: else ->
#ifdef POST_FIRST
        post(first - 1);
        look_behind(first - 1);
#else
        look_behind(first - 1);
        post(first - 1);
#endif
#ifdef ONE_ONLY
        next = 0;
#endif
        first = next;
        next = 0
    od
}

inline wait_until_posted()
{
    d_step {
        posted[me] > 0 ->
        posted[me]--;
        acquire()
    }
}

inline get_up()
{
    if
    :: !is_off ->
#ifndef NO_WAKING
        wake_all();
#endif
#ifndef NO_WAITING
        wait_until_posted()
#endif
    :: else
    fi;
    is_off = false;
    d_step {
#ifdef NO_WAITING
        posted[me] = 0;
#endif
        assert(posted[me] == 0);
        is_there[me] = false
    }
}

inline sleep_while_0()
{
    is_there[me] = true;
    push();
#ifndef NO_LOOK
    load(WORD(me), word, RELAXED);
#endif
    if
    :: word == 0 ->
        if
        :: wait_until_posted(); is_off = true
        :: me == IMPATIENT && !over -> over = true
#ifdef OFF_IN_ANY_CASE
            ; is_off = true
#endif
        fi
    :: else -> word = 0
    fi;
    get_up()
}

proctype sleeper(byte me)
{
    byte word, next, first;
    bool done, is_off, over;

    do
    :: load(WORD(me), word, RELAXED);
        if
        :: word != 0 -> break
        :: else
        fi;
        sleep_while_0();
        if
        :: over -> break
        :: true
        fi
    od
}

proctype waker(byte me)
{
    byte next, first;

    store(WORD(0), 1, RELAXED);
    wake_all();
    store(WORD(1), 1, RELAXED);
    wake_all()
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run sleeper(0);
        run sleeper(1);
        run waker(WAKER)
    }
}
