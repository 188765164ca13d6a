/* SPDX-License-Identifier: MIT */
/* Threads stop at named points while others act, for races that need two delays at once. */
#include <semaphore.h>

#include "counter-internal.h"
#include "fork/child.h"
#include "point.h"
#include "queue/owner.h"
#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

struct stop {
    struct tsc_test_point *point;
    atomic_bool armed;
    sem_t reached;
    sem_t may_continue;
};

/* Each stops the first thread that reaches its point. */
static struct stop *_Atomic stops[2];

void tsc_test_point_reached(struct tsc_test_point *point)
{
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        struct stop *stop = atomic_load(&stops[i]);

        if (stop != NULL && stop->point == point && atomic_exchange(&stop->armed, false)) {
            sem_post(&stop->reached);
            support_sem_wait(&stop->may_continue);
        }
    }
}

static void stop_at(struct stop *stop, size_t place, struct tsc_test_point *point)
{
    *stop = (struct stop){.point = point};
    sem_init(&stop->reached, 0, 0);
    sem_init(&stop->may_continue, 0, 0);
    atomic_init(&stop->armed, true);
    atomic_store(&stops[place], stop);
}

static void continue_from(struct stop *stop)
{
    sem_post(&stop->may_continue);
}

extern struct tsc_test_point tsc_test_point_message_reserved;
extern struct tsc_test_point tsc_test_point_owner_freeing;
extern struct tsc_test_point tsc_test_point_owner_retired_listed;
extern struct tsc_test_point tsc_test_point_owner_end_stored;
extern struct tsc_test_point tsc_test_point_owner_took_retired;
extern struct tsc_test_point tsc_test_point_owner_out_of_work;

static tsc_owner_t *owner;
static tsc_counter_t *retired; /* its last reference is dropped inside a callback */
static tsc_counter_t *kept;
static tsc_counter_t *mutex;

static tsc_counter_t *make_counter(tsc_backend_t backend)
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *counter;

    ck_assert_int_eq(tsc_counter_attr_create(&attr), 0);
    if (backend == TSC_BACKEND_QUEUE)
        ck_assert_int_eq(tsc_counter_attr_set_owner(attr, owner), 0);
    ck_assert_int_eq(tsc_counter_create(&counter, backend, attr), 0);
    tsc_counter_attr_destroy(attr);
    return counter;
}

static void open_counters(void)
{
    ck_assert_int_eq(tsc_owner_create(&owner, NULL), 0);
    retired = make_counter(TSC_BACKEND_QUEUE);
    kept = make_counter(TSC_BACKEND_QUEUE);
    mutex = make_counter(TSC_BACKEND_MUTEX);
}

static void close_counters(void)
{
    tsc_counter_unref(mutex);
    tsc_counter_unref(kept);
    tsc_owner_unref(owner);
}

static uint64_t owner_references(void)
{
    return atomic_load(&owner->object.references);
}

/* The test and the kept counter have references. */
static bool is_freed(void *arg)
{
    (void)arg;
    return owner_references() == 2;
}

static bool is_asleep(void *arg)
{
    (void)arg;
    return tsc_parker_is_parked(&owner->parker);
}

static int drop(int64_t *value, void *arg)
{
    (void)value;
    tsc_counter_unref(arg);
    return 0;
}

/* Inside a callback of a mutex counter, an unref may not wait. */
static void retire(void)
{
    ck_assert_int_eq(tsc_counter_update(mutex, drop, retired), 0);
}

static void *increment(void *counter)
{
    return tsc_counter_inc(counter) == 0 ? NULL : counter;
}

/* The owner's thread is woken, but may not free the counter before an earlier, reserved message. Then another
 * thread delivers that message before the owner's thread looks for work. */
START_TEST(a_retired_counter_is_freed_if_another_thread_delivers)
{
    struct stop before_publication;
    struct stop before_freeing;
    struct stop before_rest;
    pthread_t counter_thread;

    open_counters();
    ck_assert(support_eventually(is_asleep, NULL));
    stop_at(&before_publication, 0, &tsc_test_point_message_reserved);
    stop_at(&before_freeing, 1, &tsc_test_point_owner_freeing);
    counter_thread = support_start_thread(increment, kept);
    support_sem_wait(&before_publication.reached);
    retire();
    support_sem_wait(&before_freeing.reached);
    continue_from(&before_publication);
    pthread_join(counter_thread, NULL);
    stop_at(&before_rest, 0, &tsc_test_point_owner_out_of_work);
    continue_from(&before_freeing);
    support_sem_wait(&before_rest.reached);
    ck_assert_int_eq(tsc_counter_flush(kept), 0);
    ck_assert_uint_eq(owner_references(), 3);
    continue_from(&before_rest);
    ck_assert(support_eventually(is_freed, NULL));
    close_counters();
}
END_TEST

static void *retire_on_a_thread(void *arg)
{
    retire();
    return arg;
}

/* The owner's thread sleeps again when it is told: a spurious wake-up does not help it. */
START_TEST(the_owner_thread_is_woken_for_a_retired_counter)
{
    struct stop before_waking;
    pthread_t retiring_thread;

    open_counters();
    ck_assert(support_thread_named_falls_asleep("tscounter"));
    stop_at(&before_waking, 0, &tsc_test_point_owner_retired_listed);
    retiring_thread = support_start_thread(retire_on_a_thread, NULL);
    support_sem_wait(&before_waking.reached);
    ck_assert(support_thread_named_falls_asleep("tscounter"));
    continue_from(&before_waking);
    pthread_join(retiring_thread, NULL);
    ck_assert(support_eventually(is_freed, NULL));
    close_counters();
}
END_TEST

