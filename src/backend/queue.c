/* SPDX-License-Identifier: MIT */
/* The queue backend: an owner's thread has the value and is sent messages. */
#include "backend/backend.h"
#include "callback.h"
#include "queue/delivery.h"
#include "queue/life.h"
#include "queue/send.h"
#include "sequential.h"
#include "sync/deadline.h"
#include "sync/watch.h"
#include "test-point.h"

#include <errno.h>

struct queue_counter {
    struct tsc_counter base;
    struct tsc_owner *owner;
    struct tsc_recipient additions; /* takes the deltas of additions that nobody waits for */
    struct tsc_retirement retirement;
    struct tsc_watch watch;
    _Atomic bool closed;
    _Atomic uint64_t close_position; /* where the close lies among the messages, or NOT_CLOSED */
    bool bounded; /* state.bounds.bounded, for the callers: they stay away from the owner's cache line */

    _Alignas(TSC_CACHE_ALIGN) struct tsc_sequential state; /* only who delivers for the owner changes it */
};

#define NOT_CLOSED UINT64_MAX

/* A change whose outcome the caller waits for; it lies on the caller's stack. */
struct request {
    struct tsc_recipient recipient;
    struct queue_counter *queue;
    int (*serve)(struct request *request);
    int64_t operand;
    int64_t *result; /* previous or expected, as the operation has it */
    tsc_update_fn update;
    void *update_arg;
    int answer;
    struct tsc_parker reply;
};

static struct queue_counter *to_queue(struct tsc_counter *counter)
{
    return (struct queue_counter *)counter;
}

/*
 * The order between messages and those who do not send any: whoever closes, reads or waits writes what senders or
 * the owner have to see (closed, the armed watch), then looks at the tail, and waits for all messages before it to
 * be delivered. A message before that tail is waited for; the sender of one behind it reserved after the look, so
 * it sees what was written, and so does the owner when it gets the message. All four accesses are seq_cst.
 * Models: test/model/close-queue.pml, test/model/watch-queue.pml
 */
static bool is_closed(struct queue_counter *queue)
{
    return atomic_load_explicit(&queue->closed, memory_order_seq_cst);
}

/*
 * A close has one place among the messages: a tail that was looked at after `closed` was written. So what was
 * added without being refused lies before it. And whoever finds the counter closed settles the place before he
 * acts on it, so what is called after that lies behind it. acq_rel, acquire: who finds it settled reserves behind
 * the tail that it was taken from.
 */
TSC_COLD static uint64_t settle_close(struct queue_counter *queue)
{
    uint64_t settled = NOT_CLOSED;
    uint64_t tail = tsc_owner_tail(queue->owner);

    TSC_TEST_POINT(queue_settling);
    if (atomic_compare_exchange_strong_explicit(&queue->close_position, &settled, tail, memory_order_acq_rel,
                                                memory_order_acquire))
        return tail;
    return settled;
}

/* Before an addition is sent, and again once its place is reserved. */
static bool is_refused(struct queue_counter *queue, int64_t delta)
{
    if (tsc_likely(delta <= 0 || !is_closed(queue)))
        return false;
    settle_close(queue);
    return true;
}

/* -------- on the thread that delivers -------- */

static bool is_behind_close(struct queue_counter *queue)
{
    return is_closed(queue) && tsc_owner_delivered_position(queue->owner) >= settle_close(queue);
}

static void apply_addition(struct tsc_recipient *recipient, int64_t delta)
{
    struct queue_counter *queue = tsc_container_of(recipient, struct queue_counter, additions);
    int64_t sum = tsc_wrapping_add(tsc_sequential_value(&queue->state), delta);

    tsc_sequential_store(&queue->state, sum);
    tsc_watch_check(&queue->watch, sum);
}

static int serve_add(struct request *request)
{
    struct queue_counter *queue = request->queue;

    return tsc_sequential_add(&queue->state, request->operand, is_behind_close(queue), request->result);
}

static int serve_exchange(struct request *request)
{
    struct queue_counter *queue = request->queue;

    return tsc_sequential_exchange(&queue->state, request->operand, is_behind_close(queue), request->result);
}

