/* SPDX-License-Identifier: MIT */
/* Concurrency Kit's ring for many producers and one consumer. */
#include "owner-thread.h"

#include <stdbool.h>

#include <ck_ring.h>

enum { CAPACITY = 1024 /* a queue counter's default */ };

static ck_ring_t ring;
static ck_ring_buffer_t buffer[CAPACITY];

static void ring_open(size_t messages)
{
    (void)messages;
    ck_ring_init(&ring, CAPACITY);
}

static uint64_t ring_send(const struct load *load, size_t rounds)
{
    void *message = (void *)(uintptr_t)1;

    (void)load;
    for (size_t i = 0; i < rounds; i++) {
        unsigned attempts = 0;

        while (!ck_ring_enqueue_mpsc(&ring, buffer, message))
            wait_for_the_other_side(&attempts);
    }
    return 0;
}

static int64_t ring_receive(size_t messages)
{
    int64_t sum = 0;

    for (size_t i = 0; i < messages; i++) {
        unsigned attempts = 0;
        void *message;

        while (!ck_ring_dequeue_mpsc(&ring, buffer, &message))
            wait_for_the_other_side(&attempts);
        sum += (int64_t)(uintptr_t)message;
    }
    return sum;
}

static void ring_close(void) {}

const struct queue queue = {
    .name = "ck_ring",
    .open = ring_open,
    .send = ring_send,
    .receive = ring_receive,
    .close = ring_close,
};
