/* SPDX-License-Identifier: MIT */
/*
 * A thousand counters on one owner, used by threads that end at any point while signals arrive. Each counter has
 * the value that its users have added up, and nothing is leaked.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "subject.h"
#include "support/procfs.h"
#include "support/suite.h"
#include "support/threads.h"

#define THREAD_NAME "turmoil-owner" /* differs from the program's */

enum {
    COUNTERS = 1000,
    HELD_FIRST = 4,
    HELD_MAX = 8,
    SMALL_QUEUE = 16,
    DELTA_MAX = 8,
    OPS_EACH = 100,
    UNSEEN = 1 << 30
};

/* No counter falls to this. */
#define FAR_BELOW (INT64_MIN / 4)

/* A counter, and what its users did to it. */
struct slot {
    tsc_counter_t *counter;
    bool bounded;
    atomic_size_t holders;
    atomic_bool closed;          /* a close has returned */
    atomic_int_fast64_t counted; /* by calls that returned 0 */
    atomic_int_fast64_t updates; /* calls of update */
    int64_t callbacks;           /* callbacks that ran; only callbacks access it */
};

/* A reference, and the amount that its holder has added and not yet subtracted. */
struct hold {
    struct slot *slot;
    int64_t inside;
};

enum ending { BY_RETURN, BY_EXIT, BY_CANCELLATION, BY_DRAIN, ENDINGS };

struct worker {
    struct turmoil *turmoil;
    pthread_t thread;
    enum ending ending;
    bool cancelled;
    uint64_t random;
    tsc_owner_t *owner;
    struct hold held[HELD_MAX];
    size_t holding;
};

struct turmoil {
    _Atomic(struct slot *) shelf[COUNTERS]; /* where threads leave references for others */
    struct worker *workers;
    size_t threads;
    uint64_t ops;
    atomic_size_t left;
    pthread_barrier_t all_there;
    pthread_key_t held_by_thread;
    struct witness witness;
};

static tsc_counter_t *handlers_counter;
static atomic_uint_fast64_t handled;

static void count_in_handler(int signal_number)
{
    (void)signal_number;
    if (handlers_counter == NULL || tsc_counter_inc(handlers_counter) == 0)
        atomic_fetch_add_explicit(&handled, 1, memory_order_relaxed);
}

static uint64_t random_below(struct worker *worker, uint64_t end)
{
    return next_random(&worker->random) % end;
}

static void expect(struct worker *worker, const char *what, int64_t seen, int64_t expected)
{
    witness_equal(&worker->turmoil->witness, what, seen, expected);
}

/* -------- counters and references -------- */

static struct slot *make_slot(tsc_owner_t *owner, bool bounded)
{
    struct slot *slot = calloc(1, sizeof *slot);
    tsc_counter_attr_t *attr;

    if (slot == NULL || tsc_counter_attr_create(&attr) != 0)
        return slot;
    if (bounded)
        (void)tsc_counter_attr_set_bounds(attr, INT64_MIN / 2, INT64_MAX / 2, TSC_BOUNDS_REJECT);
    if (tsc_counter_attr_set_owner(attr, owner) != 0 ||
        tsc_counter_create(&slot->counter, TSC_BACKEND_QUEUE, attr) != 0)
        slot->counter = NULL;
    tsc_counter_attr_destroy(attr);
    slot->bounded = bounded;
    atomic_init(&slot->holders, 1);
    return slot;
}

static void hold(struct worker *worker, struct slot *slot)
{
    worker->held[worker->holding++] = (struct hold){.slot = slot};
}

static void hold_another(struct worker *worker, struct slot *slot)
{
    atomic_fetch_add(&slot->holders, 1);
    expect(worker, "whether ref returns its argument", tsc_counter_ref(slot->counter) == slot->counter, true);
    hold(worker, slot);
}

static struct hold *any_held(struct worker *worker)
{
    return &worker->held[random_below(worker, worker->holding)];
}

static void count_out(struct worker *worker, struct hold *hold, int64_t too_many)
{
    int64_t delta = -hold->inside - too_many;

    expect(worker, "counting out", tsc_counter_add(hold->slot->counter, delta), 0);
    atomic_fetch_add(&hold->slot->counted, delta);
    hold->inside = 0;
}

