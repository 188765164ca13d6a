/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "crew.h"
#include "fork/child.h"
#include "support/results.h"
#include "support/threads.h"
#include "ways.h"

/* Part of the value until the close. A thread that reads less, also in a forked child, has lost an addition. */
enum { BASE = 1000 };

enum { WORKERS = 4, FORKS = 2, SHORT_WHILE_NS = 50000 };

/* At most so many threads are seated at a time. */
enum { SEATS = 2 };

/* Where the bounds of the counter stop, and one step beyond. */
static const int64_t far_min = INT64_MIN / 2;
static const int64_t far_max = INT64_MAX / 2;

static void visit_until_closed(struct load *load, size_t index)
{
    struct witness *witness = &load->subject.witness;
    uint64_t way = index;
    int result;

    errno = UNTOUCHED;
    while ((result = enter(&load->subject, way++)) == 0) {
        witness_equal(witness, "a visit after the drain", atomic_load(&load->drained), false);
        load->places[index]++;
        if (atomic_fetch_add_explicit(&load->visits, 1, memory_order_relaxed) == load->close_after)
            sem_post(&load->close_now);
        witness_equal(witness, "dec", tsc_counter_dec(load->subject.counter), 0);
    }
    witness_equal(witness, "refused increment", result, -ESHUTDOWN);
    witness_equal(witness, "errno", errno, UNTOUCHED);
}

static int64_t count_visits(const struct load *load)
{
    int64_t visits = 0;

    for (size_t i = 0; i < load->workers; i++)
        visits += load->places[i];
    return visits;
}

static void close_and_drain(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    tsc_counter_t *counter = load->subject.counter;

    support_sem_wait(&load->close_now);
    witness_equal(witness, "close", tsc_counter_close(counter), 0);
    atomic_store(&load->closed, true);
    sem_post(&load->release_now);
    for (uint64_t way = 0; way < WAYS_IN; way++)
        witness_equal(witness, "increment after the close", enter(&load->subject, way), -ESHUTDOWN);
    witness_equal(witness, "the drain", tsc_counter_wait_at_most(counter, 0, -1), 0);
    atomic_store(&load->drained, true);
    load->visits_at_the_drain = count_visits(load);
}

static void release_when_closed(struct load *load)
{
    support_sem_wait(&load->release_now);
    atomic_store(&load->releasing, true);
    witness_equal(&load->subject.witness, "subtraction of the base", tsc_counter_add(load->subject.counter, -BASE),
                  0);
}

static int64_t lowest(const struct load *load)
{
    return atomic_load(&load->releasing) ? 0 : BASE;
}

/* Each thread has at most one increment of its own, one of a handler, and a refused one. */
static int64_t highest(const struct load *load)
{
    return BASE + 3 * (int64_t)(load->workers + 16);
}

/* A peak that is taken begins again at the value. */
static int64_t lowest_peak(const struct load *load)
{
    return load->seats != NULL ? lowest(load) : BASE;
}

static void read_once(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    tsc_counter_t *counter = load->subject.counter;
    bool linearizable = variant_has(load->subject.variant, TSC_CAP_LINEARIZABLE);
    int64_t value = -1;
    int64_t low = -1;
    int64_t high = -1;

    witness_equal(witness, "get", tsc_counter_get(counter, &value), 0);
    witness_between(witness, "the value", value, lowest(load), linearizable ? highest(load) : INT64_MAX);
    witness_equal(witness, "get_interval", tsc_counter_get_interval(counter, &low, &high), 0);
    witness_at_least(witness, "the upper end", high, lowest(load));
    witness_between(witness, "the lower end", low, linearizable ? high : INT64_MIN,
                    high < highest(load) ? high : highest(load));
    if (load->subject.variant->track_peak) {
        witness_equal(witness, "get_peak", tsc_counter_get_peak(counter, &value), 0);
        witness_between(witness, "the peak", value, lowest_peak(load), highest(load));
    }
}

