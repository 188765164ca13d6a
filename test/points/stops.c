/* SPDX-License-Identifier: MIT */
/* A thread stands at a named point while others act: a meeting that takes two delays takes place each time. */
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
    sem_t may_go_on;
};

/* Each stops the first thread that comes by. */
static struct stop *_Atomic stops[2];

void tsc_test_point_reached(struct tsc_test_point *point)
{
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        struct stop *stop = atomic_load(&stops[i]);

        if (stop != NULL && stop->point == point && atomic_exchange(&stop->armed, false)) {
            sem_post(&stop->reached);
            support_sem_wait(&stop->may_go_on);
        }
    }
}

static void stop_at(struct stop *stop, size_t place, struct tsc_test_point *point)
{
    *stop = (struct stop){.point = point};
    sem_init(&stop->reached, 0, 0);
    sem_init(&stop->may_go_on, 0, 0);
    atomic_init(&stop->armed, true);
    atomic_store(&stops[place], stop);
}

static void let_go_on(struct stop *stop)
{
    sem_post(&stop->may_go_on);
}

extern struct tsc_test_point tsc_test_point_message_reserved;
extern struct tsc_test_point tsc_test_point_owner_freeing;
extern struct tsc_test_point tsc_test_point_owner_told_of_retired;
extern struct tsc_test_point tsc_test_point_owner_told_to_end;
extern struct tsc_test_point tsc_test_point_owner_took_retired;
extern struct tsc_test_point tsc_test_point_owner_resting;

static tsc_owner_t *owner;
static tsc_counter_t *retiring; /* its last reference is given back inside a callback */
static tsc_counter_t *staying;
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
    retiring = make_counter(TSC_BACKEND_QUEUE);
    staying = make_counter(TSC_BACKEND_QUEUE);
    mutex = make_counter(TSC_BACKEND_MUTEX);
}

static void close_counters(void)
{
    tsc_counter_unref(mutex);
    tsc_counter_unref(staying);
    tsc_owner_unref(owner);
}

static uint64_t owner_references(void)
{
    return atomic_load(&owner->object.references);
}

/* The test's, and that of the counter that stays. */
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

static int give_back(int64_t *value, void *arg)
{
    (void)value;
    tsc_counter_unref(arg);
    return 0;
}

/* Inside the callback of a mutex counter, an unref may not wait. */
static void retire(void)
{
    ck_assert_int_eq(tsc_counter_update(mutex, give_back, retiring), 0);
}

static void *count(void *counter)
{
    return tsc_counter_inc(counter) == 0 ? NULL : counter;
}

/* The owner's thread is woken, and finds that it must not free the counter yet, for a message was reserved before;
 * and then another thread delivers that message before the owner's thread looks whether there is work. */
START_TEST(what_is_retired_is_freed_whoever_delivers_what_was_before_it)
{
    struct stop before_publication;
    struct stop before_freeing;
    struct stop before_rest;
    pthread_t counting;

    open_counters();
    ck_assert(support_eventually(is_asleep, NULL));
    stop_at(&before_publication, 0, &tsc_test_point_message_reserved);
    stop_at(&before_freeing, 1, &tsc_test_point_owner_freeing);
    counting = support_start_thread(count, staying);
    support_sem_wait(&before_publication.reached);
    retire();
    support_sem_wait(&before_freeing.reached);
    let_go_on(&before_publication);
    pthread_join(counting, NULL);
    stop_at(&before_rest, 0, &tsc_test_point_owner_resting);
    let_go_on(&before_freeing);
    support_sem_wait(&before_rest.reached);
    ck_assert_int_eq(tsc_counter_flush(staying), 0);
    ck_assert_uint_eq(owner_references(), 3);
    let_go_on(&before_rest);
    ck_assert(support_eventually(is_freed, NULL));
    close_counters();
}
END_TEST

static void *retire_on_a_thread(void *arg)
{
    retire();
    return arg;
}

/* Once the owner's thread sleeps, though it may have been woken for nothing. */
START_TEST(the_owners_thread_is_woken_for_what_is_retired)
{
    struct stop before_waking;
    pthread_t retiring_thread;

    open_counters();
    ck_assert(support_thread_named_falls_asleep("tscounter"));
    stop_at(&before_waking, 0, &tsc_test_point_owner_told_of_retired);
    retiring_thread = support_start_thread(retire_on_a_thread, NULL);
    support_sem_wait(&before_waking.reached);
    ck_assert(support_thread_named_falls_asleep("tscounter"));
    let_go_on(&before_waking);
    pthread_join(retiring_thread, NULL);
    ck_assert(support_eventually(is_freed, NULL));
    close_counters();
}
END_TEST

