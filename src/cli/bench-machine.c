/* SPDX-License-Identifier: MIT */
#include "bench-machine.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifdef __clang__
static const char compiler[] = __VERSION__;
#else
static const char compiler[] = "gcc " __VERSION__;
#endif

#ifdef __OPTIMIZE__
static const bool optimized = true;
#else
static const bool optimized = false;
#endif

/* Leaves the model unchanged if the system does not report it. */
static void find_model(char *model, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];

    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *colon = strchr(line, ':');

        if (colon == NULL || strncmp(line, "model name", strlen("model name")) != 0)
            continue;
        snprintf(model, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    fclose(file);
}

static int usable_processors(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return CPU_COUNT(&set);
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

void machine_describe(struct machine *machine)
{
    struct utsname system;

    *machine = (struct machine){
        .processors = usable_processors(),
        .compiler = compiler,
        .optimized = optimized,
    };
    if (uname(&system) == 0) {
        snprintf(machine->architecture, sizeof(machine->architecture), "%s", system.machine);
        snprintf(machine->kernel, sizeof(machine->kernel), "%s %s", system.sysname, system.release);
    }
    snprintf(machine->processor, sizeof(machine->processor), "%s", machine->architecture);
    find_model(machine->processor, sizeof(machine->processor));
}
