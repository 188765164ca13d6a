/* SPDX-License-Identifier: MIT */
/* A child of a fork may use its parent's objects in every way, and in any order. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <tscounter/metrics.h>

#include "child.h"
#include "subject.h"
#include "support/callbacks.h"
#include "support/suite.h"
#include "support/threads.h"

enum { INITIAL = 40, HIGHEST = 50, GENERATIONS = 4, COUNTERS = 70, SHARING = 3, TWO_AT_ONCE_ROUNDS = 20 };

static void first_inc(tsc_counter_t *counter)
{
    CHILD_CHECK(tsc_counter_inc(counter) == 0);
    CHILD_CHECK(value_in_child(counter) == INITIAL + 1);
}

static void first_dec(tsc_counter_t *counter)
{
    CHILD_CHECK(tsc_counter_dec(counter) == 0);
    CHILD_CHECK(value_in_child(counter) == INITIAL - 1);
}

static void first_try_add(tsc_counter_t *counter)
{
    int result = tsc_counter_try_add(counter, 2);

    CHILD_CHECK(result == 0 || result == -ENOTSUP);
    CHILD_CHECK(value_in_child(counter) == (result == 0 ? INITIAL + 2 : INITIAL));
}

static void first_get(tsc_counter_t *counter)
{
    CHILD_CHECK(value_in_child(counter) == INITIAL);
}

static void first_get_interval(tsc_counter_t *counter)
{
    int64_t low = 0;
    int64_t high = 0;

    CHILD_CHECK(tsc_counter_get_interval(counter, &low, &high) == 0);
    CHILD_CHECK(low == INITIAL && high == INITIAL);
}

static void first_get_delta(tsc_counter_t *counter)
{
    int64_t cursor = 1;
    int64_t delta = 0;

    CHILD_CHECK(tsc_counter_get_delta(counter, &cursor, &delta) == 0);
    CHILD_CHECK(cursor == INITIAL && delta == INITIAL - 1);
}

static void first_get_peak(tsc_counter_t *counter)
{
    int64_t peak = HIGHEST;
    int result = tsc_counter_get_peak(counter, &peak);

    CHILD_CHECK((result == 0 || result == -ENOTSUP) && peak == HIGHEST);
}

static void first_get_bounds(tsc_counter_t *counter)
{
    int64_t min = 0;
    int64_t max = 0;
    int result = tsc_counter_get_bounds(counter, &min, &max);

    CHILD_CHECK(result == 0 || result == -ENOTSUP);
    CHILD_CHECK(result != 0 || (min <= INITIAL && max >= INITIAL));
}

static void first_fetch_add(tsc_counter_t *counter)
{
    int64_t previous = 0;

    CHILD_CHECK(tsc_counter_fetch_add(counter, 3, &previous) == 0);
    CHILD_CHECK(previous == INITIAL && value_in_child(counter) == INITIAL + 3);
}

static void first_set(tsc_counter_t *counter)
{
    CHILD_CHECK(tsc_counter_set(counter, 4) == 0);
    CHILD_CHECK(value_in_child(counter) == 4);
}

static void first_exchange(tsc_counter_t *counter)
{
    int64_t previous = 0;

    CHILD_CHECK(tsc_counter_exchange(counter, 5, &previous) == 0);
    CHILD_CHECK(previous == INITIAL && value_in_child(counter) == 5);
}

static void first_compare_exchange(tsc_counter_t *counter)
{
    int64_t expected = INITIAL;

    CHILD_CHECK(tsc_counter_compare_exchange(counter, &expected, 6) == 1);
    CHILD_CHECK(value_in_child(counter) == 6);
}

static void first_update(tsc_counter_t *counter)
{
    CHILD_CHECK(tsc_counter_update(counter, support_raise_by_one, NULL) == 0);
    CHILD_CHECK(value_in_child(counter) == INITIAL + 1);
}

static void first_flush(tsc_counter_t *counter)
{
    CHILD_CHECK(tsc_counter_flush(counter) == 0);
}

static void first_close(tsc_counter_t *counter)
{
    CHILD_CHECK(tsc_counter_close(counter) == 0);
    CHILD_CHECK(tsc_counter_inc(counter) == -ESHUTDOWN);
    CHILD_CHECK(tsc_counter_dec(counter) == 0);
    CHILD_CHECK(value_in_child(counter) == INITIAL - 1);
}

static void first_wait_at_most(tsc_counter_t *counter)
{
    CHILD_CHECK(tsc_counter_wait_at_most(counter, INITIAL, -1) == 0);
    CHILD_CHECK(tsc_counter_wait_at_most(counter, INITIAL - 1, 1000) == -ETIMEDOUT);
}

static void first_ref(tsc_counter_t *counter)
{
    tsc_counter_unref(tsc_counter_ref(counter));
    CHILD_CHECK(value_in_child(counter) == INITIAL);
}

/* Not even a thread is started. */
static void nothing(tsc_counter_t *counter)
{
    (void)counter;
}

