/* SPDX-License-Identifier: MIT */
#ifndef TSC_COMPILER_H
#define TSC_COMPILER_H

#include <limits.h> /* __GLIBC__ */
#include <stddef.h>

#define tsc_likely(condition) __builtin_expect(!!(condition), 1)
#define tsc_unlikely(condition) __builtin_expect(!!(condition), 0)
/* Out of line, so that a fast path which ends in a tail call of it needs no frame. */
#define TSC_COLD __attribute__((cold, noinline))
/* Inlined into a hot path, although it has several callers. */
#define TSC_HOT inline __attribute__((always_inline))
/* For a variable of this library: its address needs no load from the GOT. */
#define TSC_HIDDEN __attribute__((visibility("hidden")))

/*
 * With the dynamic TLS models of a library loaded by dlopen(), glibc allocates at first use, which no operation
 * here may do. Static TLS (initial-exec) needs no allocation; glibc reserves a little for dlopened libraries.
 */
#ifdef __GLIBC__
#define TSC_TLS_INITIAL_EXEC __attribute__((tls_model("initial-exec")))
#else
#define TSC_TLS_INITIAL_EXEC
#endif

/* Two lines: x86 prefetches lines in pairs, so one line of distance is still false sharing. */
#define TSC_CACHE_ALIGN 128

#define tsc_container_of(member_pointer, type, member) ((type *)((char *)(member_pointer)-offsetof(type, member)))

#endif
