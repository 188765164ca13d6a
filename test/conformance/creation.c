/* SPDX-License-Identifier: MIT */
#include "conformance.h"

#include "support/backends.h"

#include "support/suite.h"

/* An earlier error may have left a counter behind; it must not count as a new one. */
static void creation_fails(int expected, const struct variant *variant, const struct options *options)
{
    tsc_counter_t *counter = (tsc_counter_t *)&counter;
    int result;
    int error;

    errno = UNTOUCHED;
    result = try_make_counter(&counter, variant, options);
    error = errno;
    ck_assert_int_eq(result, expected);
    ck_assert_int_eq(error, UNTOUCHED);
    ck_assert_ptr_null(counter);
}

START_TEST(backends_left_out_return_enotsup)
{
    const struct variant *variant = &variants[_i];
    const struct options out_of_bounds = {.initial = 2, .bounded = true, .max = 1};
    tsc_counter_t *counter = (tsc_counter_t *)&counter;
    int expected = variant_is_built(variant) ? 0 : -ENOTSUP;

    RETURNS(expected, tsc_counter_create(&counter, variant->backend, NULL));
    ck_assert_int_eq(counter != NULL, variant_is_built(variant));
    tsc_counter_unref(counter);
    if (!variant_is_built(variant) && !variant->shared_owner)
        creation_fails(-ENOTSUP, variant, &out_of_bounds);
}
END_TEST

START_TEST(owners_need_the_queue)
{
    tsc_owner_t *const untouched = (tsc_owner_t *)&untouched;
    tsc_owner_t *owner = untouched;

    if (TEST_BUILT_QUEUE) {
        RETURNS(0, tsc_owner_create(&owner, NULL));
        ck_assert_ptr_ne(owner, untouched);
        tsc_owner_unref(owner);
    } else {
        RETURNS(-ENOTSUP, tsc_owner_create(&owner, NULL));
        ck_assert_ptr_eq(owner, untouched);
    }
    RETURNS(-EINVAL, tsc_owner_create(NULL, NULL));
}
END_TEST

START_TEST(defaults_without_attributes)
{
    tsc_counter_t *counter;
    tsc_backend_t backend = UNTOUCHED;
    tsc_kind_t kind = UNTOUCHED;
    int64_t peak = UNTOUCHED;

    RETURNS(0, tsc_counter_create(&counter, variants[_i].backend, NULL));
    HOLDS(counter, 0);
    ck_assert_str_eq(tsc_counter_get_name(counter), "");
    ck_assert_str_eq(tsc_counter_get_help(counter), "");
    RETURNS(0, tsc_counter_get_backend(counter, &backend));
    ck_assert_uint_eq(backend, variants[_i].backend);
    RETURNS(0, tsc_counter_get_kind(counter, &kind));
    ck_assert_uint_eq(kind, TSC_KIND_GAUGE);
    RETURNS(-ENOTSUP, tsc_counter_get_peak(counter, &peak));
    ck_assert_int_eq(peak, UNTOUCHED);
    RETURNS(0, tsc_counter_add(counter, INT64_MIN));
    HOLDS(counter, INT64_MIN);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(attributes_are_copied)
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *first;
    tsc_counter_t *second;
    char name[] = "in flight";
    char help[] = "Requests that are being served.";

    RETURNS(0, tsc_counter_attr_create(&attr));
    RETURNS(0, tsc_counter_attr_set_initial(attr, INT64_MIN));
    RETURNS(0, tsc_counter_attr_set_name(attr, name));
    RETURNS(0, tsc_counter_attr_set_help(attr, help));
    name[0] = help[0] = '?';
    RETURNS(0, tsc_counter_create(&first, variants[_i].backend, attr));
    RETURNS(0, tsc_counter_attr_set_initial(attr, INT64_MAX));
    RETURNS(0, tsc_counter_attr_set_name(attr, "waiting"));
    RETURNS(0, tsc_counter_attr_set_help(attr, "Requests in the queue."));
    RETURNS(0, tsc_counter_create(&second, variants[_i].backend, attr));
    tsc_counter_attr_destroy(attr);
    HOLDS(first, INT64_MIN);
    HOLDS(second, INT64_MAX);
    ck_assert_str_eq(tsc_counter_get_name(first), "in flight");
    ck_assert_str_eq(tsc_counter_get_name(second), "waiting");
    ck_assert_str_eq(tsc_counter_get_help(first), "Requests that are being served.");
    ck_assert_str_eq(tsc_counter_get_help(second), "Requests in the queue.");
    RETURNS(0, tsc_counter_inc(first));
    HOLDS(second, INT64_MAX);
    tsc_counter_unref(first);
    HOLDS(second, INT64_MAX);
    ck_assert_str_eq(tsc_counter_get_name(second), "waiting");
    ck_assert_str_eq(tsc_counter_get_help(second), "Requests in the queue.");
    tsc_counter_unref(second);
}
END_TEST

