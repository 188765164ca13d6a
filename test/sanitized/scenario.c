/* SPDX-License-Identifier: MIT */
#include "scenario.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void require(int condition, const char *file, int line, const char *text)
{
    if (condition)
        return;
    fprintf(stderr, "%s:%d: %s\n", file, line, text);
    exit(1);
}

tsc_counter_t *new_counter_with(tsc_backend_t backend, void (*set)(tsc_counter_attr_t *attr))
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *counter;

    REQUIRE(tsc_counter_attr_create(&attr) == 0);
    set(attr);
    REQUIRE(tsc_counter_create(&counter, backend, attr) == 0);
    tsc_counter_attr_destroy(attr);
    return counter;
}

tsc_counter_t *new_counter(tsc_backend_t backend)
{
    tsc_counter_t *counter;

    REQUIRE(tsc_counter_create(&counter, backend, NULL) == 0);
    return counter;
}

pthread_t start(void *(*function)(void *), void *arg)
{
    pthread_t thread;

    REQUIRE(pthread_create(&thread, NULL, function, arg) == 0);
    return thread;
}

void join(pthread_t thread)
{
    REQUIRE(pthread_join(thread, NULL) == 0);
}

static atomic_int turn;

void wait_for_turn(int number)
{
    while (atomic_load_explicit(&turn, memory_order_relaxed) != number)
        sched_yield();
}

void next_turn(void)
{
    atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed);
}

static bool is_for(const struct scenario *scenario, tsc_backend_t backend)
{
    uint64_t caps;

    REQUIRE(tsc_backend_get_caps(backend, &caps) == 0);
    return (caps & scenario->caps) == scenario->caps &&
           (scenario->only_on == NULL || strcmp(scenario->only_on, tsc_backend_name(backend)) == 0);
}

int main(int argc, char **argv)
{
    tsc_backend_t backend;

    REQUIRE(argc >= 2 && tsc_backend_from_name(argv[1], &backend) == 0);
    for (const struct scenario *scenario = scenarios; scenario->name != NULL; scenario++) {
        if (argc == 2 && is_for(scenario, backend)) {
            puts(scenario->name);
        } else if (argc > 2 && strcmp(scenario->name, argv[2]) == 0) {
            scenario->run(backend);
            return 0;
        }
    }
    return argc > 2;
}
