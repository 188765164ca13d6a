/* SPDX-License-Identifier: MIT */
/* An owner without counters: its messages, sleep, callbacks and retirement. */
#include "queue/delivery.h"
#include "queue/life.h"
#include "queue/send.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>

#include "held-callback.h"
#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"
#include "sync/deadline.h"

#define THREAD_NAME "owner-test"

static struct tsc_owner *owner;

static void make_owner(size_t capacity)
{
    struct tsc_owner_attr attr = {.queue_capacity = capacity, .thread_name = THREAD_NAME};

    ck_assert_int_eq(tsc_owner_new(&owner, &attr), 0);
}

struct sum {
    struct tsc_recipient recipient;
    int64_t sum;
    int64_t last;
    bool in_order;
};

static void add_up(struct tsc_recipient *recipient, int64_t argument)
{
    struct sum *sum = tsc_container_of(recipient, struct sum, recipient);

    sum->in_order = sum->in_order && argument == sum->last + 1;
    sum->last = argument;
    sum->sum += argument;
}

static void send(struct tsc_recipient *recipient, enum tsc_message_kind kind, int64_t argument)
{
    tsc_owner_publish(owner, tsc_owner_reserve(owner), recipient, kind, argument);
}

/* For each capacity, messages that only the owner's thread may deliver, and others. */
START_TEST(flush_delivers_in_order)
{
    enum tsc_message_kind kind = _i & 1 ? TSC_MESSAGE_ADDITION : TSC_MESSAGE_CALLBACK;
    struct sum sum = {.recipient = {.deliver = add_up}, .in_order = true};

    make_owner((size_t)1 << _i / 2);
    for (int64_t number = 1; number <= 3000; number++) {
        send(&sum.recipient, kind, number);
        if (number % 1000 == 0) {
            ck_assert_int_eq(tsc_owner_flush(owner, TSC_NEVER), 0);
            ck_assert_int_eq(sum.last, number);
        }
    }
    ck_assert(sum.in_order);
    tsc_owner_unref(owner);
}
END_TEST

START_TEST(an_ending_owner_delivers_first)
{
    struct sum sum = {.recipient = {.deliver = add_up}, .in_order = true};

    make_owner(1024);
    for (int64_t number = 1; number <= 500; number++)
        send(&sum.recipient, TSC_MESSAGE_CALLBACK, number);
    tsc_owner_unref(owner);
    ck_assert_int_eq(sum.last, 500);
    ck_assert(support_threads_named_become(THREAD_NAME, 0));
}
END_TEST

struct place {
    struct tsc_recipient recipient;
    pthread_t delivered_on;
};

static void note_place(struct tsc_recipient *recipient, int64_t argument)
{
    (void)argument;
    tsc_container_of(recipient, struct place, recipient)->delivered_on = pthread_self();
}

static bool delivered_here(const struct place *place)
{
    return pthread_equal(place->delivered_on, pthread_self());
}

static void wait_until_owner_sleeps(void)
{
    const struct timespec rest = {.tv_nsec = SUPPORT_MILLISECOND_NS};

    while (!tsc_parker_is_parked(&owner->parker))
        nanosleep(&rest, NULL);
}

START_TEST(one_message_does_not_wake_the_owner)
{
    struct place anywhere = {.recipient = {.deliver = note_place}};

    make_owner(16);
    wait_until_owner_sleeps();
    send(&anywhere.recipient, TSC_MESSAGE_ADDITION, 0);
    ck_assert(delivered_here(&anywhere));
    ck_assert(tsc_parker_is_parked(&owner->parker));
    tsc_owner_unref(owner);
}
END_TEST

START_TEST(a_stream_of_messages_wakes_the_owner)
{
    struct place anywhere = {.recipient = {.deliver = note_place}};

    make_owner(16);
    wait_until_owner_sleeps();
    for (int messages = 0; messages < 65; messages++)
        send(&anywhere.recipient, TSC_MESSAGE_ADDITION, 0);
    ck_assert(!tsc_parker_is_parked(&owner->parker) || atomic_load(&owner->helped) == 0);
    tsc_owner_unref(owner);
}
END_TEST

