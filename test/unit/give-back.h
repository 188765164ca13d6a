/* SPDX-License-Identifier: MIT */
/* Releases a slot set as the library does when it frees a counter. */
#ifndef UNIT_GIVE_BACK_H
#define UNIT_GIVE_BACK_H

#include "percpu/slots.h"
#include "sync/registry.h"

static inline void give_back(struct tsc_slots *slots)
{
    struct tsc_slots_chunk *empty;

    tsc_registry_lock();
    empty = tsc_slots_release(slots);
    tsc_registry_unlock();
    if (empty != NULL)
        tsc_slots_free_chunk(empty);
}

#endif
