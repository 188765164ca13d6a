/* SPDX-License-Identifier: MIT */
/*
 * A pipeline: one thread owns all counters of a stage, and applies all messages in one order. Senders do not wait;
 * a reader waits until all earlier messages are applied.
 *
 *     cc shared-owner.c -o shared-owner $(pkg-config --cflags --libs libtscounter) -pthread
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <tscounter/tscounter.h>

enum { THREADS = 8, MESSAGES = 5000, MESSAGE_BYTES = 1500 };

static tsc_counter_t *messages;
static tsc_counter_t *bytes;

static void *work(void *arg)
{
    for (int i = 0; i < MESSAGES; i++) {
        tsc_counter_inc(messages);
        tsc_counter_add(bytes, MESSAGE_BYTES);
    }
    return arg;
}

static int create_owner(tsc_owner_t **owner)
{
    tsc_owner_attr_t *attr;
    int error = tsc_owner_attr_create(&attr);

    if (error)
        return error;
    tsc_owner_attr_set_thread_name(attr, "stage");
    tsc_owner_attr_set_queue_capacity(attr, 4096);
    error = tsc_owner_create(owner, attr);
    tsc_owner_attr_destroy(attr);
    return error;
}

static int create_counters(void)
{
    tsc_counter_attr_t *attr;
    tsc_owner_t *owner;
    int error = create_owner(&owner);

    if (error)
        return error;
    error = tsc_counter_attr_create(&attr);
    if (error == 0) {
        tsc_counter_attr_set_owner(attr, owner);
        error = tsc_counter_create(&messages, TSC_BACKEND_QUEUE, attr);
        if (error == 0)
            error = tsc_counter_create(&bytes, TSC_BACKEND_QUEUE, attr);
        tsc_counter_attr_destroy(attr);
    }
    tsc_owner_unref(owner); /* the counters hold references */
    return error;
}

int main(void)
{
    pthread_t threads[THREADS];
    int64_t message_count;
    int64_t byte_count;

    if (create_counters() != 0)
        return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return EXIT_FAILURE;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    tsc_counter_get(messages, &message_count);
    tsc_counter_get(bytes, &byte_count);
    printf("%" PRId64 " messages, %" PRId64 " bytes\n", message_count, byte_count);
    tsc_counter_unref(messages);
    tsc_counter_unref(bytes);
    return byte_count == message_count * MESSAGE_BYTES ? EXIT_SUCCESS : EXIT_FAILURE;
}