START_TEST(callback_messages_are_delivered_on_the_owner_thread)
{
    struct place anywhere = {.recipient = {.deliver = note_place}};
    struct place on_owner = {.recipient = {.deliver = note_place}};

    make_owner(16);
    wait_until_owner_sleeps();
    send(&on_owner.recipient, TSC_MESSAGE_CALLBACK, 0);
    send(&anywhere.recipient, TSC_MESSAGE_ADDITION, 0);
    ck_assert_int_eq(tsc_owner_flush(owner, TSC_NEVER), 0);
    ck_assert(pthread_equal(on_owner.delivered_on, owner->thread));
    tsc_owner_unref(owner);
}
END_TEST

START_TEST(a_callback_may_neither_send_nor_wait)
{
    struct held_callback callback;

    make_owner(16);
    held_callback_begin(&callback, owner);
    ck_assert_int_eq(tsc_owner_check_wait(owner), 0);
    ck_assert_int_eq(tsc_owner_check_send(owner), 0);
    held_callback_release(&callback);
    tsc_owner_unref(owner);
    ck_assert_int_eq(callback.wait_result, -EDEADLK);
    ck_assert_int_eq(callback.send_result, -EDEADLK);
}
END_TEST

START_TEST(a_callback_releases_earlier_messages_first)
{
    struct held_callback callback;
    struct sum sum = {.recipient = {.deliver = add_up}};
    uint64_t position;

    make_owner(2);
    send(&sum.recipient, TSC_MESSAGE_CALLBACK, 1);
    ck_assert_int_eq(tsc_owner_flush(owner, TSC_NEVER), 0);
    held_callback_begin(&callback, owner);
    ck_assert_int_eq(tsc_owner_flush(owner, tsc_deadline_after(SUPPORT_MILLISECOND_NS)), -ETIMEDOUT);
    ck_assert(tsc_owner_try_reserve(owner, &position));
    tsc_owner_publish(owner, position, NULL, TSC_MESSAGE_ADDITION, 0);
    ck_assert(!tsc_owner_try_reserve(owner, &position));
    held_callback_release(&callback);
    ck_assert_int_eq(tsc_owner_flush(owner, TSC_NEVER), 0);
    tsc_owner_unref(owner);
}
END_TEST

struct distance {
    struct tsc_recipient recipient;
    uint64_t longest;
};

/* Only the consumer may read ring.next. */
static void note_distance(struct tsc_recipient *recipient, int64_t argument)
{
    struct distance *distance = tsc_container_of(recipient, struct distance, recipient);
    uint64_t unreleased = owner->ring.next - tsc_ring_head(&owner->ring);

    (void)argument;
    if (unreleased > distance->longest)
        distance->longest = unreleased;
}

START_TEST(room_is_released_after_half_the_ring)
{
    struct held_callback callback;
    struct distance distance = {.recipient = {.deliver = note_distance}};

    make_owner(16);
    held_callback_begin(&callback, owner);
    for (int message = 0; message < 15; message++)
        send(&distance.recipient, TSC_MESSAGE_ADDITION, 0);
    held_callback_release(&callback);
    ck_assert_int_eq(tsc_owner_flush(owner, TSC_NEVER), 0);
    ck_assert_uint_eq(distance.longest, 7);
    tsc_owner_unref(owner);
}
END_TEST

static _Thread_local struct held_callback *ends_at_timeout;

/* The linker replaces tsc_futex_wait() by this. */
bool __real_tsc_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline);
bool __wrap_tsc_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline);
bool __wrap_tsc_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline)
{
    bool in_time = __real_tsc_futex_wait(word, value, deadline);

    if (!in_time && ends_at_timeout != NULL) {
        held_callback_release(ends_at_timeout);
        while (tsc_ring_head(&owner->ring) != tsc_ring_tail(&owner->ring))
            sched_yield();
    }
    return in_time;
}