static const struct first_use {
    void (*use)(tsc_counter_t *counter);
    uint64_t caps;
} first_uses[] = {
    {first_inc, 0},
    {first_dec, 0},
    {first_try_add, 0},
    {first_get, 0},
    {first_get_interval, 0},
    {first_get_delta, 0},
    {first_get_peak, 0},
    {first_get_bounds, 0},
    {first_fetch_add, TSC_CAP_FETCH},
    {first_set, TSC_CAP_FETCH},
    {first_exchange, TSC_CAP_FETCH},
    {first_compare_exchange, TSC_CAP_FETCH},
    {first_update, TSC_CAP_UPDATE},
    {first_flush, 0},
    {first_close, 0},
    {first_wait_at_most, 0},
    {first_ref, 0},
    {nothing, 0},
};

struct use {
    struct subject *subject;
    const struct first_use *first;
};

static void use_and_drop(void *arg)
{
    struct use *use = arg;

    use->first->use(use->subject->counter);
    subject_drop_in_child(use->subject);
    child_check_owners(0);
}

static void open_used(struct subject *subject, const struct variant *variant)
{
    subject_open(subject, variant, variant_attr(variant));
    wait_for_owner(subject->counter);
    ck_assert_int_eq(tsc_counter_add(subject->counter, HIGHEST), 0);
    ck_assert_int_eq(tsc_counter_add(subject->counter, INITIAL - HIGHEST), 0);
}

START_TEST(test_any_operation_may_be_the_first)
{
    const struct variant *variant = &variants[_i];
    struct subject subject;

    open_used(&subject, variant);
    for (size_t i = 0; i < sizeof first_uses / sizeof *first_uses; i++) {
        struct use use = {.subject = &subject, .first = &first_uses[i]};

        if (variant_has(variant, first_uses[i].caps))
            ck_assert_msg(child_run(use_and_drop, &use) == 0, "%s: first use %zu", variant->name, i);
    }
    subject_assert_value(&subject, INITIAL);
    subject_close(&subject);
}
END_TEST

struct generation {
    struct subject *subject;
    int left;
    int64_t value;
};

static void count_and_fork(void *arg)
{
    struct generation *generation = arg;
    tsc_counter_t *counter = generation->subject->counter;

    CHILD_CHECK(value_in_child(counter) == generation->value);
    wait_for_owner(counter);
    CHILD_CHECK(tsc_counter_inc(counter) == 0);
    generation->value++;
    if (--generation->left != 0)
        CHILD_CHECK(child_run(count_and_fork, generation) == 0);
    CHILD_CHECK(value_in_child(counter) == generation->value);
    subject_drop_in_child(generation->subject);
    child_check_owners(0);
}

/* Each process adds, without waiting for the addition, and forks. */
START_TEST(test_children_have_children)
{
    struct subject subject;
    struct generation generation = {.subject = &subject, .left = GENERATIONS, .value = INITIAL};

    open_used(&subject, &variants[_i]);
    ck_assert_int_eq(child_run(count_and_fork, &generation), 0);
    subject_assert_value(&subject, INITIAL);
    subject_close(&subject);
}
END_TEST

