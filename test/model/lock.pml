/* SPDX-License-Identifier: MIT */
/*
 * Threads acquire a lock, and any of them may starve while it waits. The lock excludes them, each sees what the
 * holder before it did, and no thread sleeps for ever. A lock that is handed over goes to a starved thread.
 *
 * The clock decides whether a hand-over is due and whether a waiter's patience has ended; here either may happen at
 * any time.
 *
 * With -DGIVES_UP the third thread has a deadline: it may stop waiting wherever it loads the time.
 *
 * Mirrors: src/sync/lock.h: tsc_lock_try tsc_lock_is_held tsc_lock_acquire tsc_lock_release tsc_lock_release_fast
 * Mirrors: src/sync/lock.c: tsc_lock_acquire_until is_over is_free acquire mark fall_asleep clear_marks tsc_lock_release_slow
 *
 * With -DNOBODY_STARVES all sleep until they are woken.
 *
 * Check:
 * Check: -DNOBODY_STARVES
 * Check: -DGIVES_UP
 * Mutation: -DTRY=RELAXED: assertion: the data are loaded before the lock is acquired
 * Mutation: -DACQUIRE_SLOW=RELAXED: assertion: the same, on the slow path
 * Mutation: -DRELEASE_ORDER=RELAXED: assertion: the lock is free before the data are visible
 * Mutation: -DNO_MARK: deadlock: the releasing thread sees no sleeper
 * Mutation: -DACQUIRED_WITHOUT_MARK -DNOBODY_STARVES: deadlock: the woken thread does not mark for other sleepers
 * Mutation: -DACQUIRED_WITHOUT_FOUND -DNOBODY_STARVES: deadlock: marks that another thread was about to clear are lost
 * Mutation: -DSTARVED_MARKS_AWAITED: deadlock: the next release sees no starved sleeper
 * Mutation: -DRESERVATION_STAYS: deadlock: no starved thread is asleep, and the reservation is not cleared
 * Mutation: -DWAKES_PATIENT: deadlock: only starved threads sleep
 * Mutation: -DWAKES_STARVED -DNOBODY_STARVES: deadlock: only patient threads sleep
 * Mutation: -DGIVES_UP -DGIVES_UP_UNMARKED -DNOBODY_STARVES -DROUNDS_OF_FIRST=2: deadlock: the wake-up that it had was for the others
 * Mutation: -DGIVES_UP -DGIVES_UP_FREE: deadlock: nobody acquires the lock that was handed over
 * Mutation: -DANYBODY_ACQUIRES: assertion: a newcomer acquires a reserved lock
 * Mutation: -DRELEASE_CLEARS: assertion: a newcomer comes in between
 */
#ifndef TRY
#define TRY ACQUIRE
#endif
#ifndef ACQUIRE_SLOW
#define ACQUIRE_SLOW ACQUIRE
#endif
#ifndef RELEASE_ORDER
#define RELEASE_ORDER ACQ_REL
#endif

#ifndef ROUNDS_OF_FIRST
#define ROUNDS_OF_FIRST 1
#endif

#define CORES 3

#define LOCK 0
#define DATA 1
#define LOCATIONS 2
#define STALE(core, location) ((location) == LOCK || TRY == RELAXED || ACQUIRE_SLOW == RELAXED)
#include "include/armv8.pml"

#define SELF (me + 1)
#define AWAITED 4
#define STARVED 8
#define MARKS (AWAITED | STARVED)

/* The sets of sleepers, as locations of futexes. */
#define PATIENT_SET LOCK
#define STARVED_SET LOCATIONS

byte times;       /* the lock was acquired */
bool handed_over; /* and not yet acquired */

#ifdef ANYBODY_ACQUIRES
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

#ifdef ACQUIRED_WITHOUT_MARK
#define ACQUIRED (word | SELF)
#else
#ifdef ACQUIRED_WITHOUT_FOUND
#define ACQUIRED (marks | SELF)
#else
#ifdef STARVED_MARKS_AWAITED
#define ACQUIRED ((marks & STARVED -> AWAITED : word | marks) | SELF)
#else
#define ACQUIRED (word | marks | SELF)
#endif
#endif
#endif

#ifdef GIVES_UP
#define MAY_GIVE_UP (me == 2)
#else
#define MAY_GIVE_UP false
#endif

inline fall_asleep()
{
    d_step {
        IN_KERNEL ->
        asleep[me] = (memory[LOCK] == word -> ((marks & STARVED) -> STARVED_SET : PATIENT_SET) + 1 : 0);
        acquire()
    }
#ifdef NOBODY_STARVES
    if
    :: d_step { !asleep[me] -> acquire() } /* the kernel orders a wake-up */
    :: atomic { MAY_GIVE_UP && asleep[me] -> asleep[me] = 0 }
    fi
#else
    if
    :: d_step { !asleep[me] -> acquire() } /* the kernel orders a wake-up */
    :: atomic { SLEEPS(me, PATIENT_SET) -> asleep[me] = 0; marks = MARKS }
    :: atomic { MAY_GIVE_UP && asleep[me] -> asleep[me] = 0 }
    fi;
    if
    :: marks = MARKS
    :: true
    fi
#endif
}

inline acquire_slow()
{
    load(LOCK, word, RELAXED);
    do
#ifdef GIVES_UP_FREE
    :: MAY_GIVE_UP && marks -> given_up = true; break
#endif
#ifdef GIVES_UP_UNMARKED
    :: MAY_GIVE_UP && marks && !IS_FREE(word) -> given_up = true; break
#endif
    :: IS_FREE(word) ->
        compare_exchange(LOCK, word, ACQUIRED, ACQUIRE_SLOW, done);
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
        :: done && MAY_GIVE_UP -> given_up = true; break
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

/* A slow thread may clear a later reservation; then another thread is on its way anyway. */
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

inline release_slow()
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

inline release()
{
#ifdef RELEASE_CLEARS
    exchange(LOCK, word, 0, RELEASE_ORDER);
    if
    :: word & STARVED -> wake_one(STARVED_SET); handed_over = handed_over || woken; woken = false
    :: else
    fi;
#else
    fetch_and(LOCK, word, MARKS, RELEASE_ORDER);
#endif
    if
    :: word & MARKS -> release_slow()
    :: else
    fi;
    word = 0
}

proctype locking(byte me)
{
    byte word, marks, data, round;
    bool done, woken, given_up;

    for (round : 1 .. (me == 0 -> ROUNDS_OF_FIRST : 1)) {
        try();
        if
        :: done
        :: else -> acquire_slow()
        fi;
        done = false;
        if
        :: given_up -> goto end
        :: else
        fi;
        assert(!handed_over || (marks & STARVED));
        handed_over = false;
        marks = 0;
        load(DATA, data, RELAXED);
        assert(data == times);
        data++;
        times++;
        store(DATA, data, RELAXED);
        data = 0;
        release()
    }
end:
    skip
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