/* Leaves the CPU to the workers. */
static void sleep_shortly(void)
{
    const struct timespec short_while = {.tv_nsec = SHORT_WHILE_NS};

    nanosleep(&short_while, NULL);
}

static void read_until_drained(struct load *load)
{
    do {
        read_once(load);
        sleep_shortly();
    } while (!atomic_load(&load->drained));
}

/* Woken whenever no worker is inside, and at the end. */
static void wait_until_drained(struct load *load)
{
    do {
        witness_equal(&load->subject.witness, "wait_at_most",
                      tsc_counter_wait_at_most(load->subject.counter, BASE, -1), 0);
        sleep_shortly();
    } while (!atomic_load(&load->drained));
}

static void await_notifications(struct load *load, int fd, int64_t expected)
{
    int64_t sum = 0;

    while (sum < expected) {
        uint64_t number;

        /* Interrupted by a signal, it reads nothing. */
        if (read(fd, &number, sizeof number) == sizeof number)
            sum += (int64_t)number;
    }
    witness_equal(&load->subject.witness, "notifications", sum, expected);
}

/* A registration for the drain is replaced by one that fires whenever no worker is inside. */
static void be_notified_until_drained(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    tsc_counter_t *counter = load->subject.counter;
    int fd = eventfd(0, EFD_CLOEXEC);

    do {
        int reported;

        witness_equal(witness, "notify_at_most", tsc_counter_notify_at_most(counter, 0, fd), 0);
        sleep_shortly();
        reported = tsc_counter_notify_at_most(counter, BASE, fd);
        witness_between(witness, "notify_at_most that replaces", reported, 0, 1);
        await_notifications(load, fd, reported + 1);
        witness_equal(witness, "notify_at_most that reports", tsc_counter_notify_at_most(counter, 0, -1), 1);
    } while (!atomic_load(&load->drained));
    close(fd);
}

static void time_out_until_drained(struct load *load)
{
    do
        witness_equal(&load->subject.witness, "wait_at_most that times out",
                      tsc_counter_wait_at_most(load->subject.counter, -1, SHORT_WHILE_NS), -ETIMEDOUT);
    while (!atomic_load(&load->drained));
}

/* -------- bounds, peaks, and waits for a seat -------- */

static void sit_until_drained(struct load *load, int64_t timeout_ns)
{
    struct witness *witness = &load->subject.witness;

    while (load->seats != NULL && !atomic_load(&load->drained)) {
        int result = tsc_counter_wait_add(load->seats, 1, timeout_ns);

        if (result == -ETIMEDOUT && timeout_ns >= 0)
            continue;
        witness_equal(witness, "a wait for a seat", result, 0);
        witness_between(witness, "threads seated", atomic_fetch_add(&load->seated, 1) + 1, 1, SEATS);
        sched_yield();
        atomic_fetch_sub(&load->seated, 1);
        witness_equal(witness, "dec of the seats", tsc_counter_dec(load->seats), 0);
    }
}

static void sit_patiently(struct load *load)
{
    sit_until_drained(load, -1);
}

static void sit_impatiently(struct load *load)
{
    sit_until_drained(load, SHORT_WHILE_NS);
}

/* At last all seats are there. */
static void change_rules_until_drained(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    tsc_counter_t *counter = load->subject.counter;
    int64_t peak = -1;

    for (int64_t step = 0; load->seats != NULL && !atomic_load(&load->drained); step++) {
        witness_equal(witness, "set_bounds of the seats", tsc_counter_set_bounds(load->seats, 0, 1 + step % SEATS),
                      0);
        witness_equal(witness, "set_bounds", tsc_counter_set_bounds(counter, far_min - step % 2, far_max), 0);
        witness_equal(witness, "take_peak", tsc_counter_take_peak(counter, &peak), 0);
        witness_between(witness, "the peak taken", peak, lowest(load), highest(load));
        sleep_shortly();
    }
    if (load->seats != NULL)
        witness_equal(witness, "set_bounds at last", tsc_counter_set_bounds(load->seats, 0, SEATS), 0);
}

