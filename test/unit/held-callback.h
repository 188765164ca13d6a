/* SPDX-License-Identifier: MIT */
/* A message whose callback holds the owner's thread until it is released. */
#ifndef UNIT_HELD_CALLBACK_H
#define UNIT_HELD_CALLBACK_H

#include "queue/send.h"

struct held_callback {
    struct tsc_recipient recipient;
    struct tsc_owner *owner;
    struct tsc_parker begun;
    struct tsc_parker may_end;
    int wait_result; /* of tsc_owner_may_wait() and _may_send() inside the callback */
    int send_result;
};

/* Publishes the message at a reserved position. */
void held_callback_send(struct held_callback *callback, struct tsc_owner *owner, uint64_t position);

/* Publishes at that position, or at a new one, and waits until the callback has begun. */
void held_callback_begin_at(struct held_callback *callback, struct tsc_owner *owner, uint64_t position);
void held_callback_begin(struct held_callback *callback, struct tsc_owner *owner);
void held_callback_release(struct held_callback *callback);

void wait_until_notified(struct tsc_parker *parker);

#endif
