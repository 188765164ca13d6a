/* SPDX-License-Identifier: MIT */
#include "injection.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arguments.h"

/* The plan, in separate fields: a sleeping thread may still read the old plan while the next is written. */
static atomic_uint kinds_to_fail;
static atomic_uint_fast64_t first_to_fail;
static atomic_bool all_after_fail;
static atomic_int wait_error;

static atomic_bool active;
static atomic_uint_fast64_t requests;
static atomic_uint failed;
static atomic_int_fast64_t held;

void injection_begin(const struct injection_plan *plan)
{
    atomic_store(&kinds_to_fail, plan->kinds);
    atomic_store(&first_to_fail, plan->first);
    atomic_store(&all_after_fail, plan->all_after);
    atomic_store(&wait_error, plan->wait_error);
    atomic_store(&requests, 0);
    atomic_store(&failed, 0);
    atomic_store(&held, 0);
    atomic_store(&active, true);
}

struct injection injection_end(void)
{
    atomic_store(&active, false);
    return (struct injection){
        .requests = atomic_load(&requests),
        .failed = atomic_load(&failed),
        .held = atomic_load(&held),
    };
}

static bool is_to_fail(unsigned int kind)
{
    uint64_t first = atomic_load(&first_to_fail);
    uint64_t request;

    if (!atomic_load(&active) || !(atomic_load(&kinds_to_fail) & kind))
        return false;
    request = atomic_fetch_add(&requests, 1);
    if (atomic_load(&all_after_fail) ? request < first : request != first)
        return false;
    atomic_store(&failed, kind);
    return true;
}

static bool is_to_fail_with(unsigned int kind, int error)
{
    if (!is_to_fail(kind))
        return false;
    errno = error;
    return true;
}

static void *allocated(void *memory)
{
    if (memory != NULL && atomic_load(&active))
        atomic_fetch_add(&held, 1);
    return memory;
}

static void released(const void *memory)
{
    if (memory != NULL && atomic_load(&active))
        atomic_fetch_sub(&held, 1);
}

/* --wrap links each call of NAME to __wrap_NAME, and each call of __real_NAME to NAME. */
#define WRAPPED(result, name, ...) \
    result __real_##name(__VA_ARGS__); \
    result __wrap_##name(__VA_ARGS__); \
    result __wrap_##name(__VA_ARGS__)

/* -------- memory, and objects that need it -------- */

WRAPPED(void *, malloc, size_t size)
{
    return is_to_fail_with(REQUEST_MEMORY, ENOMEM) ? NULL : allocated(__real_malloc(size));
}

WRAPPED(void *, calloc, size_t count, size_t size)
{
    return is_to_fail_with(REQUEST_MEMORY, ENOMEM) ? NULL : allocated(__real_calloc(count, size));
}

WRAPPED(int, posix_memalign, void **memory, size_t alignment, size_t size)
{
    int error = is_to_fail(REQUEST_MEMORY) ? ENOMEM : __real_posix_memalign(memory, alignment, size);

    if (error == 0)
        allocated(*memory);
    return error;
}

WRAPPED(void, free, void *memory)
{
    released(memory);
    __real_free(memory);
}

WRAPPED(void *, mmap, void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    if (is_to_fail_with(REQUEST_MEMORY, ENOMEM))
        return MAP_FAILED;
    return allocated(__real_mmap(address, size, protection, flags, file, offset));
}

/* glibc's name for it if off_t has 64 bits. */
WRAPPED(void *, mmap64, void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    if (is_to_fail_with(REQUEST_MEMORY, ENOMEM))
        return MAP_FAILED;
    return allocated(__real_mmap64(address, size, protection, flags, file, offset));
}

WRAPPED(int, pthread_atfork, void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return is_to_fail(REQUEST_MEMORY) ? ENOMEM : __real_pthread_atfork(prepare, parent, child);
}

/* -------- threads -------- */

WRAPPED(int, pthread_create, pthread_t *thread, const pthread_attr_t *attr, void *(*body)(void *), void *arg)
{
    return is_to_fail(REQUEST_THREAD) ? EAGAIN : __real_pthread_create(thread, attr, body, arg);
}

/* -------- requests that may fail without error -------- */

/* The kernel needs memory to split a mapping. */
WRAPPED(int, munmap, void *address, size_t size)
{
    if (is_to_fail_with(REQUEST_EXPENDABLE, ENOMEM))
        return -1;
    released(address);
    return __real_munmap(address, size);
}

/* As on a kernel without huge pages. */
WRAPPED(int, madvise, void *address, size_t size, int advice)
{
    return is_to_fail_with(REQUEST_EXPENDABLE, EINVAL) ? -1 : __real_madvise(address, size, advice);
}

/* No file is created, so there is no mode. */
WRAPPED(int, open, const char *path, int flags, ...)
{
    return is_to_fail_with(REQUEST_EXPENDABLE, EMFILE) ? -1 : __real_open(path, flags);
}

WRAPPED(int, open64, const char *path, int flags, ...)
{
    return is_to_fail_with(REQUEST_EXPENDABLE, EMFILE) ? -1 : __real_open64(path, flags);
}

/* It opens a file. */
WRAPPED(int, pthread_setname_np, pthread_t thread, const char *name)
{
    return is_to_fail_with(REQUEST_EXPENDABLE, EMFILE) ? EMFILE : __real_pthread_setname_np(thread, name);
}

/* The machine has more CPUs than the set has bits. */
WRAPPED(int, sched_getaffinity, pid_t process, size_t size, cpu_set_t *set)
{
    return is_to_fail_with(REQUEST_EXPENDABLE, EINVAL) ? -1 : __real_sched_getaffinity(process, size, set);
}

WRAPPED(int, sched_getcpu, void)
{
    return is_to_fail_with(REQUEST_EXPENDABLE, ENOSYS) ? -1 : __real_sched_getcpu();
}

WRAPPED(long, sysconf, int name)
{
    return is_to_fail_with(REQUEST_EXPENDABLE, EINVAL) ? -1 : __real_sysconf(name);
}

/* -------- waits -------- */

static bool is_futex_wait(long number, long operation)
{
#ifdef SYS_futex
    if (number == SYS_futex)
        return (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
#endif
#ifdef SYS_futex_time64
    if (number == SYS_futex_time64)
        return (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
#endif
    return false;
}

WRAPPED(long, syscall, long number, ...)
{
    long arguments[ARGUMENTS_MAX] = {0};
    va_list list;

    va_start(list, number);
    for (int i = 0; i < count_arguments(number); i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (is_futex_wait(number, arguments[1]) && is_to_fail(REQUEST_WAIT)) {
        errno = atomic_load(&wait_error);
        return errno == 0 ? 0 : -1;
    }
    if (number == SYS_membarrier && is_to_fail_with(REQUEST_EXPENDABLE, EPERM))
        return -1;
    return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                          arguments[5]);
}