START_TEST(a_delivery_at_the_deadline_completes_the_flush)
{
    struct held_callback callback;

    make_owner(16);
    held_callback_begin(&callback, owner);
    tsc_owner_publish(owner, tsc_owner_reserve(owner), NULL, TSC_MESSAGE_ADDITION, 0);
    ends_at_timeout = &callback;
    ck_assert_int_eq(tsc_owner_flush(owner, tsc_deadline_after(SUPPORT_MILLISECOND_NS)), 0);
    ends_at_timeout = NULL;
    tsc_owner_unref(owner);
}
END_TEST

/* A sender that delivers stops at a callback message, and wakes the owner's thread for it. */
START_TEST(a_callback_message_wakes_the_owner)
{
    struct place anywhere = {.recipient = {.deliver = note_place}};
    struct place on_owner = {.recipient = {.deliver = note_place}};
    uint64_t first;
    uint64_t second;

    make_owner(16);
    wait_until_owner_sleeps();
    first = tsc_owner_reserve(owner);
    second = tsc_owner_reserve(owner);
    tsc_ring_publish(&owner->ring, first, &anywhere.recipient, 0);
    tsc_owner_publish(owner, second, &on_owner.recipient, TSC_MESSAGE_CALLBACK, 0);
    ck_assert(delivered_here(&anywhere));
    ck_assert_int_eq(tsc_owner_flush(owner, tsc_deadline_after(10 * SUPPORT_SECOND_NS)), 0);
    ck_assert(pthread_equal(on_owner.delivered_on, owner->thread));
    tsc_owner_unref(owner);
}
END_TEST

struct late {
    pthread_t thread;
    int64_t deadline;
    int result;
    atomic_bool returned;
};

static void *flush_late(void *arg)
{
    struct late *late = arg;

    late->result = tsc_owner_flush(owner, late->deadline);
    atomic_store(&late->returned, true);
    return NULL;
}

static void begin_late_flush(struct late *late)
{
    late->deadline = tsc_deadline_after(0);
    late->thread = support_start_thread(flush_late, late);
}

static bool is_asleep(void *arg)
{
    return tsc_eventcount_has_sleepers(arg);
}

/* After its deadline, a flush still waits for a sender that is about to publish, but not for a callback. */
START_TEST(a_late_flush_waits_for_a_sender)
{
    struct late late = {.result = 1};
    uint64_t position;

    make_owner(16);
    position = tsc_owner_reserve(owner);
    begin_late_flush(&late);
    ck_assert(support_eventually(is_asleep, &owner->progress));
    ck_assert(!atomic_load(&late.returned));
    tsc_owner_publish(owner, position, NULL, TSC_MESSAGE_ADDITION, 0);
    pthread_join(late.thread, NULL);
    ck_assert_int_eq(late.result, 0);
    tsc_owner_unref(owner);
}
END_TEST

static bool callback_has_ended(void *arg)
{
    (void)arg;
    return atomic_load(&owner->slow_path_flags) == 0;
}

START_TEST(a_late_flush_does_not_wait_for_a_callback)
{
    struct held_callback callback;

    make_owner(16);
    held_callback_begin(&callback, owner);
    tsc_owner_publish(owner, tsc_owner_reserve(owner), NULL, TSC_MESSAGE_ADDITION, 0);
    ck_assert_int_eq(tsc_owner_flush(owner, tsc_deadline_after(0)), -ETIMEDOUT);
    held_callback_release(&callback);
    ck_assert(support_eventually(callback_has_ended, NULL));
    ck_assert_int_eq(tsc_owner_flush(owner, tsc_deadline_after(0)), 0);
    tsc_owner_unref(owner);
}
END_TEST

/* The flush sleeps when the callback begins, and returns before it ends. */
START_TEST(a_late_flush_is_woken_by_a_callback)
{
    struct held_callback callback;
    struct late late = {.result = 1};
    uint64_t position;

    make_owner(16);
    position = tsc_owner_reserve(owner);
    begin_late_flush(&late);
    ck_assert(support_eventually(is_asleep, &owner->progress));
    held_callback_begin_at(&callback, owner, position);
    pthread_join(late.thread, NULL);
    ck_assert_int_eq(late.result, -ETIMEDOUT);
    held_callback_release(&callback);
    tsc_owner_unref(owner);
}
END_TEST

