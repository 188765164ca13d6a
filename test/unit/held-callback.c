/* SPDX-License-Identifier: MIT */
#include "held-callback.h"

#include "queue/delivery.h"

void wait_until_notified(struct tsc_parker *parker)
{
    if (tsc_parker_prepare(parker))
        tsc_parker_commit(parker);
}

static void run(struct tsc_recipient *recipient, int64_t argument)
{
    struct held_callback *callback = tsc_container_of(recipient, struct held_callback, recipient);

    (void)argument;
    tsc_owner_begin_callback(callback->owner);
    callback->wait_result = tsc_owner_check_wait(callback->owner);
    callback->send_result = tsc_owner_check_send(callback->owner);
    tsc_parker_unpark(&callback->begun);
    wait_until_notified(&callback->may_end);
    tsc_owner_end_callback(callback->owner);
}

void held_callback_send(struct held_callback *callback, struct tsc_owner *owner, uint64_t position)
{
    *callback = (struct held_callback){.recipient = {.deliver = run}, .owner = owner};
    tsc_owner_publish(owner, position, &callback->recipient, TSC_MESSAGE_CALLBACK, 0);
}

void held_callback_begin_at(struct held_callback *callback, struct tsc_owner *owner, uint64_t position)
{
    held_callback_send(callback, owner, position);
    wait_until_notified(&callback->begun);
}

void held_callback_begin(struct held_callback *callback, struct tsc_owner *owner)
{
    held_callback_begin_at(callback, owner, tsc_owner_reserve(owner));
}

void held_callback_release(struct held_callback *callback)
{
    tsc_parker_unpark(&callback->may_end);
}
