/* SPDX-License-Identifier: MIT */
/* The command line, and the server's phases: start, wait for a signal, drain, end. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tscounter/tscounter.h>

#include "counts.h"
#include "number.h"
#include "requests.h"

enum {
    EXIT_USAGE = 2,
    IDLE_TIMEOUT_S = 60,
    THREAD_STACK_BYTES = 128 * 1024,
};

struct options {
    const char *counter;
    const char *address;
    long port;
    long drain_s;
    bool alone;
};

static const char usage[] =
    "Usage: httpd BACKEND|racy [OPTION]...\n"
    "       httpd --list\n"
    "Serve HTTP with a thread per connection, and count the requests in flight with\n"
    "a backend of libtscounter, or with a plain int (racy).\n"
    "\n"
    "  -a, --alone         count with BACKEND only, not in the other ways too\n"
    "  -d, --drain=SEC     at the end, wait at most this long for requests in flight (10)\n"
    "  -l, --listen=ADDR   listen on this numeric address (127.0.0.1)\n"
    "  -p, --port=N        listen on this port; 0 chooses a free one (8080)\n"
    "      --list          print the known names, and exit\n"
    "  -h, --help          print this help, and exit\n"
    "\n"
    "/ draws the counts, /work?ms=5 is the work that is counted, /metrics is for Prometheus,\n"
    "/data.json has the data of the page. SIGTERM and SIGINT drain and end the server; requests\n"
    "that take longer than --drain are cut off, and the exit status is 1.\n";

static _Noreturn void usage_error(const char *problem, const char *what)
{
    fprintf(stderr, "httpd: %s%s%s\nTry 'httpd --help'.\n", problem, what ? ": " : "", what ? what : "");
    exit(EXIT_USAGE);
}

static void list_counters(void)
{
    struct tally tally;
    const char *name;

    for (uint32_t i = 0; (name = tally_name(i)) != NULL; i++) {
        if (tally_open(&tally, name) == 0) {
            puts(name);
            tally.ops->close(&tally);
        }
    }
}

static struct options parse_options(int argc, char **argv)
{
    enum { OPTION_LIST = 256 };
    static const struct option long_options[] = {
        {"alone", no_argument, NULL, 'a'},
        {"drain", required_argument, NULL, 'd'},
        {"listen", required_argument, NULL, 'l'},
        {"port", required_argument, NULL, 'p'},
        {"list", no_argument, NULL, OPTION_LIST},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.address = "127.0.0.1", .port = 8080, .drain_s = 10};
    int option;

    while ((option = getopt_long(argc, argv, "ad:l:p:h", long_options, NULL)) != -1) {
        switch (option) {
        case 'a':
            options.alone = true;
            break;
        case 'd':
            if (!parse_number(optarg, 3600, &options.drain_s))
                usage_error("not a number of seconds from 0 to 3600", optarg);
            break;
        case 'l':
            options.address = optarg;
            break;
        case 'p':
            if (!parse_number(optarg, 65535, &options.port))
                usage_error("not a port from 0 to 65535", optarg);
            break;
        case OPTION_LIST:
            list_counters();
            exit(EXIT_SUCCESS);
        case 'h':
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        default:
            exit(EXIT_USAGE);
        }
    }
    if (optind == argc)
        usage_error("no BACKEND given", NULL);
    if (optind + 1 < argc)
        usage_error("one BACKEND only", argv[optind + 1]);
    options.counter = argv[optind];
    return options;
}

static struct addrinfo *resolve(const struct options *options)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *address;
    char port[sizeof("65535")];

    snprintf(port, sizeof(port), "%u", (uint16_t)options->port);
    if (getaddrinfo(options->address, port, &hints, &address))
        usage_error("not a numeric address", options->address);
    return address;
}

static void open_counts(struct counts *counts, const struct options *options)
{
    int error = counts_open(counts, options->counter, options->alone);

    if (error == 0) {
        error = requests_open();
        if (error)
            counts_close(counts);
    }
    if (error == -EINVAL)
        usage_error("unknown BACKEND", options->counter);
    if (error == -ENOTSUP)
        usage_error("this libtscounter was built without", options->counter);
    if (error) {
        fprintf(stderr, "httpd: cannot count: %s\n", strerror(-error));
        exit(EXIT_FAILURE);
    }
}

static struct MHD_Daemon *start(struct counts *counts, struct addrinfo *address, uint16_t port)
{
    const struct MHD_OptionItem options[] = {
        {MHD_OPTION_SOCK_ADDR, 0, address->ai_addr},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, counts},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, counts},
        {MHD_OPTION_CONNECTION_LIMIT, TRUTH_SLOTS, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, NULL},
        {MHD_OPTION_THREAD_STACK_SIZE, THREAD_STACK_BYTES, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned int flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO |
                         MHD_USE_ITC | MHD_USE_ERROR_LOG;

    if (address->ai_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    return MHD_start_daemon(flags, port, NULL, NULL, on_request, counts, MHD_OPTION_ARRAY, options,
                            MHD_OPTION_END);
}

static void print_start(struct MHD_Daemon *daemon, const struct options *options)
{
    const bool is_ipv6 = strchr(options->address, ':') != NULL;

    printf("httpd: counting with %s, listening on http://%s%s%s:%u/\n", options->counter, is_ipv6 ? "[" : "",
           options->address, is_ipv6 ? "]" : "", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
}

/*
 * Refuses new requests and waits for those in flight. A new request on an open connection gets a 503. After a
 * timeout the process ends despite late threads: MHD_stop_daemon() would join them.
 */
