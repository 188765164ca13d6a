/* SPDX-License-Identifier: MIT */
/* The text of tsc_metrics_write(), the errors, and the program's function. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tscounter/metrics.h>
#include <tscounter/tscounter.h>

#include "support/backends.h"
#include "support/procfs.h"
#include "support/results.h"
#include "support/suite.h"
#include "support/threads.h"
#include "support/variants.h"

enum { COUNTERS_MAX = 32, MANY = 2000, WRITES = 20, TEXT_BYTES = 1 << 20 };

/* -------- counters -------- */

struct description {
    const char *name;
    tsc_kind_t kind;
    int64_t value;
    bool track_peak;
    const char *help;
};

static tsc_counter_t *made[COUNTERS_MAX];
static size_t made_count;

static const struct variant *any_variant(void)
{
    const struct variant *with_peak = variant_with(TSC_CAP_PEAK);

    return with_peak != NULL ? with_peak : variant_with(0);
}

static tsc_counter_t *create(const struct variant *variant, const struct description *description)
{
    tsc_counter_attr_t *attr;
    tsc_counter_t *counter;

    ck_assert_int_eq(tsc_counter_attr_create(&attr), 0);
    ck_assert_int_eq(tsc_counter_attr_set_name(attr, description->name), 0);
    ck_assert_int_eq(tsc_counter_attr_set_kind(attr, description->kind), 0);
    ck_assert_int_eq(tsc_counter_attr_set_initial(attr, description->value), 0);
    ck_assert_int_eq(tsc_counter_attr_set_track_peak(attr, description->track_peak), 0);
    if (description->help != NULL)
        ck_assert_int_eq(tsc_counter_attr_set_help(attr, description->help), 0);
    ck_assert_int_eq(tsc_counter_create(&counter, variant->backend, attr), 0);
    tsc_counter_attr_destroy(attr);
    return counter;
}

static tsc_counter_t *make(const struct description *description)
{
    ck_assert_uint_lt(made_count, COUNTERS_MAX);
    made[made_count] = create(any_variant(), description);
    return made[made_count++];
}

static void drop_all(void)
{
    while (made_count > 0)
        tsc_counter_unref(made[--made_count]);
}

/* -------- text -------- */

struct text {
    char bytes[TEXT_BYTES];
    size_t length;
    size_t chunks;
};

static struct text text;

static int collect(const char *chunk, size_t bytes, void *arg)
{
    struct text *into = arg;

    if (bytes == 0 || bytes >= sizeof into->bytes - into->length)
        return -ENOBUFS;
    memcpy(into->bytes + into->length, chunk, bytes);
    into->length += bytes;
    into->bytes[into->length] = '\0';
    into->chunks++;
    return 0;
}

static const char *written(uint32_t format)
{
    text.length = text.chunks = 0;
    text.bytes[0] = '\0';
    RETURNS(0, tsc_metrics_write(format, NULL, collect, &text));
    return text.bytes;
}

/* -------- what is written -------- */

/* The counters, in the order of creation, and the text of each format. */
struct expectation {
    struct description counters[8];
    const char *openmetrics;
    const char *prometheus;
};

#define BOTH(text) text "# EOF\n", text

