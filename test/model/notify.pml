/* SPDX-License-Identifier: MIT */
/*
 * One thread registers a notification for the threshold 0. By -DMEETING it meets
 *
 *   CHANGERS   two threads that decrement the value from 3 to 0; the watch is armed for the threshold 2, as by a
 *              waiter
 *   WAITER     a thread that waits for the threshold 1 and may time out, and one that decrements from 2 to 0
 *   REGISTRANT a thread that replaces the registration by its own, for the threshold 1, and one that decrements from
 *              1 to 0; one of the two registering threads then takes back what is registered, or neither does
 *
 * If the value stays low enough, the notification that is registered last is written, and each at most once. Nothing
 * is written for a registration after a call that replaced it or took it back has returned; the call returns 1 exactly
 * if it was written. In the end the watch is disarmed if no notification is armed.
 *
 * Threshold and descriptor are plain here: they belong to the thread that holds the lock or the claim. The gate is
 * left out, and so is fork(), which holds the notification as a registering thread takes it back, and resumes it as
 * one registers it.
 *
 * Mirrors: src/sync/watch.c: tsc_watch_notify replace take_back set_notification read_after_arming try_notify
 * Mirrors: src/sync/watch.c: try_claimed tsc_watch_fire is_armed_for_nobody disarm_if_unused leave arm disarm
 * Mirrors: src/sync/watch.h: tsc_watch_check
 * Mirrors: src/sync/notification.c: tsc_notification_claim tsc_notification_settle tsc_notification_await
 * Mirrors: src/sync/notification.c: tsc_notification_arm tsc_notification_withdraw change_state
 * Mirrors: src/sync/notification.h: tsc_notification_state tsc_notification_is_pending
 *
 * Check: -DMEETING=CHANGERS
 * Check: -DMEETING=WAITER
 * Check: -DMEETING=REGISTRANT
 * Mutation: -DMEETING=CHANGERS -DNO_REREAD: assertion: a change between the read and the arming is not seen
 * Mutation: -DMEETING=CHANGERS -DARM_CLAIMED: assertion: the watch is disarmed before the claim ends
 * Mutation: -DMEETING=CHANGERS -DNO_REARMING: assertion: the watch was fired for the waiter alone
 * Mutation: -DMEETING=CHANGERS -DSTATE_LOAD=ACQUIRE -DHAS_SLEEPERS=ACQUIRE: assertion: the watch is disarmed late
 * Mutation: -DMEETING=WAITER -DFIRE=ACQUIRE: assertion: the same
 * Mutation: -DMEETING=WAITER -DARMED_LOAD=ACQUIRE: assertion: the watch is found armed before the notification is
 * Mutation: -DMEETING=WAITER -DSETTLE=ACQUIRE: assertion: the same
 * Mutation: -DMEETING=WAITER -DARM_FIRST: assertion: the watch fires before the notification is armed
 * Mutation: -DMEETING=WAITER -DREAD_FIRST: assertion: a change comes between the read and the arming
 * Mutation: -DMEETING=WAITER -DDISARM_UNLOCKED: assertion: a waiter disarms the watch of a new notification
 * Mutation: -DMEETING=WAITER -DDISARM_BLINDLY: assertion: a waiter disarms the watch of a notification
 * Mutation: -DMEETING=WAITER -DCLAIMED_IS_NOT_PENDING: assertion: a waiter disarms the watch of a claimed notification
 * Mutation: -DMEETING=WAITER -DNO_LAST_DISARMING: assertion: the threshold of a waiter that has left stays armed
 * Mutation: -DMEETING=REGISTRANT -DNO_CLAIM: assertion: two threads write
 * Mutation: -DMEETING=REGISTRANT -DNO_AWAITING: assertion: written after it was replaced
 * Mutation: -DMEETING=REGISTRANT -DSETTLE_FIRST: assertion: written after it was reported
 * Mutation: -DMEETING=REGISTRANT -DNO_WAKING: deadlock: a registering thread awaits the end of the claim for ever
 * Mutation: -DMEETING=REGISTRANT -DWITHDRAW_BLINDLY: assertion: a notification that was written is taken back
 */
#ifndef STATE_LOAD
#define STATE_LOAD SEQ_CST
#endif
#ifndef SETTLE
#define SETTLE SEQ_CST
#endif

#define CHANGERS 1
#define WAITER 2
#define REGISTRANT 3

