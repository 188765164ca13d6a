/* SPDX-License-Identifier: MIT */
/* A mutex, at the location LOCK. */
#ifndef LOCK_ORDER
#define LOCK_ORDER ACQUIRE
#endif
#ifndef UNLOCK_ORDER
#define UNLOCK_ORDER RELEASE
#endif

inline lock()
{
    d_step {
        CAN_MODIFY(LOCK, LOCK_ORDER) && NOW(LOCK) == 0 ->
        read(LOCK, some, LOCK_ORDER);
        modify(LOCK, 1, LOCK_ORDER);
        some = 0
    }
}

inline unlock()
{
    store(LOCK, 0, UNLOCK_ORDER)
}