static int serve_compare_exchange(struct request *request)
{
    struct queue_counter *queue = request->queue;

    return tsc_sequential_compare_exchange(&queue->state, request->result, request->operand,
                                           is_behind_close(queue));
}

static int serve_update(struct request *request)
{
    struct queue_counter *queue = request->queue;
    int64_t value = tsc_sequential_value(&queue->state);
    int answer;

    tsc_owner_begin_callback(queue->owner);
    answer = request->update(&value, request->update_arg);
    tsc_owner_end_callback(queue->owner);
    return tsc_sequential_commit(&queue->state, value, answer, is_behind_close(queue));
}

/* With the reply the request is gone. Model: test/model/parker.pml */
static void serve(struct tsc_recipient *recipient, int64_t argument)
{
    struct request *request = tsc_container_of(recipient, struct request, recipient);
    struct queue_counter *queue = request->queue;

    (void)argument;
    request->answer = request->serve(request);
    tsc_watch_check(&queue->watch, tsc_sequential_value(&queue->state));
    tsc_parker_unpark(&request->reply);
}

/* -------- on the callers' threads -------- */

static int ask(struct queue_counter *queue, struct request *request)
{
    int error = tsc_owner_may_send(queue->owner);

    if (error)
        return error;
    request->recipient.deliver = serve;
    request->queue = queue;
    tsc_owner_publish(queue->owner, tsc_owner_reserve(queue->owner), &request->recipient,
                      request->update != NULL ? TSC_MESSAGE_CALLBACK : TSC_MESSAGE_REQUEST, 0);
    tsc_owner_await_reply(queue->owner, &request->reply);
    return request->answer;
}

/* An increment that was reserved while the counter was closed becomes a message to nobody. */
static int publish_addition(struct queue_counter *queue, uint64_t position, int64_t delta)
{
    bool refused;

    TSC_TEST_POINT(queue_reserved);
    refused = is_refused(queue, delta);
    tsc_owner_publish(queue->owner, position, refused ? NULL : &queue->additions, TSC_MESSAGE_ADDITION, delta);
    return refused ? -ESHUTDOWN : 0;
}

static int queue_fetch_add(struct tsc_counter *counter, int64_t delta, int64_t *previous)
{
    struct request request = {.serve = serve_add, .operand = delta, .result = previous};

    return ask(to_queue(counter), &request);
}

TSC_COLD static int add_bounded(struct tsc_counter *counter, int64_t delta)
{
    int64_t previous;

    return queue_fetch_add(counter, delta, &previous);
}

static int queue_add(struct tsc_counter *counter, int64_t delta)
{
    struct queue_counter *queue = to_queue(counter);
    int error;

    if (tsc_unlikely(queue->bounded))
        return add_bounded(counter, delta);
    error = tsc_owner_may_send(queue->owner);
    if (tsc_unlikely(error))
        return error;
    if (tsc_unlikely(is_refused(queue, delta)))
        return -ESHUTDOWN;
    TSC_TEST_POINT(queue_looked);
    return publish_addition(queue, tsc_owner_reserve(queue->owner), delta);
}

static int queue_try_add(struct tsc_counter *counter, int64_t delta)
{
    struct queue_counter *queue = to_queue(counter);
    uint64_t position;
    int error;

    if (queue->bounded)
        return -ENOTSUP;
    error = tsc_owner_may_send(queue->owner);
    if (error)
        return error;
    if (is_refused(queue, delta))
        return -ESHUTDOWN;
    TSC_TEST_POINT(queue_looked);
    if (!tsc_owner_try_reserve(queue->owner, &position))
        return -EAGAIN;
    return publish_addition(queue, position, delta);
}

static int queue_exchange(struct tsc_counter *counter, int64_t value, int64_t *previous)
{
    struct request request = {.serve = serve_exchange, .operand = value, .result = previous};

    return ask(to_queue(counter), &request);
}

static int queue_compare_exchange(struct tsc_counter *counter, int64_t *expected, int64_t desired)
{
    struct request request = {.serve = serve_compare_exchange, .operand = desired, .result = expected};

    return ask(to_queue(counter), &request);
}

