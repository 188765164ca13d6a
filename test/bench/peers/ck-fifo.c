/* SPDX-License-Identifier: MIT */
/*
 * Concurrency Kit's linked queue for many producers and many consumers, used with one consumer. It has none for a
 * single consumer.
 */
#include "owner-thread.h"

#include <stdbool.h>

#include <ck_fifo.h>

#ifndef CK_F_FIFO_MPMC
#error "Concurrency Kit has no ck_fifo_mpmc on this architecture"
#endif

static ck_fifo_mpmc_t fifo;
static ck_fifo_mpmc_entry_t stub;

static void fifo_open(size_t messages)
{
    messages_open(messages, sizeof(ck_fifo_mpmc_entry_t));
    ck_fifo_mpmc_init(&fifo, &stub);
}

static uint64_t fifo_send(const struct load *load, size_t rounds)
{
    for (size_t i = 0; i < rounds; i++)
        ck_fifo_mpmc_enqueue(&fifo, messages_take(load), (void *)(uintptr_t)1);
    return 0;
}

static int64_t fifo_receive(size_t messages)
{
    int64_t sum = 0;

    for (size_t i = 0; i < messages; i++) {
        ck_fifo_mpmc_entry_t *garbage;
        unsigned attempts = 0;
        void *message;

        while (!ck_fifo_mpmc_dequeue(&fifo, &message, &garbage))
            wait_for_the_other_side(&attempts);
        sum += (int64_t)(uintptr_t)message;
    }
    return sum;
}

const struct queue queue = {
    .name = "ck_fifo",
    .open = fifo_open,
    .send = fifo_send,
    .receive = fifo_receive,
    .close = messages_close,
};
