/* SPDX-License-Identifier: MIT */
/* liburcu's linked queue with wait-free enqueue; the owner takes all pending messages at once. */
#include "owner-thread.h"

#define _LGPL_SOURCE /* inlines the operations */
#include <urcu/compiler.h>
#include <urcu/wfcqueue.h>

struct message {
    struct cds_wfcq_node node;
    int64_t delta;
};

static struct __cds_wfcq_head head; /* without the lock, which only several consumers need */
static struct cds_wfcq_tail tail;

static void wfcqueue_open(size_t messages)
{
    messages_open(messages, sizeof(struct message));
    __cds_wfcq_init(&head, &tail);
}

static uint64_t wfcqueue_send(const struct load *load, size_t rounds)
{
    for (size_t i = 0; i < rounds; i++) {
        struct message *message = messages_take(load);

        cds_wfcq_node_init(&message->node);
        message->delta = 1;
        cds_wfcq_enqueue(&head, &tail, &message->node);
    }
    return 0;
}

static int64_t wfcqueue_receive(size_t messages)
{
    size_t received = 0;
    unsigned attempts = 0;
    int64_t sum = 0;

    while (received < messages) {
        struct cds_wfcq_node *node, *next;
        struct __cds_wfcq_head batch;
        struct cds_wfcq_tail batch_tail;

        __cds_wfcq_init(&batch, &batch_tail);
        while (__cds_wfcq_splice_blocking(&batch, &batch_tail, &head, &tail) == CDS_WFCQ_RET_SRC_EMPTY)
            wait_for_the_other_side(&attempts);
        __cds_wfcq_for_each_blocking_safe(&batch, &batch_tail, node, next)
        {
            sum += caa_container_of(node, struct message, node)->delta;
            received++;
        }
    }
    return sum;
}

const struct queue queue = {
    .name = "wfcqueue",
    .open = wfcqueue_open,
    .send = wfcqueue_send,
    .receive = wfcqueue_receive,
    .close = messages_close,
};