START_TEST(an_idle_owner_uses_no_cpu_time)
{
    struct sum sum = {.recipient = {.deliver = add_up}};
    const struct timespec rest = {.tv_nsec = 300 * SUPPORT_MILLISECOND_NS};
    int64_t before;

    make_owner(1024);
    send(&sum.recipient, TSC_MESSAGE_CALLBACK, 1);
    ck_assert_int_eq(tsc_owner_flush(owner, TSC_NEVER), 0);
    before = support_cpu_time_ns();
    nanosleep(&rest, NULL);
    ck_assert_int_lt(support_cpu_time_ns() - before, 10 * SUPPORT_MILLISECOND_NS);
    tsc_owner_unref(owner);
}
END_TEST

/* Each message reaches an owner that sleeps, is about to sleep, or was just woken. */
START_TEST(no_message_is_left_undelivered)
{
    struct sum sum = {.recipient = {.deliver = add_up}, .in_order = true};
    int64_t messages = (int64_t)support_ops(300);

    make_owner(4);
    for (int64_t number = 1; number <= messages; number++) {
        const struct timespec rest = {.tv_nsec = number % 100 * 2000};

        nanosleep(&rest, NULL);
        send(&sum.recipient, TSC_MESSAGE_CALLBACK, number);
        ck_assert_int_eq(tsc_owner_flush(owner, tsc_deadline_after(20 * SUPPORT_SECOND_NS)), 0);
    }
    ck_assert_int_eq(sum.last, messages);
    tsc_owner_unref(owner);
}
END_TEST

struct retired {
    struct tsc_retirement retirement;
    struct sum *sum;
    int64_t sum_when_freed;
    int times_freed;
    struct tsc_parker freed;
};

static void note_freeing(struct tsc_retirement *retirement)
{
    struct retired *retired = tsc_container_of(retirement, struct retired, retirement);

    retired->sum_when_freed = retired->sum->last;
    retired->times_freed++;
    tsc_parker_unpark(&retired->freed);
}

START_TEST(retired_objects_are_freed_after_earlier_messages)
{
    struct held_callback callback;
    struct sum sum = {.recipient = {.deliver = add_up}};
    struct retired retired = {.retirement = {.free = note_freeing}, .sum = &sum};

    make_owner(16);
    held_callback_begin(&callback, owner);
    send(&sum.recipient, TSC_MESSAGE_CALLBACK, 5);
    tsc_owner_retire(owner, &retired.retirement);
    held_callback_release(&callback);
    wait_until_notified(&retired.freed);
    ck_assert_int_eq(retired.sum_when_freed, 5);
    tsc_owner_unref(owner);
}
END_TEST

/* The list begins with the newest object. The second callback is not in the batch of the first, so the owner's
 * thread frees the objects that were retired between them before it calls the second. */
START_TEST(a_later_retirement_delays_no_earlier_one)
{
    struct held_callback first;
    struct held_callback second;
    struct sum sum = {.recipient = {.deliver = add_up}};
    struct retired early[2] = {
        {.retirement = {.free = note_freeing}, .sum = &sum},
        {.retirement = {.free = note_freeing}, .sum = &sum},
    };
    struct retired late = {.retirement = {.free = note_freeing}, .sum = &sum};

    make_owner(16);
    held_callback_begin(&first, owner);
    tsc_owner_retire(owner, &early[0].retirement);
    tsc_owner_retire(owner, &early[1].retirement);
    held_callback_send(&second, owner, tsc_owner_reserve(owner));
    tsc_owner_retire(owner, &late.retirement);
    held_callback_release(&first);
    wait_until_notified(&second.begun);
    ck_assert_int_eq(early[0].times_freed, 1);
    ck_assert_int_eq(early[1].times_freed, 1);
    ck_assert_int_eq(late.times_freed, 0);
    ck_assert_ptr_eq(atomic_load(&owner->retired), &late.retirement);
    ck_assert_ptr_null(late.retirement.next);
    held_callback_release(&second);
    wait_until_notified(&late.freed);
    ck_assert_int_eq(late.times_freed, 1);
    ck_assert_ptr_null(atomic_load(&owner->retired));
    tsc_owner_unref(owner);
}
END_TEST

