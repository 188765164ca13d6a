/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

#include <tscounter/tscounter.h>

#include "support/backends.h"
#include "support/procfs.h"
#include "support/results.h"
#include "support/suite.h"

enum { LARGEST_QUEUE = 1 << 24, LONGEST_TEXT = 255, LONGEST_THREAD_NAME = 15, SMALL_STACK = 1 << 18 };

static tsc_counter_attr_t *make_attr(void)
{
    tsc_counter_attr_t *attr = NULL;

    RETURNS(0, tsc_counter_attr_create(&attr));
    ck_assert_ptr_nonnull(attr);
    return attr;
}

static tsc_owner_attr_t *make_owner_attr(void)
{
    tsc_owner_attr_t *attr = NULL;

    RETURNS(0, tsc_owner_attr_create(&attr));
    ck_assert_ptr_nonnull(attr);
    return attr;
}

/* On the first backend of this build. */
static tsc_counter_t *make_counter(const tsc_counter_attr_t *attr)
{
    tsc_counter_t *counter = NULL;
    tsc_backend_t backend = TSC_BACKEND_MUTEX;

    while (!support_is_built(backend))
        backend++;
    RETURNS(0, tsc_counter_create(&counter, backend, attr));
    return counter;
}

/* Name and help are set and read alike. */
static const struct text {
    int (*set)(tsc_counter_attr_t *attr, const char *text);
    const char *(*get)(tsc_counter_t *counter);
} texts[] = {
    {tsc_counter_attr_set_name, tsc_counter_get_name},
    {tsc_counter_attr_set_help, tsc_counter_get_help},
};

enum { TEXTS = sizeof texts / sizeof texts[0] };

START_TEST(attributes_need_an_output)
{
    RETURNS(-EINVAL, tsc_counter_attr_create(NULL));
    RETURNS(-EINVAL, tsc_owner_attr_create(NULL));
}
END_TEST

START_TEST(setters_need_attributes)
{
    RETURNS(-EINVAL, tsc_counter_attr_set_initial(NULL, 1));
    RETURNS(-EINVAL, tsc_counter_attr_set_kind(NULL, TSC_KIND_GAUGE));
    RETURNS(-EINVAL, tsc_counter_attr_set_bounds(NULL, 0, 1, TSC_BOUNDS_REJECT));
    RETURNS(-EINVAL, tsc_counter_attr_set_track_peak(NULL, 1));
    RETURNS(-EINVAL, tsc_counter_attr_set_queue_capacity(NULL, 1));
    RETURNS(-EINVAL, tsc_counter_attr_set_owner(NULL, NULL));
    RETURNS(-EINVAL, tsc_counter_attr_set_name(NULL, "name"));
    RETURNS(-EINVAL, tsc_counter_attr_set_help(NULL, "help"));
    RETURNS(-EINVAL, tsc_owner_attr_set_queue_capacity(NULL, 1));
    RETURNS(-EINVAL, tsc_owner_attr_set_thread_name(NULL, "name"));
}
END_TEST

START_TEST(setters_need_values)
{
    tsc_counter_attr_t *attr = make_attr();
    tsc_owner_attr_t *owner_attr = make_owner_attr();

    RETURNS(-EINVAL, tsc_counter_attr_set_owner(attr, NULL));
    RETURNS(-EINVAL, tsc_counter_attr_set_name(attr, NULL));
    RETURNS(-EINVAL, tsc_counter_attr_set_help(attr, NULL));
    RETURNS(-EINVAL, tsc_owner_attr_set_thread_name(owner_attr, NULL));
    tsc_owner_attr_destroy(owner_attr);
    tsc_counter_attr_destroy(attr);
}
END_TEST

static const struct {
    int64_t min;
    int64_t max;
    uint32_t policy;
    int result;
} bounds[] = {
    {0, 1, TSC_BOUNDS_REJECT, 0},
    {0, 0, TSC_BOUNDS_CLAMP, 0},
    {INT64_MIN, INT64_MAX, TSC_BOUNDS_CLAMP, 0},
    {INT64_MAX, INT64_MAX, TSC_BOUNDS_REJECT, 0},
    {1, 0, TSC_BOUNDS_REJECT, -EINVAL},
    {INT64_MAX, INT64_MIN, TSC_BOUNDS_CLAMP, -EINVAL},
    {0, 1, TSC_BOUNDS_CLAMP + 1, -EINVAL},
    {0, 1, UINT32_MAX, -EINVAL},
};

START_TEST(bounds_are_checked)
{
    tsc_counter_attr_t *attr = make_attr();

    RETURNS(bounds[_i].result,
            tsc_counter_attr_set_bounds(attr, bounds[_i].min, bounds[_i].max, bounds[_i].policy));
    tsc_counter_attr_destroy(attr);
}
END_TEST

