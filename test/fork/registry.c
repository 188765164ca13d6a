/* SPDX-License-Identifier: MIT */
/* References, and what a fork does to what is registered. */
#include "sync/registry.h"

#include "child.h"
#include "support/suite.h"

static struct tsc_object object;
static unsigned int released;
static unsigned int freed;
static unsigned int repaired;

static void repair(struct tsc_object *found)
{
    (void)found;
    repaired++;
}

static void release(struct tsc_object *found)
{
    (void)found;
    released++;
}

static void free_object(struct tsc_object *found)
{
    freed++;
    tsc_registry_lock();
    tsc_registry_remove(found);
    tsc_registry_unlock();
}

static const struct tsc_object_ops ops = {.child = repair, .release = release, .free = free_object};

static void open_object(void)
{
    ck_assert_int_eq(tsc_registry_add(&object, &ops), 0);
}

static void set_references(uint64_t references)
{
    atomic_store(&object.references, references);
}

START_TEST(the_last_reference_releases)
{
    open_object();
    tsc_object_ref(&object);
    tsc_object_unref(&object);
    ck_assert_uint_eq(released, 0);
    tsc_object_unref(&object);
    ck_assert_uint_eq(released, 1);
}
END_TEST

/* Those of calls are counted in bits of their own, which a count of 2^32 must not reach. */
START_TEST(more_references_than_fit_into_32_bits)
{
    open_object();
    set_references(UINT32_MAX);
    tsc_object_ref(&object);
    tsc_object_ref(&object);
    tsc_object_ref_by_call(&object);
    tsc_object_unref_by_call(&object);
    tsc_object_unref(&object);
    ck_assert_uint_eq(atomic_load(&object.references), UINT64_C(1) << 32);
    tsc_object_unref(&object);
    ck_assert_uint_eq(released, 0);
}
END_TEST

START_TEST(a_count_at_its_limit_stays_there)
{
    open_object();
    tsc_object_ref_by_call(&object);
    set_references(TSC_OBJECT_COUNT_MAX - 1);
    tsc_object_ref(&object);
    for (int i = 0; i < 3; i++) {
        tsc_object_ref(&object);
        tsc_object_ref_by_call(&object);
        ck_assert_uint_eq(atomic_load(&object.references), TSC_OBJECT_COUNT_MAX);
        tsc_object_unref_by_call(&object);
        tsc_object_unref(&object);
        tsc_object_unref(&object);
        ck_assert_uint_eq(atomic_load(&object.references), TSC_OBJECT_COUNT_MAX);
    }
    ck_assert_uint_eq(released, 0);
}
END_TEST

static void find_it_freed(void *arg)
{
    (void)arg;
    CHILD_CHECK(repaired == 1);
    CHILD_CHECK(freed == 1 && released == 0);
}

static void find_it_alive(void *arg)
{
    (void)arg;
    CHILD_CHECK(repaired == 1);
    CHILD_CHECK(freed == 0 && released == 0);
    CHILD_CHECK(atomic_load(&object.references) == 1);
}

START_TEST(a_child_frees_what_has_no_references)
{
    open_object();
    ck_assert(tsc_object_drop(&object));
    ck_assert_int_eq(child_run(find_it_freed, NULL), 0);
    ck_assert_uint_eq(freed, 0);
}
END_TEST

START_TEST(a_child_frees_what_only_calls_refer_to)
{
    open_object();
    tsc_object_ref_by_call(&object);
    tsc_object_ref_by_call(&object);
    ck_assert(!tsc_object_drop(&object));
    ck_assert_int_eq(child_run(find_it_freed, NULL), 0);
}
END_TEST

static void find_it_kept_for_ever(void *arg)
{
    (void)arg;
    CHILD_CHECK(freed == 0);
    CHILD_CHECK((atomic_load(&object.references) & TSC_OBJECT_COUNT_MAX) == TSC_OBJECT_COUNT_MAX);
}

START_TEST(a_child_keeps_what_has_too_many_references_to_count)
{
    open_object();
    tsc_object_ref_by_call(&object);
    set_references(atomic_load(&object.references) | TSC_OBJECT_COUNT_MAX);
    ck_assert_int_eq(child_run(find_it_kept_for_ever, NULL), 0);
}
END_TEST

START_TEST(a_child_keeps_what_others_refer_to)
{
    open_object();
    tsc_object_ref_by_call(&object);
    ck_assert_int_eq(child_run(find_it_alive, NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("registry");
    TCase *references = support_add_case(suite, "references", 10);
    TCase *forks = support_add_case(suite, "forks", 30);

    tcase_add_test(references, the_last_reference_releases);
    tcase_add_test(references, more_references_than_fit_into_32_bits);
    tcase_add_test(references, a_count_at_its_limit_stays_there);
    tcase_add_test(forks, a_child_frees_what_has_no_references);
    tcase_add_test(forks, a_child_frees_what_only_calls_refer_to);
    tcase_add_test(forks, a_child_keeps_what_others_refer_to);
    tcase_add_test(forks, a_child_keeps_what_has_too_many_references_to_count);
    return support_run_suite(suite);
}
