/* SPDX-License-Identifier: MIT */
#ifndef TSC_SANITIZER_H
#define TSC_SANITIZER_H

#include "compiler.h"

#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

/*
 * ThreadSanitizer and MemorySanitizer see only the code that they have instrumented. In an instrumented program
 * with a library that is not, ThreadSanitizer does not see that counters synchronise, and MemorySanitizer does not
 * see that outputs are stored: both report false errors. So the library calls the annotation functions of their
 * runtimes. The references are weak: in all other programs they are NULL, and nothing is called.
 *
 * An instrumented library calls none of them, because that would hide its own faults.
 */
#ifdef __has_feature
#if __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define TSC_INSTRUMENTED
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define TSC_INSTRUMENTED
#endif

struct tsc_backend_ops;
struct tsc_counter_attr;

#ifdef TSC_INSTRUMENTED

static inline void tsc_sanitizer_release(void *object)
{
    (void)object;
}

static inline void tsc_sanitizer_acquire(void *object)
{
    (void)object;
}

static inline void tsc_sanitizer_stored(const void *output, size_t bytes)
{
    (void)output;
    (void)bytes;
}

static inline void tsc_sanitizer_call(size_t parameters)
{
    (void)parameters;
}

static inline void tsc_sanitizer_duplicated(int fd, int duplicate)
{
    dup3(fd, duplicate, O_CLOEXEC);
}

static inline const struct tsc_backend_ops *tsc_sanitizer_ops(const struct tsc_backend_ops *ops,
                                                              const struct tsc_counter_attr *attr)
{
    (void)attr;
    return ops;
}

#else

__attribute__((weak)) void __tsan_release(void *address);
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __msan_unpoison(const volatile void *memory, size_t bytes);
__attribute__((weak)) void __msan_unpoison_param(size_t parameters);

/* All that precedes a release of an object happens before all that follows a later acquire of it. */
static inline void tsc_sanitizer_release(void *object)
{
    if (tsc_unlikely(__tsan_release != NULL))
        __tsan_release(object);
}

static inline void tsc_sanitizer_acquire(void *object)
{
    if (tsc_unlikely(__tsan_acquire != NULL))
        __tsan_acquire(object);
}

/* The library has stored an output. */
static inline void tsc_sanitizer_stored(const void *output, size_t bytes)
{
    if (tsc_unlikely(__msan_unpoison != NULL))
        __msan_unpoison(output, bytes);
}

/* The library is about to call a function of the program. */
static inline void tsc_sanitizer_call(size_t parameters)
{
    if (tsc_unlikely(__msan_unpoison_param != NULL))
        __msan_unpoison_param(parameters);
}

/*
 * ThreadSanitizer orders a write() before the read() of the same file. It learns from dup3() that two descriptors
 * are of one file, but not from fcntl().
 */
static inline void tsc_sanitizer_duplicated(int fd, int duplicate)
{
    if (tsc_unlikely(__tsan_acquire != NULL))
        dup3(fd, duplicate, O_CLOEXEC);
}

/*
 * The operations for a new counter: the backend's own or, in a program with a sanitizer's runtime, a table of
 * annotated operations. In all other programs an operation costs nothing more.
 */
const struct tsc_backend_ops *tsc_sanitizer_ops(const struct tsc_backend_ops *ops,
                                                const struct tsc_counter_attr *attr);

#endif

#endif
