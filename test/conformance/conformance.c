/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include <stdlib.h>

#include "support/suite.h"

uint64_t caps_of(const struct variant *variant)
{
    uint64_t caps;

    if (tsc_backend_get_caps(variant->backend, &caps) != 0)
        abort(); /* Check's assertions need a running test */
    return caps;
}

static void add_test_where(TCase *tcase, const TTest *test, uint64_t mask, uint64_t wanted)
{
    for (int i = 0; i < VARIANTS_TRIED; i++) {
        if (variant_is_built(&variants[i]) && (caps_of(&variants[i]) & mask) == wanted &&
            !variant_is_skipped(test, &variants[i]))
            tcase_add_loop_test(tcase, test, i, i + 1);
    }
}

void add_test(TCase *tcase, const TTest *test, uint64_t needed)
{
    add_test_where(tcase, test, needed, needed);
}

void add_test_lacking(TCase *tcase, const TTest *test, uint64_t lacking)
{
    add_test_where(tcase, test, lacking, 0);
}

static tsc_owner_t *make_owner(size_t queue_capacity)
{
    tsc_owner_attr_t *attr;
    tsc_owner_t *owner;

    ck_assert_int_eq(tsc_owner_attr_create(&attr), 0);
    if (queue_capacity != 0)
        ck_assert_int_eq(tsc_owner_attr_set_queue_capacity(attr, queue_capacity), 0);
    ck_assert_int_eq(tsc_owner_create(&owner, attr), 0);
    tsc_owner_attr_destroy(attr);
    return owner;
}

static void set_owner(tsc_counter_attr_t *attr, const struct variant *variant, const struct options *options)
{
    tsc_owner_t *owner;

    if (options->owner != NULL)
        owner = tsc_owner_ref(options->owner);
    else if (variant->shared_owner)
        owner = make_owner(options->queue_capacity);
    else
        return;
    ck_assert_int_eq(tsc_counter_attr_set_owner(attr, owner), 0);
    tsc_owner_unref(owner);
}

static tsc_counter_attr_t *make_attr(const struct variant *variant, const struct options *options)
{
    tsc_counter_attr_t *attr;

    ck_assert_int_eq(tsc_counter_attr_create(&attr), 0);
    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, options->initial), 0);
    ck_assert_int_eq(tsc_counter_attr_set_kind(attr, options->kind), 0);
    if (options->bounded)
        ck_assert_int_eq(tsc_counter_attr_set_bounds(attr, options->min, options->max, options->policy), 0);
    ck_assert_int_eq(tsc_counter_attr_set_track_peak(attr, options->track_peak), 0);
    if (options->queue_capacity != 0)
        ck_assert_int_eq(tsc_counter_attr_set_queue_capacity(attr, options->queue_capacity), 0);
    if (options->name != NULL)
        ck_assert_int_eq(tsc_counter_attr_set_name(attr, options->name), 0);
    if (options->help != NULL)
        ck_assert_int_eq(tsc_counter_attr_set_help(attr, options->help), 0);
    set_owner(attr, variant, options);
    return attr;
}

int try_make_counter(tsc_counter_t **counter, const struct variant *variant, const struct options *options)
{
    static const struct options defaults;
    tsc_counter_attr_t *attr = make_attr(variant, options == NULL ? &defaults : options);
    int result = tsc_counter_create(counter, variant->backend, attr);

    tsc_counter_attr_destroy(attr);
    return result;
}

tsc_counter_t *make_counter(const struct variant *variant, const struct options *options)
{
    tsc_counter_t *counter = NULL;

    ck_assert_int_eq(try_make_counter(&counter, variant, options), 0);
    ck_assert_ptr_nonnull(counter);
    return counter;
}

tsc_counter_t *make_unrelated_counter(void)
{
    int i = 0;

    while (!variant_is_built(&variants[i]))
        i++;
    return make_counter(&variants[i], NULL);
}

int commit_value(int64_t *value, void *arg)
{
    const int64_t *new_value = arg;

    *value = *new_value;
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("conformance");

    add_creation_tests(suite);
    add_arithmetic_tests(suite);
    add_fairness_tests(suite);
    add_fetch_tests(suite);
    add_guard_tests(suite);
    add_bounds_tests(suite);
    add_kind_tests(suite);
    add_notify_tests(suite);
    add_peak_tests(suite);
    add_update_tests(suite);
    add_callback_tests(suite);
    add_close_tests(suite);
    add_wait_tests(suite);
    add_admission_tests(suite);
    add_cancellation_tests(suite);
    add_signal_tests(suite);
    add_reference_tests(suite);
    add_listing_tests(suite);
    add_queue_tests(suite);
    add_error_tests(suite);
    return support_run_suite(suite);
}