#define CORES 3

#define VALUE 0
#define THRESHOLD 1
#define SLEEPERS 2
#define EPOCH 3
#define NOTIFICATION 4
#define LOCK 5
#define LOCATIONS 6
#define STALE(core, location) 0
#define MAY_TIME_OUT(core) (MEETING == WAITER)
#define LEAVE_WATCH lock_and_disarm_if_unused()

#define NONE 0
#define SENT 1
#define ARMED 2
#define CLAIMED 3
#define AWAITED 4

#ifdef CLAIMED_IS_NOT_PENDING
#define IS_PENDING(state) ((state) == ARMED)
#else
#define IS_PENDING(state) ((state) >= ARMED)
#endif

#include "include/armv8.pml"
#include "include/lock.pml"

/* The registrations, by the number of their thread. */
byte registered; /* that number plus 1, or 0 */
byte low_enough; /* its threshold */
byte written[2];
bool is_over[2];

#define NOBODY 2

inline read_value(seen)
{
    load(VALUE, seen, SEQ_CST)
}

#include "include/watch.pml"

inline disarm()
{
    exchange(THRESHOLD, armed, 0, FIRE);
    armed = 0;
    eventcount_notify(SLEEPERS, EPOCH, true);
    found = 0
}

/* Sets `done` if the watch is armed for nobody. */
inline check_for_nobody()
{
    load(SLEEPERS, found, HAS_SLEEPERS);
    load(NOTIFICATION, state, STATE_LOAD);
    load(THRESHOLD, armed, WATCH_LOAD);
#ifdef DISARM_BLINDLY
    done = !found && armed;
#else
    done = !found && !IS_PENDING(state) && armed;
#endif
    found = 0; state = 0; armed = 0
}

inline disarm_if_unused()
{
    check_for_nobody();
    if
    :: done -> done = false; disarm()
    :: else
    fi
}

inline lock_and_disarm_if_unused()
{
    check_for_nobody();
    if
    :: done ->
        done = false;
#ifdef DISARM_UNLOCKED
        disarm()
#else
        lock();
        disarm_if_unused();
        unlock()
#endif
    :: else
    fi
}

inline settle(new)
{
    exchange(NOTIFICATION, state, new, SETTLE);
    if
#ifndef NO_WAKING
    :: state == AWAITED -> state = 0; futex_wake(NOTIFICATION, true)
#endif
    :: else -> state = 0
    fi
}

inline do_write()
{
    d_step {
        written[number]++;
        assert(written[number] == 1 && !is_over[number])
    }
}

#define NOT_MINE 0
#define WAS_SENT 1
#define ARMED_AGAIN 2

inline claim()
{
    load(NOTIFICATION, state, STATE_LOAD);
    if
    :: state == ARMED ->
#ifdef NO_CLAIM
        store(NOTIFICATION, CLAIMED, SEQ_CST);
        done = true
#else
        compare_exchange(NOTIFICATION, state, CLAIMED, SEQ_CST, done)
#endif
    :: else
    fi;
    state = 0
}

/* Sets `attempt`, and `limit` to the threshold of the notification. */
inline try_notify()
{
    attempt = NOT_MINE;
    claim();
    if
    :: done ->
        done = false;
        d_step { limit = low_enough; number = (registered -> registered - 1 : 0) }
        read_value(seen);
        if
        :: seen > limit ->
#ifdef ARM_CLAIMED
            watch_arm(limit);
            settle(ARMED);
#else
            settle(ARMED);
#ifndef NO_REARMING
            watch_arm(limit);
#endif
#endif
            attempt = ARMED_AGAIN
        :: else ->
#ifdef SETTLE_FIRST
            settle(SENT);
            do_write();
#else
            do_write();
            settle(SENT);
#endif
            attempt = WAS_SENT
        fi;
        seen = 0; number = 0
    :: else
    fi
}

inline fire()
{
    do
    :: disarm();
        do
        :: try_notify();
            if
            :: attempt == ARMED_AGAIN ->
#ifdef NO_REREAD
                break
#else
                read_value(seen);
                if
                :: seen <= limit -> seen = 0
                :: else -> seen = 0; break
                fi
#endif
            :: else -> break
            fi
        od;
        limit = 0; attempt = 0;
#ifdef NO_LAST_DISARMING
        break
#else
        check_for_nobody();
        if
        :: done -> done = false
        :: else -> break
        fi
#endif
    od
}

