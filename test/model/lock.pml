/* SPDX-License-Identifier: MIT */
/*
 * Threads take a lock, and any of them may starve while it waits. The lock keeps them apart, each sees what the one
 * before it did, and nobody sleeps for ever. What is handed over to a starved thread goes to one that has starved.
 *
 * Whether a hand-over is due, and whether a sleeper's patience has ended, is the clock's to say: here it may be
 * either at any time.
 *
 * Mirrors: src/sync/lock.h: tsc_lock_try tsc_lock_is_held tsc_lock_acquire tsc_lock_release
 * Mirrors: src/sync/lock.c: tsc_lock_acquire_slow is_free acquire mark fall_asleep clear_marks tsc_lock_release_slow
 *
 * With -DNOBODY_STARVES all sleep until they are woken.
 *
 * Check:
 * Check: -DNOBODY_STARVES
 * Mutation: -DTRY=RELAXED: assertion: what the one before did is loaded before the lock is had
 * Mutation: -DTAKE=RELAXED: assertion: the same, by one that takes it slowly
 * Mutation: -DGIVE=RELAXED: assertion: the lock is free before what was done is seen
 * Mutation: -DNO_MARK: deadlock: the one that gives the lock knows of no sleeper
 * Mutation: -DTAKEN_WITHOUT_MARK -DNOBODY_STARVES: deadlock: the one that was woken knows of no other sleeper
 * Mutation: -DTAKEN_WITHOUT_FOUND -DNOBODY_STARVES: deadlock: marks that another thread was about to act on are lost
 * Mutation: -DSTARVED_MARKS_AWAITED: deadlock: the next giver knows of no starved sleeper
 * Mutation: -DRESERVATION_STAYS: deadlock: nobody that it is for is asleep, and it is not cleared
 * Mutation: -DWAKES_PATIENT: deadlock: only starved ones sleep
 * Mutation: -DWAKES_STARVED -DNOBODY_STARVES: deadlock: only patient ones sleep
 * Mutation: -DANYBODY_TAKES: assertion: a newcomer takes what is reserved
 * Mutation: -DGIVE_CLEARS: assertion: a newcomer comes between
 */
#ifndef TRY
#define TRY ACQUIRE
#endif
#ifndef TAKE
#define TAKE ACQUIRE
#endif
#ifndef GIVE
#define GIVE ACQ_REL
#endif

#ifndef ROUNDS_OF_FIRST
#define ROUNDS_OF_FIRST 1
#endif

#define CORES 3

#define LOCK 0
#define DATA 1
#define LOCATIONS 2
#define STALE(core, location) ((location) == LOCK || TRY == RELAXED || TAKE == RELAXED)
#include "include/armv8.pml"

#define SELF (me + 1)
#define AWAITED 4
#define STARVED 8
#define MARKS (AWAITED | STARVED)

/* The sets of sleepers, as locations of futexes. */
#define PATIENT_SET LOCK
#define STARVED_SET LOCATIONS

byte times;       /* the lock was had */
bool handed_over; /* and not yet taken */

#ifdef ANYBODY_TAKES
#define IS_FREE(word) (((word) & ~MARKS) == 0)
#else
#define IS_FREE(word) (((word) & ~MARKS) == 0 && (!((word) & STARVED) || (marks & STARVED)))
#endif

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

#ifdef TAKEN_WITHOUT_MARK
#define TAKEN (word | SELF)
#else
#ifdef TAKEN_WITHOUT_FOUND
#define TAKEN (marks | SELF)
#else
#ifdef STARVED_MARKS_AWAITED
#define TAKEN ((marks & STARVED -> AWAITED : word | marks) | SELF)
#else
#define TAKEN (word | marks | SELF)
#endif
#endif
#endif

inline fall_asleep()
{
    d_step {
        IN_KERNEL ->
        asleep[me] = (memory[LOCK] == word -> ((marks & STARVED) -> STARVED_SET : PATIENT_SET) + 1 : 0);
        acquire()
    }
#ifdef NOBODY_STARVES
    !asleep[me]
#else
    if
    :: !asleep[me]
    :: atomic { SLEEPS(me, PATIENT_SET) -> asleep[me] = 0; marks = MARKS }
    fi;
    if
    :: marks = MARKS
    :: true
    fi
#endif
}

inline take_slowly()
{
    load(LOCK, word, RELAXED);
    do
    :: IS_FREE(word) ->
        compare_exchange(LOCK, word, TAKEN, TAKE, done);
        if
        :: done -> break
        :: else
        fi
    :: !IS_FREE(word) ->
        marks = marks | AWAITED;
#ifdef NO_MARK
        done = true;
#else
        done = ((word & marks) == marks);
        if
        :: !done ->
            compare_exchange(LOCK, word, word | marks, RELAXED, done)
        :: else
        fi;
#endif
        if
        :: done ->
            done = false;
#ifndef NO_MARK
            word = word | marks;
#endif
            fall_asleep();
            load(LOCK, word, RELAXED)
        :: else
        fi
    od;
    word = 0
}

#define IS_RESERVED ((memory[LOCK] & STARVED) && !(memory[LOCK] & ~MARKS) && !(exclusive & BIT(LOCK)))

inline wake_one(set)
{
    atomic {
        IN_KERNEL ->
        if
        :: SLEEPS(0, set) -> asleep[0] = 0; woken = true
        :: SLEEPS(1, set) -> asleep[1] = 0; woken = true
        :: SLEEPS(2, set) -> asleep[2] = 0; woken = true
        :: else -> woken = false
        fi;
        handed_over = handed_over || woken && IS_RESERVED
    }
}

/* A thread that is slow may clear the reservation of a later one: then somebody is on the way all the same. */
inline clear_marks()
{
    done = false;
    do
    :: (word & ~MARKS) != 0 || done -> break
    :: else ->
        atomic {
            compare_exchange(LOCK, word, 0, RELAXED, done);
            handed_over = handed_over && !done
        }
    od
}

inline pass_on()
{
    load(LOCK, word, RELAXED);
    woken = false;
    if
    :: word & STARVED -> wake_one(STARVED_SET)
    :: true
    fi;
    done = false;
#ifndef RESERVATION_STAYS
    if
    :: !woken -> clear_marks()
    :: else
    fi;
#endif
    if
    :: done ->
        if
#ifndef WAKES_PATIENT
        :: word & STARVED -> wake_one(STARVED_SET)
#endif
        :: else
        fi;
        if
#ifndef WAKES_STARVED
        :: !woken -> wake_one(PATIENT_SET)
#endif
        :: else
        fi
    :: else
    fi;
    done = false; woken = false
}

inline give()
{
#ifdef GIVE_CLEARS
    exchange(LOCK, word, 0, GIVE);
    if
    :: word & STARVED -> wake_one(STARVED_SET); handed_over = handed_over || woken; woken = false
    :: else
    fi;
#else
    fetch_and(LOCK, word, MARKS, GIVE);
#endif
    if
    :: word & MARKS -> pass_on()
    :: else
    fi;
    word = 0
}

proctype locking(byte me)
{
    byte word, marks, data, round;
    bool done, woken;

    for (round : 1 .. (me == 0 -> ROUNDS_OF_FIRST : 1)) {
        try();
        if
        :: done
        :: else -> take_slowly()
        fi;
        done = false;
        assert(!handed_over || (marks & STARVED));
        handed_over = false;
        marks = 0;
        load(DATA, data, RELAXED);
        assert(data == times);
        data++;
        times++;
        store(DATA, data, RELAXED);
        data = 0;
        give()
    }
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run locking(0);
        run locking(1);
        run locking(2)
    }
}