static const struct expectation expectations[] = {
    {{{.name = NULL}}, BOTH("")},
    {{{"jobs", .value = 3}}, BOTH("# TYPE jobs gauge\njobs 3\n")},
    {{{"jobs", .value = -3, .help = "Jobs."}}, BOTH("# HELP jobs Jobs.\n# TYPE jobs gauge\njobs -3\n")},
    {{{"jobs", .kind = TSC_KIND_HELD, .value = 3}}, BOTH("# TYPE jobs gauge\njobs 3\n")},
    {{{"least", .value = INT64_MIN}, {"most", .value = INT64_MAX}},
     BOTH("# TYPE least gauge\nleast -9223372036854775808\n# TYPE most gauge\nmost 9223372036854775807\n")},
    /* a total has its suffix, and gets it */
    {{{"jobs_total", .kind = TSC_KIND_TOTAL, .value = 3, .help = "Jobs."},
      {"errors", .kind = TSC_KIND_TOTAL, .value = 4}},
     "# HELP jobs Jobs.\n# TYPE jobs counter\njobs_total 3\n# TYPE errors counter\nerrors_total 4\n# EOF\n",
     "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total 3\n"
     "# TYPE errors_total counter\nerrors_total 4\n"},
    {{{"a_total_total", .kind = TSC_KIND_TOTAL, .value = 3, .track_peak = true}},
     "# TYPE a_total counter\na_total_total 3\n# TYPE a_total_peak gauge\na_total_peak 3\n# EOF\n",
     "# TYPE a_total_total counter\na_total_total 3\n# TYPE a_total_peak gauge\na_total_peak 3\n"},
    /* labels */
    {{{"a{b=\"c\"}", .value = 1}, {"_:9{_b9=\"\xc3\xa4\\\\\\\"\\n{,}\"}", .value = 2}, {"c{}", .value = 3}},
     BOTH("# TYPE a gauge\na{b=\"c\"} 1\n# TYPE _:9 gauge\n_:9{_b9=\"\xc3\xa4\\\\\\\"\\n{,}\"} 2\n"
          "# TYPE c gauge\nc 3\n")},
    /* families are not interleaved; the first help is that of the family */
    {{{"b{x=\"2\"}", .value = 1},
      {"a", .value = 2, .help = "First."},
      {"b{x=\"1\"}", .value = 3, .help = "Second."},
      {"a{x=\"1\"}", .value = 4, .help = "Third."},
      {"b", .value = 5}},
     BOTH("# HELP b Second.\n# TYPE b gauge\nb 5\nb{x=\"1\"} 3\nb{x=\"2\"} 1\n"
          "# HELP a First.\n# TYPE a gauge\na 2\na{x=\"1\"} 4\n")},
    /* a quotation mark in a help is escaped in one of them */
    {{{"a", .help = "\\ \"a\"\nb"}},
     "# HELP a \\\\ \\\"a\\\"\\nb\n# TYPE a gauge\na 0\n# EOF\n",
     "# HELP a \\\\ \"a\"\\nb\n# TYPE a gauge\na 0\n"},
    /* peaks */
    {{{"a", .value = 3, .track_peak = true, .help = "A."},
      {"b_total", .kind = TSC_KIND_TOTAL, .value = 4, .track_peak = true},
      {"c_total{x=\"1\"}", .kind = TSC_KIND_GAUGE, .value = 5, .track_peak = true}},
     "# HELP a A.\n# TYPE a gauge\na 3\n# HELP a_peak A.\n# TYPE a_peak gauge\na_peak 3\n"
     "# TYPE b counter\nb_total 4\n# TYPE b_peak gauge\nb_peak 4\n"
     "# TYPE c_total gauge\nc_total{x=\"1\"} 5\n# TYPE c_peak gauge\nc_peak{x=\"1\"} 5\n# EOF\n",
     "# HELP a A.\n# TYPE a gauge\na 3\n# HELP a_peak A.\n# TYPE a_peak gauge\na_peak 3\n"
     "# TYPE b_total counter\nb_total 4\n# TYPE b_peak gauge\nb_peak 4\n"
     "# TYPE c_total gauge\nc_total{x=\"1\"} 5\n# TYPE c_peak gauge\nc_peak{x=\"1\"} 5\n"},
    {{{"a{x=\"1\"}", .value = 1}, {"a{x=\"2\"}", .value = 2, .track_peak = true}},
     BOTH("# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 2\n# TYPE a_peak gauge\na_peak{x=\"2\"} 2\n")},
    /* the same sample: sums, and the highest peak */
    {{{"a{b=\"1\",c=\"2\"}", .value = 1},
      {"a{c=\"2\",b=\"1\"}", .value = 2, .track_peak = true},
      {"a{c=\"2\",b=\"1\",d=\"\"}", .value = 9, .track_peak = true},
      {"a{c=\"2\",b=\"1\",d=\"\"}", .value = 4, .track_peak = true}},
     BOTH("# TYPE a gauge\na{b=\"1\",c=\"2\"} 16\n# TYPE a_peak gauge\na_peak{b=\"1\",c=\"2\"} 9\n")},
    {{{"a", .kind = TSC_KIND_TOTAL, .value = 1}, {"a_total", .kind = TSC_KIND_TOTAL, .value = 2}},
     "# TYPE a counter\na_total 3\n# EOF\n",
     "# TYPE a_total counter\na_total 3\n"},
    {{{"a", .value = INT64_MAX}, {"a", .value = 1}}, BOTH("# TYPE a gauge\na -9223372036854775808\n")},
    {{{"a", .kind = TSC_KIND_TOTAL, .value = INT64_MAX}, {"a", .kind = TSC_KIND_TOTAL, .value = 1}},
     "# TYPE a counter\na_total 9223372036854775808\n# EOF\n",
     "# TYPE a_total counter\na_total 9223372036854775808\n"},
    /* clashes: the later one is written as if its name were not valid */
    {{{"a", .value = 1}, {"a", .kind = TSC_KIND_TOTAL, .value = 2, .track_peak = true}, {"a", .value = 3}},
     "# TYPE a gauge\na 4\n# TYPE tscounter_counted counter\ntscounter_counted_total{name=\"a\"} 2\n"
     "# TYPE tscounter_counted_peak gauge\ntscounter_counted_peak{name=\"a\"} 2\n# EOF\n",
     "# TYPE a gauge\na 4\n# TYPE tscounter_counted_total counter\ntscounter_counted_total{name=\"a\"} 2\n"
     "# TYPE tscounter_counted_peak gauge\ntscounter_counted_peak{name=\"a\"} 2\n"},
    {{{"a", .kind = TSC_KIND_TOTAL, .value = 1},
      {"a", .value = 2},
      {"a_total", .value = 3},
      {"a_created{b=\"\\\\\"}", .value = 4}},
     "# TYPE a counter\na_total 1\n# TYPE tscounter gauge\ntscounter{name=\"a\"} 2\n"
     "tscounter{name=\"a_created{b=\\\"\\\\\\\\\\\"}\"} 4\ntscounter{name=\"a_total\"} 3\n# EOF\n",
     "# TYPE a_total counter\na_total 1\n# TYPE tscounter gauge\ntscounter{name=\"a\"} 2\n"
     "tscounter{name=\"a_created{b=\\\"\\\\\\\\\\\"}\"} 4\ntscounter{name=\"a_total\"} 3\n"},
    {{{"a_created", .value = 1}, {"a", .kind = TSC_KIND_TOTAL, .value = 2}},
     "# TYPE a_created gauge\na_created 1\n"
     "# TYPE tscounter_counted counter\ntscounter_counted_total{name=\"a\"} 2\n# EOF\n",
     "# TYPE a_created gauge\na_created 1\n"
     "# TYPE tscounter_counted_total counter\ntscounter_counted_total{name=\"a\"} 2\n"},
    {{{"a_total", .value = 1}, {"a", .kind = TSC_KIND_TOTAL, .value = 2}},
     "# TYPE a_total gauge\na_total 1\n"
     "# TYPE tscounter_counted counter\ntscounter_counted_total{name=\"a\"} 2\n# EOF\n",
     "# TYPE a_total gauge\na_total 1\n"
     "# TYPE tscounter_counted_total counter\ntscounter_counted_total{name=\"a\"} 2\n"},
    {{{"a_peak", .value = 1}, {"a", .value = 2, .track_peak = true}, {"a", .value = 3}},
     BOTH("# TYPE a_peak gauge\na_peak 1\n# TYPE tscounter gauge\ntscounter{name=\"a\"} 2\n"
          "# TYPE tscounter_peak gauge\ntscounter_peak{name=\"a\"} 2\n# TYPE a gauge\na 3\n")},
    {{{"a", .value = 2, .track_peak = true}, {"a_peak", .value = 1}, {"a_total", .value = 3, .track_peak = true}},
     BOTH("# TYPE a gauge\na 2\n# TYPE a_peak gauge\na_peak 2\n# TYPE tscounter gauge\n"
          "tscounter{name=\"a_peak\"} 1\ntscounter{name=\"a_total\"} 3\n"
          "# TYPE tscounter_peak gauge\ntscounter_peak{name=\"a_total\"} 3\n")},
    {{{"a", .value = 1},
      {"a", .kind = TSC_KIND_HELD, .value = 2},
      {"a{b=\"1\"}", .kind = TSC_KIND_HELD, .value = 3}},
     BOTH("# TYPE a gauge\na 1\na{b=\"1\"} 3\n# TYPE tscounter gauge\ntscounter{name=\"a\"} 2\n")},
    /* the names that the library gives belong to it, used or not */
    {{{"tscounter", .kind = TSC_KIND_TOTAL, .value = 1}},
     "# TYPE tscounter_counted counter\ntscounter_counted_total{name=\"tscounter\"} 1\n# EOF\n",
     "# TYPE tscounter_counted_total counter\ntscounter_counted_total{name=\"tscounter\"} 1\n"},
    {{{"tscounter_peak", .value = 1},
      {"tscounter_counted", .value = 2},
      {"tscounter", .value = 3},
      {"?", .value = 4}},
     BOTH("# TYPE tscounter gauge\ntscounter 3\ntscounter{name=\"?\"} 4\ntscounter{name=\"tscounter_counted\"} 2\n"
          "tscounter{name=\"tscounter_peak\"} 1\n")},
    {{{"?", .value = 1}, {"?", .kind = TSC_KIND_HELD, .value = 2}, {"?", .value = 3}},
     BOTH("# TYPE tscounter gauge\ntscounter{name=\"?\"} 6\n")},
};