START_TEST(refused_bounds_change_nothing)
{
    tsc_counter_attr_t *attr = make_attr();
    tsc_counter_t *counter;

    RETURNS(0, tsc_counter_attr_set_bounds(attr, -1, 1, TSC_BOUNDS_CLAMP));
    RETURNS(-EINVAL, tsc_counter_attr_set_bounds(attr, 9, 8, TSC_BOUNDS_REJECT));
    RETURNS(-EINVAL, tsc_counter_attr_set_bounds(attr, 8, 9, UINT32_MAX));
    counter = make_counter(attr);
    RETURNS(1, tsc_counter_add(counter, 5));
    HOLDS(counter, 1);
    tsc_counter_unref(counter);
    tsc_counter_attr_destroy(attr);
}
END_TEST

static void check_kind(const tsc_counter_attr_t *attr, tsc_kind_t expected)
{
    tsc_counter_t *counter = make_counter(attr);
    int lowered = expected == TSC_KIND_TOTAL ? -ERANGE : 0;
    tsc_kind_t kind = UNTOUCHED;
    uint64_t caps = 0;

    RETURNS(0, tsc_counter_get_kind(counter, &kind));
    ck_assert_uint_eq(kind, expected);
    RETURNS(lowered, tsc_counter_dec(counter));
    RETURNS(0, tsc_counter_get_caps(counter, &caps));
    if (caps & TSC_CAP_FETCH)
        RETURNS(lowered, tsc_counter_set(counter, -5));
    tsc_counter_unref(counter);
}

START_TEST(kinds_are_checked_and_kept)
{
    static const tsc_kind_t unknown[] = {3, 255, 256, 257, UINT32_C(1) << 31, UINT32_MAX};
    tsc_counter_attr_t *attr = make_attr();

    check_kind(attr, TSC_KIND_GAUGE);
    for (tsc_kind_t kind = TSC_KIND_GAUGE; kind <= TSC_KIND_HELD; kind++) {
        RETURNS(0, tsc_counter_attr_set_kind(attr, kind));
        for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
            RETURNS(-EINVAL, tsc_counter_attr_set_kind(attr, unknown[i]));
        check_kind(attr, kind);
    }
    tsc_counter_attr_destroy(attr);
}
END_TEST

START_TEST(later_values_replace_earlier_ones)
{
    tsc_counter_attr_t *attr = make_attr();
    tsc_counter_t *counter;
    int64_t peak = UNTOUCHED;

    RETURNS(0, tsc_counter_attr_set_initial(attr, INT64_MIN));
    RETURNS(0, tsc_counter_attr_set_initial(attr, 7));
    RETURNS(0, tsc_counter_attr_set_bounds(attr, 0, 1, TSC_BOUNDS_CLAMP));
    RETURNS(0, tsc_counter_attr_set_bounds(attr, 5, 8, TSC_BOUNDS_REJECT));
    RETURNS(0, tsc_counter_attr_set_name(attr, "a longer name"));
    RETURNS(0, tsc_counter_attr_set_name(attr, "name"));
    RETURNS(0, tsc_counter_attr_set_help(attr, "a longer help"));
    RETURNS(0, tsc_counter_attr_set_help(attr, "help"));
    RETURNS(0, tsc_counter_attr_set_track_peak(attr, 0));
    RETURNS(0, tsc_counter_attr_set_track_peak(attr, -4));
    counter = make_counter(attr);
    HOLDS(counter, 7);
    RETURNS(-ERANGE, tsc_counter_add(counter, 2));
    ck_assert_str_eq(tsc_counter_get_name(counter), "name");
    ck_assert_str_eq(tsc_counter_get_help(counter), "help");
    RETURNS(0, tsc_counter_get_peak(counter, &peak));
    ck_assert_int_eq(peak, 7);
    tsc_counter_unref(counter);
    RETURNS(0, tsc_counter_attr_set_track_peak(attr, 0));
    RETURNS(0, tsc_counter_attr_set_name(attr, ""));
    RETURNS(0, tsc_counter_attr_set_help(attr, ""));
    counter = make_counter(attr);
    RETURNS(-ENOTSUP, tsc_counter_get_peak(counter, &peak));
    ck_assert_str_eq(tsc_counter_get_name(counter), "");
    ck_assert_str_eq(tsc_counter_get_help(counter), "");
    tsc_counter_unref(counter);
    tsc_counter_attr_destroy(attr);
}
END_TEST

