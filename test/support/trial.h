/* SPDX-License-Identifier: MIT */
/* One of many things that are tried, by its name. */
#ifndef SUPPORT_TRIAL_H
#define SUPPORT_TRIAL_H

#include <stdbool.h>

enum { TRIAL_SECONDS = 120, TRIAL_NAME_MAX = 160 }; /* times TSC_TEST_TIMEOUT_SCALE */

/* With TSC_TEST_TRIAL set: whether the name has that in it. */
bool trial_is_asked_for(const char *name);

/* The process ends, and says which trial hangs, unless the trial ends in time. Check's own timeout does not know.
 */
void trial_begin(const char *name);
void trial_end(void);

#endif
