/* SPDX-License-Identifier: MIT */
#include "injection.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

static atomic_bool active;
static atomic_uint_fast64_t requests;
static atomic_uint_fast64_t failing;
static atomic_bool failed;
static atomic_bool was_thread;
static atomic_int_fast64_t held;

void injection_begin(uint64_t n)
{
    atomic_store(&requests, 0);
    atomic_store(&failing, n);
    atomic_store(&failed, false);
    atomic_store(&was_thread, false);
    atomic_store(&held, 0);
    atomic_store(&active, true);
}

struct injection injection_end(void)
{
    atomic_store(&active, false);
    return (struct injection){
        .requests = atomic_load(&requests),
        .failed = atomic_load(&failed),
        .was_thread = atomic_load(&was_thread),
        .held = atomic_load(&held),
    };
}

static bool is_to_fail(bool is_thread)
{
    if (!atomic_load(&active) || atomic_fetch_add(&requests, 1) != atomic_load(&failing))
        return false;
    atomic_store(&failed, true);
    atomic_store(&was_thread, is_thread);
    errno = ENOMEM;
    return true;
}

static void *taken(void *memory)
{
    if (memory != NULL && atomic_load(&active))
        atomic_fetch_add(&held, 1);
    return memory;
}

static void given_back(const void *memory)
{
    if (memory != NULL && atomic_load(&active))
        atomic_fetch_sub(&held, 1);
}

/* The linker makes of each call of NAME one of __wrap_NAME, and of __real_NAME one of NAME. */
#define WRAPPED(result, name, ...) \
    result __real_##name(__VA_ARGS__); \
    result __wrap_##name(__VA_ARGS__); \
    result __wrap_##name(__VA_ARGS__)

WRAPPED(void *, malloc, size_t size)
{
    return is_to_fail(false) ? NULL : taken(__real_malloc(size));
}

WRAPPED(void *, calloc, size_t count, size_t size)
{
    return is_to_fail(false) ? NULL : taken(__real_calloc(count, size));
}

WRAPPED(int, posix_memalign, void **memory, size_t alignment, size_t size)
{
    int error = is_to_fail(false) ? ENOMEM : __real_posix_memalign(memory, alignment, size);

    if (error == 0)
        taken(*memory);
    return error;
}

WRAPPED(void, free, void *memory)
{
    given_back(memory);
    __real_free(memory);
}

WRAPPED(void *, mmap, void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    return is_to_fail(false) ? MAP_FAILED : taken(__real_mmap(address, size, protection, flags, file, offset));
}

/* glibc's name of the same, where off_t has 64 bits. */
WRAPPED(void *, mmap64, void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    return is_to_fail(false) ? MAP_FAILED : taken(__real_mmap64(address, size, protection, flags, file, offset));
}

WRAPPED(int, munmap, void *address, size_t size)
{
    given_back(address);
    return __real_munmap(address, size);
}

WRAPPED(int, pthread_create, pthread_t *thread, const pthread_attr_t *attr, void *(*body)(void *), void *arg)
{
    return is_to_fail(true) ? EAGAIN : __real_pthread_create(thread, attr, body, arg);
}

WRAPPED(int, pthread_mutex_init, pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
    return is_to_fail(false) ? ENOMEM : __real_pthread_mutex_init(mutex, attr);
}

WRAPPED(int, pthread_atfork, void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return is_to_fail(false) ? ENOMEM : __real_pthread_atfork(prepare, parent, child);
}
