/* SPDX-License-Identifier: MIT */
/*
 * Spikes of known heights, no two alike, while one thread takes the peak: each spike counts in exactly one take,
 * or in two if it was held across. A thousand threads make dips meanwhile.
 */
#include <sched.h>
#include <stdlib.h>

#include "crew.h"
#include "subject.h"
#include "support/suite.h"
#include "support/threads.h"

enum { DIP_MOST = 3 };

/* More than all dips together. */
#define STEP INT64_C(100000)

struct load {
    struct subject subject;
    size_t dippers;
    uint64_t calls;
    uint64_t spikes;
    int64_t *heights; /* in steps; of spike k at k - 1 */
    /* The last spike that has begun to rise, has risen, has begun to fall, and has ended. */
    atomic_uint_fast64_t begun;
    atomic_uint_fast64_t risen;
    atomic_uint_fast64_t falling;
    atomic_uint_fast64_t ended;
    atomic_uint_fast64_t takes;
    int64_t highest_taken;
};

/* 1 to `spikes` in random order. */
static void draw_heights(struct load *load)
{
    uint64_t random = load->spikes;

    load->heights = calloc(load->spikes, sizeof *load->heights);
    ck_assert_ptr_nonnull(load->heights);
    for (uint64_t i = 0; i < load->spikes; i++) {
        uint64_t other = next_random(&random) % (i + 1);

        load->heights[i] = load->heights[other];
        load->heights[other] = (int64_t)i + 1;
    }
}

static void load_open(struct load *load, int index)
{
    const struct variant *variant = &variants[index];
    tsc_counter_attr_t *attr = variant_attr(variant);

    *load = (struct load){.dippers = stress_threads(), .calls = variant_calls(variant)};
    load->spikes = 20 * load->calls;
    draw_heights(load);
    ck_assert_int_eq(tsc_counter_attr_set_track_peak(attr, 1), 0);
    subject_open(&load->subject, variant, attr);
}

static void load_close(struct load *load)
{
    free(load->heights);
    subject_close(&load->subject);
}

/* -------- dips and spikes -------- */

static void add(struct load *load, int64_t delta)
{
    witness_equal(&load->subject.witness, "add", tsc_counter_add(load->subject.counter, delta), 0);
}

static void dip(struct load *load, size_t index)
{
    uint64_t random = index;

    for (uint64_t i = 0; i < load->calls; i++) {
        int64_t depth = 1 + (int64_t)(next_random(&random) % DIP_MOST);

        add(load, -depth);
        add(load, depth);
    }
}

/* Now and then holds a spike across a take. */
static void make_spikes(struct load *load)
{
    for (uint64_t spike = 1; spike <= load->spikes; spike++) {
        int64_t height = load->heights[spike - 1] * STEP;
        uint64_t takes = atomic_load(&load->takes);

        atomic_store(&load->begun, spike);
        add(load, height);
        atomic_store(&load->risen, spike);
        while (spike % 16 == 0 && atomic_load(&load->takes) == takes)
            sched_yield();
        atomic_store(&load->falling, spike);
        add(load, -height);
        atomic_store(&load->ended, spike);
    }
}

/* -------- the taker -------- */

/* The highest of the spikes after `first` and up to `last`; 0 if there are none. */
static int64_t highest_of(const struct load *load, uint64_t first, uint64_t last)
{
    int64_t highest = 0;

    for (uint64_t spike = first + 1; spike <= last; spike++)
        if (load->heights[spike - 1] > highest)
            highest = load->heights[spike - 1];
    return highest;
}

/* A taken peak in steps: a dip makes it a little lower. */
static int64_t take(struct load *load)
{
    int64_t peak = -1;

    witness_equal(&load->subject.witness, "take_peak", tsc_counter_take_peak(load->subject.counter, &peak), 0);
    peak = peak <= 0 ? 0 : (peak + STEP - 1) / STEP;
    if (peak > load->highest_taken)
        load->highest_taken = peak;
    return peak;
}

/* What a take has to know of the former one. */
struct former {
    uint64_t ended_before;
    uint64_t begun_after;
    uint64_t held; /* the spike that was held across, or 0 */
};

static int64_t height_of(const struct load *load, uint64_t spike)
{
    return spike == 0 ? 0 : load->heights[spike - 1];
}

static int64_t highest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/*
 * A take has to show each spike that began after the former take and ended before this one, and one that was held
 * across either of the two. It may show those that overlap either. True once all spikes had ended before.
 */
static bool take_and_compare(struct load *load, struct former *former)
{
    uint64_t ended = atomic_load(&load->ended);
    uint64_t risen = atomic_load(&load->risen);
    int64_t peak = take(load);
    uint64_t held = atomic_load(&load->falling) < risen ? risen : 0;
    uint64_t begun = atomic_load(&load->begun);
    int64_t low = highest_of(load, former->begun_after, ended);

    low = highest(low, highest(height_of(load, former->held), height_of(load, held)));
    witness_between(&load->subject.witness, "a taken peak, in steps", peak, low,
                    highest_of(load, former->ended_before, begun));
    *former = (struct former){.ended_before = ended, .begun_after = begun, .held = held};
    atomic_fetch_add(&load->takes, 1);
    return ended == load->spikes;
}

static void take_peaks(struct load *load)
{
    struct former former = {0};

    while (!take_and_compare(load, &former))
        ;
}

static void dip_spike_or_take(size_t index, void *arg)
{
    struct load *load = arg;

    if (index < load->dippers)
        dip(load, index);
    else if (index == load->dippers)
        make_spikes(load);
    else
        take_peaks(load);
}

START_TEST(test_each_spike_counts_in_one_take)
{
    struct load load;
    int64_t rest = -1;

    load_open(&load, _i);
    crew_run(load.dippers + 2, dip_spike_or_take, &load);
    subject_assert_value(&load.subject, 0);
    ck_assert_int_eq(load.highest_taken, (int64_t)load.spikes);
    ck_assert_uint_gt(atomic_load(&load.takes), load.spikes / 16);
    ck_assert_int_eq(tsc_counter_take_peak(load.subject.counter, &rest), 0);
    ck_assert_int_eq(rest, 0);
    ck_assert_int_eq(tsc_counter_get_peak(load.subject.counter, &rest), 0);
    ck_assert_int_eq(rest, 0);
    load_close(&load);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("peaks");
    TCase *tcase = support_add_case(suite, "peaks", 90);

    add_variant_test(tcase, test_each_spike_counts_in_one_take, TSC_CAP_PEAK);
    return support_run_suite(suite);
}
