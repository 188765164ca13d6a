/* SPDX-License-Identifier: MIT */
/*
 * Two threads wait until an addition fits the upper bound, of 2 and of 1. A third one subtracts 1, which leaves room
 * for one of them; with -DOVERTAKER it then adds 1 without waiting, and subtracts again. With -DGIVES_UP the first one
 * may be cancelled. With -DONE_WAITER one thread needs the room that another one and a signal handler make; with -DHANDLER
 * only the handler subtracts. It interrupts the first waiter anywhere, also while it holds the lock.
 *
 * A thread whose addition fits together with those ahead of it does not sleep for ever. No thread takes room that one
 * ahead of it needs. The bound holds, and only those that return success have added something.
 *
 * The value is that of the atomic backend. With -DMUTEX it is changed under a lock of its own, which alone orders it
 * with the count. With -DMARKS the lock may have marks: then it is not free for a moment after its release.
 *
 * Mirrors: src/sync/admission.h: tsc_admission_try tsc_admission_has_waiters
 * Mirrors: src/sync/admission.c: append unlink_waiter sum_ahead_of mark_woken mark_front unlock lock_if_pending
 * Mirrors: src/sync/admission.c: check_and_unlock make_pending_checks tsc_admission_check count enter leave try_in_turn
 * Mirrors: src/sync/admission.c: sleep_until_woken wait_in_turn
 * Mirrors: src/backend/atomic.c: add_in_phase check_waiters
 * Mirrors: src/backend/mutex.c: unlock_changed add_in_turn
 * Mirrors: src/backend/queue.c: add_in_turn check_waiters
 *
 * Check:
 * Check: -DGIVES_UP
 * Check: -DMUTEX
 * Check: -DONE_WAITER -DOVERTAKER
 * Check: -DHANDLER -DMARKS
 * Mutation: -DONE_WAITER -DCHANGE=ACQUIRE: deadlock: the changer loads the count before its change is visible
 * Mutation: -DONE_WAITER -DHAS_WAITERS=ACQUIRE: deadlock: the same
 * Mutation: -DONE_WAITER -DCHECK_FIRST: deadlock: the waiter counts itself between the check and the change
 * Mutation: -DONE_WAITER -DCOUNT_LAST: deadlock: a change comes between the attempt and the count
 * Mutation: -DONE_WAITER -DASLEEP_STORED: deadlock: a check comes between the attempt and the store
 * Mutation: -DONE_WAITER -DMARK_STORED: deadlock: the thread falls asleep between the load and the store
 * Mutation: -DONE_WAITER -DNO_WAKE: deadlock: the thread sleeps already
 * Mutation: -DONE_WAITER -DCLEAR_LAST: deadlock: a change comes between the reading of the value and the clearing
 * Mutation: -DONE_WAITER -DNO_FENCE: deadlock: the changer finds the lock held before it is visible that a check is due
 * Mutation: -DHANDLER -DNO_PENDING_LOAD: deadlock: a handler finds the lock held by its own thread
 * Mutation: -DHANDLER -DPENDING_LOAD_FIRST: deadlock: a handler comes between the load and the release
 * Mutation: -DGIVES_UP -DNO_CHECK_AT_LEAVE: deadlock: the thread behind one that leaves is not woken
 * Mutation: -DIGNORES_QUEUE: assertion: the second thread takes the room of the first one
 * Mutation: -DNEWCOMER_IGNORES_QUEUE: assertion: the same, before it waits
 * Mutation: -DWAKES_EACH: assertion: a thread is woken that does not fit behind the first one
 */
#ifndef CHANGE
#define CHANGE SEQ_CST
#endif
#ifndef HAS_WAITERS
#define HAS_WAITERS SEQ_CST
#endif
#ifndef COUNT
#define COUNT SEQ_CST
#endif
#ifndef ATTEMPT
#define ATTEMPT SEQ_CST
#endif
#ifndef UNLOCK
#define UNLOCK ACQ_REL
#endif
#ifndef FENCE
#define FENCE ACQ_REL
#endif
#ifndef CLEAR
#define CLEAR ACQUIRE
#endif
#ifndef PEND
#define PEND RELEASE
#endif