/* Adds once more after the last check: the message is still queued when the last reference is dropped. */
static void assert_slot(struct worker *worker, struct slot *slot)
{
    int64_t value = 0;

    expect(worker, "the last get", tsc_counter_get(slot->counter, &value), 0);
    expect(worker, "the last value", value, atomic_load(&slot->counted));
    expect(worker, "callbacks run", slot->callbacks, atomic_load(&slot->updates));
    (void)tsc_counter_add(slot->counter, UNSEEN);
}

/* The last holder does not always drop the last reference: another thread may be about to drop its own. */
static void drop_reference(struct worker *worker, struct slot *slot)
{
    tsc_counter_t *counter = slot->counter;

    if (atomic_fetch_sub(&slot->holders, 1) == 1) {
        assert_slot(worker, slot);
        free(slot);
    }
    tsc_counter_unref(counter);
}

static struct slot *stop_holding(struct worker *worker, struct hold *hold, int64_t too_many)
{
    struct slot *slot = hold->slot;

    count_out(worker, hold, too_many);
    *hold = worker->held[--worker->holding];
    return slot;
}

static void drop(struct worker *worker, struct hold *hold)
{
    drop_reference(worker, stop_holding(worker, hold, (int64_t)random_below(worker, 2)));
}

/* Called at the end of each thread, however it ends. */
static void drop_all(void *arg)
{
    struct worker *worker = arg;

    while (worker->holding != 0)
        drop(worker, any_held(worker));
    tsc_owner_unref(worker->owner);
    atomic_fetch_sub(&worker->turmoil->left, 1);
}

static void make_another(struct worker *worker)
{
    struct slot *slot = make_slot(worker->owner, random_below(worker, 4) == 0);

    if (slot != NULL && slot->counter != NULL) {
        hold(worker, slot);
    } else {
        witness_report(&worker->turmoil->witness, "creation of a counter", 0, 1, 1);
        free(slot);
    }
}

/* Leaves one reference and takes one that another thread has left, if there is one. */
static void swap(struct worker *worker, struct slot *given)
{
    struct slot *taken = atomic_exchange(&worker->turmoil->shelf[random_below(worker, COUNTERS)], given);

    if (taken != NULL)
        hold(worker, taken);
}

static void hold_at_least_one(struct worker *worker)
{
    if (worker->holding == 0)
        swap(worker, NULL);
    if (worker->holding == 0)
        make_another(worker);
}

/* -------- calls -------- */

struct raise {
    struct slot *slot;
    int64_t delta;
};

static int raise_value(int64_t *value, void *arg)
{
    const struct raise *raise = arg;

    raise->slot->callbacks++;
    *value += raise->delta;
    return 0;
}

static int update(struct slot *slot, int64_t delta)
{
    struct raise raise = {.slot = slot, .delta = delta};

    atomic_fetch_add(&slot->updates, 1);
    return tsc_counter_update(slot->counter, raise_value, &raise);
}

/* Whether the call may have added nothing. */
static bool may_refuse(const struct slot *slot, int result)
{
    return result == -ESHUTDOWN || (result == -EAGAIN && !slot->bounded) || (result == -ENOTSUP && slot->bounded);
}

static void count_in(struct worker *worker, struct hold *hold)
{
    struct slot *slot = hold->slot;
    int64_t delta = 1 + (int64_t)random_below(worker, DELTA_MAX);
    bool was_closed = atomic_load(&slot->closed);
    int64_t previous;
    int result;

    switch (random_below(worker, 4)) {
    case 0:
        result = tsc_counter_add(slot->counter, delta);
        break;
    case 1:
        result = tsc_counter_try_add(slot->counter, delta);
        break;
    case 2:
        result = tsc_counter_fetch_add(slot->counter, delta, &previous);
        break;
    default:
        result = update(slot, delta);
    }
    if (result == 0) {
        atomic_fetch_add(&slot->counted, delta);
        hold->inside += delta;
        expect(worker, "whether an addition after a close succeeds", was_closed, false);
    } else if (!may_refuse(slot, result)) {
        witness_report(&worker->turmoil->witness, "an unexpected result", result, 0, 0);
    }
}

static void read_value(struct worker *worker, struct slot *slot)
{
    int64_t value;

    expect(worker, "get", tsc_counter_get(slot->counter, &value), 0);
}

static void wait_a_little(struct worker *worker, struct slot *slot)
{
    int64_t timeout_ns = (int64_t)random_below(worker, 4) * SUPPORT_MILLISECOND_NS / 8;

    expect(worker, "a wait for a threshold already reached",
           tsc_counter_wait_at_most(slot->counter, INT64_MAX, -1), 0);
    expect(worker, "a wait that nothing ends", tsc_counter_wait_at_most(slot->counter, FAR_BELOW, timeout_ns),
           -ETIMEDOUT);
}