static int queue_update(struct tsc_counter *counter, tsc_update_fn update, void *arg)
{
    struct request request = {.serve = serve_update, .update = update, .update_arg = arg};
    int result;

    /* The callback may give the caller's reference back, and the owner be done before the caller is. */
    tsc_object_ref_by_call(&counter->object);
    result = ask(to_queue(counter), &request);
    tsc_object_unref_by_call(&counter->object);
    return result;
}

static int flush_until(struct queue_counter *queue, int64_t deadline)
{
    int error = tsc_owner_may_wait(queue->owner);

    return error ? error : tsc_owner_flush(queue->owner, deadline);
}

static int queue_flush(struct tsc_counter *counter)
{
    return flush_until(to_queue(counter), TSC_NEVER);
}

/*
 * Reads send no message: what was sent before is applied once the ring has moved past it, and what the owner
 * stored since is as good an answer. acquire: pairs with the owner's release.
 */
static int look(void *subject, int64_t deadline, int64_t *value)
{
    struct queue_counter *queue = subject;
    int error = flush_until(queue, deadline);

    if (!error)
        *value = atomic_load_explicit(&queue->state.value, memory_order_acquire);
    return error;
}

static int queue_get(struct tsc_counter *counter, int64_t *value)
{
    return look(counter, TSC_NEVER, value);
}

static int queue_get_peak(struct tsc_counter *counter, int64_t *peak)
{
    struct queue_counter *queue = to_queue(counter);
    int error;

    if (!queue->state.track_peak)
        return -ENOTSUP;
    error = queue_flush(counter);
    if (!error)
        *peak = atomic_load_explicit(&queue->state.peak, memory_order_acquire);
    return error;
}

static int queue_close(struct tsc_counter *counter)
{
    struct queue_counter *queue = to_queue(counter);
    int error = tsc_owner_may_wait(queue->owner);

    if (error)
        return error;
    atomic_store_explicit(&queue->closed, true, memory_order_seq_cst);
    TSC_TEST_POINT(queue_closed);
    settle_close(queue);
    TSC_TEST_POINT(queue_settled);
    return tsc_owner_flush(queue->owner, TSC_NEVER);
}

static int queue_wait_at_most(struct tsc_counter *counter, int64_t threshold, int64_t timeout_ns)
{
    struct queue_counter *queue = to_queue(counter);
    int error = tsc_owner_may_wait(queue->owner);

    return error ? error : tsc_watch_wait(&queue->watch, threshold, timeout_ns, look, counter);
}

/* -------- life -------- */

static int make_own_owner(struct queue_counter *queue, size_t capacity)
{
    struct tsc_owner_attr attr = tsc_owner_attr_default;

    attr.queue_capacity = capacity;
    return tsc_owner_make(&queue->owner, &attr);
}

static int queue_init(struct tsc_counter *counter, const struct tsc_counter_attr *attr)
{
    struct queue_counter *queue = to_queue(counter);
    int error = 0;

    if (attr->owner != NULL)
        queue->owner = tsc_owner_ref(attr->owner);
    else
        error = make_own_owner(queue, attr->queue_capacity);
    queue->additions.deliver = apply_addition;
    atomic_init(&queue->closed, false);
    atomic_init(&queue->close_position, NOT_CLOSED);
    queue->bounded = attr->bounds.bounded;
    tsc_sequential_init(&queue->state, attr);
    tsc_watch_init(&queue->watch);
    return error;
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

/*
 * Where the owner is not started, nothing was ever sent to this counter by this process: a thread that had sent
 * something would have started it, before it gave its reference back.
 */
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
    /* A thread that was closing is not in the child to settle the position, and none must settle it later. */
    if (is_closed(queue))
        settle_close(queue);
}

const struct tsc_backend_ops tsc_queue_ops = {
    .counter_size = sizeof(struct queue_counter),
    .init = queue_init,
    .fini = queue_fini,
    .object = {.child = queue_child, .release = queue_release, .free = tsc_counter_free},
    .add = queue_add,
    .try_add = queue_try_add,
    .get = queue_get,
    .get_peak = queue_get_peak,
    .fetch_add = queue_fetch_add,
    .exchange = queue_exchange,
    .compare_exchange = queue_compare_exchange,
    .update = queue_update,
    .flush = queue_flush,
    .close = queue_close,
    .wait_at_most = queue_wait_at_most,
};
