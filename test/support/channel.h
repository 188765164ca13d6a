/* SPDX-License-Identifier: MIT */
/* Where tsc_counter_notify_at_most() writes: an eventfd or a pipe. Both ends are in O_NONBLOCK mode. */
#ifndef SUPPORT_CHANNEL_H
#define SUPPORT_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

enum channel_kind { CHANNEL_EVENTFD, CHANNEL_PIPE, CHANNEL_KINDS };

struct channel {
    int in;  /* to read from */
    int out; /* to pass to the library */
};

struct channel channel_open(enum channel_kind kind);
void channel_close(struct channel *channel);
void channel_close_out(struct channel *channel);

/* How many notifications have come since the last call. The test fails if something else has. */
int channel_read(const struct channel *channel);

/* Sleeps until something has come; false after a generous timeout. */
bool channel_await(const struct channel *channel);

size_t support_open_descriptors(void);

#endif
