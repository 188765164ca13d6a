/* SPDX-License-Identifier: MIT */
#ifndef TSC_QUEUE_THREAD_H
#define TSC_QUEUE_THREAD_H

#include "queue/owner.h"

/* Runs the owner's thread until the owner ends and all messages are delivered. */
void tsc_owner_run(struct tsc_owner *owner);

#endif
