/* SPDX-License-Identifier: MIT */
/*
 * src/sync/eventcount.h, on the given locations. The process has the variables key and found, which are 0 between
 * calls. It checks the condition between prepare and cancel or commit.
 */
#ifndef ENTER
#define ENTER SEQ_CST
#endif
#ifndef KEY
#define KEY ACQUIRE
#endif
#ifndef HAS_SLEEPERS
#define HAS_SLEEPERS SEQ_CST
#endif
#ifndef ADVANCE
#define ADVANCE RELEASE
#endif
#ifndef LEAVE_SLEEPERS
#define LEAVE_SLEEPERS RELEASE
#endif

inline eventcount_prepare(sleepers, epoch)
{
    add(sleepers, 1, ENTER);
    load(epoch, key, KEY)
}

inline eventcount_cancel(sleepers)
{
    key = 0;
    add(sleepers, -1, LEAVE_SLEEPERS)
}

inline eventcount_commit(sleepers, epoch)
{
#ifdef KEY_AT_COMMIT
    load(epoch, key, ACQUIRE);
#endif
    do
    :: load(epoch, found, ACQUIRE);
        if
        :: found != key -> break
        :: else
        fi;
        futex_wait(epoch, key)
    od;
    found = 0;
    eventcount_cancel(sleepers)
}

inline eventcount_notify(sleepers, epoch, all)
{
    load(sleepers, found, HAS_SLEEPERS);
    if
    :: found != 0 ->
        found = 0;
#ifndef NO_EPOCH
        add(epoch, 1, ADVANCE);
#endif
        futex_wake(epoch, all)
    :: else
    fi
}
