/* SPDX-License-Identifier: MIT */
/* Another thread sends or receives between two instructions of a call of the ring. */
#include "queue/ring.h"

#include "support/stepper.h"
#include "support/suite.h"
#include "walk.h"

enum { CASE_SECONDS = 30, CAPACITY = 2, MESSAGES = 3, ARGUMENT = 77 };

static struct tsc_ring ring;

struct message {
    bool reserved;
    bool other_reserved;
    uint64_t position;
    uint64_t other_position;
    bool was_read;
    void *recipient;
    int64_t argument;
    uint64_t occupancy;
};

static void reserve(void *arg)
{
    struct message *message = arg;

    message->reserved = tsc_ring_reserve(&ring, &message->position);
}

static void reserve_for_another(void *arg)
{
    struct message *message = arg;

    message->other_reserved = tsc_ring_reserve(&ring, &message->other_position);
}

static void publish(void *arg)
{
    const struct message *message = arg;

    tsc_ring_publish(&ring, message->position, NULL, ARGUMENT);
}

static void send(void *arg)
{
    uint64_t position;

    (void)arg;
    if (tsc_ring_reserve(&ring, &position))
        tsc_ring_publish(&ring, position, NULL, ARGUMENT);
}

static void read_first(void *arg)
{
    struct message *message = arg;

    message->was_read = tsc_ring_read(&ring, 0, &message->recipient, &message->argument);
}

/* More messages than the ring holds: the tail or the head that a sender has read is then older than a lap. */
static void pass_messages(void *arg)
{
    for (int i = 0; i < MESSAGES; i++) {
        void *recipient;
        int64_t argument;

        send(arg);
        if (tsc_ring_read(&ring, ring.next, &recipient, &argument))
            ring.next++;
        tsc_ring_release(&ring);
    }
}

static void count(void *arg)
{
    struct message *message = arg;

    message->occupancy = tsc_ring_occupancy(&ring);
}

static void open_ring(struct message *message)
{
    ck_assert_int_eq(tsc_ring_init(&ring, CAPACITY), 0);
    *message = (struct message){.was_read = false};
}

START_TEST(another_sender_reserves_while_one_does)
{
    struct walk walk;

    walk_begin_named(&walk, "ring, reserve, and another sender reserves");
    while (walk_next(&walk)) {
        struct message message;
        bool interrupted;

        open_ring(&message);
        interrupted = walk_interrupt(&walk, reserve, reserve_for_another, &message);
        WALK_CHECK(&walk, message.reserved && message.other_reserved == interrupted);
        WALK_CHECK(&walk, tsc_ring_tail(&ring) == 1 + (uint64_t)interrupted);
        WALK_CHECK(&walk, !interrupted || message.position + message.other_position == 1);
        tsc_ring_fini(&ring);
    }
}
END_TEST

START_TEST(a_lap_passes_while_a_sender_reserves)
{
    struct walk walk;

    walk_begin_named(&walk, "ring, reserve, and a lap passes");
    while (walk_next(&walk)) {
        struct message message;

        open_ring(&message);
        walk_interrupt(&walk, reserve, pass_messages, &message);
        WALK_CHECK(&walk, message.reserved);
        tsc_ring_fini(&ring);
    }
}
END_TEST

START_TEST(a_message_is_read_while_it_is_published)
{
    struct walk walk;

    walk_begin_named(&walk, "ring, publish, and the message is read");
    while (walk_next(&walk)) {
        struct message message;

        open_ring(&message);
        reserve(&message);
        walk_interrupt(&walk, publish, read_first, &message);
        WALK_CHECK(&walk, !message.was_read || message.argument == ARGUMENT);
        tsc_ring_fini(&ring);
    }
}
END_TEST

START_TEST(a_message_is_published_while_it_is_read)
{
    struct walk walk;

    walk_begin_named(&walk, "ring, read, and the message is sent");
    while (walk_next(&walk)) {
        struct message message;
        bool interrupted;

        open_ring(&message);
        interrupted = walk_interrupt(&walk, read_first, send, &message);
        WALK_CHECK(&walk, !message.was_read || (interrupted && message.argument == ARGUMENT));
        tsc_ring_fini(&ring);
    }
}
END_TEST

START_TEST(messages_pass_while_they_are_counted)
{
    struct walk walk;

    walk_begin_named(&walk, "ring, occupancy, and messages pass");
    while (walk_next(&walk)) {
        struct message message;

        open_ring(&message);
        walk_interrupt(&walk, count, pass_messages, &message);
        WALK_CHECK(&walk, message.occupancy <= MESSAGES);
        tsc_ring_fini(&ring);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring");
    TCase *tcase = support_add_case(suite, "ring", CASE_SECONDS);

    tcase_add_test(tcase, another_sender_reserves_while_one_does);
    tcase_add_test(tcase, a_lap_passes_while_a_sender_reserves);
    tcase_add_test(tcase, a_message_is_read_while_it_is_published);
    tcase_add_test(tcase, a_message_is_published_while_it_is_read);
    tcase_add_test(tcase, messages_pass_while_they_are_counted);
    return stepper_run_suite(suite);
}