static void make_another(void *arg)
{
    struct subject *subject = arg;
    tsc_counter_attr_t *attr = variant_attr(subject->variant);
    tsc_counter_t *counter;

    CHILD_CHECK(tsc_counter_create(&counter, subject->variant->backend, attr) == 0);
    tsc_counter_attr_destroy(attr);
    first_inc(subject->counter);
    CHILD_CHECK(tsc_counter_inc(counter) == 0);
    CHILD_CHECK(value_in_child(counter) == 1);
    subject_drop_in_child(subject);
    CHILD_CHECK(tsc_counter_inc(counter) == 0);
    CHILD_CHECK(value_in_child(counter) == 2);
    tsc_counter_unref(counter);
    child_check_owners(0);
}

START_TEST(test_child_makes_counters)
{
    struct subject subject;

    open_used(&subject, &variants[_i]);
    ck_assert_int_eq(child_run(make_another, &subject), 0);
    subject_close(&subject);
}
END_TEST

static void find_it_closed(void *arg)
{
    struct subject *subject = arg;

    CHILD_CHECK(tsc_counter_inc(subject->counter) == -ESHUTDOWN);
    CHILD_CHECK(value_in_child(subject->counter) == INITIAL);
    CHILD_CHECK(tsc_counter_add(subject->counter, -INITIAL) == 0);
    CHILD_CHECK(tsc_counter_wait_at_most(subject->counter, 0, -1) == 0);
    subject_drop_in_child(subject);
    child_check_owners(0);
}

START_TEST(test_closed_is_closed_in_the_child)
{
    struct subject subject;

    open_used(&subject, &variants[_i]);
    ck_assert_int_eq(tsc_counter_close(subject.counter), 0);
    ck_assert_int_eq(child_run(find_it_closed, &subject), 0);
    ck_assert_int_eq(tsc_counter_add(subject.counter, -1), 0);
    subject_assert_value(&subject, INITIAL - 1);
    subject_close(&subject);
}
END_TEST

static void *churn(void *arg)
{
    struct subject *subject = arg;

    for (int i = 0; i < INITIAL; i++) {
        CHILD_CHECK(tsc_counter_inc(subject->counter) == 0);
        CHILD_CHECK(tsc_counter_dec(subject->counter) == 0);
    }
    return NULL;
}

/* Two threads find at the same time that the owner's thread must be started. */
static void start_at_once(void *arg)
{
    struct subject *subject = arg;

    child_run_threads(churn, subject);
    CHILD_CHECK(value_in_child(subject->counter) == INITIAL);
    subject_drop_in_child(subject);
    child_check_owners(0);
}

START_TEST(test_threads_of_the_child_begin_together)
{
    struct subject subject;

    open_used(&subject, &variants[_i]);
    for (int i = 0; i < TWO_AT_ONCE_ROUNDS; i++)
        ck_assert_int_eq(child_run(start_at_once, &subject), 0);
    subject_close(&subject);
}
END_TEST

struct family {
    tsc_owner_t *owner;
    tsc_counter_t *counters[COUNTERS + 1];
    size_t size;
};

static tsc_counter_t *add_to_family(const struct family *family)
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *counter;

    if (tsc_counter_attr_create(&attr) != 0)
        return NULL;
    if (tsc_counter_attr_set_owner(attr, family->owner) != 0 ||
        tsc_counter_create(&counter, TSC_BACKEND_QUEUE, attr) != 0)
        counter = NULL;
    tsc_counter_attr_destroy(attr);
    return counter;
}

static void drop_family(struct family *family)
{
    tsc_owner_unref(family->owner);
    for (size_t i = 0; i < family->size; i++)
        tsc_counter_unref(family->counters[i]);
}

static void use_the_owner(void *arg)
{
    struct family *family = arg;

    for (size_t i = 0; i < family->size; i++)
        CHILD_CHECK(value_in_child(family->counters[i]) == (int64_t)i);
    family->counters[family->size] = add_to_family(family);
    CHILD_CHECK(family->counters[family->size++] != NULL);
    for (size_t i = 0; i < family->size; i++)
        CHILD_CHECK(tsc_counter_inc(family->counters[i]) == 0);
    child_check_owners(1);
    for (size_t i = 0; i + 1 < family->size; i++)
        CHILD_CHECK(value_in_child(family->counters[i]) == (int64_t)i + 1);
    drop_family(family);
    child_check_owners(0);
}

