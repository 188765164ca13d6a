/* SPDX-License-Identifier: MIT */
#ifndef REQUESTS_H
#define REQUESTS_H

#include <microhttpd.h>

/* The server's routes, each with a counter of its responses. Errors as in tsc_counter_create(). */
int requests_open(void);
void requests_close(void);

/* Callbacks for connections and requests of libmicrohttpd, each with a struct counts. */
void on_connection(void *counts, struct MHD_Connection *connection, void **slot,
                   enum MHD_ConnectionNotificationCode code);

enum MHD_Result on_request(void *counts, struct MHD_Connection *connection, const char *url, const char *method,
                           const char *version, const char *upload, size_t *upload_size, void **request);

void on_completed(void *counts, struct MHD_Connection *connection, void **request,
                  enum MHD_RequestTerminationCode code);

#endif
