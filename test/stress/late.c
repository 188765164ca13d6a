/* SPDX-License-Identifier: MIT */
/*
 * An increment and a close at the same time, many times. An increment that returned 0 must be visible to the
 * closing thread. A store that is still in flight is found only in this way, by two threads that meet as closely
 * as they can.
 */
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <tscounter/tscounter.h>

#include "support/backends.h"
#include "support/late-stores.h"
#include "support/suite.h"
#include "support/threads.h"

enum { BATCH = 500, SKEWS = 16, LOOKS_BETWEEN_YIELDS = 1000 };

struct meeting {
    tsc_counter_t *counter;
    atomic_uint arrived;
    int result;
    int64_t looked;
};

struct meetings {
    struct meeting batch[BATCH];
    struct support_lines lines;
    size_t late;
    size_t refused;
};

static void meet(struct meeting *meeting, size_t pauses)
{
    atomic_fetch_add(&meeting->arrived, 1);
    for (unsigned int looks = 1; atomic_load(&meeting->arrived) < 2; looks++)
        if (looks % LOOKS_BETWEEN_YIELDS == 0)
            sched_yield();
    for (volatile size_t pause = 0; pause < pauses; pause++)
        ;
}

static void increment_or_close(size_t index, void *arg)
{
    struct meetings *meetings = arg;

    for (size_t i = 0; i < BATCH; i++) {
        struct meeting *meeting = &meetings->batch[i];

        if (index == 0) {
            support_flush_lines(&meetings->lines);
            meet(meeting, i % SKEWS);
            support_store_late(&meetings->lines);
            meeting->result = tsc_counter_inc(meeting->counter);
        } else {
            meet(meeting, i / SKEWS % SKEWS);
            tsc_counter_close(meeting->counter);
            tsc_counter_get(meeting->counter, &meeting->looked);
        }
    }
}

static void prepare(struct meetings *meetings, tsc_backend_t backend, tsc_counter_attr_t *attr)
{
    for (size_t i = 0; i < BATCH; i++) {
        meetings->batch[i] = (struct meeting){.result = -1};
        ck_assert_int_eq(tsc_counter_create(&meetings->batch[i].counter, backend, attr), 0);
    }
}

static void judge(struct meetings *meetings)
{
    for (size_t i = 0; i < BATCH; i++) {
        struct meeting *meeting = &meetings->batch[i];

        ck_assert(meeting->result == 0 || meeting->result == -ESHUTDOWN);
        meetings->refused += meeting->result != 0;
        meetings->late += meeting->result == 0 && meeting->looked == 0;
        tsc_counter_unref(meeting->counter);
    }
}

START_TEST(test_no_increment_comes_late)
{
    tsc_backend_t backend = (tsc_backend_t)_i;
    struct meetings *meetings = calloc(1, sizeof *meetings);
    tsc_counter_attr_t *attr;
    tsc_owner_t *owner = NULL;

    ck_assert_ptr_nonnull(meetings);
    ck_assert_int_eq(tsc_counter_attr_create(&attr), 0);
    if (backend == TSC_BACKEND_QUEUE) {
        ck_assert_int_eq(tsc_owner_create(&owner, NULL), 0);
        ck_assert_int_eq(tsc_counter_attr_set_owner(attr, owner), 0);
    }
    for (uint64_t batch = 0; batch < support_ops(100); batch++) {
        prepare(meetings, backend, attr);
        support_run_threads(2, increment_or_close, meetings);
        judge(meetings);
    }
    ck_assert_uint_eq(meetings->late, 0);
    tsc_counter_attr_destroy(attr);
    tsc_owner_unref(owner);
    free(meetings);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("late");
    TCase *tcase = support_add_case(suite, "late", 120);

    for (tsc_backend_t backend = 0; backend < TSC_BACKEND_COUNT; backend++)
        if (support_is_built(backend))
            tcase_add_loop_test(tcase, test_no_increment_comes_late, (int)backend, (int)backend + 1);
    return support_run_suite(suite);
}
