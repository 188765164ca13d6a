/* SPDX-License-Identifier: MIT */
/*
 * A thread creates a counter, lists it, and drops its reference. Two others look for it in the list, use it if they
 * could acquire a reference, and drop that. The last reference removes the counter from the list, then frees it.
 * No thread finds a counter that is not ready, or uses one that is freed; and it is freed once.
 *
 * Mirrors: src/listing.c: tsc_listing_add tsc_listing_remove acquire_next
 * Mirrors: src/sync/registry.c: tsc_object_try_ref tsc_object_drop
 *
 * Check:
 * Mutation: -DTRY_WITHOUT_CHECK: assertion: a walk acquires a counter that has no references
 * Mutation: -DCHECK_APART: assertion: the last reference goes between the check and the addition
 * Mutation: -DNO_LOCK: assertion: the counter is freed while a walk has it in its hand
 * Mutation: -DFREE_FIRST: assertion: the counter is freed while it is listed
 * Mutation: -DLOCK_ORDER=RELAXED: assertion: the counter is found before it is ready
 * Mutation: -DUNLOCK_ORDER=RELAXED: assertion: the same
 */
#define WALKERS 2
#define CREATOR WALKERS
#define CORES 3

#define LOCK 0
#define LISTED 1
#define REFERENCES 2
#define MEMORY 3
#define LOCATIONS 4
#define STALE(core, location) ((location) == MEMORY || (location) == LISTED)
#include "include/armv8.pml"
#ifdef NO_LOCK
inline lock() { skip }
inline unlock() { skip }
#else
#include "include/lock.pml"
#endif

/* The states of MEMORY. */
#define NOT_READY 0
#define READY 1
#define GONE 2

inline use()
{
    load(MEMORY, found, RELAXED);
    assert(found == READY)
}

inline try_ref()
{
    use();
    load(REFERENCES, references, RELAXED);
    acquired = false;
#ifdef TRY_WITHOUT_CHECK
    add(REFERENCES, 1, RELAXED);
    acquired = true;
#else
    do
    :: references == 0 -> break
#ifdef CHECK_APART
    :: references != 0 -> add(REFERENCES, 1, RELAXED); acquired = true; break
#else
    :: references != 0 ->
        compare_exchange(REFERENCES, references, references + 1, RELAXED, acquired);
        if
        :: acquired -> break
        :: else
        fi
#endif
    od
#endif
}

inline free_counter()
{
    load(MEMORY, found, RELAXED);
    assert(found == READY);
    store(MEMORY, GONE, RELAXED)
}

inline unref()
{
    fetch_add(REFERENCES, references, -1, ACQ_REL);
    if
    :: references == 1 ->
#ifdef FREE_FIRST
        free_counter();
#endif
        lock();
        store(LISTED, false, RELAXED);
        unlock();
#ifndef FREE_FIRST
        free_counter()
#endif
    :: else
    fi
}

proctype creator(byte me)
{
    byte references, found;

    store(MEMORY, READY, RELAXED);
    store(REFERENCES, 1, RELAXED);
    lock();
    store(LISTED, true, RELAXED);
    unlock();
    !ON_WAY(LOCK); /* one store to a location is in flight at a time; the drop becomes visible after it anyway */
    unref()
}

proctype walker(byte me)
{
    byte references, found, listed;
    bool acquired;

    lock();
    load(LISTED, listed, RELAXED);
    if
    :: listed -> try_ref()
    :: else
    fi;
    unlock();
    if
    :: acquired -> !ON_WAY(LOCK); use(); unref()
    :: else
    fi
}

init
{
    atomic {
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run creator(CREATOR);
        run walker(0);
        run walker(1)
    }
}
