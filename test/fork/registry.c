/* SPDX-License-Identifier: MIT */
/* References, and what a fork does to registered objects. */
#include "sync/registry.h"

#include <string.h>

#include <tscounter/tscounter.h>

#include "child.h"
#include "queue/owner.h"
#include "support/backends.h"
#include "support/procfs.h"
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

/* Calls' references are counted in separate bits, which a count of 2^32 must not reach. */
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

START_TEST(a_reference_is_tried)
{
    open_object();
    ck_assert(tsc_object_try_ref(&object));
    ck_assert_uint_eq(atomic_load(&object.references), 2);
    set_references(TSC_OBJECT_COUNT_MAX);
    ck_assert(tsc_object_try_ref(&object));
    ck_assert_uint_eq(atomic_load(&object.references), TSC_OBJECT_COUNT_MAX);
    set_references(0);
    ck_assert(!tsc_object_try_ref(&object));
    ck_assert_uint_eq(atomic_load(&object.references), 0);
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

/* -------- what a fork calls, and in which order -------- */

static char calls[16];

static void note(char call)
{
    calls[strlen(calls)] = call;
}

static void note_lock(struct tsc_object *found)
{
    (void)found;
    note('l');
}

static void note_unlock(struct tsc_object *found)
{
    (void)found;
    note('u');
}

static void note_repair(struct tsc_object *found)
{
    (void)found;
    note('r');
}

static void note_free(struct tsc_object *found)
{
    free_object(found);
    note('f');
}

static const struct tsc_object_ops noting = {
    .lock = note_lock, .unlock = note_unlock, .child = note_repair, .release = release, .free = note_free};

static void find_calls(void *expected)
{
    CHILD_CHECK(strcmp(calls, expected) == 0);
}

START_TEST(an_object_is_locked_all_the_while)
{
    ck_assert_int_eq(tsc_registry_add(&object, &noting), 0);
    ck_assert_int_eq(child_run(find_calls, (char[]){"lru"}), 0);
    ck_assert_str_eq(calls, "lu");
    ck_assert(tsc_object_drop(&object));
    ck_assert_int_eq(child_run(find_calls, (char[]){"lulruf"}), 0);
    ck_assert_str_eq(calls, "lulu");
}
END_TEST

static void find_three_freed(void *arg)
{
    (void)arg;
    CHILD_CHECK(freed == 3);
}

static void add_three(struct tsc_object three[])
{
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(tsc_registry_add(&three[i], &ops), 0);
}

START_TEST(a_child_frees_all_that_have_no_references)
{
    static struct tsc_object three[3];

    add_three(three);
    for (size_t i = 0; i < 3; i++)
        ck_assert(tsc_object_drop(&three[i]));
    ck_assert_int_eq(child_run(find_three_freed, NULL), 0);
}
END_TEST

static void find_repaired(void *count)
{
    CHILD_CHECK(repaired == *(unsigned int *)count);
}

START_TEST(objects_are_taken_out_in_any_order)
{
    static const size_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static struct tsc_object three[3];
    unsigned int left = 3;

    add_three(three);
    for (size_t i = 0; i < 3; i++) {
        free_object(&three[orders[_i][i]]);
        memset(&three[orders[_i][i]], 0, sizeof three[0]);
        left--;
        ck_assert_int_eq(child_run(find_repaired, &left), 0);
    }
}
END_TEST

static pthread_t adder;

static void *add_object(void *added)
{
    return tsc_registry_add(added, &ops) == 0 ? NULL : added;
}

static void start_adder(struct tsc_object *found)
{
    static struct tsc_object added;
    pid_t id;

    (void)found;
    adder = support_start_sleeper(add_object, &added, &id);
}

static const struct tsc_object_ops starting_adder = {
    .lock = start_adder, .child = repair, .release = release, .free = free_object};

static void find_one_repaired(void *arg)
{
    (void)arg;
    CHILD_CHECK(repaired == 1);
}

/* It sleeps until the fork is over, and what it adds is not in the child. */
START_TEST(nobody_adds_an_object_during_a_fork)
{
    ck_assert_int_eq(tsc_registry_add(&object, &starting_adder), 0);
    ck_assert_int_eq(child_run(find_one_repaired, NULL), 0);
    pthread_join(adder, NULL);
}
END_TEST

/* -------- a fork between two critical sections -------- */

static tsc_owner_t *owner; /* where it is set, a child is forked after each */
static unsigned int forks;
static int status;

void __real_tsc_registry_unlock(void);
void __wrap_tsc_registry_unlock(void);

static void find_one_reference(void *arg)
{
    (void)arg;
    CHILD_CHECK(atomic_load(&owner->object.references) == 1);
}

/* The linker makes of each call of tsc_registry_unlock one of this. */
void __wrap_tsc_registry_unlock(void)
{
    __real_tsc_registry_unlock();
    if (owner == NULL || forks > 8)
        return;
    forks++;
    status |= child_run(find_one_reference, NULL);
}

/* The counter is no longer listed, and its owner is no longer referred to: both, or neither. */
START_TEST(a_child_has_no_owner_of_a_counter_that_is_gone)
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *counter;
    tsc_owner_t *made;

    ck_assert_int_eq(tsc_counter_attr_create(&attr), 0);
    ck_assert_int_eq(tsc_owner_create(&made, NULL), 0);
    ck_assert_int_eq(tsc_counter_attr_set_owner(attr, made), 0);
    ck_assert_int_eq(tsc_counter_create(&counter, TSC_BACKEND_QUEUE, attr), 0);
    tsc_counter_attr_destroy(attr);
    owner = made;
    tsc_counter_unref(counter);
    owner = NULL;
    ck_assert_uint_ne(forks, 0);
    ck_assert_int_eq(status, 0);
    tsc_owner_unref(made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("registry");
    TCase *references = support_add_case(suite, "references", 10);
    TCase *in_children = support_add_case(suite, "forks", 30);

    tcase_add_test(references, the_last_reference_releases);
    tcase_add_test(references, more_references_than_fit_into_32_bits);
    tcase_add_test(references, a_count_at_its_limit_stays_there);
    tcase_add_test(references, a_reference_is_tried);
    tcase_add_test(in_children, a_child_frees_what_has_no_references);
    tcase_add_test(in_children, a_child_frees_what_only_calls_refer_to);
    tcase_add_test(in_children, a_child_keeps_what_others_refer_to);
    tcase_add_test(in_children, a_child_keeps_what_has_too_many_references_to_count);
    tcase_add_test(in_children, an_object_is_locked_all_the_while);
    tcase_add_test(in_children, a_child_frees_all_that_have_no_references);
    tcase_add_loop_test(in_children, objects_are_taken_out_in_any_order, 0, 6);
    tcase_add_test(in_children, nobody_adds_an_object_during_a_fork);
    if (support_is_built(TSC_BACKEND_QUEUE))
        tcase_add_test(in_children, a_child_has_no_owner_of_a_counter_that_is_gone);
    return support_run_suite(suite);
}