static void *drop_owner(void *arg)
{
    tsc_owner_unref(owner);
    return arg;
}

static bool is_ending(void *arg)
{
    (void)arg;
    return atomic_load(&owner->end) != TSC_OWNER_RUNNING;
}

/* The thread is told to end while a message is pending. */
START_TEST(an_owner_that_ends_in_a_callback_delivers_first)
{
    struct held_callback callback;
    struct sum sum = {.recipient = {.deliver = add_up}};
    pthread_t dropper;

    make_owner(16);
    held_callback_begin(&callback, owner);
    send(&sum.recipient, TSC_MESSAGE_CALLBACK, 5);
    dropper = support_start_thread(drop_owner, NULL);
    ck_assert(support_eventually(is_ending, NULL));
    held_callback_release(&callback);
    pthread_join(dropper, NULL);
    ck_assert_int_eq(sum.sum, 5);
}
END_TEST

static void *send_one(void *recipient)
{
    send(recipient, TSC_MESSAGE_ADDITION, 1);
    return NULL;
}

/* The ring is full and a callback holds the owner's thread, so all senders sleep. */
START_TEST(all_sleeping_senders_send)
{
    struct held_callback callback;
    struct sum sum = {.recipient = {.deliver = add_up}};
    size_t senders = support_threads(200);
    pthread_t *started = calloc(senders, sizeof(*started));

    make_owner((size_t)1 << _i);
    held_callback_begin(&callback, owner);
    for (size_t sender = 0; sender < senders; sender++)
        started[sender] = support_start_thread(send_one, &sum.recipient);
    held_callback_release(&callback);
    for (size_t sender = 0; sender < senders; sender++)
        pthread_join(started[sender], NULL);
    ck_assert_int_eq(tsc_owner_flush(owner, TSC_NEVER), 0);
    ck_assert_uint_eq((uint64_t)sum.sum, senders);
    tsc_owner_unref(owner);
    free(started);
}
END_TEST

/* More senders block than the owner's thread wakes after two deliveries. */
enum { BLOCKED = 40, SMALL_RING = 64, SMALL_STACK = 1 << 19 };

struct blocked {
    struct sum sum;
    pthread_t threads[BLOCKED];
    atomic_int sent;
};

static void *send_one_and_count(void *arg)
{
    struct blocked *blocked = arg;

    send(&blocked->sum.recipient, TSC_MESSAGE_ADDITION, 1);
    atomic_fetch_add(&blocked->sent, 1);
    return NULL;
}

static bool all_are_asleep(void *arg)
{
    (void)arg;
    return atomic_load(&owner->room.sleepers) == BLOCKED;
}

static bool all_have_sent(void *arg)
{
    return atomic_load(&((struct blocked *)arg)->sent) == BLOCKED;
}

/* Called with a full ring. */
static void begin_blocked(struct blocked *blocked)
{
    *blocked = (struct blocked){.sum.recipient.deliver = add_up};
    for (size_t i = 0; i < BLOCKED; i++)
        blocked->threads[i] = support_start_thread(send_one_and_count, blocked);
    ck_assert(support_eventually(all_are_asleep, NULL));
}

static void end_blocked(struct blocked *blocked)
{
    for (size_t i = 0; i < BLOCKED; i++)
        pthread_join(blocked->threads[i], NULL);
    ck_assert_int_eq(tsc_owner_flush(owner, TSC_NEVER), 0);
    ck_assert_int_eq(blocked->sum.sum, BLOCKED);
}

static void fill(int messages)
{
    while (messages-- > 0)
        tsc_owner_publish(owner, tsc_owner_reserve(owner), NULL, TSC_MESSAGE_ADDITION, 0);
}