/* No value of the load leaves room for these, in either direction. */
static void wait_in_vain_until_drained(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    tsc_counter_t *counter = load->subject.counter;

    while (load->seats != NULL && !atomic_load(&load->drained)) {
        int result = tsc_counter_wait_add(counter, far_max + 1, SHORT_WHILE_NS);

        if (result != -ESHUTDOWN)
            witness_equal(witness, "wait_add of too much", result, -ETIMEDOUT);
        witness_equal(witness, "wait_add of too little",
                      tsc_counter_wait_add(counter, far_min - BASE - highest(load), SHORT_WHILE_NS), -ETIMEDOUT);
    }
}

static void fork_repeatedly(struct load *load)
{
    if (!load->forks)
        return;
    for (int i = 0; i < FORKS; i++)
        witness_equal(&load->subject.witness, "exit status of a child", child_run(load_check_in_child, load), 0);
}

static void (*const roles[])(struct load *load) = {
    read_until_drained,
    wait_until_drained,
    time_out_until_drained,
    be_notified_until_drained,
    release_when_closed,
    fork_repeatedly,
    close_and_drain,
    sit_patiently,
    sit_patiently,
    sit_impatiently,
    change_rules_until_drained,
    wait_in_vain_until_drained,
};

enum { ROLES = sizeof roles / sizeof *roles };

static void run_role(size_t index, void *arg)
{
    struct load *load = arg;

    if (index < load->workers)
        visit_until_closed(load, index);
    else
        roles[index - load->workers](load);
}

static void open_seats(struct load *load)
{
    tsc_counter_attr_t *attr = variant_attr(load->subject.variant);

    ck_assert_int_eq(tsc_counter_attr_set_bounds(attr, 0, SEATS, TSC_BOUNDS_REJECT), 0);
    ck_assert_int_eq(tsc_counter_create(&load->seats, load->subject.variant->backend, attr), 0);
    tsc_counter_attr_destroy(attr);
}

void load_open(struct load *load, const struct variant *variant, uint64_t close_after, bool forks)
{
    *load = (struct load){.workers = support_threads(WORKERS), .close_after = close_after, .forks = forks};
    load->places = calloc(load->workers, sizeof *load->places);
    ck_assert_ptr_nonnull(load->places);
    ck_assert_int_eq(sem_init(&load->close_now, 0, 0), 0);
    ck_assert_int_eq(sem_init(&load->release_now, 0, 0), 0);
    subject_open(&load->subject, variant, variant_attr(variant));
    ck_assert_int_eq(tsc_counter_add(load->subject.counter, BASE), 0);
    if (variant->bounded)
        open_seats(load);
}

void load_run(struct load *load)
{
    crew_run(load->workers + ROLES, run_role, load);
}

void load_close(struct load *load, const char *trial)
{
    witness_assert_none(&load->subject.witness, trial);
    ck_assert_msg(count_visits(load) == load->visits_at_the_drain, "%s: visits after the drain", trial);
    ck_assert_int_eq(tsc_counter_wait_at_most(load->subject.counter, 0, 0), 0);
    subject_assert_value(&load->subject, 0);
    sem_destroy(&load->close_now);
    sem_destroy(&load->release_now);
    free(load->places);
    ck_assert_int_eq(tsc_counter_value(load->seats), 0);
    tsc_counter_unref(load->seats);
    subject_close(&load->subject);
}

/* It may interrupt a thread that holds the lock of those who wait. */
static void sit_in_handler(struct load *load)
{
    int result = load->seats != NULL ? tsc_counter_inc(load->seats) : -ERANGE;

    if (result == 0)
        result = tsc_counter_dec(load->seats) == 0 ? -ERANGE : 0;
    witness_equal(&load->subject.witness, "a seat in a handler", result, -ERANGE);
}