static const struct {
    size_t messages;
    int result;
} capacities[] = {
    {1, 0},
    {3, 0},
    {1024, 0},
    {LARGEST_QUEUE - 1, 0},
    {LARGEST_QUEUE, 0},
    {LARGEST_QUEUE + 1, -EINVAL},
    {0, -EINVAL},
    {SIZE_MAX, -EINVAL},
};

START_TEST(queue_capacities_are_checked)
{
    tsc_counter_attr_t *attr = make_attr();
    tsc_owner_attr_t *owner_attr = make_owner_attr();

    RETURNS(capacities[_i].result, tsc_counter_attr_set_queue_capacity(attr, capacities[_i].messages));
    RETURNS(capacities[_i].result, tsc_owner_attr_set_queue_capacity(owner_attr, capacities[_i].messages));
    tsc_owner_attr_destroy(owner_attr);
    tsc_counter_attr_destroy(attr);
}
END_TEST

static const char *const utf8[] = {
    "a",
    "in flight",
    "\x01\x7f",
    "\xc2\x80",
    "\xdf\xbf",
    "\xe0\xa0\x80",
    "\xed\x9f\xbf",
    "\xee\x80\x80",
    "\xef\xbf\xbf",
    "\xf0\x90\x80\x80",
    "\xf4\x8f\xbf\xbf",
    "Z\xc3\xa4hler \xe2\x82\xac \xf0\x9f\x98\x80!",
};

START_TEST(utf8_texts_are_kept)
{
    for (size_t i = 0; i < TEXTS; i++) {
        tsc_counter_attr_t *attr = make_attr();
        tsc_counter_t *counter;

        RETURNS(0, texts[i].set(attr, utf8[_i]));
        counter = make_counter(attr);
        tsc_counter_attr_destroy(attr);
        ck_assert_str_eq(texts[i].get(counter), utf8[_i]);
        ck_assert_str_eq(texts[TEXTS - 1 - i].get(counter), "");
        tsc_counter_unref(counter);
    }
}
END_TEST

static const char *const not_utf8[] = {
    /* stray continuation bytes, and invalid bytes */
    "\x80",
    "\xbf",
    "ok\x80",
    "\xfe",
    "\xff",
    /* overlong */
    "\xc0\x80",
    "\xc1\xbf",
    "\xe0\x80\x80",
    "\xe0\x9f\xbf",
    "\xf0\x80\x80\x80",
    "\xf0\x8f\xbf\xbf",
    /* surrogates */
    "\xed\xa0\x80",
    "\xed\xbf\xbf",
    "\xed\xa0\xbd\xed\xb8\x80",
    /* above U+10FFFF */
    "\xf4\x90\x80\x80",
    "\xf5\x80\x80\x80",
    "\xf8\x88\x80\x80\x80",
    "\xfc\x84\x80\x80\x80\x80",
    /* truncated by the end */
    "\xc3",
    "\xe2",
    "\xe2\x82",
    "\xf0",
    "\xf0\x9f",
    "\xf0\x9f\x98",
    /* truncated by another character */
    "\xc3z",
    "\xc3\xc3\xa4",
    "\xe2\x28\xa1",
    "\xe2\x82z",
    "\xf0\x28\x8c\xbc",
    "\xf0\x9f\x28\x80",
    "\xf0\x9f\x98z",
    "\xe2\x82\xc3\xa4",
    "\xf0\x9f\xc3\xa4",
    "\xf0\x9f\x98\xff",
};

START_TEST(invalid_texts_are_refused)
{
    for (size_t i = 0; i < TEXTS; i++) {
        tsc_counter_attr_t *attr = make_attr();
        tsc_counter_t *counter;

        RETURNS(0, texts[i].set(attr, "before"));
        RETURNS(-EINVAL, texts[i].set(attr, not_utf8[_i]));
        counter = make_counter(attr);
        ck_assert_str_eq(texts[i].get(counter), "before");
        tsc_counter_unref(counter);
        tsc_counter_attr_destroy(attr);
    }
}
END_TEST

static void check_text_of(const struct text *kind, size_t letters, const char *tail, int result)
{
    tsc_counter_attr_t *attr = make_attr();
    tsc_counter_t *counter;
    char text[2 * LONGEST_TEXT];

    memset(text, 'n', letters);
    strcpy(text + letters, tail);
    RETURNS(result, kind->set(attr, text));
    counter = make_counter(attr);
    ck_assert_str_eq(kind->get(counter), result == 0 ? text : "");
    tsc_counter_unref(counter);
    tsc_counter_attr_destroy(attr);
}