enum { EXPECTATIONS = sizeof expectations / sizeof *expectations };

static bool is_possible(const struct expectation *expectation)
{
    for (const struct description *description = expectation->counters; description->name != NULL; description++)
        if (description->track_peak && !variant_has(any_variant(), TSC_CAP_PEAK))
            return false;
    return true;
}

START_TEST(texts_as_expected)
{
    const struct expectation *expectation = &expectations[_i];

    if (!is_possible(expectation))
        return;
    for (const struct description *description = expectation->counters; description->name != NULL; description++)
        make(description);
    ck_assert_str_eq(written(TSC_METRICS_OPENMETRICS), expectation->openmetrics);
    ck_assert_str_eq(written(TSC_METRICS_TEXT), expectation->prometheus);
    drop_all();
    ck_assert_str_eq(written(TSC_METRICS_OPENMETRICS), "# EOF\n");
}
END_TEST

/* Almost names. */
static const char *const no_names[] = {
    " ",
    "9",
    "a b",
    "a-b",
    "a.b",
    "\xc3\xa4",
    "a{",
    "a}",
    "a{b}",
    "a{b=}",
    "a{b=\"}",
    "a{b=\"1\"",
    "a{b=\"1\"}c",
    "a{b=\"1\"} ",
    "a {b=\"1\"}",
    "a{ b=\"1\"}",
    "a{b =\"1\"}",
    "a{b= \"1\"}",
    "a{b=\"1\" }",
    "a{b=\"1\",}",
    "a{,b=\"1\"}",
    "a{b=\"1\",,c=\"1\"}",
    "a{b=\"1\"c=\"1\"}",
    "a{b='1'}",
    "a{b=1}",
    "a{b:=\"1\"}",
    "a{9=\"1\"}",
    "a{=\"1\"}",
    "a{\xc3\xa4=\"1\"}",
    "a{b=\"\\\"}",
    "a{b=\"\\x\"}",
    "a{b=\"\n\"}",
    "a{b=\"1\",b=\"2\"}",
    "a{b=\"1\",b=\"1\"}",
    "a{b=\"\",b=\"\"}",
    "a{b=\"1\",c=\"1\",b=\"2\"}",
    "a{__b=\"1\"}",
    "a{__name__=\"b\"}",
    "{a=\"1\"}",
    "{}",
    "a{}{}",
    "a\n",
    "a\"",
};

