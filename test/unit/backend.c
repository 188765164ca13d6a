/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include <tscounter/tscounter.h>

#include "../../src/backend/list.h"
#include "support/results.h"
#include "support/suite.h"

#define CAPS_OF_ALL_EXACT (TSC_CAP_LINEARIZABLE | TSC_CAP_FETCH | TSC_CAP_BOUNDS | TSC_CAP_PEAK)
#define CAPS_IF_LOCK_FREE (TSC_CAP_SIGNAL_SAFE | TSC_CAP_LOCK_FREE)

static const struct {
    tsc_backend_t backend;
    const char *name;
    uint64_t caps;
    uint64_t caps_if_lock_free;
} backends[] = {
    {0, "mutex", CAPS_OF_ALL_EXACT | TSC_CAP_UPDATE, 0},
    {1, "atomic", CAPS_OF_ALL_EXACT, CAPS_IF_LOCK_FREE},
    {2, "queue", CAPS_OF_ALL_EXACT | TSC_CAP_UPDATE | TSC_CAP_ASYNC, 0},
    {3, "percpu", 0, CAPS_IF_LOCK_FREE},
};

enum { BACKENDS = sizeof backends / sizeof backends[0] };

_Static_assert(BACKENDS == TSC_BACKEND_COUNT, "each backend needs a row here, written by hand");

START_TEST(backends_have_names)
{
    tsc_backend_t backend = UNTOUCHED;

    ck_assert_str_eq(tsc_backend_name(backends[_i].backend), backends[_i].name);
    RETURNS(0, tsc_backend_from_name(backends[_i].name, &backend));
    ck_assert_uint_eq(backend, backends[_i].backend);
}
END_TEST

/* If the compiler does not know whether 64-bit atomics are lock-free, a backend has both capabilities or neither.
 */
START_TEST(backends_have_capabilities)
{
    uint64_t if_lock_free = backends[_i].caps_if_lock_free;
    uint64_t caps = UNTOUCHED;

    RETURNS(0, tsc_backend_get_caps(backends[_i].backend, &caps));
    ck_assert_uint_eq(caps & ~if_lock_free, backends[_i].caps);
    if (ATOMIC_LLONG_LOCK_FREE == 2)
        ck_assert_uint_eq(caps & if_lock_free, if_lock_free);
    else
        ck_assert((caps & if_lock_free) == if_lock_free || (caps & if_lock_free) == 0);
}
END_TEST

START_TEST(other_backends_are_unknown)
{
    static const tsc_backend_t unknown[] = {BACKENDS, 255, 256, UINT32_C(1) << 31, UINT32_MAX};

    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        uint64_t caps = UNTOUCHED;

        ck_assert_ptr_null(tsc_backend_name(unknown[i]));
        RETURNS(-EINVAL, tsc_backend_get_caps(unknown[i], &caps));
        ck_assert_uint_eq(caps, UNTOUCHED);
    }
}
END_TEST

START_TEST(other_names_are_unknown)
{
    static const char *const unknown[] = {"", "Mutex", "mutex ", " mutex", "mute", "mutexes", "per-cpu", "0"};
    tsc_backend_t backend = UNTOUCHED;

    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        RETURNS(-EINVAL, tsc_backend_from_name(unknown[i], &backend));
    RETURNS(-EINVAL, tsc_backend_from_name(NULL, &backend));
    ck_assert_uint_eq(backend, UNTOUCHED);
}
END_TEST

static const char *const kinds[] = {[0] = "gauge", [1] = "total", [2] = "held"};

START_TEST(kinds_have_names)
{
    static const tsc_kind_t unknown[] = {3, 255, 256, UINT32_C(1) << 31, UINT32_MAX};

    for (tsc_kind_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++)
        ck_assert_str_eq(tsc_kind_name(kind), kinds[kind]);
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        ck_assert_ptr_null(tsc_kind_name(unknown[i]));
}
END_TEST

START_TEST(outputs_are_needed)
{
    RETURNS(-EINVAL, tsc_backend_from_name("mutex", NULL));
    RETURNS(-EINVAL, tsc_backend_from_name("none", NULL));
    RETURNS(-EINVAL, tsc_backend_from_name(NULL, NULL));
    RETURNS(-EINVAL, tsc_backend_get_caps(TSC_BACKEND_MUTEX, NULL));
    RETURNS(-EINVAL, tsc_backend_get_caps(UINT32_MAX, NULL));
}
END_TEST

START_TEST(numbers_of_the_abi)
{
    ck_assert_uint_eq(sizeof(tsc_backend_t), 4);
    ck_assert_int_eq(TSC_BACKEND_MUTEX, 0);
    ck_assert_int_eq(TSC_BACKEND_ATOMIC, 1);
    ck_assert_int_eq(TSC_BACKEND_QUEUE, 2);
    ck_assert_int_eq(TSC_BACKEND_PERCPU, 3);
    ck_assert_uint_eq(sizeof(tsc_kind_t), 4);
    ck_assert_int_eq(TSC_KIND_GAUGE, 0);
    ck_assert_int_eq(TSC_KIND_TOTAL, 1);
    ck_assert_int_eq(TSC_KIND_HELD, 2);
    ck_assert_int_eq(TSC_BOUNDS_REJECT, 0);
    ck_assert_int_eq(TSC_BOUNDS_CLAMP, 1);
    ck_assert_uint_eq(TSC_CAP_LINEARIZABLE, 1);
    ck_assert_uint_eq(TSC_CAP_FETCH, 2);
    ck_assert_uint_eq(TSC_CAP_BOUNDS, 4);
    ck_assert_uint_eq(TSC_CAP_PEAK, 8);
    ck_assert_uint_eq(TSC_CAP_UPDATE, 16);
    ck_assert_uint_eq(TSC_CAP_ASYNC, 32);
    ck_assert_uint_eq(TSC_CAP_SIGNAL_SAFE, 64);
    ck_assert_uint_eq(TSC_CAP_LOCK_FREE, 128);
}
END_TEST

START_TEST(versions_agree)
{
    char text[32];
    uint32_t number = tsc_version_number();

    ck_assert_uint_eq(number, TSC_VERSION_NUMBER);
    ck_assert_uint_eq(number, 0x010000);
    ck_assert_str_eq(tsc_version_string(), TSC_VERSION_STRING);
    snprintf(text, sizeof text, "%u.%u.%u", number >> 16, number >> 8 & 0xff, number & 0xff);
    ck_assert_str_eq(tsc_version_string(), text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backend");
    TCase *tcase = support_add_case(suite, "backends", 10);

    tcase_add_loop_test(tcase, backends_have_names, 0, BACKENDS);
    tcase_add_loop_test(tcase, backends_have_capabilities, 0, BACKENDS);
    tcase_add_test(tcase, other_backends_are_unknown);
    tcase_add_test(tcase, other_names_are_unknown);
    tcase_add_test(tcase, kinds_have_names);
    tcase_add_test(tcase, outputs_are_needed);
    tcase_add_test(tcase, numbers_of_the_abi);
    tcase_add_test(tcase, versions_agree);
    return support_run_suite(suite);
}