#ifdef ONE_WAITER
#define WAITERS 1
#define CHANGERS 2
#define CORES 2
#define INITIAL 2
#else
#define WAITERS 2
#define CHANGERS 1
#ifdef HANDLER
#define CORES 2
#define INITIAL 2
#else
#define CORES 3
#define INITIAL 1
#endif
#endif
#define CHANGER WAITERS
#define MAX 2
#define DELTA(waiter) (2 - (waiter))

#define VALUE 0
#define WAITING 1
#define LOCK 2
#define PENDING 3
#define STATE 4 /* of the first waiter, and of the second one */
#ifdef MUTEX
#define VALUE_LOCK 6
#define LOCATIONS 7
#else
#define LOCATIONS 6
#endif
#ifdef MARKS
#define STALE(core, location) ((location) == PENDING)
#else
#define STALE(core, location) 0
#endif

#define HELD 1
#define MARKED 2
#define ASLEEP 0
#define AWAKE 1
#define WOKEN 2

/* The waiters plus 1, in the order of the queue; protected by the lock. */
byte first;
byte second;
bool interrupted;
bool added[2];
bool has_ended[2];
byte finished; /* changers */

#define IS_AHEAD(waiter) (second == (waiter) + 1)
#define AHEAD_OF(waiter) (IS_AHEAD(waiter) && !added[first - 1] -> DELTA(first - 1) : 0)
/* A thread that sleeps and does not fit may end once nothing more happens. */
#define SLEEPS_NOW(core) (asleep[core] != 0)
#define IS_LEFT_OUT(waiter) (SLEEPS_NOW(waiter) && memory[VALUE] + AHEAD_OF(waiter) + DELTA(waiter) > MAX)
#define HAS_DONE_ALL(core) \
    ((core) < WAITERS && finished == CHANGERS && IS_LEFT_OUT(core) && (IS_LEFT_OUT(1 - (core)) || has_ended[1 - (core)]))
#include "include/armv8.pml"

/* -------- the lock -------- */

inline lock()
{
    d_step {
        CAN_MODIFY(LOCK, ACQUIRE) && NOW(LOCK) == 0 ->
        read(LOCK, some, ACQUIRE);
        modify(LOCK, HELD, ACQUIRE);
        some = 0
    }
}

inline fence()
{
    add(LOCK, 0, FENCE)
}

inline unlock()
{
    if
    :: exchange(LOCK, word, 0, UNLOCK)
#ifdef MARKS
    :: exchange(LOCK, word, MARKED, UNLOCK);
        exchange(LOCK, word, 0, RELAXED)
#endif
    fi;
    word = 0;
#ifndef NO_FENCE_AT_UNLOCK
    fence()
#endif
}

/* -------- checks -------- */

inline mark_woken(waiter)
{
#ifdef MARK_STORED
    load(STATE + waiter, word, RELAXED);
    store(STATE + waiter, WOKEN, RELAXED);
#else
    exchange(STATE + waiter, word, WOKEN, RELAXED);
#endif
    if
    :: word == ASLEEP -> wakes = wakes | BIT(waiter)
    :: else
    fi;
    word = 0
}

#ifdef WAKES_EACH
#define TOGETHER 0
#else
#define TOGETHER DELTA(first - 1)
#endif

inline mark_front()
{
    if
    :: first != 0 && seen + DELTA(first - 1) <= MAX ->
        mark_woken((first - 1));
        if
        :: second != 0 && seen + TOGETHER + DELTA(second - 1) <= MAX ->
            assert(seen + DELTA(0) + DELTA(1) <= MAX);
            mark_woken((second - 1))
        :: else
        fi
    :: else
    fi;
    seen = 0
}

inline wake()
{
#ifdef NO_WAKE
    wakes = 0;
#endif
    do
    :: wakes & 1 -> futex_wake(STATE, true); wakes = wakes & ~1
#ifndef ONE_WAITER
    :: wakes & 2 -> futex_wake(STATE + 1, true); wakes = wakes & ~2
#endif
    :: wakes == 0 -> break
    od
}