static void drop_the_owner(void *arg)
{
    drop_family(arg);
    child_check_owners(0);
}

START_TEST(test_shared_owner_works_in_the_child)
{
    struct family family = {.size = SHARING};

    ck_assert_int_eq(tsc_owner_create(&family.owner, NULL), 0);
    for (size_t i = 0; i < family.size; i++) {
        family.counters[i] = add_to_family(&family);
        ck_assert_ptr_nonnull(family.counters[i]);
        wait_for_owner(family.counters[i]);
        ck_assert_int_eq(tsc_counter_add(family.counters[i], (int64_t)i), 0);
    }
    ck_assert_int_eq(child_run(use_the_owner, &family), 0);
    ck_assert_int_eq(child_run(drop_the_owner, &family), 0);
    drop_family(&family);
}
END_TEST

static tsc_counter_t *make_named(const struct variant *variant, const char *name)
{
    tsc_counter_attr_t *attr = variant_attr(variant);
    tsc_counter_t *counter = NULL;

    if (tsc_counter_attr_set_name(attr, name) != 0 || tsc_counter_create(&counter, variant->backend, attr) != 0)
        counter = NULL;
    tsc_counter_attr_destroy(attr);
    return counter;
}

static int count_lines(const char *text, size_t bytes, void *lines)
{
    for (size_t i = 0; i < bytes; i++)
        *(size_t *)lines += text[i] == '\n';
    return 0;
}

static void write_in_child(size_t expected)
{
    size_t lines = 0;
    int result = tsc_metrics_write(TSC_METRICS_TEXT, NULL, count_lines, &lines);

    CHILD_CHECK(result == (TEST_BUILT_METRICS ? 0 : -ENOTSUP));
    CHILD_CHECK(lines == (TEST_BUILT_METRICS ? expected : 0));
}

struct listed {
    const struct variant *variant;
    tsc_counter_t *first;
    tsc_counter_t *second;
    tsc_counter_t *walked; /* the walk's reference is the only one */
};

static void list_in_child(void *arg)
{
    const struct listed *listed = arg;
    tsc_counter_t *walked = listed->walked;
    tsc_counter_t *third = make_named(listed->variant, "third");

    CHILD_CHECK(third != NULL);
    write_in_child(4 * (listed->variant->track_peak ? 4 : 2));
    CHILD_CHECK(tsc_counter_next(&walked) == 1 && walked == listed->second);
    CHILD_CHECK(tsc_counter_next(&walked) == 1 && walked == third);
    CHILD_CHECK(tsc_counter_next(&walked) == 0 && walked == NULL);
    CHILD_CHECK(tsc_counter_next(&walked) == 1 && walked == listed->first);
    tsc_counter_unref(listed->first);
    CHILD_CHECK(tsc_counter_next(&walked) == 1 && walked == listed->second);
    tsc_counter_unref(walked);
    tsc_counter_unref(listed->second);
    tsc_counter_unref(third);
    walked = NULL;
    CHILD_CHECK(tsc_counter_next(&walked) == 0);
    child_check_owners(0);
}

/* The parent is in the middle of a walk; parent and child continue it. */
START_TEST(test_child_lists_counters)
{
    struct listed listed = {.variant = &variants[_i]};

    listed.first = make_named(listed.variant, "first");
    listed.walked = make_named(listed.variant, "walked");
    listed.second = make_named(listed.variant, "second");
    ck_assert(listed.first != NULL && listed.walked != NULL && listed.second != NULL);
    wait_for_owner(listed.first);
    wait_for_owner(listed.walked);
    wait_for_owner(listed.second);
    ck_assert_int_eq(child_run(list_in_child, &listed), 0);
    ck_assert_int_eq(tsc_counter_next(&listed.walked), 1);
    ck_assert_ptr_eq(listed.walked, listed.second);
    ck_assert_int_eq(tsc_counter_next(&listed.walked), 0);
    tsc_counter_unref(listed.first);
    tsc_counter_unref(listed.second);
}
END_TEST

