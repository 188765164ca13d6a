/* SPDX-License-Identifier: MIT */
/* A program that uses the installed library. It exits with 0 if every backend of the build counts. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <tscounter/attr.h>
#include <tscounter/guard.h>
#include <tscounter/metrics.h>
#include <tscounter/owner.h>
#include <tscounter/tscounter.h>
#include <tscounter/version.h>

static int counts(tsc_counter_t *counter)
{
    int64_t inside = 0;
    int64_t after = 0;
    int64_t min = 0;
    int64_t max = 0;
    tsc_kind_t kind = TSC_KIND_TOTAL;
    uint64_t caps = 0;

    if (tsc_counter_get_kind(counter, &kind) != 0 || strcmp(tsc_kind_name(kind), "gauge") != 0 ||
        tsc_counter_get_caps(counter, &caps) != 0 || (caps & TSC_CAP_BOUNDS))
        return 0;
    if (tsc_counter_get_help(counter)[0] != '\0' || tsc_counter_get_bounds(counter, &min, &max) != -ENOTSUP)
        return 0;
    {
        TSC_SCOPED_INC_OK(guard, counter);
        if (tsc_guard_error(&guard) != 0 || tsc_counter_get(counter, &inside) != 0)
            return 0;
    }
    if (tsc_counter_add(counter, 5) != 0 || tsc_counter_sub(counter, 5) != 0 || tsc_counter_close(counter) != 0)
        return 0;
    if (tsc_counter_inc(counter) != -ESHUTDOWN || tsc_counter_wait_at_most(counter, 0, -1) != 0)
        return 0;
    return tsc_counter_get(counter, &after) == 0 && inside == 1 && after == 0 && tsc_counter_value(counter) == 0;
}

static int take(const char *text, size_t bytes, void *arg)
{
    (void)text;
    *(size_t *)arg += bytes;
    return 0;
}

/* There is no named counter. */
static int lists_and_writes(void)
{
    tsc_counter_t *counter = NULL;
    size_t bytes = 0;
    int result = tsc_metrics_write(TSC_METRICS_OPENMETRICS, NULL, take, &bytes);

    return tsc_counter_next(&counter) == 0 && (result == -ENOTSUP || (result == 0 && bytes == strlen("# EOF\n")));
}

int main(void)
{
    int built = 0;

    if (!lists_and_writes())
        return 1;

    if (tsc_version_number() != TSC_VERSION_NUMBER || strcmp(tsc_version_string(), TSC_VERSION_STRING) != 0)
        return 1;
    for (tsc_backend_t backend = TSC_BACKEND_MUTEX; tsc_backend_name(backend) != NULL; backend++) {
        tsc_counter_t *counter;
        int error = tsc_counter_create(&counter, backend, NULL);

        if (error == -ENOTSUP)
            continue;
        if (error != 0 || !counts(counter)) {
            printf("%s does not count\n", tsc_backend_name(backend));
            return 1;
        }
        tsc_counter_unref(counter);
        built++;
    }
    return built == 0;
}
