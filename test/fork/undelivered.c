/* SPDX-License-Identifier: MIT */
/* Undelivered messages in an owner's ring at a fork: the child gets the additions, and touches no request. */
#include "queue/life.h"
#include "queue/send.h"

#include <sys/mman.h>

#include "child.h"
#include "support/suite.h"
#include "support/threads.h"
#include "sync/deadline.h"
#include "unit/held-callback.h"

enum { CAPACITY = 16, MESSAGES = 5 };

struct sum {
    struct tsc_recipient recipient;
    int64_t sum;
};

static struct tsc_owner *owner;
static uint64_t unpublished;

static void add_up(struct tsc_recipient *recipient, int64_t argument)
{
    tsc_container_of(recipient, struct sum, recipient)->sum += argument;
}

static void send(struct tsc_recipient *recipient, enum tsc_message_kind kind)
{
    tsc_owner_publish(owner, tsc_owner_reserve(owner), recipient, kind, 1);
}

/* Like the stack of a thread that is not in the child: memory that the child does not have. */
static struct sum *map_without_copy_in_child(void)
{
    struct sum *memory = mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(memory, MAP_FAILED);
    ck_assert_int_eq(madvise(memory, sizeof *memory, MADV_DONTFORK), 0);
    return memory;
}

/* A cell without the bit of its lap would make a message of the next lap look published too early. */
static bool is_published(uint64_t position)
{
    void *message;
    int64_t argument;

    return tsc_ring_read(&owner->ring, position, &message, &argument);
}

static void check_in_child(void *arg)
{
    const struct sum *additions = arg;

    CHILD_CHECK(additions->sum == MESSAGES);
    CHILD_CHECK(tsc_ring_occupancy(&owner->ring) == 0);
    CHILD_CHECK(is_published(unpublished));
    CHILD_CHECK(!is_published(unpublished + owner->ring.capacity));
    CHILD_CHECK(!tsc_owner_is_started(owner));
    tsc_owner_unref(owner);
    child_check_owners(0);
}

/* Messages of each kind, one that was never published, and messages without a recipient. */
START_TEST(child_has_the_additions_and_no_requests)
{
    struct tsc_owner_attr attr = {.queue_capacity = 4 * CAPACITY, .thread_name = "tscounter"};
    struct held_callback callback;
    struct sum additions = {.recipient = {.deliver = add_up}};
    struct sum *requests = map_without_copy_in_child();

    requests->recipient.deliver = add_up;
    ck_assert_int_eq(tsc_owner_new(&owner, &attr), 0);
    held_callback_begin(&callback, owner);
    for (int message = 0; message < MESSAGES; message++) {
        send(&additions.recipient, TSC_MESSAGE_ADDITION);
        send(NULL, TSC_MESSAGE_ADDITION);
        send(&requests->recipient, TSC_MESSAGE_REQUEST);
        send(&requests->recipient, TSC_MESSAGE_CALLBACK);
    }
    unpublished = tsc_owner_reserve(owner);
    ck_assert_int_eq(child_run(check_in_child, &additions), 0);
    tsc_owner_publish(owner, unpublished, NULL, TSC_MESSAGE_ADDITION, 0);
    held_callback_release(&callback);
    ck_assert_int_eq(tsc_owner_flush(owner, TSC_NEVER), 0);
    ck_assert_int_eq(additions.sum, MESSAGES);
    ck_assert_int_eq(requests->sum, 2 * MESSAGES);
    tsc_owner_unref(owner);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("undelivered");
    TCase *tcase = support_add_case(suite, "undelivered", 30);

    tcase_add_test(tcase, child_has_the_additions_and_no_requests);
    return support_run_suite(suite);
}
