/* SPDX-License-Identifier: MIT */
/*
 * Threads take a lock, one of them only for so long. It keeps them apart, each sees what the one before it did,
 * and nobody sleeps for ever.
 *
 * Mirrors: src/sync/lock.h: tsc_lock_try tsc_lock_is_held tsc_lock_take_until tsc_lock_give
 * Mirrors: src/sync/lock.c: tsc_lock_take_or_wait_until tsc_lock_wake_next
 *
 * Check:
 * Mutation: -DTRY=RELAXED: assertion: what the one before did is loaded before the lock is had
 * Mutation: -DTAKE=RELAXED: assertion: the same, by one who has slept
 * Mutation: -DGIVE=RELAXED: assertion: the lock is free before what was done is seen
 * Mutation: -DNO_MARK: deadlock: who gives the lock knows of no sleeper
 * Mutation: -DTAKEN_WITHOUT_MARK: deadlock: the one who was woken knows of no other sleeper
 * Mutation: -DGIVES_UP_WOKEN: deadlock: who gives up takes the wake-up of another along
 */
#ifndef TRY
#define TRY ACQUIRE
#endif
#ifndef TAKE
#define TAKE ACQUIRE
#endif
#ifndef GIVE
#define GIVE RELEASE
#endif

#define CORES 3

#define LOCK 0
#define DATA 1
#define LOCATIONS 2
#define STALE(core, location) ((location) == LOCK || TRY == RELAXED || TAKE == RELAXED)
#include "include/armv8.pml"

#define SELF (me + 1)
#define AWAITED 8
#ifdef TAKEN_WITHOUT_MARK
#define SELF_ONCE_WOKEN SELF
#else
#define SELF_ONCE_WOKEN (SELF | AWAITED)
#endif

byte times; /* the lock was had */

inline try()
{
    load(LOCK, word, RELAXED);
    done = false;
    if
    :: word == 0 -> compare_exchange(LOCK, word, SELF, TRY, done)
    :: else
    fi;
    word = 0
}

/* Whether it is in time afterwards is the clock's to say, unless it was woken. */
inline sleep_while(value)
{
    d_step {
        IN_KERNEL ->
        slept = (memory[LOCK] == (value));
        asleep[me] = (slept -> LOCK + 1 : 0);
        acquire()
    }
    if
    :: !asleep[me]
    :: atomic { !patient && (asleep[me] || !slept) -> asleep[me] = 0; in_time = false }
    fi;
    slept = false
#ifdef GIVES_UP_WOKEN
    ;
    if
    :: !patient -> in_time = false
    :: true
    fi
#endif
}

inline take_or_wait()
{
    in_time = true;
    load(LOCK, word, RELAXED);
    do
    :: word == 0 ->
        compare_exchange(LOCK, word, SELF_ONCE_WOKEN, TAKE, done);
        if
        :: done -> break
        :: else
        fi
    :: word != 0 && !in_time -> break
    :: word != 0 && in_time ->
        done = (word & AWAITED);
        if
        :: !done ->
#ifdef NO_MARK
            done = true
#else
            compare_exchange(LOCK, word, word | AWAITED, RELAXED, done)
#endif
        :: else
        fi;
        if
        :: done ->
            done = false;
#ifdef NO_MARK
            sleep_while(word);
#else
            sleep_while(word | AWAITED);
#endif
            load(LOCK, word, RELAXED)
        :: else
        fi
    od;
    word = 0; in_time = false
}

inline give()
{
    exchange(LOCK, word, 0, GIVE);
    if
    :: word & AWAITED -> futex_wake(LOCK, false)
    :: else
    fi;
    word = 0
}

proctype locking(byte me; bool patient)
{
    byte word, data, round;
    bool done, in_time, slept;

    for (round : 1 .. (me == 0 -> 2 : 1)) {
        try();
        if
        :: done
        :: else -> take_or_wait()
        fi;
        if
        :: done ->
            done = false;
            load(DATA, data, RELAXED);
            assert(data == times);
            data++;
            times++;
            store(DATA, data, RELAXED);
            data = 0;
            give()
        :: else -> assert(!patient)
        fi
    }
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run locking(0, true);
        run locking(1, true);
        run locking(2, false)
    }
}
