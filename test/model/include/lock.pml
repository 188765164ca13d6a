/* SPDX-License-Identifier: MIT */
/* A mutex, on the location LOCK. */
#ifndef TAKE
#define TAKE ACQUIRE
#endif
#ifndef GIVE
#define GIVE RELEASE
#endif

inline lock()
{
    d_step {
        CAN_MODIFY(LOCK, TAKE) && NOW(LOCK) == 0 ->
        read(LOCK, some, TAKE);
        modify(LOCK, 1, TAKE);
        some = 0
    }
}

inline unlock()
{
    store(LOCK, 0, GIVE)
}
