/* SPDX-License-Identifier: MIT */
#include "requests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "counts.h"
#include "metrics.h"
#include "number.h"
#include "report.h"

enum { DEFAULT_WORK_MS = 5, MAX_WORK_MS = 10000 };

/* The value of `*request` for a request that is not counted; otherwise the slot that counts it. */
static char uncounted;

void on_connection(void *cls, struct MHD_Connection *connection, void **slot,
                   enum MHD_ConnectionNotificationCode code)
{
    struct counts *counts = cls;

    (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *slot = truth_take_slot(&counts->truth);
    else
        truth_give_slot(&counts->truth, *slot);
}

/* Called for each request that on_request() has seen, however it ended. */
void on_completed(void *counts, struct MHD_Connection *connection, void **request,
                  enum MHD_RequestTerminationCode code)
{
    (void)connection;
    (void)code;
    if (*request != &uncounted)
        counts_leave(counts, *request);
}

/* Takes ownership of the response. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned int status, const char *type,
                              struct MHD_Response *response)
{
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned int status, const char *text)
{
    return answer(connection, status, "text/plain; charset=utf-8",
                  MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT));
}

static void sleep_ms(long ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

static enum MHD_Result answer_work(struct MHD_Connection *connection, struct counts *counts)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "ms");
    long ms = DEFAULT_WORK_MS;

    (void)counts;
    if (text && !parse_number(text, MAX_WORK_MS, &ms))
        return answer_text(connection, MHD_HTTP_BAD_REQUEST, "ms: a number from 0 to 10000\n");
    sleep_ms(ms);
    return answer_text(connection, MHD_HTTP_OK, "done\n");
}

static enum MHD_Result answer_report(struct MHD_Connection *connection, const char *type,
                                     void (*print)(FILE *out, struct counts *counts), struct counts *counts)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return MHD_NO;
    print(out, counts);
    if (fclose(out)) {
        free(text);
        return MHD_NO;
    }
    return answer(connection, MHD_HTTP_OK, type,
                  MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE));
}

static enum MHD_Result answer_page(struct MHD_Connection *connection, struct counts *counts)
{
    return answer_report(connection, "text/html; charset=utf-8", report_page, counts);
}

static enum MHD_Result answer_json(struct MHD_Connection *connection, struct counts *counts)
{
    return answer_report(connection, "application/json", report_json, counts);
}

static enum MHD_Result answer_metrics(struct MHD_Connection *connection, struct counts *counts)
{
    const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    uint32_t format = metrics_format(accept);
    char *text;
    size_t size;

    (void)counts;
    if (metrics_text(format, &text, &size) != 0)
        return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no metrics\n");
    return answer(connection, MHD_HTTP_OK, metrics_type(format),
                  MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE));
}

static enum MHD_Result answer_nothing(struct MHD_Connection *connection, struct counts *counts)
{
    (void)counts;
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "try /, /work?ms=5, /metrics or /data.json\n");
}

static const struct route {
    const char *url;
    enum MHD_Result (*answer)(struct MHD_Connection *connection, struct counts *counts);
} routes[] = {
    {"/work", answer_work},       {"/", answer_page},        {"/data.json", answer_json},
    {"/metrics", answer_metrics}, {"other", answer_nothing}, /* every URL that no other route has */
};

enum { ROUTES = sizeof(routes) / sizeof(routes[0]), WORK = 0 };

static tsc_counter_t *responses[ROUTES];

static size_t find_route(const char *url)
{
    size_t route = 0;

    while (route < ROUTES - 1 && strcmp(routes[route].url, url) != 0)
        route++;
    return route;
}

/* One family; its samples differ in the label. */
int requests_open(void)
{
    tsc_counter_attr_t *attr;
    char name[128];

    int error = tsc_counter_attr_create(&attr);
    if (error)
        return error;
    tsc_counter_attr_set_help(attr, "Responses by route.");
    tsc_counter_attr_set_kind(attr, TSC_KIND_TOTAL);
    for (size_t i = 0; i < ROUTES && error == 0; i++) {
        snprintf(name, sizeof(name), "httpd_responses_total{route=\"%s\"}", routes[i].url);
        tsc_counter_attr_set_name(attr, name);
        error = tsc_counter_create(&responses[i], TSC_BACKEND_MUTEX, attr);
    }
    tsc_counter_attr_destroy(attr);
    if (error)
        requests_close();
    return error;
}

void requests_close(void)
{
    for (size_t i = 0; i < ROUTES; i++)
        tsc_counter_unref(responses[i]);
}

/* Only the work is counted: a look at the counts does not change them. */
static void *begin_request(struct counts *counts, struct MHD_Connection *connection, bool is_work)
{
    if (!is_work)
        return &uncounted;
    struct truth_slot *slot =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    return counts_enter(counts, slot) == 0 ? (void *)slot : &uncounted;
}

/* Called once after the headers, then for each piece of a body, and again when the request is complete. */
enum MHD_Result on_request(void *counts, struct MHD_Connection *connection, const char *url, const char *method,
                           const char *version, const char *upload, size_t *upload_size, void **request)
{
    const size_t route = find_route(url);

    (void)version;
    (void)upload;
    if (*request == NULL) {
        *request = begin_request(counts, connection, route == WORK);
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD\n");
    if (route == WORK && *request == &uncounted)
        return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "shutting down\n");
    enum MHD_Result result = routes[route].answer(connection, counts);
    tsc_counter_inc(responses[route]);
    return result;
}
