/* SPDX-License-Identifier: MIT */
#ifndef TEST_SANITIZED_SCENARIO_H
#define TEST_SANITIZED_SCENARIO_H

#include <pthread.h>
#include <stdint.h>

#include <tscounter/tscounter.h>

/* PROGRAM BACKEND prints the names of a backend's scenarios; PROGRAM BACKEND NAME runs one. */
struct scenario {
    const char *name;
    uint64_t caps;       /* that it needs */
    const char *only_on; /* a backend's name, or NULL */
    void (*run)(tsc_backend_t backend);
};

/* Each program defines its own; the last one has no name. */
extern const struct scenario scenarios[];

/* Ends the program if the condition is false. */
#define REQUIRE(condition) require(condition, __FILE__, __LINE__, #condition)

void require(int condition, const char *file, int line, const char *text);

tsc_counter_t *new_counter(tsc_backend_t backend);
tsc_counter_t *new_counter_with(tsc_backend_t backend, void (*set)(tsc_counter_attr_t *attr));

/* The thread is ordered with its creator only at its start and when it is joined. */
pthread_t start(void *(*function)(void *), void *arg);
void join(pthread_t thread);

/* Threads take turns, which do not order them. The first turn is 0. */
void wait_for_turn(int number);
void next_turn(void);

#endif
