/* SPDX-License-Identifier: MIT */
/* The system refuses the duplicate of a descriptor, or the write to it. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include <tscounter/tscounter.h>

#include "support/backends.h"
#include "support/channel.h"
#include "support/results.h"
#include "support/suite.h"

/* The error of the next call; 0: it succeeds. */
static atomic_int duplicating_fails;
static atomic_int writing_fails;

/* --wrap links each call of NAME to __wrap_NAME, and each call of __real_NAME to NAME. */
#define WRAPPED(result, name, ...) \
    result __real_##name(__VA_ARGS__); \
    result __wrap_##name(__VA_ARGS__); \
    result __wrap_##name(__VA_ARGS__)

/* The library and these tests pass an int, or nothing. Weak, because only glibc has both names. */
#define FCNTL(name) \
    __attribute__((weak)) int __real_##name(int fd, int command, ...); \
\
    WRAPPED(int, name, int fd, int command, ...) \
    { \
        va_list list; \
        int argument; \
\
        va_start(list, command); \
        argument = command == F_DUPFD_CLOEXEC ? va_arg(list, int) : 0; \
        va_end(list); \
        errno = command == F_DUPFD_CLOEXEC ? atomic_exchange(&duplicating_fails, 0) : 0; \
        return errno != 0 ? -1 : __real_##name(fd, command, argument); \
    }

FCNTL(fcntl)
FCNTL(fcntl64) /* glibc's name for it if off_t has 64 bits */

WRAPPED(ssize_t, write, int fd, const void *bytes, size_t count)
{
    int error = atomic_exchange(&writing_fails, 0);

    if (error != 0) {
        errno = error;
        return -1;
    }
    return __real_write(fd, bytes, count);
}

static tsc_counter_t *make_counter(tsc_backend_t backend)
{
    tsc_counter_t *counter;

    ck_assert_int_eq(tsc_counter_create(&counter, backend, NULL), 0);
    ck_assert_int_eq(tsc_counter_inc(counter), 0);
    return counter;
}

START_TEST(refused_duplicate_leaves_the_former_registration)
{
    static const int errors[][2] = {{EMFILE, -EMFILE}, {EINVAL, -EMFILE}, {ENOMEM, -EMFILE}, {EBADF, -EBADF}};

    for (size_t i = 0; i < sizeof errors / sizeof errors[0] && support_is_built((tsc_backend_t)_i); i++) {
        tsc_counter_t *counter = make_counter((tsc_backend_t)_i);
        struct channel channel = channel_open(CHANNEL_EVENTFD);

        RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
        atomic_store(&duplicating_fails, errors[i][0]);
        RETURNS(errors[i][1], tsc_counter_notify_at_most(counter, 1, channel.out));
        ck_assert_int_eq(channel_read(&channel), 0);
        RETURNS(0, tsc_counter_dec(counter));
        RETURNS(0, tsc_counter_flush(counter));
        ck_assert_int_eq(channel_read(&channel), 1);
        tsc_counter_unref(counter);
        channel_close(&channel);
    }
}
END_TEST

/* The change succeeds, and the registration has fired. */
START_TEST(refused_write_counts_as_notified)
{
    static const int errors[] = {EAGAIN, EBADF, EIO};

    for (size_t i = 0; i < sizeof errors / sizeof errors[0] && support_is_built((tsc_backend_t)_i); i++) {
        struct channel channel = channel_open(CHANNEL_EVENTFD);
        size_t open_descriptors = support_open_descriptors();
        tsc_counter_t *counter = make_counter((tsc_backend_t)_i);

        RETURNS(0, tsc_counter_notify_at_most(counter, 0, channel.out));
        atomic_store(&writing_fails, errors[i]);
        RETURNS(0, tsc_counter_dec(counter));
        RETURNS(0, tsc_counter_flush(counter));
        ck_assert_int_eq(atomic_load(&writing_fails), 0);
        ck_assert_uint_eq(support_open_descriptors(), open_descriptors);
        RETURNS(1, tsc_counter_notify_at_most(counter, 0, -1));
        ck_assert_int_eq(channel_read(&channel), 0);
        tsc_counter_unref(counter);
        channel_close(&channel);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("notify");
    TCase *tcase = support_add_case(suite, "notify", 30);

    tcase_add_loop_test(tcase, refused_duplicate_leaves_the_former_registration, 0, TSC_BACKEND_COUNT);
    tcase_add_loop_test(tcase, refused_write_counts_as_notified, 0, TSC_BACKEND_COUNT);
    return support_run_suite(suite);
}
