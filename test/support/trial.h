/* SPDX-License-Identifier: MIT */
/* A trial is one of many cases that a test tries; it has a name. */
#ifndef SUPPORT_TRIAL_H
#define SUPPORT_TRIAL_H

#include <stdbool.h>

enum { TRIAL_SECONDS = 120, TRIAL_NAME_MAX = 160 }; /* times TSC_TEST_TIMEOUT_SCALE */

/* Whether TSC_TEST_TRIAL is unset, or the name contains it. */
bool trial_is_asked_for(const char *name);

/* Ends the process, with the name of the trial, if the trial hangs. Check's own timeout does not know the name. */
void trial_begin(const char *name);
void trial_end(void);

#endif
