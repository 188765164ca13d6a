/* SPDX-License-Identifier: MIT */
#include "excuses.h"

#include <errno.h>

/* `history` contains the call. */
static bool overlaps_with_another_thread(const struct history *history, size_t own_thread, const struct call *call)
{
    for (size_t thread = 0; thread < history->threads; thread++) {
        if (thread == own_thread)
            continue;
        for (size_t i = 0; i < history->count[thread]; i++) {
            const struct call *other = history->calls[thread][i];

            if (other->invoked <= call->returned && call->invoked <= other->returned)
                return true;
        }
    }
    return false;
}

/* On the queue they exclude callbacks, and send an empty message where one comes in between. */
static bool is_exclusive(enum operation operation)
{
    return operation == TAKE_PEAK || operation == GET_BOUNDS || operation == SET_BOUNDS || operation == WAIT_ADD;
}

/* Whether the call may have sent a message. */
static bool may_send(const struct call *call)
{
    return call->operation == UPDATE || is_exclusive(call->operation) || is_assignment(call->operation) ||
           (is_addition(call->operation) && call->result != -EAGAIN);
}

/* Whether the call waited for all messages that were sent before it returned. */
static bool has_flushed(const struct call *call)
{
    switch (call->operation) {
    case GET:
    case GET_INTERVAL:
    case GET_DELTA:
    case FLUSH:
    case CLOSE:
        return true;
    case GET_PEAK:
    case TAKE_PEAK:
    case GET_BOUNDS:
    case SET_BOUNDS:
        return call->result == 0;
    case WAIT_AT_MOST:
        return call->result == 0 || !call->is_held;
    default:
        return false;
    }
}

/* The time when the last flush was invoked that had returned before this call began. */
static int64_t last_flush_before(const struct history *history, const struct call *call)
{
    int64_t last = INT64_MIN;

    for (size_t thread = 0; thread < history->threads; thread++) {
        for (size_t i = 0; i < history->count[thread]; i++) {
            const struct call *other = history->calls[thread][i];

            if (other->returned < call->invoked && other->invoked > last && has_flushed(other))
                last = other->invoked;
        }
    }
    return last;
}

static size_t messages_between(const struct history *history, int64_t flushed, int64_t until)
{
    size_t messages = 0;

    for (size_t thread = 0; thread < history->threads; thread++) {
        for (size_t i = 0; i < history->count[thread]; i++) {
            const struct call *call = history->calls[thread][i];

            messages += call->returned >= flushed && call->invoked <= until && may_send(call);
        }
    }
    return messages;
}

static bool may_have_been_full(const struct history *histories, size_t count, const struct call *call)
{
    size_t capacity = 1;
    size_t messages = 0;
    int64_t flushed = INT64_MIN;

    while (capacity < histories->attributes->queue_capacity)
        capacity *= 2;
    for (size_t i = 0; i < count; i++) {
        int64_t last = last_flush_before(&histories[i], call);

        if (last > flushed)
            flushed = last;
    }
    for (size_t i = 0; i < count; i++)
        messages += messages_between(&histories[i], flushed, call->returned);
    return messages >= capacity;
}

static void check_call(const struct history *histories, size_t count, const struct history *history, size_t thread,
                       const struct call *call, struct verdict *verdict)
{
    tsc_backend_t backend = history->attributes->backend;

    if (backend == TSC_BACKEND_MUTEX) {
        if (!overlaps_with_another_thread(history, thread, call))
            verdict_against(verdict, call, "no other thread can have held the mutex");
    } else if (backend == TSC_BACKEND_QUEUE) {
        if (!may_have_been_full(histories, count, call))
            verdict_against(verdict, call, "the queue cannot have been full");
    } else {
        verdict_against(verdict, call, "this backend never waits");
    }
}

void excuses_check(const struct history *histories, size_t count, struct verdict *verdict)
{
    for (size_t counter = 0; counter < count; counter++) {
        const struct history *history = &histories[counter];

        for (size_t thread = 0; thread < history->threads; thread++)
            for (size_t i = 0; i < history->count[thread]; i++)
                if (history->calls[thread][i]->operation == TRY_ADD &&
                    history->calls[thread][i]->result == -EAGAIN)
                    check_call(histories, count, history, thread, history->calls[thread][i], verdict);
    }
}