/* The ring is full, and the first callback runs. The second is about to be delivered. */
static void senders_do_not_wait_for(struct held_callback *second, struct held_callback *first)
{
    struct blocked blocked;

    begin_blocked(&blocked);
    held_callback_release(first);
    ck_assert(support_eventually(all_have_sent, &blocked));
    held_callback_release(second);
    end_blocked(&blocked);
    tsc_owner_unref(owner);
}

/* The senders sleep during the first callback. When the second begins, there is room for all of them. */
START_TEST(senders_do_not_wait_for_a_callback_when_there_is_room)
{
    struct held_callback first;
    struct held_callback second;

    make_owner(SMALL_RING);
    held_callback_begin(&first, owner);
    fill(SMALL_RING - 2);
    held_callback_send(&second, owner, tsc_owner_reserve(owner));
    senders_do_not_wait_for(&second, &first);
}
END_TEST

/* The batch before the second callback makes room, which the callback releases when it begins. */
START_TEST(senders_do_not_wait_for_a_callback_that_releases_room)
{
    struct held_callback first;
    struct held_callback second;

    make_owner(2 * SMALL_RING);
    held_callback_begin(&first, owner);
    fill(SMALL_RING - 1);
    held_callback_send(&second, owner, tsc_owner_reserve(owner));
    fill(SMALL_RING - 1);
    senders_do_not_wait_for(&second, &first);
}
END_TEST

/* The owner's thread has made room for all senders, and waits for a reserved message to be published. */
START_TEST(senders_do_not_wait_for_a_publication_when_there_is_room)
{
    struct held_callback callback;
    struct blocked blocked;
    uint64_t position;

    make_owner(SMALL_RING);
    held_callback_begin(&callback, owner);
    fill(BLOCKED);
    position = tsc_owner_reserve(owner);
    fill(SMALL_RING - 2 - BLOCKED);
    begin_blocked(&blocked);
    held_callback_release(&callback);
    ck_assert(support_eventually(all_have_sent, &blocked));
    tsc_owner_publish(owner, position, NULL, TSC_MESSAGE_ADDITION, 0);
    end_blocked(&blocked);
    tsc_owner_unref(owner);
}
END_TEST

struct start {
    sem_t may_return;
    int wait_result;
    int send_result;
    pthread_t thread;
    bool before_messages;
};

static struct sum after_start;

static void note_start(void *arg)
{
    struct start *start = arg;

    support_sem_wait(&start->may_return);
    start->wait_result = tsc_owner_check_wait(owner);
    start->send_result = tsc_owner_check_send(owner);
    start->thread = pthread_self();
    start->before_messages = after_start.sum == 0;
}

START_TEST(the_start_function_runs_before_all_messages)
{
    struct start start = {.wait_result = 1};
    struct tsc_owner_attr attr = {
        .queue_capacity = 16, .start = note_start, .start_arg = &start, .thread_name = THREAD_NAME};

    sem_init(&start.may_return, 0, 0);
    after_start = (struct sum){.recipient.deliver = add_up};
    ck_assert_int_eq(tsc_owner_new(&owner, &attr), 0);
    send(&after_start.recipient, TSC_MESSAGE_ADDITION, 7);
    ck_assert_int_eq(tsc_owner_flush(owner, tsc_deadline_after(0)), -ETIMEDOUT);
    sem_post(&start.may_return);
    ck_assert_int_eq(tsc_owner_flush(owner, TSC_NEVER), 0);
    ck_assert_int_eq(after_start.sum, 7);
    ck_assert(start.before_messages);
    ck_assert(pthread_equal(start.thread, owner->thread));
    ck_assert_int_eq(start.wait_result, -EDEADLK);
    ck_assert_int_eq(start.send_result, -EDEADLK);
    tsc_owner_unref(owner);
}
END_TEST

/* -------- exclusion -------- */

struct exclusive {
    int64_t deadline;
    int result;
    int64_t sum; /* of the messages, as the exclusive thread sees it */
    pthread_t thread;
    pid_t id;
};

