/* SPDX-License-Identifier: MIT */
/*
 * Each thread uses the counter and drops its reference; the last one frees it. Every use by the others, store or
 * load, happens before that.
 *
 * Mirrors: src/sync/registry.c: add_reference drop_reference
 *
 * Check:
 * Mutation: -DDROP=ACQUIRE: assertion: the dropped reference is visible before earlier stores
 * Mutation: -DDROP=RELEASE: assertion: the last thread loads the others' stores before it finds itself the last
 * Mutation: -DDROP=RELAXED -DLOADS: assertion: the counter is freed before the load is executed
 */
#ifndef DROP
#define DROP ACQ_REL
#endif
#ifdef LOADS
#define STORES false
#else
#define STORES true
#endif

#define USERS 2
#define CORES 2

#define REFERENCES 0
#define USED_BY(user) (1 + (user))
#define LOCATIONS 3
#define STALE(core, location) ((location) != REFERENCES)
#include "include/armv8.pml"

#define GONE 9

inline use()
{
    if
    :: STORES -> store(USED_BY(me), 1, RELAXED)
    :: else -> load(USED_BY(me), used, RELAXED); assert(used != GONE)
    fi
}

inline free_counter()
{
    load(USED_BY(1 - me), used, RELAXED);
    assert(used || !STORES);
    store(USED_BY(1 - me), GONE, RELAXED)
}

proctype user(byte me)
{
    byte references, used;

    if
    :: true ->
        use();
        fetch_add(REFERENCES, references, -1, DROP)
#if DROP == RELAXED
    :: true -> /* a relaxed store does not wait for earlier loads */
        fetch_add(REFERENCES, references, -1, DROP);
        use()
#endif
    fi;
    if
    :: references == 1 -> free_counter()
    :: else
    fi
}

init
{
    atomic {
        initially(REFERENCES, USERS);
        run core_of(0);
        run core_of(1);
        run user(0);
        run user(1)
    }
}
