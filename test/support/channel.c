/* SPDX-License-Identifier: MIT */
#include "channel.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "threads.h"

enum { PATIENCE_MS = 30000, DESCRIPTORS = 1024 };

struct channel channel_open(enum channel_kind kind)
{
    int ends[2];

    if (kind == CHANNEL_PIPE) {
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    } else {
        ends[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        ends[0] = fcntl(ends[1], F_DUPFD_CLOEXEC, 0);
        ck_assert_int_ge(ends[0], 0);
    }
    return (struct channel){.in = ends[0], .out = ends[1]};
}

void channel_close_out(struct channel *channel)
{
    close(channel->out);
    channel->out = -1;
}

void channel_close(struct channel *channel)
{
    close(channel->in);
    if (channel->out >= 0)
        close(channel->out);
}

/* An eventfd adds the numbers up, a pipe delivers one after the other. */
int channel_read(const struct channel *channel)
{
    int notifications = 0;
    uint64_t number;
    ssize_t bytes;

    while ((bytes = read(channel->in, &number, sizeof number)) > 0) {
        ck_assert_int_eq(bytes, sizeof number);
        ck_assert_uint_ge(number, 1);
        notifications += (int)number;
    }
    ck_assert(bytes == 0 || errno == EAGAIN);
    return notifications;
}

bool channel_await(const struct channel *channel)
{
    struct pollfd event = {.fd = channel->in, .events = POLLIN};

    return poll(&event, 1, PATIENCE_MS * (int)support_timeout_scale()) == 1 && (event.revents & POLLIN) != 0;
}

size_t support_open_descriptors(void)
{
    size_t open = 0;

    for (int descriptor = 0; descriptor < DESCRIPTORS; descriptor++)
        open += fcntl(descriptor, F_GETFD) != -1;
    return open;
}
