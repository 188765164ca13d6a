/* SPDX-License-Identifier: MIT */
#include "metrics/exposition.h"

#include "metrics/families.h"
#include "metrics/name.h"
#include "metrics/text.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <tscounter/tscounter.h>

struct exposition {
    struct tsc_metrics_sample *first; /* of the list of all, in the order of creation */
    struct tsc_metrics_sample **end;
    size_t count;
    struct tsc_metrics_sample **sorted;
    size_t sorted_count;
    struct tsc_metrics_families families;
    struct tsc_metrics_text text;
};

/* -------- reading -------- */

/* The texts are copied, so no reference is held while the program's function runs. */
static struct tsc_metrics_sample *make_sample(tsc_counter_t *counter)
{
    const char *name = tsc_counter_get_name(counter);
    const char *help = tsc_counter_get_help(counter);
    size_t name_size = strlen(name) + 1;
    size_t help_size = strlen(help) + 1;
    struct tsc_metrics_sample *sample =
        calloc(1, sizeof(*sample) + name_size + help_size + TSC_METRICS_LABELS_SIZE(name_size));
    char *copy;

    if (sample == NULL)
        return NULL;
    sample->name = sample->text;
    copy = mempcpy(sample->text, name, name_size);
    sample->help = copy;
    sample->labels = mempcpy(copy, help, help_size);
    return sample;
}

/* The value first, so that it is not above the peak. Outside of callbacks neither can fail. */
static void read_numbers(struct tsc_metrics_sample *sample, tsc_counter_t *counter)
{
    (void)tsc_counter_get_kind(counter, &sample->kind);
    sample->value = tsc_counter_value(counter);
    sample->has_peak = tsc_counter_get_peak(counter, &sample->peak) == 0;
}

static int read_counter(struct exposition *exposition, tsc_counter_t *counter)
{
    struct tsc_metrics_sample *sample = make_sample(counter);

    if (sample == NULL)
        return -ENOMEM;
    sample->metric_bytes = tsc_metrics_parse_name(sample->name, sample->labels);
    sample->number = exposition->count++;
    read_numbers(sample, counter);
    *exposition->end = sample;
    exposition->end = &sample->next;
    return 0;
}

static int read_counters(struct exposition *exposition)
{
    tsc_counter_t *counter = NULL;
    int error = 0;

    while (!error && tsc_counter_next(&counter) == 1)
        error = read_counter(exposition, counter);
    tsc_counter_unref(counter);
    return error;
}

/* -------- arranging -------- */

/* By the first sample of the family, then by labels. */
static int compare(const void *first, const void *second)
{
    const struct tsc_metrics_sample *one = *(struct tsc_metrics_sample *const *)first;
    const struct tsc_metrics_sample *other = *(struct tsc_metrics_sample *const *)second;

    if (one->family == other->family)
        return strcmp(one->labels, other->labels);
    return one->family->number < other->family->number ? -1 : 1;
}

static int assign(struct exposition *exposition)
{
    bool is_new;

    for (struct tsc_metrics_sample *sample = exposition->first; sample != NULL; sample = sample->next) {
        if (tsc_metrics_families_add(&exposition->families, sample, &is_new) != 0)
            return -ENOMEM;
        if (is_new)
            exposition->sorted[exposition->sorted_count++] = sample;
    }
    return 0;
}

static int arrange(struct exposition *exposition)
{
    int error = tsc_metrics_families_open(&exposition->families, exposition->count);

    if (error || exposition->count == 0)
        return error;
    exposition->sorted = calloc(exposition->count, sizeof(*exposition->sorted));
    if (exposition->sorted == NULL || assign(exposition) != 0)
        return -ENOMEM;
    qsort(exposition->sorted, exposition->sorted_count, sizeof(*exposition->sorted), compare);
    return 0;
}

/* -------- the whole -------- */

static void destroy(void *arg)
{
    struct exposition *exposition = arg;
    struct tsc_metrics_sample *sample;

    tsc_metrics_families_close(&exposition->families);
    while ((sample = exposition->first) != NULL) {
        exposition->first = sample->next;
        free(sample);
    }
    free(exposition->sorted);
    free(exposition);
}

static int read_and_arrange(struct exposition *exposition)
{
    int saved_errno = errno;
    int error = read_counters(exposition);

    if (!error)
        error = arrange(exposition);
    errno = saved_errno;
    return error;
}

int tsc_exposition_write(uint32_t format, tsc_write_fn write, void *arg)
{
    int saved_errno = errno;
    struct exposition *exposition = calloc(1, sizeof(*exposition));
    int result;

    errno = saved_errno;
    if (exposition == NULL)
        return -ENOMEM;
    exposition->end = &exposition->first;
    exposition->text.format = format;
    exposition->text.write = write;
    exposition->text.arg = arg;
    /* The function may be a cancellation point, or throw. */
    pthread_cleanup_push(destroy, exposition); /* GCOVR_EXCL_BR_LINE */
    result = read_and_arrange(exposition);
    if (!result)
        result = tsc_metrics_write_text(&exposition->text, exposition->sorted, exposition->sorted_count);
    pthread_cleanup_pop(1);
    return result;
}
