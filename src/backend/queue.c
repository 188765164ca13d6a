/* SPDX-License-Identifier: MIT */
/* The queue backend: an owner's thread holds the value, and other threads send it their changes. */
#include "counter-internal.h"
#include "join.h"
#include "queue/delivery.h"
#include "queue/life.h"
#include "queue/send.h"
#include "sanitizer.h"
#include "sequential.h"
#include "sync/admission.h"
#include "sync/deadline.h"
#include "sync/watch.h"
#include "test-point.h"

#include <errno.h>

struct queue_counter {
    struct tsc_counter base;
    struct tsc_owner *owner;
    struct tsc_recipient additions; /* receives additions that need no reply */
    struct tsc_retirement retirement;
    _Atomic bool closed;
    _Atomic uint64_t close_position; /* in the queue, or NOT_CLOSED */
    bool bounded;                    /* a copy, to keep senders off the cache line of the state */
    struct tsc_admission admission;  /* of a counter with bounds */
    struct tsc_watch watch;

    _Alignas(TSC_CACHE_ALIGN) struct tsc_sequential state; /* changed only by the thread that delivers */
};

#define NOT_CLOSED UINT64_MAX

enum request_type { ADD, EXCHANGE, COMPARE_EXCHANGE, UPDATE };

/* A change that returns a result to its caller; it lies on the caller's stack. */
struct request {
    struct tsc_recipient recipient;
    struct queue_counter *queue;
    enum request_type type;
    int64_t operand;
    int64_t *previous; /* of COMPARE_EXCHANGE: the expected value */
    tsc_update_fn update;
    void *update_arg;
    int result;
    struct tsc_parker reply;
};

static struct queue_counter *to_queue(struct tsc_counter *counter)
{
    return (struct queue_counter *)counter;
}

/*
 * close and wait_at_most store a flag (closed, the armed watch), then load the tail, then wait until all messages
 * before that tail are delivered. The sender of a later message reserved its position after that load, so it sees
 * the flag; so does the thread that delivers the message. All four accesses are seq_cst.
 * Models: test/model/close-queue.pml, test/model/watch-queue.pml
 */
static bool is_closed(struct queue_counter *queue)
{
    return atomic_load_explicit(&queue->closed, memory_order_seq_cst);
}

/*
 * A close has one position in the queue: a tail that was loaded after `closed` was set. So every accepted addition
 * lies before it. A thread that sees `closed` fixes the position before it acts, so its next calls lie after it.
 * acq_rel, acquire: a thread that finds the position fixed sends its next messages after that tail.
 */
TSC_COLD static uint64_t fix_close_position(struct queue_counter *queue)
{
    uint64_t fixed = NOT_CLOSED;
    uint64_t tail = tsc_ring_tail(&queue->owner->ring);

    TSC_TEST_POINT(queue_fixing_close);
    if (atomic_compare_exchange_strong_explicit(&queue->close_position, &fixed, tail, memory_order_acq_rel,
                                                memory_order_acquire))
        return tail;
    return fixed;
}

static bool is_refused(struct queue_counter *queue, int64_t delta)
{
    if (tsc_likely(delta <= 0 || !is_closed(queue)))
        return false;
    fix_close_position(queue);
    return true;
}

/* -------- the thread that delivers -------- */

static bool is_after_close(struct queue_counter *queue)
{
    return is_closed(queue) && tsc_owner_delivered_position(queue->owner) >= fix_close_position(queue);
}

static void apply_addition(struct tsc_recipient *recipient, int64_t delta)
{
    struct queue_counter *queue = tsc_container_of(recipient, struct queue_counter, additions);
    int64_t sum = tsc_wrapping_add(tsc_sequential_value(&queue->state), delta);

    tsc_sequential_store(&queue->state, sum);
    tsc_watch_check(&queue->watch, sum);
}

static int apply_update(struct request *request, bool closed)
{
    struct queue_counter *queue = request->queue;
    int64_t value = tsc_sequential_value(&queue->state);
    int returned;

    tsc_owner_begin_callback(queue->owner);
    returned = request->update(&value, request->update_arg);
    tsc_owner_end_callback(queue->owner);
    return tsc_sequential_commit(&queue->state, value, returned, closed);
}

static int apply(struct request *request)
{
    struct tsc_sequential *state = &request->queue->state;
    bool closed = is_after_close(request->queue);

    switch (request->type) {
    case ADD:
        return tsc_sequential_add(state, request->operand, closed, request->previous);
    case EXCHANGE:
        return tsc_sequential_exchange(state, request->operand, closed, request->previous);
    case COMPARE_EXCHANGE:
        return tsc_sequential_compare_exchange(state, request->previous, request->operand, closed);
    default:
        return apply_update(request, closed);
    }
}

