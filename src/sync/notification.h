/* SPDX-License-Identifier: MIT */
#ifndef TSC_NOTIFICATION_H
#define TSC_NOTIFICATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A descriptor to write to, once, when a value is at most a threshold; sync/watch.h says when. The descriptor is a
 * duplicate of the program's, so the program may close its own.
 *
 *   NONE -> ARMED -> CLAIMED -> SENT -> NONE      (claimed, in vain: back to ARMED)
 *           ARMED -> NONE, ARMED -> HELD -> ARMED
 *
 * A thread that found the value low claims the notification; descriptor and threshold are its own until it stores
 * SENT or ARMED. It holds no lock, because it may be in a signal handler. A second thread that finds the
 * notification claimed sleeps until it is not; a changer need not wait.
 *
 * All other steps are made with the registry locked: the program replaces the notification or takes it back, and
 * fork() holds it. So fork() copies the table of descriptors while no thread is about to open or close a
 * duplicate, and the child knows what it has to close.
 */
struct tsc_notification {
    _Atomic uint32_t state;
    int descriptor;
    int64_t threshold;
};

enum tsc_notification_state {
    TSC_NOTIFICATION_NONE = 0,
    TSC_NOTIFICATION_SENT,
    TSC_NOTIFICATION_ARMED,
    TSC_NOTIFICATION_CLAIMED,
    TSC_NOTIFICATION_AWAITED, /* claimed, and threads sleep until it is not */
    TSC_NOTIFICATION_HELD,    /* by fork() */
};

static inline uint32_t tsc_notification_state(struct tsc_notification *notification)
{
    /* seq_cst: after a disarming of the watch; pairs with arm. acquire: pairs with the release in settle. */
    return atomic_load_explicit(&notification->state, memory_order_seq_cst);
}

/* It is armed, or another thread may arm it again. */
static inline bool tsc_notification_is_pending(struct tsc_notification *notification)
{
    return tsc_notification_state(notification) >= TSC_NOTIFICATION_ARMED;
}

/* Async-signal-safe, all three. Between claim and settle the thread must not be cancelled. */
bool tsc_notification_claim(struct tsc_notification *notification);

/* Writes, and closes the descriptor. A full pipe is readable already. */
void tsc_notification_send(struct tsc_notification *notification);

/* Ends a claim: SENT or ARMED. */
void tsc_notification_settle(struct tsc_notification *notification, enum tsc_notification_state state);

/* Sleeps while the notification is claimed; may return early. */
void tsc_notification_await(struct tsc_notification *notification);

/* The functions that follow are called with the registry locked, or in a forked child. */

/* A duplicate of `fd` that exec closes, or -EBADF or -EMFILE. */
int tsc_notification_duplicate(int fd);

void tsc_notification_close(int descriptor);

/* In the state NONE. */
void tsc_notification_arm(struct tsc_notification *notification, int64_t threshold, int descriptor);

/* Takes the notification from ARMED to `state`, NONE or HELD. Returns the state that was found, ARMED or other. */
uint32_t tsc_notification_withdraw(struct tsc_notification *notification, enum tsc_notification_state state);

/* In a forked child, and at the end of the watch: closes the descriptor if there is one. */
void tsc_notification_forget(struct tsc_notification *notification);

#endif