static void *be_exclusive(void *arg)
{
    struct exclusive *exclusive = arg;

    exclusive->result = tsc_owner_begin_exclusive(owner, exclusive->deadline);
    if (exclusive->result == 0) {
        exclusive->sum = after_start.sum;
        tsc_owner_end_exclusive(owner);
    }
    return NULL;
}

static void sleep_for_exclusion(struct exclusive *exclusive, int64_t deadline)
{
    *exclusive = (struct exclusive){.deadline = deadline, .result = 1, .sum = -1};
    exclusive->thread = support_start_sleeper(be_exclusive, exclusive, &exclusive->id);
}

/* A message that was reserved before is delivered before; a later one, after. */
START_TEST(exclusion_comes_between_two_messages)
{
    struct exclusive exclusive;
    uint64_t position;

    after_start = (struct sum){.recipient.deliver = add_up};
    make_owner(16);
    position = tsc_owner_reserve(owner);
    sleep_for_exclusion(&exclusive, tsc_deadline_after(0));
    tsc_owner_publish(owner, position, &after_start.recipient, TSC_MESSAGE_ADDITION, 7);
    pthread_join(exclusive.thread, NULL);
    ck_assert_int_eq(exclusive.result, 0);
    ck_assert_int_eq(exclusive.sum, 7);
    ck_assert_int_eq(tsc_owner_begin_exclusive(owner, TSC_NEVER), 0);
    send(&after_start.recipient, TSC_MESSAGE_ADDITION, 1);
    ck_assert(!tsc_owner_help(owner));
    ck_assert_int_eq(after_start.sum, 7);
    tsc_owner_end_exclusive(owner);
    ck_assert_int_eq(tsc_owner_flush(owner, TSC_NEVER), 0);
    ck_assert_int_eq(after_start.sum, 8);
    tsc_owner_unref(owner);
}
END_TEST

START_TEST(exclusion_waits_for_a_callback_until_its_deadline)
{
    struct held_callback callback;
    struct exclusive exclusive;

    make_owner(16);
    held_callback_begin(&callback, owner);
    ck_assert_int_eq(tsc_owner_begin_exclusive(owner, tsc_deadline_after(0)), -ETIMEDOUT);
    sleep_for_exclusion(&exclusive, TSC_NEVER);
    held_callback_release(&callback);
    pthread_join(exclusive.thread, NULL);
    ck_assert_int_eq(exclusive.result, 0);
    tsc_owner_unref(owner);
}
END_TEST

/* The start function is a callback without a message that a flush could wait for. */
START_TEST(exclusion_waits_for_the_start_function)
{
    struct start start = {.wait_result = 1};
    struct tsc_owner_attr attr = {
        .queue_capacity = 16, .start = note_start, .start_arg = &start, .thread_name = THREAD_NAME};
    struct exclusive exclusive;

    sem_init(&start.may_return, 0, 0);
    after_start = (struct sum){.recipient.deliver = add_up};
    ck_assert_int_eq(tsc_owner_new(&owner, &attr), 0);
    ck_assert_int_eq(tsc_owner_begin_exclusive(owner, tsc_deadline_after(0)), -ETIMEDOUT);
    sleep_for_exclusion(&exclusive, TSC_NEVER);
    sem_post(&start.may_return);
    pthread_join(exclusive.thread, NULL);
    ck_assert_int_eq(exclusive.result, 0);
    tsc_owner_unref(owner);
}
END_TEST

/* As the second of two threads in a forked child that both restart it. */
START_TEST(an_owner_is_started_once)
{
    struct sum sum = {.recipient.deliver = add_up};

    make_owner(16);
    ck_assert_int_eq(tsc_owner_restart(owner), 0);
    send(&sum.recipient, TSC_MESSAGE_CALLBACK, 1);
    ck_assert_int_eq(tsc_owner_flush(owner, TSC_NEVER), 0);
    ck_assert(support_threads_named_become(THREAD_NAME, 1));
    tsc_owner_unref(owner);
    ck_assert(support_threads_named_become(THREAD_NAME, 0));
}
END_TEST