static bool has_continued(void *arg)
{
    int left = 1;

    return sem_getvalue(&((struct stop *)arg)->may_continue, &left) == 0 && left == 0;
}

static int drop_owner(int64_t *value, void *arg)
{
    (void)value;
    tsc_owner_unref(arg);
    return 0;
}

static void *drop_owner_in_a_callback(void *arg)
{
    return tsc_counter_update(mutex, drop_owner, arg) == 0 ? NULL : arg;
}

/* The owner's thread is awake and told to end: it must not free the owner before the other thread's wake. */
START_TEST(the_owner_outlives_the_wake_of_its_thread)
{
    struct stop before_rest;
    struct stop before_waking;
    pthread_t dropper;

    mutex = make_counter(TSC_BACKEND_MUTEX);
    stop_at(&before_rest, 0, &tsc_test_point_owner_out_of_work);
    stop_at(&before_waking, 1, &tsc_test_point_owner_end_stored);
    ck_assert_int_eq(tsc_owner_create(&owner, NULL), 0);
    support_sem_wait(&before_rest.reached);
    dropper = support_start_thread(drop_owner_in_a_callback, owner);
    support_sem_wait(&before_waking.reached);
    continue_from(&before_rest);
    ck_assert(support_eventually(has_continued, &before_rest));
    ck_assert(support_thread_named_falls_asleep("tscounter"));
    continue_from(&before_waking);
    pthread_join(dropper, NULL);
    ck_assert(support_threads_named_become("tscounter", 0));
    tsc_counter_unref(mutex);
}
END_TEST

static bool has_no_sleepers(void)
{
    return !tsc_eventcount_has_sleepers(&owner->room) && !tsc_eventcount_has_sleepers(&owner->progress) &&
           atomic_load(&owner->parker.state) == TSC_PARKER_AWAKE;
}

static void check_sleepers(void *arg)
{
    (void)arg;
    CHILD_CHECK(has_no_sleepers());
}

START_TEST(a_child_has_no_sleepers)
{
    open_counters();
    ck_assert(support_eventually(is_asleep, NULL));
    tsc_eventcount_prepare(&owner->room);
    tsc_eventcount_prepare(&owner->progress);
    ck_assert_int_eq(child_run(check_sleepers, NULL), 0);
    tsc_eventcount_cancel(&owner->room);
    tsc_eventcount_cancel(&owner->progress);
    tsc_counter_unref(retired);
    close_counters();
}
END_TEST

static void check_freed(void *arg)
{
    (void)arg;
    CHILD_CHECK(is_freed(NULL));
    CHILD_CHECK(tsc_counter_inc(kept) == 0);
    CHILD_CHECK(value_in_child(kept) == 1);
    close_counters();
    child_check_owners(0);
}

/* Before and after the counter is taken off the list. */
static struct tsc_test_point *const before_freeing_points[] = {
    &tsc_test_point_owner_freeing,
    &tsc_test_point_owner_took_retired,
};

START_TEST(a_child_frees_a_retired_counter)
{
    struct stop before_free;

    open_counters();
    ck_assert(support_eventually(is_asleep, NULL));
    stop_at(&before_free, 0, before_freeing_points[_i]);
    retire();
    support_sem_wait(&before_free.reached);
    ck_assert_int_eq(child_run(check_freed, NULL), 0);
    continue_from(&before_free);
    ck_assert(support_eventually(is_freed, NULL));
    close_counters();
}
END_TEST

static sem_t dropped;
static sem_t may_return;

static int drop_and_hold(int64_t *value, void *arg)
{
    drop(value, arg);
    sem_post(&dropped);
    support_sem_wait(&may_return);
    return 0;
}

static void *drop_in_its_own_callback(void *arg)
{
    return tsc_counter_update(retired, drop_and_hold, retired) == 0 ? NULL : arg;
}

START_TEST(a_child_frees_a_counter_in_use_only_by_the_parent)
{
    pthread_t updater;

    sem_init(&dropped, 0, 0);
    sem_init(&may_return, 0, 0);
    open_counters();
    updater = support_start_thread(drop_in_its_own_callback, NULL);
    support_sem_wait(&dropped);
    ck_assert_int_eq(child_run(check_freed, NULL), 0);
    ck_assert_uint_eq(owner_references(), 3);
    sem_post(&may_return);
    pthread_join(updater, NULL);
    ck_assert(support_eventually(is_freed, NULL));
    close_counters();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stops");
    TCase *tcase = support_add_case(suite, "stops", 30);

    tcase_add_test(tcase, a_retired_counter_is_freed_if_another_thread_delivers);
    tcase_add_test(tcase, the_owner_thread_is_woken_for_a_retired_counter);
    tcase_add_test(tcase, the_owner_outlives_the_wake_of_its_thread);
    tcase_add_test(tcase, a_child_has_no_sleepers);
    tcase_add_loop_test(tcase, a_child_frees_a_retired_counter, 0, 2);
    tcase_add_test(tcase, a_child_frees_a_counter_in_use_only_by_the_parent);
    return support_run_suite(suite);
}
