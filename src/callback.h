/* SPDX-License-Identifier: MIT */
#ifndef TSC_CALLBACK_H
#define TSC_CALLBACK_H

#include <stdbool.h>

/*
 * Whether the calling thread is inside an update callback, or is an owner's: then the last unref of something that
 * has a thread must not wait for that thread. One word of thread-local storage, looked at on slow paths alone.
 */
void tsc_callback_enter(void);
void tsc_callback_leave(void);
bool tsc_thread_must_not_join(void);

#endif
