/* SPDX-License-Identifier: MIT */
/* The allocation of slots for per-CPU counters. */
#include <check.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "give-back.h"
#include "percpu/slots.h"
#include "support/suite.h"

enum { MANY = 10000, PAGE = 4096, LINE = 64 };

static struct tsc_slots many[MANY];

static void acquire_many(void)
{
    for (size_t i = 0; i < MANY; i++)
        ck_assert_int_eq(tsc_slots_acquire(&many[i]), 0);
}

static void release_many(void)
{
    for (size_t i = 0; i < MANY; i++)
        give_back(&many[i]);
}

static void mark(size_t i, uint64_t expected, uint64_t mark)
{
    for (uint32_t index = 0; index < tsc_slot_count(); index++) {
        for (enum tsc_slot_word word = TSC_SLOT_IN; word < TSC_SLOT_WORDS; word++) {
            ck_assert_uint_eq(atomic_load(tsc_slots_word(&many[i], index, word)), expected);
            atomic_store(tsc_slots_word(&many[i], index, word), mark);
        }
    }
}

START_TEST(no_two_sets_share_a_slot)
{
    for (int round = 0; round < 2; round++) {
        acquire_many();
        for (size_t i = 0; i < MANY; i++)
            mark(i, 0, i + 1);
        for (size_t i = 0; i < MANY; i++)
            mark(i, i + 1, i + 1);
        release_many();
    }
}
END_TEST

/* A cache indexes its sets by the address bits above the line, and a TLB by those above the page. */
START_TEST(the_slots_of_a_set_are_spread_over_cache_sets)
{
    ck_assert_uint_eq(TSC_REGION_STRIDE % LINE, 0);
    ck_assert_uint_eq(TSC_REGION_STRIDE / LINE % 2, 1);
    ck_assert_uint_eq(TSC_REGION_STRIDE / PAGE % 2, 1);
}
END_TEST

/* The chunk is kept because another of its sets is in use. */
START_TEST(a_reused_set_is_empty)
{
    ck_assert_int_eq(tsc_slots_acquire(&many[0]), 0);
    ck_assert_int_eq(tsc_slots_acquire(&many[1]), 0);
    mark(1, 0, 1);
    give_back(&many[1]);
    ck_assert_int_eq(tsc_slots_acquire(&many[1]), 0);
    ck_assert_ptr_eq(many[1].chunk, many[0].chunk);
    mark(1, 0, 0);
    give_back(&many[1]);
    give_back(&many[0]);
}
END_TEST

/* Two chunks get room again. The first to get it stands behind the other in the list, and is freed. */
START_TEST(a_chunk_is_removed_from_anywhere_in_the_list)
{
    const struct tsc_slots *last = &many[MANY - 1];
    struct tsc_slots again;
    size_t first_of_last = MANY - 1;

    acquire_many();
    while (many[first_of_last - 1].chunk == last->chunk)
        first_of_last--;
    give_back(&many[MANY - 1]);
    give_back(&many[0]);
    for (size_t i = first_of_last; i < MANY - 1; i++)
        give_back(&many[i]);
    ck_assert_int_eq(tsc_slots_acquire(&again), 0);
    ck_assert_ptr_eq(again.first, many[0].first);
    many[0] = again;
    ck_assert_int_eq(tsc_slots_acquire(&many[first_of_last]), 0);
    mark(first_of_last, 0, 0);
    for (size_t i = 0; i <= first_of_last; i++)
        give_back(&many[i]);
}
END_TEST

/* Whether /proc shows this flag for the mapping of this address. */
static bool is_mapped_with(const void *address, const char *flag)
{
    FILE *file = fopen("/proc/self/smaps", "re");
    char line[512];
    bool is_inside = false;
    bool is_found = false;

    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL) {
        uintptr_t begin;
        uintptr_t end;

        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &begin, &end) == 2)
            is_inside = begin <= (uintptr_t)address && (uintptr_t)address < end;
        else if (is_inside && strncmp(line, "VmFlags:", 8) == 0)
            is_found = strstr(line, flag) != NULL;
    }
    fclose(file);
    return is_found;
}

START_TEST(an_empty_chunk_is_freed)
{
    struct tsc_slots_chunk *empty;

    ck_assert_int_eq(tsc_slots_acquire(&many[0]), 0);
    tsc_registry_lock();
    empty = tsc_slots_release(&many[0]);
    tsc_registry_unlock();
    ck_assert_ptr_eq(empty, many[0].chunk);
    tsc_slots_free_chunk(empty);
}
END_TEST

START_TEST(no_huge_page_backs_the_slots)
{
    struct tsc_slots slots;

    ck_assert_int_eq(tsc_slots_acquire(&slots), 0);
    if (access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0)
        ck_assert(is_mapped_with(slots.first, " nh "));
    give_back(&slots);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slots");
    TCase *tcase = support_add_case(suite, "slots", 60);

    tcase_add_test(tcase, no_two_sets_share_a_slot);
    tcase_add_test(tcase, a_reused_set_is_empty);
    tcase_add_test(tcase, a_chunk_is_removed_from_anywhere_in_the_list);
    tcase_add_test(tcase, an_empty_chunk_is_freed);
    tcase_add_test(tcase, the_slots_of_a_set_are_spread_over_cache_sets);
    tcase_add_test(tcase, no_huge_page_backs_the_slots);
    return support_run_suite(suite);
}