static void use_all(void *arg)
{
    struct family *family = arg;

    for (size_t i = 0; i < family->size; i++) {
        CHILD_CHECK(tsc_counter_inc(family->counters[i]) == 0);
        CHILD_CHECK(value_in_child(family->counters[i]) == 2);
    }
    drop_family(family);
    child_check_owners(0);
}

/* More counters, each with a lock or an owner, than the number of locks that a thread usually holds. */
START_TEST(test_fork_with_many_counters)
{
    const struct variant *variant = &variants[_i];
    struct family family = {.size = COUNTERS};

    for (size_t i = 0; i < family.size; i++) {
        ck_assert_int_eq(tsc_counter_create(&family.counters[i], variant->backend, NULL), 0);
        wait_for_owner(family.counters[i]);
        ck_assert_int_eq(tsc_counter_inc(family.counters[i]), 0);
    }
    ck_assert_int_eq(child_run(use_all, &family), 0);
    drop_family(&family);
}
END_TEST

enum { COUNTERS_ON_PAGES = 4096, ONE_IN = 8, EXCLUSIVE_BIT = 56 };

struct pages {
    tsc_counter_t *counters[COUNTERS_ON_PAGES];
    int pagemap;
    size_t copied;
    size_t all;
};

/* Linux reports for each page whether only this process maps it: then it was copied since the fork. */
static void check_page(struct pages *pages, uintptr_t page)
{
    uint64_t entry = 0;

    pages->all++;
    if (pread(pages->pagemap, &entry, sizeof entry, (off_t)(page * sizeof entry)) == sizeof entry)
        pages->copied += entry >> EXCLUSIVE_BIT & 1;
}

static void count_copied_pages(void *arg)
{
    struct pages *pages = arg;
    uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t last = 0;

    pages->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < COUNTERS_ON_PAGES; i++) {
        uintptr_t page = (uintptr_t)pages->counters[i] / page_size;

        if (page != last)
            check_page(pages, page);
        last = page;
    }
    CHILD_CHECK(pages->all > 0 && pages->copied <= pages->all / ONE_IN);
}

/* A child has no repairs to make on an unused counter: it writes to none of them. */
START_TEST(test_child_copies_few_pages)
{
    const struct variant *variant = &variants[_i];
    struct pages *pages = calloc(1, sizeof *pages);

    ck_assert_ptr_nonnull(pages);
    if (variant_has(variant, TSC_CAP_ASYNC)) {
        free(pages);
        return;
    }
    for (size_t i = 0; i < COUNTERS_ON_PAGES; i++) {
        tsc_counter_attr_t *attr = variant_attr(variant);

        ck_assert_int_eq(tsc_counter_create(&pages->counters[i], variant->backend, attr), 0);
        ck_assert_int_eq(tsc_counter_inc(pages->counters[i]), 0);
        tsc_counter_attr_destroy(attr);
    }
    ck_assert_int_eq(child_run(count_copied_pages, pages), 0);
    for (size_t i = 0; i < COUNTERS_ON_PAGES; i++)
        tsc_counter_unref(pages->counters[i]);
    free(pages);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("in a child");
    TCase *tcase = support_add_case(suite, "in a child", 60);

    add_variant_test(tcase, test_any_operation_may_be_the_first, 0);
    add_variant_test(tcase, test_children_have_children, 0);
    add_variant_test(tcase, test_child_makes_counters, 0);
    add_variant_test(tcase, test_closed_is_closed_in_the_child, 0);
    add_variant_test(tcase, test_threads_of_the_child_begin_together, 0);
    add_variant_test(tcase, test_child_lists_counters, 0);
    add_variant_test(tcase, test_fork_with_many_counters, 0);
    add_variant_test(tcase, test_child_copies_few_pages, 0);
    if (variant_with(TSC_CAP_ASYNC) != NULL && !support_is_skipped(test_shared_owner_works_in_the_child->name))
        tcase_add_test(tcase, test_shared_owner_works_in_the_child);
    return support_run_suite(suite);
}
