/* SPDX-License-Identifier: MIT */
#ifndef TSC_JOIN_H
#define TSC_JOIN_H

#include <stdbool.h>

/*
 * Whether the calling thread must not join an owner's thread: it is inside an update callback, or is an owner's
 * thread itself. The last unref then leaves the rest to the owner's thread. Calls nest; read on slow paths only.
 */
void tsc_thread_forbid_join(void);
void tsc_thread_allow_join(void);
bool tsc_thread_must_not_join(void);

#endif