/* Under `delivering`. The check for admission follows it: see add_in_turn(). */
static void check_waiters(struct queue_counter *queue)
{
    tsc_watch_check(&queue->watch, tsc_sequential_value(&queue->state));
    if (tsc_admission_has_waiters(&queue->admission))
        tsc_admission_check(&queue->admission, 0);
}

/* After the unpark the request is gone. Model: test/model/parker.pml */
static void apply_request(struct tsc_recipient *recipient, int64_t argument)
{
    struct request *request = tsc_container_of(recipient, struct request, recipient);
    struct queue_counter *queue = request->queue;

    (void)argument;
    request->result = apply(request);
    check_waiters(queue);
    tsc_parker_unpark(&request->reply);
}

/* -------- callers -------- */

static int send_request(struct tsc_counter *counter, struct request *request)
{
    struct queue_counter *queue = to_queue(counter);
    int error = tsc_owner_check_send(queue->owner);

    if (error)
        return error;
    request->recipient.deliver = apply_request;
    request->queue = queue;
    tsc_owner_publish(queue->owner, tsc_owner_reserve(queue->owner), &request->recipient,
                      request->type == UPDATE ? TSC_MESSAGE_CALLBACK : TSC_MESSAGE_REQUEST, 0);
    tsc_owner_await_reply(queue->owner, &request->reply);
    return request->result;
}

static int queue_fetch_add(struct tsc_counter *counter, int64_t delta, int64_t *previous)
{
    struct request request = {.type = ADD, .operand = delta, .previous = previous};

    return send_request(counter, &request);
}

TSC_COLD static int add_bounded(struct tsc_counter *counter, int64_t delta)
{
    int64_t previous;

    return queue_fetch_add(counter, delta, &previous);
}

static inline int check_addition(struct queue_counter *queue, int64_t delta)
{
    int error = tsc_owner_check_send(queue->owner);

    if (tsc_unlikely(error))
        return error;
    if (tsc_unlikely(is_refused(queue, delta)))
        return -ESHUTDOWN;
    TSC_TEST_POINT(queue_closed_checked);
    return 0;
}

/* The reserved position must be published, so a refused increment becomes an empty message. */
static int publish_addition(struct queue_counter *queue, uint64_t position, int64_t delta)
{
    bool refused;

    TSC_TEST_POINT(queue_reserved);
    refused = is_refused(queue, delta);
    tsc_owner_publish(queue->owner, position, refused ? NULL : &queue->additions, TSC_MESSAGE_ADDITION, delta);
    return refused ? -ESHUTDOWN : 0;
}

static int queue_add(struct tsc_counter *counter, int64_t delta)
{
    struct queue_counter *queue = to_queue(counter);
    int error;

    if (tsc_unlikely(queue->bounded))
        return add_bounded(counter, delta);
    error = check_addition(queue, delta);
    if (tsc_unlikely(error))
        return error;
    return publish_addition(queue, tsc_owner_reserve(queue->owner), delta);
}

static int queue_try_add(struct tsc_counter *counter, int64_t delta)
{
    struct queue_counter *queue = to_queue(counter);
    uint64_t position;
    int error;

    if (queue->bounded)
        return -ENOTSUP;
    error = check_addition(queue, delta);
    if (error)
        return error;
    if (!tsc_owner_try_reserve(queue->owner, &position))
        return -EAGAIN;
    return publish_addition(queue, position, delta);
}

static int queue_exchange(struct tsc_counter *counter, int64_t value, int64_t *previous)
{
    struct request request = {.type = EXCHANGE, .operand = value, .previous = previous};

    return send_request(counter, &request);
}

static int queue_compare_exchange(struct tsc_counter *counter, int64_t *expected, int64_t desired)
{
    struct request request = {.type = COMPARE_EXCHANGE, .operand = desired, .previous = expected};

    return send_request(counter, &request);
}

/* The callback may drop the caller's reference, so the call holds one of its own. */
static int queue_update(struct tsc_counter *counter, tsc_update_fn update, void *arg)
{
    struct request request = {.type = UPDATE, .update = update, .update_arg = arg};
    int result;

    tsc_object_ref_by_call(&counter->object);
    result = send_request(counter, &request);
    tsc_object_unref_by_call(&counter->object);
    return result;
}