static void close_counter(struct worker *worker, struct slot *slot)
{
    expect(worker, "close", tsc_counter_close(slot->counter), 0);
    atomic_store(&slot->closed, true);
}

static void pass_references(struct worker *worker)
{
    switch (random_below(worker, 4)) {
    case 0:
        hold_another(worker, any_held(worker)->slot);
        break;
    case 1:
        drop(worker, any_held(worker));
        break;
    case 2:
        make_another(worker);
        break;
    default:
        swap(worker, stop_holding(worker, any_held(worker), 0));
    }
}

static void take_a_step(struct worker *worker)
{
    struct hold *hold;

    hold_at_least_one(worker);
    if (worker->holding == HELD_MAX)
        drop(worker, any_held(worker));
    hold = any_held(worker);
    switch (random_below(worker, 16)) {
    case 0:
        read_value(worker, hold->slot);
        break;
    case 1:
    case 2:
        wait_a_little(worker, hold->slot);
        break;
    case 3:
        close_counter(worker, hold->slot);
        break;
    case 4:
    case 5:
    case 6:
        pass_references(worker);
        break;
    default:
        count_in(worker, hold);
    }
}

/* -------- ends -------- */

/*
 * First subtracts all that this thread has added to any counter, so that two draining threads never wait for each
 * other.
 */
static void drain(struct worker *worker)
{
    struct slot *slot;
    int64_t drained = 0;
    int64_t later = 0;

    hold_at_least_one(worker);
    for (size_t i = 0; i < worker->holding; i++)
        count_out(worker, &worker->held[i], 0);
    slot = any_held(worker)->slot;
    close_counter(worker, slot);
    expect(worker, "a drain", tsc_counter_wait_at_most(slot->counter, 0, -1), 0);
    expect(worker, "get", tsc_counter_get(slot->counter, &drained), 0);
    expect(worker, "get", tsc_counter_get(slot->counter, &later), 0);
    witness_between(&worker->turmoil->witness, "the value after a drain", drained, later, 0);
}

static void wait_for_the_end(struct worker *worker)
{
    hold_at_least_one(worker);
    for (;;)
        expect(worker, "a wait that nothing ends",
               tsc_counter_wait_at_most(any_held(worker)->slot->counter, FAR_BELOW, -1), -ETIMEDOUT);
}

static void end(struct worker *worker)
{
    switch (worker->ending) {
    case BY_EXIT:
        pthread_exit(NULL);
    case BY_CANCELLATION:
        wait_for_the_end(worker);
        break;
    case BY_DRAIN:
        drain(worker);
        break;
    default:
        break;
    }
}

static void *work(void *arg)
{
    struct worker *worker = arg;

    pthread_barrier_wait(&worker->turmoil->all_there);
    pthread_setspecific(worker->turmoil->held_by_thread, worker);
    for (uint64_t i = 0; i < worker->turmoil->ops; i++)
        take_a_step(worker);
    end(worker);
    return NULL;
}

/* -------- the test -------- */

static void open_turmoil(struct turmoil *turmoil, tsc_owner_t *owner)
{
    *turmoil = (struct turmoil){.threads = stress_threads(), .ops = support_ops(1000) / 10 + 10};
    turmoil->workers = calloc(turmoil->threads, sizeof *turmoil->workers);
    ck_assert_ptr_nonnull(turmoil->workers);
    atomic_init(&turmoil->left, turmoil->threads);
    ck_assert_int_eq(pthread_barrier_init(&turmoil->all_there, NULL, (unsigned int)turmoil->threads + 1), 0);
    ck_assert_int_eq(pthread_key_create(&turmoil->held_by_thread, drop_all), 0);
    for (size_t i = 0; i < COUNTERS; i++) {
        struct slot *slot = make_slot(owner, i % 4 == 0);

        ck_assert(slot != NULL && slot->counter != NULL);
        atomic_init(&turmoil->shelf[i], slot);
    }
}

