/* SPDX-License-Identifier: MIT */
#include "library.h"

#include <check.h>
#include <dlfcn.h>

/* POSIX's dlsym returns functions as void *; C has no such conversion. */
void look_up(struct library *library, const char *name, void *function)
{
    void **target = function;

    *target = dlsym(library->handle, name);
    ck_assert_msg(*target != NULL, "%s", name);
}

struct library open_library(const char *path)
{
    struct library library = {.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)};

    ck_assert_msg(library.handle != NULL, "%s", dlerror());
    look_up(&library, "tsc_counter_create", &library.create);
    look_up(&library, "tsc_counter_unref", &library.unref);
    look_up(&library, "tsc_counter_inc", &library.inc);
    look_up(&library, "tsc_counter_add", &library.add);
    look_up(&library, "tsc_counter_get", &library.get);
    look_up(&library, "tsc_counter_update", &library.update);
    look_up(&library, "tsc_counter_wait_at_most", &library.wait_at_most);
    look_up(&library, "tsc_owner_create", &library.owner_create);
    look_up(&library, "tsc_owner_unref", &library.owner_unref);
    return library;
}