static int queue_flush(struct tsc_counter *counter)
{
    return tsc_owner_flush(to_queue(counter)->owner, TSC_NEVER);
}

/* A read sends no message: after the flush the value is new enough. acquire: pairs with tsc_sequential_store. */
static int flush_and_read(void *subject, int64_t deadline, int64_t *value)
{
    struct queue_counter *queue = subject;
    int error = tsc_owner_flush(queue->owner, deadline);

    if (!error)
        *value = atomic_load_explicit(&queue->state.value, memory_order_acquire);
    return error;
}

static int queue_get(struct tsc_counter *counter, int64_t *value)
{
    return flush_and_read(counter, TSC_NEVER, value);
}

static int queue_get_peak(struct tsc_counter *counter, int64_t *peak)
{
    struct queue_counter *queue = to_queue(counter);
    int error;

    if (!queue->state.track_peak)
        return -ENOTSUP;
    error = queue_flush(counter);
    if (!error)
        *peak = tsc_sequential_read_peak(&queue->state);
    return error;
}

static int queue_take_peak(struct tsc_counter *counter, int64_t *peak)
{
    struct queue_counter *queue = to_queue(counter);
    int error;

    if (!queue->state.track_peak)
        return -ENOTSUP;
    error = tsc_owner_begin_exclusive(queue->owner, TSC_NEVER);
    if (error)
        return error;
    *peak = tsc_sequential_take_peak(&queue->state);
    tsc_owner_end_exclusive(queue->owner);
    return 0;
}

static int queue_get_bounds(struct tsc_counter *counter, int64_t *min, int64_t *max)
{
    struct queue_counter *queue = to_queue(counter);
    int error;

    if (!queue->bounded)
        return -ENOTSUP;
    error = tsc_owner_begin_exclusive(queue->owner, TSC_NEVER);
    if (error)
        return error;
    tsc_bounds_get(&queue->state.bounds, min, max);
    tsc_owner_end_exclusive(queue->owner);
    return 0;
}

static int queue_set_bounds(struct tsc_counter *counter, int64_t min, int64_t max)
{
    struct queue_counter *queue = to_queue(counter);
    int error;

    if (!queue->bounded)
        return -ENOTSUP;
    error = tsc_owner_begin_exclusive(queue->owner, TSC_NEVER);
    if (error)
        return error;
    tsc_sequential_set_bounds(&queue->state, min, max);
    tsc_admission_set_bounds(&queue->admission, min, max);
    tsc_owner_end_exclusive(queue->owner);
    return 0;
}

/*
 * A thread that waits for admission counts itself, then adds under `delivering`. If a changer releases that lock
 * before, the addition sees the changed value. If after, the changer then sees the waiter.
 *
 * The addition is no message, so a thread in wait_at_most does not wait for it. The two see each other by the
 * read-modify-writes of the watch: here before the check, there where the watch is armed. A close waits for the
 * lock. Model: test/model/admission.pml
 */
static int add_in_turn(void *subject, int64_t delta, int64_t ahead, int64_t deadline)
{
    struct queue_counter *queue = subject;
    int result = tsc_owner_begin_exclusive(queue->owner, deadline);

    if (result)
        return result;
    result = tsc_sequential_add_behind(&queue->state, delta, ahead, is_after_close(queue));
    tsc_watch_fence(&queue->watch);
    check_waiters(queue);
    tsc_owner_end_exclusive(queue->owner);
    return result;
}

static int64_t read_for_admission(void *subject)
{
    return tsc_sequential_read(&((struct queue_counter *)subject)->state);
}

static int queue_wait_add(struct tsc_counter *counter, int64_t delta, int64_t timeout_ns)
{
    struct queue_counter *queue = to_queue(counter);
    int result;

    if (!tsc_bounds_reject(&queue->state.bounds))
        return -ENOTSUP;
    result = tsc_owner_check_wait(queue->owner);
    if (result)
        return result;
    if (tsc_admission_try(&queue->admission, delta, add_in_turn, &result))
        return result;
    return tsc_admission_wait(&queue->admission, delta, timeout_ns, add_in_turn);
}

/* An addition of wait_add that did not see the counter closed has been made then: see add_in_turn(). */
static void close_admission(struct queue_counter *queue)
{
    /* It waits for ever, and the caller is in no callback: there is no error. */
    (void)tsc_owner_begin_exclusive(queue->owner, TSC_NEVER);
    tsc_admission_close(&queue->admission);
    tsc_owner_end_exclusive(queue->owner);
}

