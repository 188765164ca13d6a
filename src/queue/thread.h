/* SPDX-License-Identifier: MIT */
#ifndef TSC_QUEUE_THREAD_H
#define TSC_QUEUE_THREAD_H

#include "queue/owner.h"

/* Delivers until the owner ends and all is delivered. */
void tsc_owner_run(struct tsc_owner *owner);

/*
 * Twice a wake-up: below that, sleeping costs more than it saves. A wake-up that takes as long as the others spin
 * would have both sides sleep in turn.
 */
static inline int64_t tsc_owner_longest_spin(struct tsc_owner *owner)
{
    return 2 * atomic_load_explicit(&owner->wakeup_ns, memory_order_relaxed);
}

void tsc_owner_init_thread(struct tsc_owner *owner);

#endif