void load_visit_in_handler(struct load *load)
{
    struct witness *witness = &load->subject.witness;
    tsc_counter_t *counter = load->subject.counter;
    int result = tsc_counter_inc(counter);
    int64_t value = -1;

    sit_in_handler(load);
    if (result != 0) {
        witness_equal(witness, "refused increment in a handler", result, -ESHUTDOWN);
        return;
    }
    witness_equal(witness, "a visit after the drain, in a handler", atomic_load(&load->drained), false);
    witness_equal(witness, "get in a handler", tsc_counter_get(counter, &value), 0);
    witness_at_least(witness, "the value in a handler", value, lowest(load) + 1);
    witness_equal(witness, "dec in a handler", tsc_counter_dec(counter), 0);
}

static void check_peak_in_child(const struct load *load, int64_t value)
{
    int64_t peak = -1;

    if (!load->subject.variant->track_peak)
        return;
    CHILD_CHECK(tsc_counter_get_peak(load->subject.counter, &peak) == 0);
    CHILD_CHECK(peak >= value && peak >= lowest_peak(load) && peak <= highest(load));
}

/* The threads that were seated, or waited, are not in the child. */
static void check_seats_in_child(const struct load *load)
{
    int64_t value = -1;
    int64_t min = -1;
    int64_t max = -1;

    if (load->seats == NULL)
        return;
    CHILD_CHECK(tsc_counter_get(load->seats, &value) == 0 && value >= 0 && value <= SEATS);
    CHILD_CHECK(tsc_counter_get_bounds(load->seats, &min, &max) == 0 && min == 0 && max >= 1 && max <= SEATS);
    CHILD_CHECK(tsc_counter_set(load->seats, max) == 0);
    CHILD_CHECK(tsc_counter_wait_add(load->seats, max, 1) == -ETIMEDOUT);
    CHILD_CHECK(tsc_counter_wait_add(load->seats, max + 1, 1) == -ERANGE);
    CHILD_CHECK(tsc_counter_dec(load->seats) == 0);
    CHILD_CHECK(tsc_counter_wait_add(load->seats, 1, -1) == 0);
    tsc_counter_unref(load->seats);
}

static void change_in_child(const struct load *load, int64_t value)
{
    for (uint64_t way = 0; way < WAYS_IN; way++) {
        CHILD_CHECK(enter(&load->subject, way) == 0);
        CHILD_CHECK(value_in_child(load->subject.counter) == value + 1);
        CHILD_CHECK(tsc_counter_dec(load->subject.counter) == 0);
    }
    CHILD_CHECK(value_in_child(load->subject.counter) == value);
}

void load_check_in_child(void *arg)
{
    struct load *load = arg;
    tsc_counter_t *counter = load->subject.counter;
    int64_t value = value_in_child(load->subject.counter);

    CHILD_CHECK(value >= lowest(load) && value <= highest(load));
    check_peak_in_child(load, value);
    check_seats_in_child(load);
    if (tsc_counter_inc(counter) == 0) {
        CHILD_CHECK(!atomic_load(&load->closed));
        CHILD_CHECK(tsc_counter_dec(counter) == 0);
        change_in_child(load, value);
    }
    CHILD_CHECK(tsc_counter_close(counter) == 0);
    CHILD_CHECK(tsc_counter_inc(counter) == -ESHUTDOWN);
    CHILD_CHECK(tsc_counter_wait_at_most(counter, value - 1, 0) == -ETIMEDOUT);
    CHILD_CHECK(tsc_counter_notify_at_most(counter, 0, -1) == 0);
    CHILD_CHECK(tsc_counter_add(counter, -value) == 0);
    CHILD_CHECK(tsc_counter_wait_at_most(counter, 0, -1) == 0);
    CHILD_CHECK(value_in_child(load->subject.counter) == 0);
    CHILD_CHECK(atomic_load(&load->subject.witness.reports) == 0);
    subject_drop_in_child(&load->subject);
}
