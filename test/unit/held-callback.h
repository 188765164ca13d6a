/* SPDX-License-Identifier: MIT */
/* A message whose callback holds the owner's thread until it is let go. */
#ifndef UNIT_HELD_CALLBACK_H
#define UNIT_HELD_CALLBACK_H

#include "queue/send.h"

struct held_callback {
    struct tsc_recipient recipient;
    struct tsc_owner *owner;
    struct tsc_parker begun;
    struct tsc_parker may_end;
    int answer_to_wait; /* what the callback itself may do */
    int answer_to_send;
};

/* Publishes the message at a position that is reserved. */
void held_callback_send(struct held_callback *callback, struct tsc_owner *owner, uint64_t position);

/* The same, or with a position of its own; returns inside the callback. */
void held_callback_begin_at(struct held_callback *callback, struct tsc_owner *owner, uint64_t position);
void held_callback_begin(struct held_callback *callback, struct tsc_owner *owner);
void held_callback_let_go(struct held_callback *callback);

void wait_until_notified(struct tsc_parker *parker);

#endif