static int queue_close(struct tsc_counter *counter)
{
    struct queue_counter *queue = to_queue(counter);
    int error = tsc_owner_check_wait(queue->owner);

    if (error)
        return error;
    atomic_store_explicit(&queue->closed, true, memory_order_seq_cst);
    TSC_TEST_POINT(queue_closed);
    fix_close_position(queue);
    TSC_TEST_POINT(queue_fixed_close);
    if (queue->bounded)
        close_admission(queue);
    else
        tsc_owner_flush(queue->owner, TSC_NEVER);
    return 0;
}

static int queue_wait_at_most(struct tsc_counter *counter, int64_t threshold, int64_t timeout_ns)
{
    return tsc_watch_wait(&to_queue(counter)->watch, threshold, timeout_ns, flush_and_read, counter);
}

static struct tsc_watch *queue_watch(struct tsc_counter *counter)
{
    return &to_queue(counter)->watch;
}

/* Ordered after the caller's additions: they may send the former notification. */
static int queue_notify_at_most(struct tsc_counter *counter, int64_t threshold, int fd)
{
    int error = queue_flush(counter);

    if (error)
        return error;
    return tsc_watch_notify(queue_watch(counter), threshold, fd, flush_and_read, counter);
}

/* Without a flush: on the thread that delivers, or under a claim. */
static int64_t read_for_notification(struct tsc_watch *watch)
{
    struct queue_counter *queue = tsc_container_of(watch, struct queue_counter, watch);

    tsc_sanitizer_acquire(queue);
    return tsc_sequential_read(&queue->state);
}

static const struct tsc_watch_ops watch_ops = {.read = read_for_notification};

/* -------- life -------- */

static int queue_init(struct tsc_counter *counter, const struct tsc_counter_attr *attr)
{
    struct queue_counter *queue = to_queue(counter);
    struct tsc_owner_attr owner_attr = tsc_owner_attr_default;

    queue->additions.deliver = apply_addition;
    atomic_init(&queue->closed, false);
    atomic_init(&queue->close_position, NOT_CLOSED);
    queue->bounded = attr->bounds.bounded;
    tsc_sequential_init(&queue->state, attr);
    tsc_watch_init(&queue->watch, &watch_ops);
    tsc_admission_init(&queue->admission, attr->bounds.min, attr->bounds.max, read_for_admission, queue);
    if (attr->owner != NULL) {
        tsc_object_ref(&attr->owner->object);
        queue->owner = attr->owner;
        return 0;
    }
    owner_attr.queue_capacity = attr->queue_capacity;
    return tsc_owner_new(&queue->owner, &owner_attr);
}

static void release_owner(void *owner)
{
    struct tsc_object *object = owner;

    object->ops->release(object);
}

static struct tsc_deferred queue_fini(struct tsc_counter *counter)
{
    struct tsc_object *owner = &to_queue(counter)->owner->object;

    return (struct tsc_deferred){.run = tsc_object_drop(owner) ? release_owner : NULL, .arg = owner};
}

static void free_retired(struct tsc_retirement *retirement)
{
    tsc_counter_free(&tsc_container_of(retirement, struct queue_counter, retirement)->base.object);
}

/* If the owner is not started, this process has sent the counter nothing: a sender starts the owner first. */
static void queue_release(struct tsc_object *object)
{
    struct queue_counter *queue = to_queue(tsc_counter_of_object(object));

    if (!tsc_owner_is_started(queue->owner)) {
        tsc_counter_free(object);
    } else if (tsc_thread_must_not_join()) {
        queue->retirement.free = free_retired;
        tsc_owner_retire(queue->owner, &queue->retirement);
    } else {
        tsc_owner_flush(queue->owner, TSC_NEVER);
        tsc_counter_free(object);
    }
}

static void queue_child(struct tsc_object *object)
{
    struct queue_counter *queue = to_queue(tsc_counter_of_object(object));

    tsc_watch_forget_waiters(&queue->watch);
    tsc_admission_forget_waiters(&queue->admission, queue->state.bounds.min, queue->state.bounds.max);
    /* The thread that was closing is not in the child, and a position that is fixed later would be wrong. */
    if (is_closed(queue))
        fix_close_position(queue);
}

const struct tsc_backend_ops tsc_queue_ops = {
    TSC_REQUIRED(queue, queue_release),
    TSC_FETCH(queue),
    TSC_UPDATE(queue),
    TSC_PEAK(queue),
    TSC_BOUNDS(queue),
    .fini = queue_fini,
};