static void start_worker(struct turmoil *turmoil, size_t index, tsc_owner_t *owner)
{
    struct worker *worker = &turmoil->workers[index];

    *worker = (struct worker){
        .turmoil = turmoil, .ending = index % ENDINGS, .random = index, .owner = tsc_owner_ref(owner)};
    for (size_t i = 0; i < HELD_FIRST; i++)
        hold_another(worker, atomic_load(&turmoil->shelf[random_below(worker, COUNTERS)]));
    worker->thread = support_start_thread(work, worker);
}

static void pester(struct worker *worker, uint64_t *random)
{
    pthread_kill(worker->thread, SIGUSR1);
    if (worker->ending == BY_CANCELLATION && !worker->cancelled && next_random(random) % 16 == 0) {
        worker->cancelled = true;
        pthread_cancel(worker->thread);
    }
}

static void pester_all(struct turmoil *turmoil, uint64_t *random)
{
    for (size_t i = 0; i < turmoil->threads; i++)
        pester(&turmoil->workers[i], random);
}

/*
 * Signals each thread at least once, before they begin. None is joined meanwhile, so a signal may also go to a
 * thread that has ended.
 */
static void signal_until_all_have_ended(struct turmoil *turmoil)
{
    const struct timespec pause = {.tv_nsec = 10 * SUPPORT_MILLISECOND_NS};
    uint64_t random = 0;

    pester_all(turmoil, &random);
    pthread_barrier_wait(&turmoil->all_there);
    while (atomic_load(&turmoil->left) != 0) {
        pester_all(turmoil, &random);
        nanosleep(&pause, NULL);
    }
    for (size_t i = 0; i < turmoil->threads; i++)
        pthread_join(turmoil->workers[i].thread, NULL);
}

static void clear_shelf(struct turmoil *turmoil)
{
    struct worker worker = {.turmoil = turmoil};

    for (size_t i = 0; i < COUNTERS; i++) {
        struct slot *slot = atomic_exchange(&turmoil->shelf[i], NULL);

        if (slot != NULL)
            drop_reference(&worker, slot);
    }
}

static tsc_owner_t *make_owner(void)
{
    tsc_owner_attr_t *attr;
    tsc_owner_t *owner;

    ck_assert_int_eq(tsc_owner_attr_create(&attr), 0);
    ck_assert_int_eq(tsc_owner_attr_set_queue_capacity(attr, SMALL_QUEUE), 0);
    ck_assert_int_eq(tsc_owner_attr_set_thread_name(attr, THREAD_NAME), 0);
    ck_assert_int_eq(tsc_owner_create(&owner, attr), 0);
    tsc_owner_attr_destroy(attr);
    return owner;
}

/* Handlers interrupt the queue's code, and count if handlers may. */
static void open_handlers(void)
{
    struct sigaction action = {.sa_handler = count_in_handler};

    if (variant_with(TSC_CAP_SIGNAL_SAFE) != NULL)
        ck_assert_int_eq(tsc_counter_create(&handlers_counter, variant_with(TSC_CAP_SIGNAL_SAFE)->backend, NULL),
                         0);
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
}

static void close_handlers(void)
{
    int64_t value = 0;

    if (handlers_counter == NULL)
        return;
    ck_assert_int_eq(tsc_counter_get(handlers_counter, &value), 0);
    ck_assert_int_eq(value, (int64_t)atomic_load(&handled));
    tsc_counter_unref(handlers_counter);
}

START_TEST(test_a_thousand_counters)
{
    tsc_owner_t *owner = make_owner();
    struct turmoil *turmoil = malloc(sizeof *turmoil);

    ck_assert_ptr_nonnull(turmoil);
    open_handlers();
    open_turmoil(turmoil, owner);
    for (size_t i = 0; i < turmoil->threads; i++)
        start_worker(turmoil, i, owner);
    tsc_owner_unref(owner);
    signal_until_all_have_ended(turmoil);
    ck_assert_uint_ge(atomic_load(&handled), turmoil->threads);
    clear_shelf(turmoil);
    witness_assert_none(&turmoil->witness, "a thousand counters");
    ck_assert_msg(support_threads_named_become(THREAD_NAME, 0), "the owner's thread is still there");
    close_handlers();
    pthread_key_delete(turmoil->held_by_thread);
    pthread_barrier_destroy(&turmoil->all_there);
    free(turmoil->workers);
    free(turmoil);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("turmoil");
    TCase *tcase = support_add_case(suite, "turmoil", 60);

    if (!support_is_skipped(test_a_thousand_counters->name))
        tcase_add_test(tcase, test_a_thousand_counters);
    return support_run_suite(suite);
}