enum { NO_NAMES = sizeof no_names / sizeof *no_names };

static void append_escaped(char *to, const char *name)
{
    char *end = to + strlen(to);

    for (; *name != '\0'; name++) {
        if (*name == '\\' || *name == '"' || *name == '\n')
            *end++ = '\\';
        *end++ = *name == '\n' ? 'n' : *name;
    }
    *end = '\0';
}

START_TEST(names_that_are_not_valid)
{
    char expected[1024] = "# TYPE tscounter gauge\ntscounter{name=\"";

    make(&(struct description){.name = no_names[_i], .value = 7});
    append_escaped(expected, no_names[_i]);
    strcat(expected, "\"} 7\n");
    ck_assert_str_eq(written(TSC_METRICS_TEXT), expected);
    drop_all();
}
END_TEST

START_TEST(longest_names)
{
    char name[256] = "a";
    char escaped[600] = "# TYPE tscounter_counted_total counter\ntscounter_counted_total{name=\"";

    while (strlen(name) + strlen("{ab=\"\"}") < 255)
        strcat(name, "b");
    strcat(name, "{ab=\"\"}");
    make(&(struct description){.name = name, .kind = TSC_KIND_TOTAL, .value = 1});
    ck_assert_ptr_nonnull(strstr(written(TSC_METRICS_TEXT), "bbb_total 1\n"));
    drop_all();
    strcpy(name, "a{x0=\"\"");
    for (int i = 1; strlen(name) + strlen(",x00=\"\"}") < 255; i++)
        sprintf(name + strlen(name), ",x%02d=\"\"", 99 - i);
    strcat(name, "}");
    make(&(struct description){.name = name, .value = 1});
    ck_assert_str_eq(written(TSC_METRICS_TEXT), "# TYPE a gauge\na 1\n");
    drop_all();
    memset(name, '"', 255);
    make(&(struct description){.name = name, .kind = TSC_KIND_TOTAL, .value = 1});
    append_escaped(escaped, name);
    strcat(escaped, "\"} 1\n");
    ck_assert_str_eq(written(TSC_METRICS_TEXT), escaped);
    drop_all();
}
END_TEST

