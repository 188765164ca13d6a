/* SPDX-License-Identifier: MIT */
/* The ring, whose calls are stopped before each of their instructions in turn, while another thread uses it. */
#include "queue/ring.h"

#include "support/stepper.h"
#include "support/suite.h"

enum { CAPACITY = 2, MESSAGES = 3, ARGUMENT = 77 };

static struct tsc_ring ring;

static void make_ring(void)
{
    ck_assert_int_eq(tsc_ring_init(&ring, CAPACITY), 0);
}

static void send(void)
{
    uint64_t position;

    if (tsc_ring_reserve(&ring, &position))
        tsc_ring_publish(&ring, position, NULL, ARGUMENT);
}

static void receive(void)
{
    void *recipient;
    int64_t argument;

    if (tsc_ring_read(&ring, ring.next, &recipient, &argument))
        ring.next++;
    tsc_ring_release(&ring);
}

static void reserve_for_another(void *position)
{
    (void)tsc_ring_reserve(&ring, position);
}

START_TEST(another_reserves)
{
    uint64_t step = 0;
    bool acted;

    do {
        uint64_t position = UINT64_MAX;
        uint64_t others = UINT64_MAX;

        make_ring();
        stepper_begin(++step, reserve_for_another, &others);
        ck_assert(tsc_ring_reserve(&ring, &position));
        acted = stepper_end();
        ck_assert_uint_eq(tsc_ring_tail(&ring), 1 + acted);
        ck_assert(!acted || (position != others && position + others == 1));
        tsc_ring_fini(&ring);
    } while (acted);
    ck_assert_uint_gt(step, 10);
}
END_TEST

/* More than the ring holds: what a sender knows of the tail or the head is then older than one lap. */
static void pass_messages(void *unused)
{
    (void)unused;
    for (int message = 0; message < MESSAGES; message++) {
        send();
        receive();
    }
}

START_TEST(a_lap_goes_by_while_one_reserves)
{
    uint64_t step = 0;
    bool acted;

    do {
        uint64_t position = UINT64_MAX;
        bool reserved;

        make_ring();
        stepper_begin(++step, pass_messages, NULL);
        reserved = tsc_ring_reserve(&ring, &position);
        acted = stepper_end();
        ck_assert(reserved);
        tsc_ring_fini(&ring);
    } while (acted);
    ck_assert_uint_gt(step, 10);
}
END_TEST

struct reading {
    bool was_read;
    void *recipient;
    int64_t argument;
};

static void read_for_another(void *arg)
{
    struct reading *reading = arg;

    reading->was_read = tsc_ring_read(&ring, 0, &reading->recipient, &reading->argument);
}

START_TEST(message_is_read_while_it_is_published)
{
    uint64_t step = 0;
    bool acted;

    do {
        struct reading reading = {.was_read = false};
        uint64_t position;

        make_ring();
        ck_assert(tsc_ring_reserve(&ring, &position));
        stepper_begin(++step, read_for_another, &reading);
        tsc_ring_publish(&ring, position, NULL, ARGUMENT);
        acted = stepper_end();
        ck_assert(!reading.was_read || reading.argument == ARGUMENT);
        tsc_ring_fini(&ring);
    } while (acted);
    ck_assert_uint_gt(step, 5);
}
END_TEST

static void send_for_another(void *unused)
{
    (void)unused;
    send();
}

START_TEST(message_is_published_while_it_is_read)
{
    uint64_t step = 0;
    bool acted;

    do {
        struct reading reading;

        make_ring();
        stepper_begin(++step, send_for_another, NULL);
        read_for_another(&reading);
        acted = stepper_end();
        ck_assert(!reading.was_read || (acted && reading.argument == ARGUMENT));
        tsc_ring_fini(&ring);
    } while (acted);
    ck_assert_uint_gt(step, 5);
}
END_TEST

START_TEST(messages_go_by_while_they_are_counted)
{
    uint64_t step = 0;
    bool acted;

    do {
        uint64_t occupancy;

        make_ring();
        stepper_begin(++step, pass_messages, NULL);
        occupancy = tsc_ring_occupancy(&ring);
        acted = stepper_end();
        ck_assert_uint_le(occupancy, MESSAGES);
        tsc_ring_fini(&ring);
    } while (acted);
    ck_assert_uint_gt(step, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring-windows");
    TCase *tcase = support_add_case(suite, "windows", 30);

    tcase_add_test(tcase, another_reserves);
    tcase_add_test(tcase, a_lap_goes_by_while_one_reserves);
    tcase_add_test(tcase, message_is_read_while_it_is_published);
    tcase_add_test(tcase, message_is_published_while_it_is_read);
    tcase_add_test(tcase, messages_go_by_while_they_are_counted);
    return stepper_run_suite(suite);
}
