/* SPDX-License-Identifier: MIT */
/* src/sync/parker.c, at the location STATE. The process has the variable state, which is 0 between calls. */
#define AWAKE 0
#define PARKED 1
#define NOTIFIED 2

#ifndef PREPARE
#define PREPARE SEQ_CST
#endif
#ifndef UNPARK
#define UNPARK RELEASE
#endif
#ifndef IS_PARKED
#define IS_PARKED SEQ_CST
#endif
#ifndef IS_NOTIFIED
#define IS_NOTIFIED ACQUIRE
#endif
#ifndef CANCEL
#define CANCEL ACQUIRE
#endif

inline parker_cancel()
{
    exchange(STATE, state, AWAKE, CANCEL);
    state = 0
}

inline parker_prepare(prepared)
{
    compare_exchange(STATE, state, PARKED, PREPARE, prepared);
    state = 0;
    if
    :: prepared
    :: else -> parker_cancel()
    fi
}

inline parker_commit()
{
    do
    :: load(STATE, state, IS_NOTIFIED);
        if
        :: state == NOTIFIED -> break
        :: else
        fi;
        futex_wait(STATE, PARKED)
    od;
#ifdef RESET_BY_STORE
    store(STATE, AWAKE, RELAXED);
    state = 0
#else
    parker_cancel()
#endif
}

inline parker_unpark()
{
#ifdef UNPARK_IN_TWO
    load(STATE, state, RELAXED);
    store(STATE, NOTIFIED, RELEASE);
#else
    exchange(STATE, state, NOTIFIED, UNPARK);
#endif
    if
    :: state == PARKED -> futex_wake(STATE, true)
    :: else
    fi;
    state = 0
}

/* Wakes the sleeper if it is parked. */
inline parker_wake()
{
    load(STATE, state, IS_PARKED);
    if
    :: state == PARKED -> parker_unpark()
    :: else -> state = 0
    fi
}
