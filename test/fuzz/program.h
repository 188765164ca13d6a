/* SPDX-License-Identifier: MIT */
/*
 * The state of a running program: its input, the objects that it has made, and their models.
 *
 * One thread at a time runs the program, so the model knows each result exactly. The main thread passes an
 * operation to a hand, or to the callback of an update, and waits until it is done.
 */
#ifndef FUZZ_PROGRAM_H
#define FUZZ_PROGRAM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

#include "hands.h"
#include "input.h"
#include "model.h"

enum { ATTRS = 2, OWNERS = 2, HANDLES = 4, COUNTERS_MAX = 12, OWNER_MODELS_MAX = 16 };

/* Operations choose objects by number; these two stand for NULL. */
enum { NO_HANDLE = 31, NO_OUTPUT = 30 };

struct attr_slot {
    tsc_counter_attr_t *attr;
    struct model_attr model;
};

struct owner_slot {
    tsc_owner_t *owner;
    struct model_owner *model;
    unsigned references;
};

struct handle {
    tsc_counter_t *counter;
    struct model_counter *model;
    unsigned references;
};

/* An update whose callback is running. */
struct frame {
    struct frame *outer;
    const struct model_counter *counter;
    const void *thread;
};

struct program {
    struct input input;
    struct hands hands;
    const void *thread; /* that runs the program now: a hand, the model of an owner, or NULL for the main thread */
    struct frame *frame; /* the innermost callback */

    struct attr_slot attrs[ATTRS];
    struct owner_slot owners[OWNERS];
    struct handle handles[HANDLES];
    struct handle no_handle;

    /* Models are kept to the end: a callback may drop the last reference to its own counter. */
    struct model_counter counters[COUNTERS_MAX];
    size_t counter_count;
    struct model_owner owner_models[OWNER_MODELS_MAX];
    size_t owner_model_count;
};

/* Each operation returns the handle of the counter whose value is compared, or NULL. */
struct operation {
    const char *name;
    struct handle *(*run)(struct program *program, uint8_t choice);
};

extern const struct operation attr_operations[];
extern const size_t attr_operation_count;
extern const struct operation counter_operations[];
extern const size_t counter_operation_count;
extern const struct operation crowd_operations[];
extern const size_t crowd_operation_count;

/* Runs the next operations of the input, with nested ones. */
void program_run_operations(struct program *program, size_t count);

/* -------- parts of operations -------- */

struct handle *program_choose_handle(struct program *program, uint8_t choice);
struct attr_slot *program_choose_attr(struct program *program, uint8_t choice);
struct owner_slot *program_choose_owner(struct program *program, uint8_t choice);

/*
 * Each takes an operand from the input. A number is often near a value or bound of the counter, which may be NULL.
 */
int64_t program_take_number(struct program *program, const struct model_counter *counter);
size_t program_take_capacity(struct program *program);
char *program_take_text(struct program *program); /* freed by the caller */

/* How a running callback affects an operation on a counter. */
enum access {
    ACCESS_FREE,     /* no callback in the way */
    ACCESS_INSIDE,   /* this thread is in a callback of the counter or of its owner */
    ACCESS_ELSEWHERE /* another thread is in one, and waits for this thread */
};

enum access program_access(const struct program *program, const struct model_counter *counter);
bool program_is_in_callback(const struct program *program);

/*
 * The error that an operation must return before its own checks, or 0. WOULD_HANG: it would wait for a callback
 * that waits for it, which would be the caller's mistake.
 */
enum { WOULD_HANG = 2 };
int program_obstacle(const struct program *program, const struct handle *handle, bool null_argument,
                     uint64_t needs);

/* The same for a read: on the mutex it waits for no callback. */
int program_obstacle_to_read(const struct program *program, const struct handle *handle, bool null_argument);

/* Compares the value and the peak with the model, unless a callback is in the way. */
void program_check_value(struct program *program, struct handle *handle);

/* All messages of the counter are known to be applied. */
void program_note_delivered(struct model_counter *counter);

/* -------- comparing -------- */

/* No operation leaves this value in an output or in errno. */
enum { UNTOUCHED = 20571 };

void program_check_result(const char *call, int expected, int result, int error_number);
void program_check_number(const char *what, int64_t expected, int64_t found);
void program_check(const char *what, bool holds);

/* The call returns this result and leaves errno unchanged. */
#define RETURNS(expected, call) \
    do { \
        int result_; \
\
        errno = UNTOUCHED; \
        result_ = (call); \
        program_check_result(#call, (expected), result_, errno); \
    } while (0)

#define EQUAL(expected, found) program_check_number(#found, (expected), (found))
#define HOLDS(condition) program_check(#condition, (condition))

/* The same for calls that return nothing. */
#define LEAVES_ERRNO(call) \
    do { \
        errno = UNTOUCHED; \
        call; \
        EQUAL(UNTOUCHED, errno); \
    } while (0)

#endif