START_TEST(texts_have_a_maximum_length)
{
    for (size_t i = 0; i < TEXTS; i++) {
        check_text_of(&texts[i], LONGEST_TEXT, "", 0);
        check_text_of(&texts[i], LONGEST_TEXT + 1, "", -EINVAL);
        check_text_of(&texts[i], LONGEST_TEXT - 2, "\xc3\xa4", 0);
        check_text_of(&texts[i], LONGEST_TEXT - 1, "\xc3\xa4", -EINVAL);
        check_text_of(&texts[i], LONGEST_TEXT - 1, "\xc3", -EINVAL);
    }
}
END_TEST

START_TEST(thread_names_have_a_maximum_length)
{
    tsc_owner_attr_t *attr = make_owner_attr();

    RETURNS(0, tsc_owner_attr_set_thread_name(attr, ""));
    RETURNS(0, tsc_owner_attr_set_thread_name(attr, "fifteen letters"));
    ck_assert_uint_eq(strlen("fifteen letters"), LONGEST_THREAD_NAME);
    RETURNS(-EINVAL, tsc_owner_attr_set_thread_name(attr, "sixteen letters!"));
    RETURNS(-EINVAL, tsc_owner_attr_set_thread_name(attr, "many more letters than sixteen"));
    tsc_owner_attr_destroy(attr);
}
END_TEST

static void start(void *arg)
{
    (void)arg;
}

START_TEST(stack_sizes_are_checked)
{
    tsc_owner_attr_t *attr = make_owner_attr();

    RETURNS(-EINVAL, tsc_owner_attr_set_stack_size(NULL, SMALL_STACK));
    RETURNS(-EINVAL, tsc_owner_attr_set_stack_size(attr, 0));
    RETURNS(-EINVAL, tsc_owner_attr_set_stack_size(attr, 1));
    RETURNS(0, tsc_owner_attr_set_stack_size(attr, SMALL_STACK));
    tsc_owner_attr_destroy(attr);
}
END_TEST

START_TEST(an_owner_may_have_a_start_function)
{
    tsc_owner_attr_t *attr = make_owner_attr();

    RETURNS(-EINVAL, tsc_owner_attr_set_thread_start(NULL, start, NULL));
    RETURNS(0, tsc_owner_attr_set_thread_start(attr, start, NULL));
    RETURNS(0, tsc_owner_attr_set_thread_start(attr, NULL, NULL));
    tsc_owner_attr_destroy(attr);
}
END_TEST

/* The creator of the owner may drop its reference. The same owner may be set again. */
START_TEST(an_attribute_references_its_owner)
{
    tsc_counter_attr_t *attr = make_attr();
    tsc_owner_t *owner;

    RETURNS(0, tsc_owner_create(&owner, NULL));
    RETURNS(0, tsc_counter_attr_set_owner(attr, owner));
    tsc_owner_unref(owner);
    ck_assert(support_threads_named_become("tscounter", 1));
    RETURNS(0, tsc_counter_attr_set_owner(attr, owner));
    ck_assert(support_threads_named_become("tscounter", 1));
    RETURNS(0, tsc_owner_create(&owner, NULL));
    RETURNS(0, tsc_counter_attr_set_owner(attr, owner));
    tsc_owner_unref(owner);
    ck_assert(support_threads_named_become("tscounter", 1));
    tsc_counter_attr_destroy(attr);
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

#define ADD_FOR_EACH(tcase, test, table) tcase_add_loop_test(tcase, test, 0, sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("attr");
    TCase *tcase = support_add_case(suite, "attributes", 10);
    TCase *owners = support_add_case(suite, "owners", 30);

    tcase_add_test(tcase, attributes_need_an_output);
    tcase_add_test(tcase, setters_need_attributes);
    tcase_add_test(tcase, setters_need_values);
    ADD_FOR_EACH(tcase, bounds_are_checked, bounds);
    tcase_add_test(tcase, refused_bounds_change_nothing);
    tcase_add_test(tcase, kinds_are_checked_and_kept);
    tcase_add_test(tcase, later_values_replace_earlier_ones);
    ADD_FOR_EACH(tcase, queue_capacities_are_checked, capacities);
    ADD_FOR_EACH(tcase, utf8_texts_are_kept, utf8);
    ADD_FOR_EACH(tcase, invalid_texts_are_refused, not_utf8);
    tcase_add_test(tcase, texts_have_a_maximum_length);
    tcase_add_test(tcase, thread_names_have_a_maximum_length);
    tcase_add_test(tcase, stack_sizes_are_checked);
    tcase_add_test(tcase, an_owner_may_have_a_start_function);
    if (support_is_built(TSC_BACKEND_QUEUE))
        tcase_add_test(owners, an_attribute_references_its_owner);
    return support_run_suite(suite);
}
