/* SPDX-License-Identifier: MIT */
#include "trial.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "threads.h"

static char report[TRIAL_NAME_MAX + 16];

bool trial_is_asked_for(const char *name)
{
    const char *part = getenv("TSC_TEST_TRIAL");

    return part == NULL || strstr(name, part) != NULL;
}

static void report_and_end(int signal_number)
{
    (void)signal_number;
    (void)!write(STDERR_FILENO, report, strlen(report));
    _exit(EXIT_FAILURE);
}

void trial_begin(const char *name)
{
    alarm(0);
    snprintf(report, sizeof report, "%s: hangs\n", name);
    signal(SIGALRM, report_and_end);
    alarm(TRIAL_SECONDS * (unsigned int)support_timeout_scale());
}

void trial_end(void)
{
    alarm(0);
}
