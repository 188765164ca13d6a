/* SPDX-License-Identifier: MIT */
/* The bounded queue with one sender, and with many. */
#include "queue/ring.h"

#include <sched.h>
#include <stdlib.h>

#include "support/suite.h"
#include "support/threads.h"

static struct tsc_ring ring;

static void make_ring(size_t capacity)
{
    ck_assert_int_eq(tsc_ring_init(&ring, capacity), 0);
}

static void send(void *recipient, int64_t argument)
{
    uint64_t position;

    ck_assert(tsc_ring_reserve(&ring, &position));
    tsc_ring_publish(&ring, position, recipient, argument);
}

/* Reads the next message without releasing its cell. */
static int64_t receive(void **recipient)
{
    int64_t argument;

    ck_assert(tsc_ring_read(&ring, ring.next, recipient, &argument));
    ring.next++;
    return argument;
}

static int64_t receive_argument(void)
{
    void *recipient;

    return receive(&recipient);
}

START_TEST(capacity_is_rounded_up_to_a_power_of_two)
{
    static const struct {
        size_t wanted;
        uint64_t got;
    } rows[] = {{1, 1}, {2, 2}, {3, 4}, {1000, 1024}, {1024, 1024}, {1025, 2048}};

    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        make_ring(rows[row].wanted);
        ck_assert_uint_eq(ring.capacity, rows[row].got);
        tsc_ring_fini(&ring);
    }
}
END_TEST

static bool is_ready(void)
{
    void *recipient;
    int64_t argument;

    return tsc_ring_read(&ring, ring.next, &recipient, &argument);
}

START_TEST(messages_are_read_as_they_were_sent)
{
    int recipients[3];
    void *recipient;

    make_ring(4);
    ck_assert(!is_ready());
    for (int i = 0; i < 3; i++)
        send(&recipients[i], INT64_MIN + i);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(receive(&recipient), INT64_MIN + i);
        ck_assert_ptr_eq(recipient, &recipients[i]);
    }
    ck_assert(!is_ready());
    tsc_ring_fini(&ring);
}
END_TEST

START_TEST(only_release_makes_room)
{
    uint64_t position;

    make_ring(2);
    send(NULL, 1);
    send(NULL, 2);
    ck_assert(!tsc_ring_has_room(&ring));
    ck_assert(!tsc_ring_reserve(&ring, &position));
    ck_assert_int_eq(receive_argument(), 1);
    ck_assert(!tsc_ring_reserve(&ring, &position));
    tsc_ring_release(&ring);
    send(NULL, 3);
    ck_assert(!tsc_ring_reserve(&ring, &position));
    ck_assert_int_eq(receive_argument(), 2);
    ck_assert_int_eq(receive_argument(), 3);
    tsc_ring_fini(&ring);
}
END_TEST

/* A cell of the previous lap must never be read as a message of this one. */
START_TEST(no_message_is_ready_before_it_is_published)
{
    make_ring(4);
    for (int64_t lap = 0; lap < 5; lap++) {
        for (int64_t i = 0; i < 4; i++) {
            uint64_t position;

            ck_assert(tsc_ring_reserve(&ring, &position));
            ck_assert(!is_ready());
            tsc_ring_publish(&ring, position, NULL, lap * 4 + i);
            ck_assert_int_eq(receive_argument(), lap * 4 + i);
            tsc_ring_release(&ring);
        }
    }
    tsc_ring_fini(&ring);
}
END_TEST

START_TEST(a_gap_delays_later_messages)
{
    uint64_t gap;

    make_ring(4);
    ck_assert(!tsc_ring_awaits_publication(&ring));
    ck_assert(tsc_ring_reserve(&ring, &gap));
    send(NULL, 2);
    ck_assert(!is_ready());
    ck_assert(tsc_ring_awaits_publication(&ring));
    tsc_ring_publish(&ring, gap, NULL, 1);
    ck_assert(!tsc_ring_awaits_publication(&ring));
    ck_assert_int_eq(receive_argument(), 1);
    ck_assert_int_eq(receive_argument(), 2);
    tsc_ring_fini(&ring);
}
END_TEST

struct stream {
    uint64_t messages;
    size_t senders;
    int64_t *last; /* the last argument of each sender */
    uint64_t out_of_order;
    uint64_t received;
};

static void send_numbers(size_t sender, struct stream *stream)
{
    for (uint64_t number = 1; number <= stream->messages; number++) {
        uint64_t position;

        while (!tsc_ring_reserve(&ring, &position))
            sched_yield();
        tsc_ring_publish(&ring, position, &stream->last[sender], (int64_t)number);
    }
}

static void receive_numbers(struct stream *stream)
{
    while (stream->received < stream->messages * stream->senders) {
        void *recipient;
        int64_t number;

        if (!tsc_ring_read(&ring, ring.next, &recipient, &number)) {
            tsc_ring_release(&ring);
            sched_yield();
            continue;
        }
        ring.next++;
        stream->received++;
        stream->out_of_order += *(int64_t *)recipient + 1 != number;
        *(int64_t *)recipient = number;
    }
}

static void send_or_receive(size_t index, void *arg)
{
    struct stream *stream = arg;

    if (index == stream->senders)
        receive_numbers(stream);
    else
        send_numbers(index, stream);
}

START_TEST(each_senders_messages_keep_their_order)
{
    struct stream stream = {.senders = support_threads(8), .messages = support_ops(5000)};

    stream.last = calloc(stream.senders, sizeof(stream.last[0]));
    make_ring((size_t)1 << _i);
    support_run_threads(stream.senders + 1, send_or_receive, &stream);
    ck_assert_uint_eq(stream.out_of_order, 0);
    for (size_t sender = 0; sender < stream.senders; sender++)
        ck_assert_uint_eq((uint64_t)stream.last[sender], stream.messages);
    tsc_ring_fini(&ring);
    free(stream.last);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring");
    TCase *alone = support_add_case(suite, "alone", 10);
    TCase *crowd = support_add_case(suite, "crowd", 60);

    tcase_add_test(alone, capacity_is_rounded_up_to_a_power_of_two);
    tcase_add_test(alone, messages_are_read_as_they_were_sent);
    tcase_add_test(alone, only_release_makes_room);
    tcase_add_test(alone, no_message_is_ready_before_it_is_published);
    tcase_add_test(alone, a_gap_delays_later_messages);
    tcase_add_loop_test(crowd, each_senders_messages_keep_their_order, 0, 8);
    return support_run_suite(suite);
}