inline check_and_unlock()
{
#ifndef CLEAR_LAST
    exchange(PENDING, word, 0, CLEAR);
#endif
    load(VALUE, seen, ACQUIRE);
#ifdef CLEAR_LAST
    exchange(PENDING, word, 0, CLEAR);
#endif
    word = 0;
    mark_front();
    unlock();
    wake()
}

inline try_lock()
{
    load(LOCK, word, RELAXED);
    done = false;
    if
    :: word == 0 -> compare_exchange(LOCK, word, HELD, ACQUIRE, done)
    :: else
    fi;
    word = 0
}

inline make_pending_checks()
{
    do
    :: load(PENDING, word, RELAXED);
        if
        :: word == 0 -> break
        :: else
        fi;
        try_lock();
        if
        :: done -> done = false; check_and_unlock()
        :: else -> break
        fi
    od;
    word = 0
}

inline check()
{
    exchange(PENDING, word, 1, PEND);
#ifndef NO_FENCE
    fence();
#endif
    make_pending_checks()
}

inline unlock_and_check()
{
#ifdef PENDING_LOAD_FIRST
    load(PENDING, seen, RELAXED);
    unlock();
    if
    :: seen -> seen = 0; make_pending_checks()
    :: else
    fi
#else
    unlock();
#ifndef NO_PENDING_LOAD
    make_pending_checks()
#endif
#endif
}

/* -------- the value -------- */

/* A thread ahead that has not added needs its room. */
inline note_added(sum, in_turn)
{
    assert(sum <= MAX);
    if
    :: in_turn ->
        assert(!IS_AHEAD(me) || added[first - 1] || sum + DELTA(first - 1) <= MAX);
        assert(!found_queued || first == 0 || first == me + 1 || added[first - 1] || sum + DELTA(first - 1) <= MAX);
        added[me] = true
    :: else -> overtook = true
    fi
}

#ifdef MUTEX
inline lock_value()
{
    d_step {
        CAN_MODIFY(VALUE_LOCK, ACQUIRE) && NOW(VALUE_LOCK) == 0 ->
        read(VALUE_LOCK, some, ACQUIRE);
        modify(VALUE_LOCK, 1, ACQUIRE);
        some = 0
    }
}

inline unlock_value()
{
    exchange(VALUE_LOCK, word, 0, ACQ_REL);
    word = 0
}

inline try_add(delta, ahead, in_turn)
{
    lock_value();
    load(VALUE, seen, RELAXED);
    if
    :: seen + delta + ahead <= MAX ->
        atomic {
            store(VALUE, seen + delta, RELEASE);
            note_added(seen + delta, in_turn)
        }
    :: else
    fi;
    seen = 0;
    unlock_value()
}
#else
inline try_add(delta, ahead, in_turn)
{
    load(VALUE, seen, ATTEMPT);
    do
    :: seen + delta + ahead > MAX || done -> break
    :: else ->
        atomic {
            compare_exchange(VALUE, seen, seen + delta, CHANGE, done);
            if
            :: done -> note_added(seen + delta, in_turn)
            :: else
            fi
        }
    od;
    seen = 0; done = false
}
#endif

inline check_if_awaited()
{
    load(WAITING, word, HAS_WAITERS);
    if
    :: word != 0 -> word = 0; check()
    :: else
    fi
}

inline subtract()
{
#ifdef CHECK_FIRST
    check_if_awaited();
#endif
#ifdef MUTEX
    lock_value();
    load(VALUE, seen, RELAXED);
    store(VALUE, seen - 1, RELEASE);
    seen = 0;
    unlock_value();
#else
    add(VALUE, -1, CHANGE);
#endif
#ifndef CHECK_FIRST
    check_if_awaited()
#endif
}

/* -------- waiters -------- */

inline count(one)
{
    add(WAITING, one, COUNT)
}

