/* SPDX-License-Identifier: MIT */
/* Operations that read and change: each has a position in one order of all changes. */
#include <stdlib.h>
#include <string.h>

#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

enum { WIDEST_TICKET = 7, NO_TOKEN = 0 };

struct ticket {
    int64_t first;
    int64_t width;
};

struct load {
    struct subject subject;
    size_t threads;
    uint64_t calls;
    struct ticket *tickets; /* `calls` for each thread */
    atomic_uint_fast64_t done;
};

static void load_open(struct load *load, int index)
{
    const struct variant *variant = &variants[index];

    *load = (struct load){.threads = stress_threads(), .calls = variant_calls(variant)};
    load->tickets = calloc(load->threads * load->calls, sizeof *load->tickets);
    ck_assert_ptr_nonnull(load->tickets);
    subject_open(&load->subject, variant, variant_attr(variant));
}

static void load_close(struct load *load)
{
    free(load->tickets);
    subject_close(&load->subject);
}

static void draw_tickets(size_t index, void *arg)
{
    struct load *load = arg;
    struct ticket *tickets = &load->tickets[index * load->calls];
    int64_t last = -1;

    for (uint64_t i = 0; i < load->calls; i++) {
        tickets[i].width = (int64_t)((index + i) % WIDEST_TICKET) + 1;
        witness_equal(&load->subject.witness, "fetch_add",
                      tsc_counter_fetch_add(load->subject.counter, tickets[i].width, &tickets[i].first), 0);
        witness_at_least(&load->subject.witness, "a later ticket", tickets[i].first, last + 1);
        last = tickets[i].first;
    }
}

static void stamp(struct load *load, unsigned char *drawn, const struct ticket *ticket, int64_t total)
{
    struct witness *witness = &load->subject.witness;

    witness_between(witness, "a ticket", ticket->first, 0, total - ticket->width);
    for (int64_t place = ticket->first; place >= 0 && place < ticket->first + ticket->width && place < total;
         place++)
        witness_equal(witness, "how often a ticket was drawn before", drawn[place]++, 0);
}

/* The tickets have no gaps and no duplicates, and reach the counter's value. */
START_TEST(test_tickets_are_unique)
{
    struct load load;
    unsigned char *drawn;
    int64_t total;

    load_open(&load, _i);
    crew_run(load.threads, draw_tickets, &load);
    ck_assert_int_eq(tsc_counter_get(load.subject.counter, &total), 0);
    ck_assert_int_gt(total, 0);
    drawn = calloc(1, (size_t)total);
    ck_assert_ptr_nonnull(drawn);
    for (uint64_t i = 0; i < load.threads * load.calls; i++)
        stamp(&load, drawn, &load.tickets[i], total);
    ck_assert_ptr_null(memchr(drawn, 0, (size_t)total));
    free(drawn);
    load_close(&load);
}
END_TEST

static void count_by_compare_exchange(size_t index, void *arg)
{
    struct load *load = arg;
    struct witness *witness = &load->subject.witness;
    int64_t target = (int64_t)load->calls;
    int64_t expected = 0;
    uint64_t done = 0;

    (void)index;
    while (expected < target) {
        int64_t found = expected;
        int result = tsc_counter_compare_exchange(load->subject.counter, &found, expected + 1);

        witness_between(witness, "compare_exchange", result, 0, 1);
        if (result == 1) {
            witness_equal(witness, "expected, after success", found, expected);
            done++;
            found++;
        } else {
            witness_between(witness, "the value found", found, expected + 1, target);
        }
        expected = found;
    }
    atomic_fetch_add(&load->done, done);
}

START_TEST(test_compare_exchange_counts_each_step_once)
{
    struct load load;

    load_open(&load, _i);
    crew_run(load.threads, count_by_compare_exchange, &load);
    ck_assert_uint_eq(atomic_load(&load.done), load.calls);
    subject_assert_value(&load.subject, (int64_t)load.calls);
    load_close(&load);
}
END_TEST

static int64_t token_of(const struct load *load, size_t index, uint64_t call)
{
    return (int64_t)(index * load->calls + call) + 1;
}

static void pass_tokens_on(size_t index, void *arg)
{
    struct load *load = arg;

    for (uint64_t i = 0; i < load->calls; i++)
        witness_equal(&load->subject.witness, "exchange",
                      tsc_counter_exchange(load->subject.counter, token_of(load, index, i),
                                           &load->tickets[index * load->calls + i].first),
                      0);
}

/* Each token that was stored is returned once, except the one that is still stored. */
START_TEST(test_exchange_loses_no_value)
{
    struct load load;
    size_t tokens;
    unsigned char *seen;
    int64_t last;

    load_open(&load, _i);
    crew_run(load.threads, pass_tokens_on, &load);
    tokens = load.threads * load.calls;
    seen = calloc(1, tokens + 1);
    ck_assert_ptr_nonnull(seen);
    ck_assert_int_eq(tsc_counter_get(load.subject.counter, &last), 0);
    for (size_t i = 0; i <= tokens; i++) {
        int64_t token = i < tokens ? load.tickets[i].first : last;

        witness_between(&load.subject.witness, "a token", token, NO_TOKEN, (int64_t)tokens);
        if (token >= NO_TOKEN && token <= (int64_t)tokens)
            witness_equal(&load.subject.witness, "how often a token was returned before", seen[token]++, 0);
    }
    free(seen);
    load_close(&load);
}
END_TEST

static void set_and_read(size_t index, void *arg)
{
    struct load *load = arg;
    struct witness *witness = &load->subject.witness;
    int64_t mine = (int64_t)index << 32;

    for (uint64_t i = 0; i < load->calls; i++) {
        int64_t value = 0;

        witness_equal(witness, "set", tsc_counter_set(load->subject.counter, mine | (int64_t)index), 0);
        witness_equal(witness, "get", tsc_counter_get(load->subject.counter, &value), 0);
        witness_equal(witness, "the halves of a value that was set", value >> 32, value & UINT32_MAX);
    }
}

START_TEST(test_set_is_never_torn)
{
    struct load load;

    load_open(&load, _i);
    crew_run(load.threads, set_and_read, &load);
    load_close(&load);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tickets");
    TCase *tcase = support_add_case(suite, "tickets", 60);

    add_variant_test(tcase, test_tickets_are_unique, TSC_CAP_FETCH);
    add_variant_test(tcase, test_compare_exchange_counts_each_step_once, TSC_CAP_FETCH);
    add_variant_test(tcase, test_exchange_loses_no_value, TSC_CAP_FETCH);
    add_variant_test(tcase, test_set_is_never_torn, TSC_CAP_FETCH);
    return support_run_suite(suite);
}
