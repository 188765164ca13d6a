/* SPDX-License-Identifier: MIT */
/* What lies undelivered in an owner's ring at a fork: the child has what it is to have, and nothing else. */
#include "queue/owner.h"

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

static void add_up(struct tsc_recipient *recipient, int64_t argument)
{
    tsc_container_of(recipient, struct sum, recipient)->sum += argument;
}

static void send(struct tsc_recipient *recipient)
{
    tsc_owner_publish(owner, tsc_owner_reserve(owner), recipient, 1);
}

struct sums {
    struct sum everywhere;
    struct sum only_here;
};

static void look_in_child(void *arg)
{
    const struct sums *sums = arg;

    CHILD_CHECK(sums->everywhere.sum == MESSAGES);
    CHILD_CHECK(sums->only_here.sum == 0);
    CHILD_CHECK(tsc_ring_occupancy(&owner->ring) == 0);
    CHILD_CHECK(!tsc_owner_is_started(owner));
    tsc_owner_unref(owner);
    child_check_owners(0);
}

/* Messages of each kind, one that was never published, and those to nobody. */
START_TEST(child_has_what_it_is_to_have)
{
    struct held_callback callback;
    struct sums sums = {.everywhere.recipient = {.deliver = add_up, .in_child = true},
                        .only_here.recipient = {.deliver = add_up}};
    uint64_t unpublished;

    ck_assert_int_eq(tsc_owner_make(&owner, 4 * CAPACITY, "tscounter"), 0);
    held_callback_begin(&callback, owner);
    for (int message = 0; message < MESSAGES; message++) {
        send(&sums.everywhere.recipient);
        send(NULL);
        send(&sums.only_here.recipient);
    }
    unpublished = tsc_owner_reserve(owner);
    ck_assert_int_eq(child_run(look_in_child, &sums), 0);
    tsc_owner_publish(owner, unpublished, NULL, 0);
    held_callback_let_go(&callback);
    ck_assert_int_eq(tsc_owner_flush(owner, TSC_NEVER), 0);
    ck_assert_int_eq(sums.everywhere.sum, MESSAGES);
    ck_assert_int_eq(sums.only_here.sum, MESSAGES);
    tsc_owner_unref(owner);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("undelivered");
    TCase *tcase = support_add_case(suite, "undelivered", 30);

    tcase_add_test(tcase, child_has_what_it_is_to_have);
    return support_run_suite(suite);
}
