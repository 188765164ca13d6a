/* SPDX-License-Identifier: MIT */
/*
 * A limit and a drain in an epoll loop, whose thread never sleeps in a counter. At the limit the loop takes no
 * more requests until there is room. At the end it goes on until the last request has left. Requests are bytes of
 * a pipe, in place of connections to a listening socket.
 *
 *     cc event-loop.c -o event-loop $(pkg-config --cflags --libs libtscounter) -pthread
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <tscounter/tscounter.h>

enum { LIMIT = 4, REQUESTS = 200 };

static tsc_counter_t *in_flight;

static struct loop {
    int epoll;
    int arrivals;
    int low; /* an eventfd: in_flight is low enough */
    bool is_draining;
    bool is_over;
    int requests;
} loop;

static int watch(int fd)
{
    return epoll_ctl(loop.epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
}

static void *serve(void *arg)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    tsc_counter_dec(in_flight);
    tsc_counter_unref(in_flight); /* its own: the drain does not wait for the end of its last call */
    return arg;
}

static int start_request(void)
{
    pthread_t thread;

    tsc_counter_ref(in_flight);
    if (pthread_create(&thread, NULL, serve, NULL) != 0)
        return -EAGAIN;
    loop.requests++;
    return pthread_detach(thread);
}

/* No more requests from now on; an event once at most `threshold` are in flight. */
static int pause_until(int64_t threshold)
{
    if (epoll_ctl(loop.epoll, EPOLL_CTL_DEL, loop.arrivals, NULL) != 0)
        return -errno;
    return tsc_counter_notify_at_most(in_flight, threshold, loop.low);
}

static int on_arrival(void)
{
    int error = tsc_counter_inc(in_flight);
    char request;

    if (error == -ERANGE)
        return pause_until(LIMIT - 1); /* it stays in the pipe, as a connection in the backlog */
    if (read(loop.arrivals, &request, 1) == 1)
        return start_request();
    tsc_counter_dec(in_flight); /* the end of the pipe, in place of SIGTERM */
    tsc_counter_close(in_flight);
    loop.is_draining = true;
    return pause_until(0);
}

static int on_low(void)
{
    uint64_t one;

    if (read(loop.low, &one, sizeof one) != sizeof one)
        return -errno;
    loop.is_over = loop.is_draining;
    return loop.is_draining ? 0 : watch(loop.arrivals);
}

static int run(void)
{
    int error = 0;

    while (error >= 0 && !loop.is_over) {
        struct epoll_event event;

        if (epoll_wait(loop.epoll, &event, 1, -1) == 1)
            error = event.data.fd == loop.low ? on_low() : on_arrival();
    }
    return error < 0 ? error : 0;
}

static int open_all(int *arrivals)
{
    tsc_counter_attr_t *attr;
    int ends[2];

    if (tsc_counter_attr_create(&attr) != 0 || pipe(ends) != 0)
        return -1;
    tsc_counter_attr_set_bounds(attr, 0, LIMIT, TSC_BOUNDS_REJECT);
    tsc_counter_attr_set_track_peak(attr, 1);
    *arrivals = ends[1];
    loop.arrivals = ends[0];
    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    loop.low = eventfd(0, EFD_CLOEXEC);
    if (tsc_counter_create(&in_flight, TSC_BACKEND_ATOMIC, attr) != 0)
        return -1;
    tsc_counter_attr_destroy(attr);
    return watch(loop.arrivals) == 0 ? watch(loop.low) : -1;
}

int main(void)
{
    static const char requests[REQUESTS];
    int64_t peak = 0;
    int arrivals;

    if (open_all(&arrivals) != 0 || write(arrivals, requests, REQUESTS) != REQUESTS)
        return EXIT_FAILURE;
    close(arrivals);
    if (run() != 0)
        return EXIT_FAILURE;
    tsc_counter_get_peak(in_flight, &peak);
    printf("%d requests, at most %" PRId64 " at a time; drained\n", loop.requests, peak);
    tsc_counter_unref(in_flight);
    return loop.requests == REQUESTS && peak <= LIMIT ? EXIT_SUCCESS : EXIT_FAILURE;
}