static void drain(struct MHD_Daemon *daemon, struct counts *counts, const struct options *options)
{
    struct tally *tally = &counts->tallies[0];
    struct tally_reading reading;

    MHD_socket listener = MHD_quiesce_daemon(daemon);
    tally->ops->read(tally, &reading);
    printf("httpd: draining %" PRId64 " requests in flight\n", reading.in_flight);
    int error = tally->ops->drain(tally, options->drain_s * INT64_C(1000000000));
    if (error) {
        tally->ops->read(tally, &reading);
        printf("httpd: not drained in %ld s: %" PRId64 " requests are cut off\n", options->drain_s,
               reading.in_flight);
        fflush(stdout);
        _exit(EXIT_FAILURE);
    }
    MHD_stop_daemon(daemon);
    close(listener);
}

/* All threads of connections have been joined, so the counts are exact. */
static void print_end(struct counts *counts)
{
    struct tally *tally = &counts->tallies[0];
    struct truth_reading truth = truth_read(&counts->truth);
    struct tally_reading reading;

    tally->ops->read(tally, &reading);
    printf("httpd: ended after %" PRId64 " requests; %s counted %" PRId64 ", and %" PRId64 " still in flight\n",
           truth.finished, tally->name, reading.total, reading.in_flight);
}

int main(int argc, char **argv)
{
    static struct counts counts;
    sigset_t signals;
    int signal;

    struct options options = parse_options(argc, argv);
    struct addrinfo *address = resolve(&options);
    setvbuf(stdout, NULL, _IOLBF, 0);

    /* Before the first thread starts, so that no thread takes the signals that main waits for. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    open_counts(&counts, &options);
    struct MHD_Daemon *daemon = start(&counts, address, (uint16_t)options.port);
    freeaddrinfo(address);
    if (daemon == NULL) {
        fprintf(stderr, "httpd: cannot listen on %s, port %ld\n", options.address, options.port);
        requests_close();
        counts_close(&counts);
        return EXIT_FAILURE;
    }
    print_start(daemon, &options);
    sigwait(&signals, &signal);

    drain(daemon, &counts, &options);
    print_end(&counts);
    requests_close();
    counts_close(&counts);
    return EXIT_SUCCESS;
}
