/* SPDX-License-Identifier: MIT */
/* Another thread counts in and out at each instruction of a read, and on another processor the one than the other:
 * so it meets a scan of the slots on both sides. */
#include <sched.h>

#include "support/answers.h"
#include "support/stepper.h"
#include "support/suite.h"
#include "walk.h"

enum { CASE_SECONDS = 120 };

struct reading {
    struct walk walk;
    struct subject subject;
    int answer;
    int64_t low;
    int64_t high;
    int changed;
};

static void read_value(void *arg)
{
    struct reading *reading = arg;

    reading->answer = tsc_counter_get(reading->subject.counter, &reading->low);
    reading->high = reading->low;
}

static void read_interval(void *arg)
{
    struct reading *reading = arg;

    reading->answer = tsc_counter_get_interval(reading->subject.counter, &reading->low, &reading->high);
}

static void go_to(int processor)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static int first_processor(const cpu_set_t *set)
{
    int processor = 0;

    while (!CPU_ISSET(processor, set))
        processor++;
    return processor;
}

static int last_processor(const cpu_set_t *set)
{
    int processor = CPU_SETSIZE - 1;

    while (!CPU_ISSET(processor, set))
        processor--;
    return processor;
}

static void come_and_go(struct reading *reading, int (*come_on)(const cpu_set_t *),
                        int (*go_on)(const cpu_set_t *))
{
    cpu_set_t allowed;

    sched_getaffinity(0, sizeof allowed, &allowed);
    go_to(come_on(&allowed));
    reading->changed = tsc_counter_inc(reading->subject.counter);
    go_to(go_on(&allowed));
    reading->changed |= tsc_counter_dec(reading->subject.counter);
    sched_setaffinity(0, sizeof allowed, &allowed);
}

static void come_and_go_upwards(void *reading)
{
    come_and_go(reading, first_processor, last_processor);
}

static void come_and_go_downwards(void *reading)
{
    come_and_go(reading, last_processor, first_processor);
}

static const struct manner {
    const char *call;
    const char *what;
    walk_fn read;
    walk_fn visit;
    bool is_exact; /* both ends are one value */
} manners[] = {
    {"get", "and one comes and goes upwards", read_value, come_and_go_upwards, true},
    {"get", "and one comes and goes downwards", read_value, come_and_go_downwards, true},
    {"get_interval", "and one comes and goes upwards", read_interval, come_and_go_upwards, false},
    {"get_interval", "and one comes and goes downwards", read_interval, come_and_go_downwards, false},
};

enum { MANNERS = sizeof manners / sizeof *manners };

/* The value is 0 or 1; what is read may be more by as much as comes in and goes out meanwhile. */
static void check_reading(struct reading *reading, bool is_exact)
{
    struct walk *walk = &reading->walk;
    int64_t more = variant_has(walk->variant, TSC_CAP_LINEARIZABLE) ? 0 : 2;

    WALK_CHECK(walk, reading->answer == 0 && reading->changed == 0);
    WALK_CHECK(walk, reading->low <= reading->high);
    WALK_CHECK(walk, reading->low <= 1 && reading->high >= 0);
    WALK_CHECK(walk, !is_exact || (reading->low >= 0 && reading->high <= 1 + more));
    subject_assert_value(&reading->subject, 0);
}

static void meet_at_each_instruction(struct reading *reading, const struct manner *manner)
{
    struct walk *walk = &reading->walk;

    walk_begin(walk, walk->variant, manner->call, manner->what, 1);
    while (walk_on(walk)) {
        reading->changed = 0;
        subject_open(&reading->subject, walk->variant, variant_attr(walk->variant));
        walk_visit(walk, manner->read, manner->visit, reading);
        walk_see_off(walk);
        check_reading(reading, manner->is_exact);
        subject_close(&reading->subject);
    }
}

START_TEST(test_reads_do_not_lie)
{
    const struct variant *variant = variant_at(_i, 0);
    struct reading reading = {.walk = {.variant = variant}};

    for (size_t i = 0; i < MANNERS && walk_is_worth(variant); i++)
        meet_at_each_instruction(&reading, &manners[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reads");
    TCase *tcase = support_add_case(suite, "reads", CASE_SECONDS);

    add_variant_test(tcase, test_reads_do_not_lie, 0);
    return stepper_run_suite(suite);
}
