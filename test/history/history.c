/* SPDX-License-Identifier: MIT */
#include "history.h"

int64_t history_closed_at(const struct history *history)
{
    int64_t first = INT64_MAX;

    if (history->before.closing == CLOSED)
        return INT64_MIN;
    for (size_t thread = 0; thread < history->threads; thread++) {
        for (size_t i = 0; i < history->count[thread]; i++) {
            const struct call *call = history->calls[thread][i];

            if (call->operation == CLOSE && call->returned < first)
                first = call->returned;
        }
    }
    return first;
}

/* Both threads' calls are in the order of time, so each index only grows. */
static uint64_t pairs_of(const struct history *history, size_t thread, size_t other)
{
    size_t began = 0;
    size_t ended = 0;
    uint64_t pairs = 0;

    for (size_t i = 0; i < history->count[thread]; i++) {
        const struct call *call = history->calls[thread][i];

        while (began < history->count[other] && history->calls[other][began]->invoked <= call->returned)
            began++;
        while (ended < history->count[other] && history->calls[other][ended]->returned < call->invoked)
            ended++;
        pairs += began - ended;
    }
    return pairs;
}

uint64_t history_overlapping_pairs(const struct history *history)
{
    uint64_t pairs = 0;

    for (size_t thread = 1; thread < history->threads; thread++)
        for (size_t other = 0; other < thread; other++)
            pairs += pairs_of(history, thread, other);
    return pairs;
}
