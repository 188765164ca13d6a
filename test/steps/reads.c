/* SPDX-License-Identifier: MIT */
/* Another thread increments and decrements at each instruction of a read, on two CPUs: one may be before, the
 * other behind the slot that the scan has reached. */
#include <sched.h>

#include "support/results.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "walk.h"

enum { CASE_SECONDS = 120 };

struct reading {
    struct walk walk;
    struct subject subject;
    int result;
    int64_t low;
    int64_t high;
    int changed;
};

static void read_value(void *arg)
{
    struct reading *reading = arg;

    reading->result = tsc_counter_get(reading->subject.counter, &reading->low);
    reading->high = reading->low;
}

static void read_interval(void *arg)
{
    struct reading *reading = arg;

    reading->result = tsc_counter_get_interval(reading->subject.counter, &reading->low, &reading->high);
}

static void move_to(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static int first_cpu(const cpu_set_t *set)
{
    int cpu = 0;

    while (!CPU_ISSET(cpu, set))
        cpu++;
    return cpu;
}

static int last_cpu(const cpu_set_t *set)
{
    int cpu = CPU_SETSIZE - 1;

    while (!CPU_ISSET(cpu, set))
        cpu--;
    return cpu;
}

static void inc_and_dec(struct reading *reading, int (*inc_on)(const cpu_set_t *),
                        int (*dec_on)(const cpu_set_t *))
{
    cpu_set_t allowed;

    sched_getaffinity(0, sizeof allowed, &allowed);
    move_to(inc_on(&allowed));
    reading->changed = tsc_counter_inc(reading->subject.counter);
    move_to(dec_on(&allowed));
    reading->changed |= tsc_counter_dec(reading->subject.counter);
    sched_setaffinity(0, sizeof allowed, &allowed);
}

static void inc_and_dec_upwards(void *reading)
{
    inc_and_dec(reading, first_cpu, last_cpu);
}

static void inc_and_dec_downwards(void *reading)
{
    inc_and_dec(reading, last_cpu, first_cpu);
}

static const struct kind {
    const char *call;
    const char *what;
    walk_fn read;
    walk_fn visit;
    bool is_exact; /* both ends are one value */
} kinds[] = {
    {"get", "and inc on the first CPU, dec on the last", read_value, inc_and_dec_upwards, true},
    {"get", "and inc on the last CPU, dec on the first", read_value, inc_and_dec_downwards, true},
    {"get_interval", "and inc on the first CPU, dec on the last", read_interval, inc_and_dec_upwards, false},
    {"get_interval", "and inc on the last CPU, dec on the first", read_interval, inc_and_dec_downwards, false},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* The value is 0 or 1. A per-CPU read may exceed it by the changes made meanwhile. */
static void check_reading(struct reading *reading, bool is_exact)
{
    struct walk *walk = &reading->walk;
    int64_t more = variant_has(walk->variant, TSC_CAP_LINEARIZABLE) ? 0 : 2;

    WALK_CHECK(walk, reading->result == 0 && reading->changed == 0);
    WALK_CHECK(walk, reading->low <= reading->high);
    WALK_CHECK(walk, reading->low <= 1 && reading->high >= 0);
    WALK_CHECK(walk, !is_exact || (reading->low >= 0 && reading->high <= 1 + more));
    subject_assert_value(&reading->subject, 0);
}

static void change_at_each_instruction(struct reading *reading, const struct kind *kind)
{
    struct walk *walk = &reading->walk;

    walk_begin(walk, walk->variant, kind->call, kind->what, 1);
    while (walk_next(walk)) {
        reading->changed = 0;
        subject_open(&reading->subject, walk->variant, variant_attr(walk->variant));
        walk_visit(walk, kind->read, kind->visit, reading);
        walk_end_visit(walk);
        check_reading(reading, kind->is_exact);
        subject_close(&reading->subject);
    }
}

START_TEST(test_reads_are_within_bounds)
{
    const struct variant *variant = &variants[_i];
    struct reading reading = {.walk = {.variant = variant}};

    for (size_t i = 0; i < KINDS && walk_is_distinct(variant); i++)
        change_at_each_instruction(&reading, &kinds[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reads");
    TCase *tcase = support_add_case(suite, "reads", CASE_SECONDS);

    add_variant_test(tcase, test_reads_are_within_bounds, 0);
    return stepper_run_suite(suite);
}