/* With the lock held. Sets `was_sent`, or `done` if another thread has claimed the notification. */
inline take_back()
{
    state = ARMED;
#ifdef WITHDRAW_BLINDLY
    exchange(NOTIFICATION, state, NONE, SEQ_CST);
    state = ARMED;
    done = true;
#else
    compare_exchange(NOTIFICATION, state, NONE, SEQ_CST, done);
#endif
    if
    :: done -> done = false; disarm_if_unused()
    :: else ->
        if
        :: state == SENT -> was_sent = true; store(NOTIFICATION, NONE, SETTLE)
#ifdef NO_AWAITING
        :: state > ARMED -> store(NOTIFICATION, NONE, SETTLE)
#else
        :: state > ARMED -> done = true
#endif
        :: else
        fi
    fi;
    state = 0
}

inline await()
{
    state = CLAIMED;
    compare_exchange(NOTIFICATION, state, AWAITED, SEQ_CST, done);
    if
    :: done || state == AWAITED -> done = false; state = 0; futex_wait(NOTIFICATION, AWAITED)
    :: else -> state = 0
    fi
}

/* The former registration is over once the call returns. */
inline end_former()
{
    d_step {
        if
        :: former < NOBODY ->
            assert(was_sent == (written[former] == 1));
            is_over[former] = true
        :: else -> assert(!was_sent)
        fi;
        former = NOBODY;
        was_sent = false
    }
}

/* Registers the notification of thread `new`, or none. */
inline replace(new, threshold)
{
    do
    :: lock();
        take_back();
        if
        :: done -> done = false; unlock(); await()
        :: else -> break
        fi
    od;
    skip;
    d_step {
        former = (registered -> registered - 1 : NOBODY);
        registered = (new == NOBODY -> 0 : new + 1);
        low_enough = threshold
    }
    if
    :: new != NOBODY ->
#ifdef READ_FIRST
        read_value(seen);
#endif
#ifdef ARM_FIRST
        watch_arm(threshold);
        settle(ARMED)
#else
        settle(ARMED);
        watch_arm(threshold)
#endif
    :: else
    fi;
    unlock();
    end_former()
}

inline register(new, threshold)
{
    replace(new, threshold);
    limit = threshold;
    do
    ::
#ifndef READ_FIRST
        read_value(seen);
#endif
        if
        :: seen > limit -> attempt = NOT_MINE
        :: else -> try_notify()
        fi;
        seen = 0;
        if
        :: attempt != ARMED_AGAIN -> break
        :: else
        fi
    od;
    limit = 0; attempt = NOT_MINE;
    lock_and_disarm_if_unused()
}

proctype registrant(byte me; byte new; byte threshold)
{
    byte seen, armed, found, state, limit, attempt, number;
    byte former = NOBODY;
    bool done, was_sent;

    register(new, threshold);
    if
    :: MEETING == REGISTRANT -> replace(NOBODY, 0)
    :: true
    fi;
    finish()
}

proctype waiter(byte me)
{
    byte value, armed, key, found, state;
    bool done;

    watch_wait(1);
    finish()
}

proctype changer(byte me; byte times)
{
    byte value, armed, found, state, seen, limit, attempt, number;
    bool done;

    do
    :: times ->
        times--;
        add(VALUE, -1, SEQ_CST);
        read_value(value);
        watch_load();
        if
        :: value < armed -> value = 0; armed = 0; fire()
        :: else -> value = 0; armed = 0
        fi
    :: else -> break
    od;
    finish()
}

init
{
    atomic {
        initially(VALUE, 4 - MEETING);
        run core_of(0);
        run core_of(1);
        run core_of(2);
        run registrant(0, 0, 0);
        if
        :: MEETING == CHANGERS -> initially(THRESHOLD, 3); run changer(1, 1); run changer(2, 2)
        :: MEETING == WAITER -> run waiter(1); run changer(2, 2)
        :: MEETING == REGISTRANT -> run registrant(1, 1, 1); run changer(2, 1)
        fi
    }
    gone == CORES;
    assert(registered == 0 || written[registered - 1] == 1 && memory[NOTIFICATION] == SENT);
    assert(registered != 0 || memory[NOTIFICATION] == NONE);
    assert(IS_AT_REST)
}
