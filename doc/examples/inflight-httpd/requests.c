/* SPDX-License-Identifier: MIT */
#include "requests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "counts.h"
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

static enum MHD_Result answer_work(struct MHD_Connection *connection)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "ms");
    long ms = DEFAULT_WORK_MS;

    if (text && !parse_number(text, MAX_WORK_MS, &ms))
        return answer_text(connection, MHD_HTTP_BAD_REQUEST, "ms: a number from 0 to 10000\n");
    sleep_ms(ms);
    return answer_text(connection, MHD_HTTP_OK, "done\n");
}

static const struct report {
    const char *url;
    const char *type;
    void (*print)(FILE *out, struct counts *counts);
} reports[] = {
    {"/", "text/html; charset=utf-8", report_page},
    {"/data.json", "application/json", report_json},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", report_metrics},
};

static const struct report *find_report(const char *url)
{
    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
        if (strcmp(reports[i].url, url) == 0)
            return &reports[i];
    }
    return NULL;
}

static enum MHD_Result answer_report(struct MHD_Connection *connection, const struct report *report,
                                     struct counts *counts)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return MHD_NO;
    report->print(out, counts);
    if (fclose(out)) {
        free(text);
        return MHD_NO;
    }
    return answer(connection, MHD_HTTP_OK, report->type,
                  MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE));
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
    const bool is_work = strcmp(url, "/work") == 0;

    (void)version;
    (void)upload;
    if (*request == NULL) {
        *request = begin_request(counts, connection, is_work);
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD\n");
    if (is_work && *request == &uncounted)
        return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "shutting down\n");
    if (is_work)
        return answer_work(connection);
    const struct report *report = find_report(url);
    if (report == NULL)
        return answer_text(connection, MHD_HTTP_NOT_FOUND, "try /, /work?ms=5, /metrics or /data.json\n");
    return answer_report(connection, report, counts);
}
