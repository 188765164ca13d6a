/* SPDX-License-Identifier: MIT */
#include "subject.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>

#include "support/threads.h"

enum { SIBLINGS = 2, SIBLING_BATCH = 16 };

struct siblings {
    tsc_counter_t *counters[SIBLINGS];
    int64_t totals[SIBLINGS];
    atomic_bool have_begun;
    atomic_bool stop;
    pthread_t thread;
    struct witness *witness;
};

struct hold {
    tsc_counter_t *counter;
    int64_t raise;
    sem_t entered;
    sem_t leave;
    pthread_t thread;
    int result;
};

/* Waiting for the owner, for a reply or for room costs context switches; an add costs almost nothing. */
static uint64_t fewer(const struct variant *variant, uint64_t ops)
{
    return ops / (variant->queue_capacity == 1 ? 250 : 100) + 1;
}

uint64_t variant_adds(const struct variant *variant)
{
    uint64_t ops = support_ops(1000);

    return variant->queue_capacity != 0 || (variant->backend == TSC_BACKEND_QUEUE && variant->bounded)
               ? fewer(variant, ops)
               : ops;
}

uint64_t variant_calls(const struct variant *variant)
{
    uint64_t ops = support_ops(1000);

    return variant->backend == TSC_BACKEND_QUEUE ? fewer(variant, ops) : ops / 4 + 1;
}

size_t stress_threads(void)
{
    return support_threads(1000);
}

tsc_counter_attr_t *variant_attr(const struct variant *variant)
{
    tsc_counter_attr_t *attr;

    ck_assert_int_eq(tsc_counter_attr_create(&attr), 0);
    ck_assert_int_eq(tsc_counter_attr_set_track_peak(attr, variant->track_peak), 0);
    if (variant->queue_capacity != 0)
        ck_assert_int_eq(tsc_counter_attr_set_queue_capacity(attr, variant->queue_capacity), 0);
    if (variant->bounded)
        ck_assert_int_eq(tsc_counter_attr_set_bounds(attr, INT64_MIN / 2, INT64_MAX / 2, TSC_BOUNDS_REJECT), 0);
    return attr;
}

static void *keep_siblings_busy(void *arg)
{
    struct siblings *siblings = arg;
    int64_t value;

    atomic_store(&siblings->have_begun, true);
    while (!atomic_load(&siblings->stop)) {
        for (size_t i = 0; i < SIBLINGS; i++) {
            for (int64_t delta = 1; delta <= SIBLING_BATCH; delta++) {
                witness_equal(siblings->witness, "add to a sibling", tsc_counter_add(siblings->counters[i], delta),
                              0);
                siblings->totals[i] += delta;
            }
            witness_equal(siblings->witness, "get from a sibling", tsc_counter_get(siblings->counters[i], &value),
                          0);
            witness_equal(siblings->witness, "a sibling's value", value, siblings->totals[i]);
        }
    }
    return NULL;
}

static struct siblings *siblings_start(tsc_owner_t *owner, struct witness *witness)
{
    struct siblings *siblings = calloc(1, sizeof *siblings);
    tsc_counter_attr_t *attr;

    ck_assert_ptr_nonnull(siblings);
    siblings->witness = witness;
    ck_assert_int_eq(tsc_counter_attr_create(&attr), 0);
    ck_assert_int_eq(tsc_counter_attr_set_owner(attr, owner), 0);
    for (size_t i = 0; i < SIBLINGS; i++)
        ck_assert_int_eq(tsc_counter_create(&siblings->counters[i], TSC_BACKEND_QUEUE, attr), 0);
    tsc_counter_attr_destroy(attr);
    siblings->thread = support_start_thread(keep_siblings_busy, siblings);
    /* A thread that starts during a fork may leave AddressSanitizer's allocator locked in the child. */
    while (!atomic_load(&siblings->have_begun))
        sched_yield();
    return siblings;
}

static void siblings_drop(struct siblings *siblings)
{
    for (size_t i = 0; i < SIBLINGS; i++)
        tsc_counter_unref(siblings->counters[i]);
    free(siblings);
}

static void siblings_stop(struct siblings *siblings)
{
    atomic_store(&siblings->stop, true);
    pthread_join(siblings->thread, NULL);
    siblings_drop(siblings);
}

void subject_open(struct subject *subject, const struct variant *variant, tsc_counter_attr_t *attr)
{
    tsc_owner_t *owner = NULL;

    *subject = (struct subject){.variant = variant};
    if (variant->shared_owner) {
        ck_assert_int_eq(tsc_owner_create(&owner, NULL), 0);
        ck_assert_int_eq(tsc_counter_attr_set_owner(attr, owner), 0);
    }
    ck_assert_int_eq(tsc_counter_create(&subject->counter, variant->backend, attr), 0);
    tsc_counter_attr_destroy(attr);
    if (variant->shared_owner)
        subject->siblings = siblings_start(owner, &subject->witness);
    tsc_owner_unref(owner);
}

void subject_close(struct subject *subject)
{
    if (subject->siblings != NULL)
        siblings_stop(subject->siblings);
    tsc_counter_unref(subject->counter);
    witness_assert_none(&subject->witness, subject->variant->name);
}

void subject_drop_in_child(struct subject *subject)
{
    if (subject->siblings != NULL)
        siblings_drop(subject->siblings);
    tsc_counter_unref(subject->counter);
}

void subject_assert_value(const struct subject *subject, int64_t expected)
{
    int64_t value;

    ck_assert_int_eq(tsc_counter_get(subject->counter, &value), 0);
    ck_assert_msg(value == expected, "%s: the value is %" PRId64 ", not %" PRId64, subject->variant->name, value,
                  expected);
}

static int stay_until_released(int64_t *value, void *arg)
{
    struct hold *hold = arg;

    *value += hold->raise;
    sem_post(&hold->entered);
    support_sem_wait(&hold->leave);
    return 0;
}

static void *run_hold(void *arg)
{
    struct hold *hold = arg;

    hold->result = tsc_counter_update(hold->counter, stay_until_released, hold);
    return NULL;
}

struct hold *hold_begin(tsc_counter_t *counter, int64_t raise)
{
    struct hold *hold = calloc(1, sizeof *hold);

    ck_assert_ptr_nonnull(hold);
    hold->counter = counter;
    hold->raise = raise;
    ck_assert_int_eq(sem_init(&hold->entered, 0, 0), 0);
    ck_assert_int_eq(sem_init(&hold->leave, 0, 0), 0);
    hold->thread = support_start_thread(run_hold, hold);
    support_sem_wait(&hold->entered);
    return hold;
}

pthread_t hold_thread(const struct hold *hold)
{
    return hold->thread;
}

int hold_end(struct hold *hold)
{
    int result;

    sem_post(&hold->leave);
    pthread_join(hold->thread, NULL);
    result = hold->result;
    sem_destroy(&hold->entered);
    sem_destroy(&hold->leave);
    free(hold);
    return result;
}