static void note_stack_size(struct tsc_recipient *recipient, int64_t argument)
{
    pthread_attr_t attr;
    size_t bytes = 0;

    (void)argument;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getstacksize(&attr, &bytes);
        pthread_attr_destroy(&attr);
    }
    tsc_container_of(recipient, struct sum, recipient)->sum = (int64_t)bytes;
}

static int64_t default_stack_size(void)
{
    pthread_attr_t attr;
    size_t bytes;

    ck_assert_int_eq(pthread_attr_init(&attr), 0);
    ck_assert_int_eq(pthread_attr_getstacksize(&attr, &bytes), 0);
    pthread_attr_destroy(&attr);
    return (int64_t)bytes;
}

/* ThreadSanitizer enlarges the stack by its own needs. */
START_TEST(the_thread_has_the_requested_stack)
{
    struct tsc_owner_attr attr = {.queue_capacity = 16, .stack_size = SMALL_STACK, .thread_name = THREAD_NAME};
    struct sum size = {.recipient.deliver = note_stack_size};

    ck_assert_int_eq(tsc_owner_new(&owner, &attr), 0);
    send(&size.recipient, TSC_MESSAGE_CALLBACK, 0);
    ck_assert_int_eq(tsc_owner_flush(owner, TSC_NEVER), 0);
    ck_assert_int_ge(size.sum, SMALL_STACK);
    ck_assert_int_lt(size.sum, default_stack_size());
    tsc_owner_unref(owner);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("owner");
    TCase *messages = support_add_case(suite, "messages", 60);
    TCase *callbacks = support_add_case(suite, "callbacks", 20);
    TCase *rest = support_add_case(suite, "rest", 30);

    tcase_add_loop_test(messages, flush_delivers_in_order, 0, 24);
    tcase_add_test(messages, an_ending_owner_delivers_first);
    tcase_add_loop_test(messages, all_sleeping_senders_send, 0, 5);
    tcase_add_test(callbacks, a_callback_may_neither_send_nor_wait);
    tcase_add_test(callbacks, a_callback_releases_earlier_messages_first);
    tcase_add_test(callbacks, room_is_released_after_half_the_ring);
    tcase_add_test(callbacks, a_delivery_at_the_deadline_completes_the_flush);
    tcase_add_test(callbacks, an_owner_that_ends_in_a_callback_delivers_first);
    tcase_add_test(callbacks, retired_objects_are_freed_after_earlier_messages);
    tcase_add_test(callbacks, a_later_retirement_delays_no_earlier_one);
    tcase_add_test(rest, one_message_does_not_wake_the_owner);
    tcase_add_test(rest, a_stream_of_messages_wakes_the_owner);
    tcase_add_test(messages, callback_messages_are_delivered_on_the_owner_thread);
    tcase_add_test(rest, a_callback_message_wakes_the_owner);
    tcase_add_test(rest, an_idle_owner_uses_no_cpu_time);
    tcase_add_test(rest, no_message_is_left_undelivered);
    tcase_add_test(callbacks, a_late_flush_waits_for_a_sender);
    tcase_add_test(callbacks, a_late_flush_does_not_wait_for_a_callback);
    tcase_add_test(callbacks, a_late_flush_is_woken_by_a_callback);
    tcase_add_test(callbacks, senders_do_not_wait_for_a_callback_when_there_is_room);
    tcase_add_test(callbacks, senders_do_not_wait_for_a_callback_that_releases_room);
    tcase_add_test(callbacks, senders_do_not_wait_for_a_publication_when_there_is_room);
    tcase_add_test(callbacks, the_start_function_runs_before_all_messages);
    tcase_add_test(callbacks, exclusion_comes_between_two_messages);
    tcase_add_test(callbacks, exclusion_waits_for_a_callback_until_its_deadline);
    tcase_add_test(callbacks, exclusion_waits_for_the_start_function);
    tcase_add_test(callbacks, an_owner_is_started_once);
    tcase_add_test(callbacks, the_thread_has_the_requested_stack);
    return support_run_suite(suite);
}