static bool has_gone_on(void *arg)
{
    int left = 1;

    return sem_getvalue(&((struct stop *)arg)->may_go_on, &left) == 0 && left == 0;
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

/* It is awake, and may find that it is to end and free the owner before the other thread has woken it. */
START_TEST(the_owner_is_there_until_its_thread_is_woken)
{
    struct stop before_rest;
    struct stop before_waking;
    pthread_t dropping;

    mutex = make_counter(TSC_BACKEND_MUTEX);
    stop_at(&before_rest, 0, &tsc_test_point_owner_resting);
    stop_at(&before_waking, 1, &tsc_test_point_owner_told_to_end);
    ck_assert_int_eq(tsc_owner_create(&owner, NULL), 0);
    support_sem_wait(&before_rest.reached);
    dropping = support_start_thread(drop_owner_in_a_callback, owner);
    support_sem_wait(&before_waking.reached);
    let_go_on(&before_rest);
    ck_assert(support_eventually(has_gone_on, &before_rest));
    ck_assert(support_thread_named_falls_asleep("tscounter"));
    let_go_on(&before_waking);
    pthread_join(dropping, NULL);
    ck_assert(support_threads_named_become("tscounter", 0));
    tsc_counter_unref(mutex);
}
END_TEST

static bool nobody_sleeps_there(void)
{
    return !tsc_eventcount_has_sleepers(&owner->room) && !tsc_eventcount_has_sleepers(&owner->progress) &&
           atomic_load(&owner->parker.state) == TSC_PARKER_AWAKE;
}

static void find_no_sleepers(void *arg)
{
    (void)arg;
    CHILD_CHECK(nobody_sleeps_there());
}

START_TEST(a_child_has_no_sleepers)
{
    open_counters();
    ck_assert(support_eventually(is_asleep, NULL));
    tsc_eventcount_prepare(&owner->room);
    tsc_eventcount_prepare(&owner->progress);
    ck_assert_int_eq(child_run(find_no_sleepers, NULL), 0);
    tsc_eventcount_cancel(&owner->room);
    tsc_eventcount_cancel(&owner->progress);
    tsc_counter_unref(retiring);
    close_counters();
}
END_TEST

static void find_it_freed(void *arg)
{
    (void)arg;
    CHILD_CHECK(is_freed(NULL));
    CHILD_CHECK(tsc_counter_inc(staying) == 0);
    CHILD_CHECK(value_in_child(staying) == 1);
    close_counters();
    child_check_owners(0);
}

/* While it is still on the list, and when it no longer is. */
static struct tsc_test_point *const before_freeing_points[] = {
    &tsc_test_point_owner_freeing,
    &tsc_test_point_owner_took_retired,
};

START_TEST(a_child_frees_what_the_owners_thread_was_about_to_free)
{
    struct stop before_free;

    open_counters();
    ck_assert(support_eventually(is_asleep, NULL));
    stop_at(&before_free, 0, before_freeing_points[_i]);
    retire();
    support_sem_wait(&before_free.reached);
    ck_assert_int_eq(child_run(find_it_freed, NULL), 0);
    let_go_on(&before_free);
    ck_assert(support_eventually(is_freed, NULL));
    close_counters();
}
END_TEST

static sem_t given_back;
static sem_t may_return;

static int give_back_and_stay(int64_t *value, void *arg)
{
    give_back(value, arg);
    sem_post(&given_back);
    support_sem_wait(&may_return);
    return 0;
}

static void *give_back_in_its_own_callback(void *arg)
{
    return tsc_counter_update(retiring, give_back_and_stay, retiring) == 0 ? NULL : arg;
}

START_TEST(a_child_frees_what_only_a_call_in_the_parent_refers_to)
{
    pthread_t updating;

    sem_init(&given_back, 0, 0);
    sem_init(&may_return, 0, 0);
    open_counters();
    updating = support_start_thread(give_back_in_its_own_callback, NULL);
    support_sem_wait(&given_back);
    ck_assert_int_eq(child_run(find_it_freed, NULL), 0);
    ck_assert_uint_eq(owner_references(), 3);
    sem_post(&may_return);
    pthread_join(updating, NULL);
    ck_assert(support_eventually(is_freed, NULL));
    close_counters();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stops");
    TCase *tcase = support_add_case(suite, "stops", 30);

    tcase_add_test(tcase, what_is_retired_is_freed_whoever_delivers_what_was_before_it);
    tcase_add_test(tcase, the_owners_thread_is_woken_for_what_is_retired);
    tcase_add_test(tcase, the_owner_is_there_until_its_thread_is_woken);
    tcase_add_test(tcase, a_child_has_no_sleepers);
    tcase_add_loop_test(tcase, a_child_frees_what_the_owners_thread_was_about_to_free, 0, 2);
    tcase_add_test(tcase, a_child_frees_what_only_a_call_in_the_parent_refers_to);
    return support_run_suite(suite);
}