inline enter()
{
    lock();
    d_step {
        if
        :: first == 0 -> first = me + 1
        :: else -> second = me + 1
        fi
    }
#ifndef COUNT_LAST
    count(1);
#endif
    unlock_and_check()
}

inline leave()
{
    lock();
    d_step {
        if
        :: first == me + 1 -> first = second
        :: else
        fi;
        second = 0
    }
    count(-1);
#ifdef NO_CHECK_AT_LEAVE
    unlock_and_check()
#else
    check_and_unlock();
    make_pending_checks()
#endif
}

inline try_in_turn()
{
    lock();
    store(STATE + me, AWAKE, RELAXED);
#ifndef IGNORES_QUEUE
    ahead = (IS_AHEAD(me) -> DELTA(first - 1) : 0);
#endif
    unlock_and_check();
    try_add(DELTA(me), ahead, true);
    ahead = 0
}

inline fall_asleep()
{
#ifdef ASLEEP_STORED
    store(STATE + me, ASLEEP, RELAXED)
#else
    word = AWAKE;
    compare_exchange(STATE + me, word, ASLEEP, RELAXED, done);
    word = 0;
    done = false
#endif
}

/* A cancellation before the sleep stands for any: a sleeper does nothing that others see. */
inline sleep_until_woken()
{
    fall_asleep();
    do
    :: load(STATE + me, word, RELAXED);
        if
        :: word != ASLEEP -> break
        :: else
        fi;
        futex_wait(STATE + me, ASLEEP);
        if
        :: asleep[me] -> goto end
        :: else
        fi
#ifdef GIVES_UP
    :: me == 0 -> goto cancelled
#endif
    od;
    word = 0
}

/* The first one, which runs behind init and the cores. */
#define IS_INTERRUPTED (interrupted && _pid == 3)

proctype waiter(byte me) provided (!IS_INTERRUPTED)
{
    byte word, seen, ahead, wakes;
    bool done, found_queued, overtook;
#ifdef COUNT_LAST
    bool counted;
#endif

    found_queued = (memory[WAITING] != 0);
    load(WAITING, word, RELAXED);
    if
#ifndef NEWCOMER_IGNORES_QUEUE
    :: word != 0
#endif
    :: else -> word = 0; try_add(DELTA(me), 0, true)
    fi;
    word = 0;
    found_queued = false;
    if
    :: added[me] -> goto end
    :: else
    fi;
    enter();
    do
    :: try_in_turn();
#ifdef COUNT_LAST
        if
        :: !counted -> count(1); counted = true
        :: else
        fi;
#endif
        if
        :: added[me] -> break
        :: else
        fi;
        sleep_until_woken()
    od;
cancelled:
    word = 0;
    leave();
end:
    atomic { !cores[me].on_way -> has_ended[me] = true }
}

/* -------- changers -------- */

inline finish()
{
    atomic { !cores[me].on_way -> finished++ }
}

proctype changer(byte me)
{
    byte word, seen, wakes;
    bool done, found_queued, overtook;

    subtract();
#ifdef OVERTAKER
    try_add(1, 0, false);
    if
    :: overtook -> subtract()
    :: else
    fi;
#endif
    finish()
}

#if defined(ONE_WAITER) || defined(HANDLER)
proctype handler(byte me)
{
    byte word, seen, wakes;
    bool done;

    atomic { true -> interrupted = true }
    subtract();
    interrupted = false;
    finish()
}
#endif

init
{
    atomic {
        initially(VALUE, INITIAL);
        run core_of(0);
        run core_of(1);
        run waiter(0);
#if CORES > 2
        run core_of(2);
#endif
#if WAITERS > 1
        run waiter(1);
#else
        has_ended[1] = true;
#endif
#ifdef HANDLER
        run handler(0)
#else
        run changer(CHANGER)
#endif
#ifdef ONE_WAITER
        ;
        run handler(0)
#endif
    }
    has_ended[0] && has_ended[1] && finished == CHANGERS;
    assert(memory[VALUE] == INITIAL - CHANGERS + added[0] * DELTA(0) + added[1] * DELTA(1))
}