START_TEST(a_total_that_wraps_stays_a_number)
{
    tsc_counter_t *counter = make(&(struct description){.name = "a", .kind = TSC_KIND_TOTAL, .value = INT64_MAX});

    RETURNS(0, tsc_counter_add(counter, 2));
    ck_assert_str_eq(written(TSC_METRICS_TEXT), "# TYPE a_total counter\na_total 9223372036854775809\n");
    drop_all();
}
END_TEST

START_TEST(every_backend_is_read)
{
    const struct variant *variant = &variants[_i];
    struct description description = {.name = "a", .track_peak = variant_has(variant, TSC_CAP_PEAK)};
    tsc_counter_t *counter = create(variant, &description);
    tsc_counter_t *unnamed = create(variant, &(struct description){.name = ""});

    RETURNS(0, tsc_counter_add(counter, 5));
    RETURNS(0, tsc_counter_add(counter, -2));
    ck_assert_str_eq(written(TSC_METRICS_TEXT), description.track_peak
                                                    ? "# TYPE a gauge\na 3\n# TYPE a_peak gauge\na_peak 5\n"
                                                    : "# TYPE a gauge\na 3\n");
    tsc_counter_unref(counter);
    tsc_counter_unref(unnamed);
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

/* -------- errors -------- */

START_TEST(arguments)
{
    tsc_segment_t *segment = (tsc_segment_t *)&text;

    text.chunks = 0;
    RETURNS(-EINVAL, tsc_metrics_write(2, NULL, collect, &text));
    RETURNS(-EINVAL, tsc_metrics_write(UINT32_MAX, segment, collect, &text));
    RETURNS(-EINVAL, tsc_metrics_write(TSC_METRICS_TEXT, NULL, NULL, &text));
    RETURNS(-EINVAL, tsc_metrics_write(TSC_METRICS_TEXT, segment, NULL, &text));
    RETURNS(-ENOTSUP, tsc_metrics_write(TSC_METRICS_TEXT, segment, collect, &text));
    if (!TEST_BUILT_METRICS)
        RETURNS(-ENOTSUP, tsc_metrics_write(TSC_METRICS_TEXT, NULL, collect, &text));
    ck_assert_uint_eq(text.chunks, 0);
}
END_TEST

static int write_inside(int64_t *value, void *arg)
{
    (void)value;
    RETURNS(-EINVAL, tsc_metrics_write(2, NULL, collect, arg));
    RETURNS(-ENOTSUP, tsc_metrics_write(TSC_METRICS_TEXT, arg, collect, arg));
    return tsc_metrics_write(TSC_METRICS_TEXT, NULL, collect, arg);
}

/* On the thread of the callback, also without a named counter. */
START_TEST(inside_a_callback)
{
    tsc_counter_t *counter;

    text.chunks = 0;
    RETURNS(0, tsc_counter_create(&counter, variants[_i].backend, NULL));
    RETURNS(-EDEADLK, tsc_counter_update(counter, write_inside, &text));
    ck_assert_uint_eq(text.chunks, 0);
    ck_assert_str_eq(written(TSC_METRICS_TEXT), "");
    tsc_counter_unref(counter);
}
END_TEST

/* -------- the program's function -------- */

static void make_many(tsc_counter_t **many)
{
    char name[32];

    for (size_t i = 0; i < MANY; i++) {
        sprintf(name, "many{number=\"%zu\"}", i);
        many[i] = create(any_variant(), &(struct description){.name = name});
    }
}

static void drop_many(tsc_counter_t **many)
{
    for (size_t i = 0; i < MANY; i++)
        tsc_counter_unref(many[i]);
}

struct ending {
    size_t calls;
    size_t end; /* in this call */
    int result;
};

static int end_early(const char *chunk, size_t bytes, void *arg)
{
    struct ending *ending = arg;

    (void)chunk;
    (void)bytes;
    return ++ending->calls == ending->end ? ending->result : 0;
}

static void check_end(size_t end, int result, int expected)
{
    struct ending ending = {.end = end, .result = result};

    RETURNS(expected, tsc_metrics_write(TSC_METRICS_OPENMETRICS, NULL, end_early, &ending));
    ck_assert_uint_eq(ending.calls, end);
}

START_TEST(function_ends_the_writing)
{
    tsc_counter_t *many[MANY];
    size_t chunks;

    make_many(many);
    written(TSC_METRICS_OPENMETRICS);
    chunks = text.chunks;
    ck_assert_uint_gt(chunks, 2);
    for (size_t end = 1; end <= chunks; end++) {
        check_end(end, -EPIPE, -EPIPE);
        check_end(end, -1, -1);
        check_end(end, INT_MIN, INT_MIN);
        check_end(end, 1, -EINVAL);
        check_end(end, INT_MAX, -EINVAL);
    }
    drop_many(many);
}
END_TEST

static int set_errno(const char *chunk, size_t bytes, void *arg)
{
    (void)chunk;
    (void)bytes;
    (void)arg;
    errno = EPIPE;
    return -1;
}

START_TEST(errno_of_the_function_stays)
{
    errno = 0;
    ck_assert_int_eq(tsc_metrics_write(TSC_METRICS_OPENMETRICS, NULL, set_errno, NULL), -1);
    ck_assert_int_eq(errno, EPIPE);
}
END_TEST

/* Frees what is being written, makes another counter, and writes. */
static int use_the_library(const char *chunk, size_t bytes, void *arg)
{
    tsc_counter_t **counter = arg;
    static struct text inner;
    int64_t value = 0;

    inner.length = 0;
    if (tsc_counter_inc(*counter) != 0 || tsc_counter_get(*counter, &value) != 0 || value != 6)
        return -ERANGE;
    tsc_counter_unref(*counter);
    *counter = create(any_variant(), &(struct description){.name = "other", .value = 5});
    if (tsc_metrics_write(TSC_METRICS_TEXT, NULL, collect, &inner) != 0)
        return -ERANGE;
    if (strcmp(inner.bytes, "# TYPE other gauge\nother 5\n") != 0)
        return -ENOMSG;
    return collect(chunk, bytes, &text);
}

START_TEST(function_uses_the_library)
{
    tsc_counter_t *counter = create(any_variant(), &(struct description){.name = "one", .value = 5});

    text.length = 0;
    RETURNS(0, tsc_metrics_write(TSC_METRICS_TEXT, NULL, use_the_library, &counter));
    ck_assert_str_eq(text.bytes, "# TYPE one gauge\none 5\n");
    tsc_counter_unref(counter);
    ck_assert_str_eq(written(TSC_METRICS_TEXT), "");
    ck_assert(support_threads_named_become("tscounter", 0));
}
END_TEST

static int cancel_here(const char *chunk, size_t bytes, void *arg)
{
    (void)chunk;
    (void)bytes;
    (void)arg;
    pthread_cancel(pthread_self());
    pthread_testcancel();
    return 0;
}

static void *write_and_be_cancelled(void *arg)
{
    (void)tsc_metrics_write(TSC_METRICS_OPENMETRICS, NULL, cancel_here, NULL);
    return arg;
}

/* LeakSanitizer finds what is not freed. */
START_TEST(function_is_cancelled)
{
    tsc_counter_t *many[MANY];
    void *result = NULL;

    make_many(many);
    pthread_join(support_start_thread(write_and_be_cancelled, NULL), &result);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    drop_many(many);
}
END_TEST

static atomic_size_t same;

static void write_often(size_t index, void *arg)
{
    static struct text texts[4];
    struct text *own = &texts[index];

    (void)arg;
    for (int i = 0; i < WRITES; i++) {
        own->length = 0;
        if (tsc_metrics_write(TSC_METRICS_OPENMETRICS, NULL, collect, own) == 0 &&
            strcmp(own->bytes, text.bytes) == 0)
            atomic_fetch_add(&same, 1);
    }
}

START_TEST(threads_write_at_the_same_time)
{
    tsc_counter_t *many[MANY];

    make_many(many);
    written(TSC_METRICS_OPENMETRICS);
    support_run_threads(4, write_often, NULL);
    ck_assert_uint_eq(atomic_load(&same), 4 * WRITES);
    drop_many(many);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tcase = support_add_case(suite, "metrics", 60);

    tcase_add_test(tcase, arguments);
    if (!TEST_BUILT_METRICS || variant_with(0) == NULL)
        return support_run_suite(suite);
    tcase_add_loop_test(tcase, texts_as_expected, 0, EXPECTATIONS);
    tcase_add_loop_test(tcase, names_that_are_not_valid, 0, NO_NAMES);
    tcase_add_test(tcase, longest_names);
    tcase_add_test(tcase, a_total_that_wraps_stays_a_number);
    for (int i = 0; i < TSC_BACKEND_COUNT; i++) {
        if (!variant_is_built(&variants[i]))
            continue;
        tcase_add_loop_test(tcase, every_backend_is_read, i, i + 1);
        if (variant_has(&variants[i], TSC_CAP_UPDATE))
            tcase_add_loop_test(tcase, inside_a_callback, i, i + 1);
    }
    tcase_add_test(tcase, function_ends_the_writing);
    tcase_add_test(tcase, errno_of_the_function_stays);
    tcase_add_test(tcase, function_uses_the_library);
    tcase_add_test(tcase, function_is_cancelled);
    tcase_add_test(tcase, threads_write_at_the_same_time);
    return support_run_suite(suite);
}
