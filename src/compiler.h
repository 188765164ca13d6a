/* SPDX-License-Identifier: MIT */
#ifndef TSC_COMPILER_H
#define TSC_COMPILER_H

#include <limits.h> /* __GLIBC__ */
#include <stddef.h>

#ifdef __GNUC__
#define tsc_likely(condition) __builtin_expect(!!(condition), 1)
#define tsc_unlikely(condition) __builtin_expect(!!(condition), 0)
/* Kept out of line, so that the fast path that ends in a call of it needs no frame. */
#define TSC_COLD __attribute__((cold, noinline))
/* Part of a hot path, though it is called from many places. */
#define TSC_HOT inline __attribute__((always_inline))
/* Known to lie in this library, so that its address takes no load. */
#define TSC_HIDDEN __attribute__((visibility("hidden")))
#else
#define tsc_likely(condition) (condition)
#define tsc_unlikely(condition) (condition)
#define TSC_COLD
#define TSC_HOT inline
#define TSC_HIDDEN
#endif

/*
 * In a library that is loaded at run time, glibc allocates thread-local storage of the dynamic models at its first
 * use, which no operation here may do. The storage that each thread begins with is always to be had, if it is
 * little.
 */
#ifdef __GLIBC__
#define TSC_TLS_INITIAL_EXEC __attribute__((tls_model("initial-exec")))
#else
#define TSC_TLS_INITIAL_EXEC
#endif

/* Two lines: the adjacent-line prefetcher of x86 fetches pairs, so one line apart is still false sharing. */
#define TSC_CACHE_ALIGN 128

#define tsc_container_of(member_pointer, type, member) ((type *)((char *)(member_pointer)-offsetof(type, member)))

#endif