START_TEST(variants_return_their_backend)
{
    tsc_counter_t *counter = make_counter(&variants[_i], &(struct options){.name = variants[_i].name});
    tsc_backend_t backend = UNTOUCHED;

    RETURNS(0, tsc_counter_get_backend(counter, &backend));
    ck_assert_uint_eq(backend, variants[_i].backend);
    ck_assert_str_eq(tsc_counter_get_name(counter), variants[_i].name);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(initial_value_outside_the_bounds)
{
    static const struct options outside[] = {
        {.initial = 11, .bounded = true, .min = 0, .max = 10, .policy = TSC_BOUNDS_REJECT},
        {.initial = 11, .bounded = true, .min = 0, .max = 10, .policy = TSC_BOUNDS_CLAMP},
        {.initial = -1, .bounded = true, .min = 0, .max = 10, .policy = TSC_BOUNDS_REJECT},
        {.initial = INT64_MIN, .bounded = true, .min = 0, .max = INT64_MAX, .policy = TSC_BOUNDS_CLAMP},
        {.initial = 0, .bounded = true, .min = 1, .max = 1, .policy = TSC_BOUNDS_REJECT, .track_peak = true},
    };

    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        creation_fails(-ERANGE, &variants[_i], &outside[i]);
}
END_TEST

START_TEST(initial_value_at_the_bounds)
{
    struct options options = {.initial = -4, .bounded = true, .min = -4, .max = 9};
    tsc_counter_t *counter = make_counter(&variants[_i], &options);

    HOLDS(counter, -4);
    tsc_counter_unref(counter);
    options.initial = 9;
    counter = make_counter(&variants[_i], &options);
    HOLDS(counter, 9);
    tsc_counter_unref(counter);
}
END_TEST

START_TEST(bounds_need_the_capability)
{
    creation_fails(-ENOTSUP, &variants[_i], &(struct options){.bounded = true, .max = 1});
    creation_fails(-ENOTSUP, &variants[_i], &(struct options){.initial = 2, .bounded = true, .max = 1});
}
END_TEST

START_TEST(peak_needs_the_capability)
{
    creation_fails(-ENOTSUP, &variants[_i], &(struct options){.track_peak = true});
}
END_TEST

START_TEST(unknown_backends)
{
    static const tsc_backend_t unknown[] = {TSC_BACKEND_COUNT, 1u << 31, UINT32_MAX};

    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        const struct variant variant = {.name = "unknown", .backend = unknown[i]};
        const struct options out_of_bounds = {.initial = 2, .bounded = true, .max = 1};

        creation_fails(-EINVAL, &variant, NULL);
        creation_fails(-EINVAL, &variant, &out_of_bounds);
    }
}
END_TEST

START_TEST(creation_needs_an_output)
{
    tsc_counter_attr_t *attr;

    RETURNS(-EINVAL, tsc_counter_create(NULL, variants[_i].backend, NULL));
    RETURNS(-EINVAL, tsc_counter_create(NULL, UINT32_MAX, NULL));
    RETURNS(0, tsc_counter_attr_create(&attr));
    RETURNS(-EINVAL, tsc_counter_create(NULL, variants[_i].backend, attr));
    tsc_counter_attr_destroy(attr);
}
END_TEST

/* -EINVAL for the owner comes before -ENOTSUP for a missing backend, and before -ERANGE for the initial value. */
START_TEST(owners_are_for_the_queue)
{
    const struct variant *variant = &variants[_i];
    struct options options = {.initial = 2, .bounded = true, .max = 1};

    if (variant->backend == TSC_BACKEND_QUEUE)
        return;
    RETURNS(0, tsc_owner_create(&options.owner, NULL));
    creation_fails(-EINVAL, variant, &options);
    creation_fails(-EINVAL, variant, &(struct options){.owner = options.owner});
    creation_fails(-EINVAL, variant, &(struct options){.owner = options.owner, .track_peak = true});
    tsc_owner_unref(options.owner);
}
END_TEST

void add_creation_tests(Suite *suite)
{
    TCase *tcase = support_add_case(suite, "creation", 20);

    tcase_add_loop_test(tcase, backends_left_out_return_enotsup, 0, VARIANTS_TRIED);
    tcase_add_test(tcase, owners_need_the_queue);
    add_test(tcase, defaults_without_attributes, 0);
    add_test(tcase, attributes_are_copied, 0);
    add_test(tcase, variants_return_their_backend, 0);
    add_test(tcase, initial_value_outside_the_bounds, TSC_CAP_BOUNDS);
    add_test(tcase, initial_value_at_the_bounds, TSC_CAP_BOUNDS);
    add_test_lacking(tcase, bounds_need_the_capability, TSC_CAP_BOUNDS);
    add_test_lacking(tcase, peak_needs_the_capability, TSC_CAP_PEAK);
    tcase_add_test(tcase, unknown_backends);
    tcase_add_loop_test(tcase, creation_needs_an_output, 0, VARIANTS_TRIED);
    if (TEST_BUILT_QUEUE)
        tcase_add_loop_test(tcase, owners_are_for_the_queue, 0, VARIANTS_TRIED);
}
