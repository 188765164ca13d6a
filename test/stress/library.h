/* SPDX-License-Identifier: MIT */
/* The library, loaded by name: tests that use this are not linked against it. */
#ifndef STRESS_LIBRARY_H
#define STRESS_LIBRARY_H

#include <tscounter/tscounter.h>

struct library {
    void *handle;
    int (*create)(tsc_counter_t **, tsc_backend_t, const tsc_counter_attr_t *);
    void (*unref)(tsc_counter_t *);
    int (*inc)(tsc_counter_t *);
    int (*add)(tsc_counter_t *, int64_t);
    int (*get)(tsc_counter_t *, int64_t *);
    int (*update)(tsc_counter_t *, tsc_update_fn, void *);
    int (*wait_at_most)(tsc_counter_t *, int64_t, int64_t);
    int (*owner_create)(tsc_owner_t **, const tsc_owner_attr_t *);
    void (*owner_unref)(tsc_owner_t *);
};

/* Loads the library itself, or a plugin that loads it. */
struct library open_library(const char *path);

/* Stores the function with this name in `function`, the address of a pointer to a function. */
void look_up(struct library *library, const char *name, void *function);

#endif
